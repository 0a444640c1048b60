"""Which stored ranks bound a scan: of all rows of a person and year, or of those within a filter that the catalogue
names and the query has. The filter is enforced again beside the rank: no bound rests on how it was understood."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from broker.domain.relations import Scan, ScanColumn
from broker.domain.scalars import Call, Column, Literal, Scalar, Type, Value
from broker.policy.tables import Ranking, Table
from broker.query.guards import Guards
from broker.query.operations.fold import can_be_true

RANK = "__r"
"""The vault's rank of a row within its person and year, from 0; it depends on that person's own rows alone."""

NO_GUARDS = Guards((), {})
Left = Mapping[str, tuple[Value, ...]]
"""By variable of a ranking, the values that a query leaves."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """`first` rows of a person and year for each combination of the values that are `left`; of all rows where nothing
    is: `column` has their ranks."""

    column: str
    first: int
    left: Left

    @property
    def rows(self) -> int:
        """Most of one person and year."""
        return self.first * max(1, prod(len(values) for values in self.left.values()))

    @property
    def condition(self) -> str:
        """In words, for the record."""
        parts = [
            f"{v} {_told(values[0])}" if len(values) == 1 else f"each {v} of {', '.join(map(_told, values))}"
            for v, values in self.left.items()
        ]
        return f" with {' and '.join(parts)}" if parts else ""


def ranked(scan: Scan, table: Table, asked: int | None, guards: Guards) -> Ranked:
    """The ranks that bound a person's rows most; where two do alike, those within a filter, which lose fewer rows that
    the query wants. `asked`: rows that count by the query's own line."""
    most = table.most_ranked if asked is None else min(asked, table.most_ranked)
    within = [_within(r, scan, table, asked, guards) for r in table.rankings]
    return min([*(w for w in within if w is not None), Ranked(RANK, most, {})], key=lambda r: r.rows)


def _within(ranking: Ranking, scan: Scan, table: Table, asked: int | None, guards: Guards) -> Ranked | None:
    """None where the query leaves every value of a variable, or reads none of it."""
    left: dict[str, tuple[Value, ...]] = {}
    for variable in ranking.within:
        ident = next((c.ident for c in scan.columns if c.variable == variable), None)
        listed = table.find(variable)
        if ident is None or listed is None or listed.values is None:
            return None
        values = (*listed.values, *([None] if listed.missing else []))
        left[variable] = _left(ident, values, guards)
        if len(left[variable]) == len(values):
            return None
    many = max(1, prod(map(len, left.values())))
    return Ranked(ranking.column, ranking.rows if asked is None else min(ranking.rows, max(1, asked // many)), left)


def _left(ident: int, values: tuple[Value, ...], guards: Guards) -> tuple[Value, ...]:
    """Values with which every guard can be true, whatever else a row holds."""
    return tuple(
        v for v in values if all(can_be_true(c, {ident: frozenset({v})}, guards.definitions) for c in guards.conjuncts)
    )


def filtered(found: Ranked, rank: int, scan: Scan) -> Scalar:
    """That a row's rank, read as the column `rank`, is one of the first, and its values are among those left."""
    first = Call("less", (Column(rank, Type.INT), Literal(found.first, Type.INT)), Type.TRUTH)
    parts = [_among(next(c for c in scan.columns if c.variable == v), values) for v, values in found.left.items()]
    return Call("and", (*parts, first), Type.TRUTH) if parts else first


def _among(column: ScanColumn, values: tuple[Value, ...]) -> Scalar:
    """Exactly one of the values; no row where none is left."""
    read = Column(column.ident, column.type)
    same = tuple(Call("same", (read, Literal(v, column.type)), Type.TRUTH) for v in values)
    if not same:
        return Literal(False, Type.TRUTH)
    return same[0] if len(same) == 1 else Call("or", same, Type.TRUTH)


def _told(value: Value) -> str:
    return "(missing)" if value is None else str(value)
