"""The most rows of one person anywhere inside a relation, before any bound drops rows."""

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Scalar, conjuncts_of
from broker.policy.data_catalogue import Catalogue
from broker.query.contribution_bounding.column_origins import ColumnOrigins
from broker.query.contribution_bounding.row_bounds import max_matches


def peak_rows(relation: ops.Relation, catalogue: Catalogue, public_rows: int) -> int:
    """Return the most rows of one person in any part of a relation. `public_rows`: rows that a public catalogue table
    is assumed to have."""
    return _PeakRows(ColumnOrigins(relation, catalogue), public_rows, inner=False).of(relation)


class _PeakRows:
    """Counts rows inside a relation. `inner`: public parts are computed for each row of a person, not once for all."""

    def __init__(self, origins: ColumnOrigins, public_rows: int, *, inner: bool) -> None:
        self._origins, self._public_rows, self._inner = origins, public_rows, inner
        self._most = 1

    def of(self, relation: ops.Relation) -> int:
        """Most rows of any relation inside this one."""
        self.rows(relation)
        return self._most

    def rows(self, relation: ops.Relation) -> int:
        """Rows of one person; of a public relation, all rows."""
        found = self._rows(relation)
        if self._inner or ops.is_of_persons(relation):
            self._most = max(self._most, found)
        return found

    def _rows(self, relation: ops.Relation) -> int:
        match relation:
            case ops.Scan(person=None):
                return self._public_rows
            case ops.Scan(years=years):
                # a table without years counts as one year
                return self._origins.table(relation).max_rows_per_unit_year * max(1, len(years or ()))
            case ops.Values(rows=rows):
                return len(rows)
            case ops.Limit(child=child, count=count):
                found = self.rows(child)
                return found if count is None else min(found, count)
            case ops.Union(parts=parts):
                return sum(map(self.rows, parts))
            case ops.Apply(child=child, sub=sub):
                return self._for_each(self.rows(child), sub)
            case ops.Join(lateral=True):
                left = self._for_each(self.rows(relation.left), relation.right)
                return left * max(1, self._matches(relation.right, (), self.rows(relation.right)))
            case ops.Join():
                left, right = self.rows(relation.left), self.rows(relation.right)
                on = conjuncts_of(relation.on)
                forth = left * max(1, self._matches(relation.right, on, right))
                # each side bounds the joined rows, so the smaller bound holds
                return min(forth, right * max(1, self._matches(relation.left, on, left)))
            case _:
                return self.rows(relation.child)

    def _for_each(self, rows: int, inner: ops.Relation) -> int:
        """Count the rows of an inner relation that is computed for each of `rows` rows. A public one is computed in
        full for each; one of persons has only that person's rows. Returns `rows`."""
        each = _PeakRows(self._origins, self._public_rows, inner=True).of(inner)
        self._most = max(self._most, each if ops.is_of_persons(inner) else rows * each)
        return rows

    def _matches(self, relation: ops.Relation, on: tuple[Scalar, ...], rows: int) -> int:
        """How many of `rows` rows one row of the other side can match."""
        most = None if ops.is_of_persons(relation) else max_matches(relation, on, self._origins)
        return rows if most is None else min(rows, most)
