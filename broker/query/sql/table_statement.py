"""The statement of a planned table: in two passes over the rows if proofs allow it, otherwise the exact one."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from broker.domain.evidence import VaultProofs
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.query.sql.encoded_keys import stored_rows
from broker.query.sql.evidence_bounds import CELL_PERSONS, StatisticBounds, over, statistic_bounds
from broker.query.sql.exact_statement import render_exact
from broker.query.sql.key_columns import group_by, key_names, key_order, row_limit, same_keys
from broker.query.sql.person_evidence import EVIDENCE_FIELDS, whole_sum
from broker.query.sql.proven_scan import ProvenScan, proven_scan_of

BOUNDS_TABLE = "bounds"
"""Name of the temporary table that the first pass creates."""


@dataclass(frozen=True, slots=True)
class TwoPassQuery:
    """The query of a table. `text` gives the result. If there is a `first`, run it before: it creates the table
    `bounds`. Then `doubt` gives one truth value; if it is true, run `second` instead of `text`. Even planning a second
    pass is expensive, so it runs only when needed."""

    text: str
    first: str | None = None
    doubt: str | None = None
    second: str | None = None


SAMPLE_RATIO = 16
"""One person in this many is sampled to see how totals differ, but at least SMALLEST_SAMPLE. Person numbers are random,
and rows are ordered by them."""
SMALLEST_SAMPLE = 50_000


class _TwoPasses:
    """Writes both passes over the rows of one table."""

    def __init__(self, table: PlannedTable, needs: EvidenceNeeds, proven: ProvenScan) -> None:
        self._table, self._needs, self._proven = table, needs, proven
        self._keys, self._rows = key_names(table), stored_rows(table, needs, proven)
        self._parts = {s.ident: statistic_bounds(s, needs, proven) for s in table.statistics}
        self._doubts = [doubt for part in self._parts.values() for doubt in part.doubts]
        self._any_doubt = " OR ".join(["w", *(name for name, _, _ in self._doubts)])

    def query(self) -> TwoPassQuery:
        keys = self._keys
        exact = self._listed(["COUNT(p) AS persons", *self._texts(lambda p: p.exact)])
        people = self._listed(["p", 'COUNT(*) AS "rows"', *self._texts(lambda p: p.people)])
        steps = {  # what is materialized is read more than once
            "copied AS MATERIALIZED": self._copied(),
            "people AS": f"SELECT {people} FROM copied GROUP BY {self._listed(['p'])}",
            "exact AS MATERIALIZED": f"SELECT {exact} FROM people{group_by(keys)}",
        }
        texts = ",\n".join(f"{name} (\n{text}\n)" for name, text in steps.items())
        order = key_order(keys, "b.") + row_limit(self._table)
        certain, shown = (", ".join(self._result_columns(second_pass=second)) for second in (False, True))
        return TwoPassQuery(
            text=f"SELECT {certain} FROM {BOUNDS_TABLE} b{order}",
            first=self._bounds(),
            doubt=f"SELECT coalesce(bool_or({self._any_doubt}), FALSE) FROM {BOUNDS_TABLE}",
            second=f"WITH {texts}\nSELECT {shown} FROM {BOUNDS_TABLE} b "
            f"LEFT JOIN exact x ON {same_keys(keys, 'b', 'x')}{order}",
        )

    def _listed(self, more: list[str]) -> str:
        return ", ".join([*self._keys, *more])

    def _texts(self, texts: Callable[[StatisticBounds], tuple[str, ...]]) -> list[str]:
        return [text for part in self._parts.values() for text in texts(part)]

    def _bounds(self) -> str:
        """SQL of the first pass: its aggregates, the bounds that follow, and the cells that stay doubtful."""
        # if each row is another person, the number of rows is enough
        first = [] if self._proven.is_single else [f"{whole_sum('r = 0')} AS f"]
        firsts = self._listed(["COUNT(*) AS n", *first, *self._texts(lambda p: p.firsts)])
        sampled = self._texts(lambda p: p.sampled)
        columns = ["f.*", *(name.rpartition(" AS ")[2] for name in sampled)]
        columns += [f"{self._persons('n', 'f')} AS lb", *self._texts(lambda p: p.bounds)]
        columns.append(f"{self._needs_all_rows()} AS w")
        # IS TRUE, because NULL is no doubt
        columns += [f"(w OR {doubt}) IS TRUE AS {name}" for name, doubt, _ in self._doubts]
        cells = f"(SELECT {firsts} FROM {self._rows.text}{group_by(self._keys)}) f"
        return f"SELECT {', '.join(columns)} FROM {cells}{self._sample_join(sampled) if sampled else ''}"

    def _sample_join(self, sampled: list[str]) -> str:
        """SQL that joins what the totals of sampled persons give. Their numbers are random and dense, so the lowest
        numbers are a sample."""
        totals = self._listed([f"SUM(a{i}) AS t{i}" for i, part in self._parts.items() if part.sampled])
        some = max(self._proven.people // SAMPLE_RATIO, SMALLEST_SAMPLE)
        drawn = f"SELECT {totals} FROM {self._rows.text} WHERE p < {some} GROUP BY {self._listed(['p'])}"
        found = f"SELECT {self._listed(sampled)} FROM ({drawn}){group_by(self._keys)}"
        return f" LEFT JOIN ({found}) s ON {same_keys(self._keys, 'f', 's')}"

    def _persons(self, rows: str, first: str) -> str:
        """SQL of a lower bound on persons, from the number of rows and the number of first rows of a person and
        year."""
        proven = self._proven
        return rows if proven.is_single else f"greatest({over(rows, proven.most)}, {over(first, proven.years)})"

    def _needs_all_rows(self) -> str:
        """SQL of whether all rows of a cell must be inspected: it may have too few persons, or one person may dominate
        it. The smallest cells in which a person may have several rows are included too, because a count of rows is
        rounded by its persons."""
        needs, proven = self._needs, self._proven
        if proven.is_single:
            return "FALSE"
        repeated = "(CASE WHEN n > lb THEN n ELSE 0 END)"
        few = f"(n > lb AND SUM({repeated}) OVER (ORDER BY n) <= {needs.exact_rows})"
        dominated = "" if needs.margin is None else f" OR n < {needs.margin * proven.most!r}"
        return f"(lb < {needs.min_persons}{dominated} OR {few})"

    def _copied(self) -> str:
        """SQL of the rows that doubtful cells need, from a second pass over all rows."""
        columns = [f"c.{k}" for k in self._keys] + ["c.p"]
        columns += [f"c.a{s.ident}" for s in self._table.statistics if s.argument is not None]
        needed = " OR ".join(["d.w", *(f"(d.{name} AND {rows_of})" for name, _, rows_of in self._doubts)])
        doubtful = self._listed(["w", *(name for name, _, _ in self._doubts)])
        cells = f"(SELECT {doubtful} FROM {BOUNDS_TABLE} WHERE {self._any_doubt})"
        # code numbers alone exclude most rows, and are cheap to compare
        number = self._rows.number
        near = "" if number is None else f" WHERE {number} IN (SELECT {number} FROM {cells})"
        return (
            f"SELECT {', '.join(columns)} FROM (SELECT * FROM {self._rows.text}{near}) c JOIN {cells} d "
            f"ON {same_keys(self._keys, 'c', 'd')} WHERE {needed}"
        )

    def _result_columns(self, *, second_pass: bool) -> Iterator[str]:
        """Columns of the result. `second_pass`: with the evidence of the second pass."""
        coded = enumerate(self._rows.coded)
        yield from (f"{f'b.k{i}' if c is None else c.text(f'b.k{i}')} AS k{i}" for i, c in coded)
        yield 'b.n AS "rows"'
        persons = self._persons_shown(second_pass)
        yield f"{persons} AS persons"
        yield f"{self._population(second_pass)} AS population"
        for s in self._table.statistics:
            for name in EVIDENCE_FIELDS[s.measure]:
                field = self._parts[s.ident].fields[name]
                text = field.text if second_pass else field.bound
                yield f"{persons if field is CELL_PERSONS else text} AS s{s.ident}_{name}"

    def _persons_shown(self, second_pass: bool) -> str:
        if self._proven.is_single:
            return "b.n"
        # exact if all rows were inspected, otherwise the larger lower bound
        exact = "(CASE WHEN b.w THEN coalesce(x.persons, 0) ELSE greatest(b.lb, coalesce(x.persons, 0)) END)"
        return exact if second_pass else "b.lb"

    def _population(self, second_pass: bool) -> str:
        """SQL of the population. It is exact if it is below `min_persons`, because all rows were then copied."""
        if self._proven.is_single:
            return f"(SELECT {whole_sum('n')} FROM {BOUNDS_TABLE})"
        persons = self._persons("coalesce(SUM(n), 0)", "coalesce(SUM(f), 0)")
        bound = f"(SELECT CAST({persons} AS BIGINT) FROM {BOUNDS_TABLE})"
        if not second_pass:
            return bound
        exact = "(SELECT COUNT(DISTINCT p) FROM copied)"
        everybody = f"CASE WHEN {bound} < {self._needs.min_persons} THEN {exact} ELSE {bound} END"
        return f"greatest((SELECT coalesce(MAX(persons), 0) FROM exact), {everybody})"


NO_PROOFS: VaultProofs = {}


def two_pass_query(
    table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0
) -> TwoPassQuery:
    """The query of a table, in up to two passes. The second runs only if the first leaves a doubt. `needs.min_persons`:
    persons that a group needs if rows of persons are joined with it. `proofs` and the number of `people` belong to the
    vault that it runs on. Columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all cells, repeated
    on each row; a lower bound if it is at least `needs.min_persons`), then `evidence_columns` of each statistic in
    turn. Rows are in the order of the keys."""
    proven = proven_scan_of(table, needs, proofs, people)
    return TwoPassQuery(render_exact(table, needs)) if proven is None else _TwoPasses(table, needs, proven).query()
