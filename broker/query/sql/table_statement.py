"""The statement of a planned table: in two passes over the rows if proofs allow it, otherwise the exact one."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from broker.domain.evidence import VaultProofs
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.query.sql.encoded_keys import EncodedKey, StoredRows, stored_rows
from broker.query.sql.evidence_bounds import (
    CELL_PERSONS,
    FieldBounds,
    StatisticBounds,
    count_where,
    over,
    statistic_bounds,
)
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

    @property
    def whole(self) -> str:
        """One statement with the same result. Its second pass selects no rows if there is no doubt."""
        if self.first is None or self.second is None:
            return self.text
        bounds = f"WITH {BOUNDS_TABLE} AS MATERIALIZED (\n{self.first}\n)"
        rest = self.second.removeprefix("WITH ")
        return f"{bounds},\n{rest}" if rest != self.second else f"{bounds}\n{rest}"


SAMPLE_RATIO = 16
"""One person in this many is sampled to see how totals differ, but at least SMALLEST_SAMPLE. Person numbers are random,
and rows are ordered by them."""
SMALLEST_SAMPLE = 50_000


def render_two_pass(table: PlannedTable, needs: EvidenceNeeds, proven: ProvenScan) -> TwoPassQuery:
    """Return the two-pass query of a table. See `render`."""
    keys = key_names(table)
    parts = {s.ident: statistic_bounds(s, needs, proven) for s in table.statistics}
    rows = stored_rows(table, needs, proven)
    steps = {
        "copied": _copied(keys, table, parts, rows),
        "people": _people(keys, parts),
        "exact": f"SELECT {_listed(keys, ['COUNT(p) AS persons', *_texts_of(parts, lambda p: p.exact)])} "
        f"FROM people{group_by(keys)}",
    }
    materialized = {"copied", "exact"}  # both are read more than once
    texts = [f"{n} AS {'MATERIALIZED ' if n in materialized else ''}(\n{text}\n)" for n, text in steps.items()]
    order = key_order(keys, "b.") + row_limit(table)
    certain = ", ".join(_result_columns(rows.coded, table, parts, needs, proven, second_pass=False))
    exact = ", ".join(_result_columns(rows.coded, table, parts, needs, proven, second_pass=True))
    return TwoPassQuery(
        text=f"SELECT {certain} FROM {BOUNDS_TABLE} b{order}",
        first=_bounds(keys, parts, needs, proven, rows.text),
        doubt=f"SELECT coalesce(bool_or({_any_doubt(parts)}), FALSE) FROM {BOUNDS_TABLE}",
        second="WITH "
        + ",\n".join(texts)
        + f"\nSELECT {exact} FROM {BOUNDS_TABLE} b LEFT JOIN exact x ON {same_keys(keys, 'b', 'x')}{order}",
    )


def _listed(keys: list[str], more: list[str]) -> str:
    return ", ".join([*keys, *more])


def _texts_of(parts: dict[int, StatisticBounds], texts: Callable[[StatisticBounds], tuple[str, ...]]) -> list[str]:
    return [text for part in parts.values() for text in texts(part)]


def _any_doubt(parts: dict[int, StatisticBounds]) -> str:
    return " OR ".join(["w", *(name for p in parts.values() for name, _, _ in p.doubts)])


def _bounds(
    keys: list[str], parts: dict[int, StatisticBounds], needs: EvidenceNeeds, proven: ProvenScan, rows: str
) -> str:
    """SQL of the first pass: its aggregates, the bounds that follow, and the cells that stay doubtful."""
    # if each row is another person, the number of rows is enough
    first = [] if proven.is_single else [f"{count_where('r = 0')} AS f"]
    firsts = _listed(keys, ["COUNT(*) AS n", *first, *_texts_of(parts, lambda p: p.firsts)])
    columns = ["f.*", *(name.rpartition(" AS ")[2] for name in _texts_of(parts, lambda p: p.sampled))]
    columns.append(f"{_persons(proven, 'n', 'f')} AS lb")
    columns += _texts_of(parts, lambda p: p.bounds)
    columns.append(f"{_needs_all_rows(needs, proven)} AS w")
    # IS TRUE, because NULL is no doubt
    columns += [f"(w OR {doubt}) IS TRUE AS {name}" for p in parts.values() for name, doubt, _ in p.doubts]
    sampled = _sampled(keys, parts, _sample_totals(keys, parts, rows, proven))
    sample_join = f" LEFT JOIN ({sampled}) s ON {same_keys(keys, 'f', 's')}" if sampled else ""
    return f"SELECT {', '.join(columns)} FROM (SELECT {firsts} FROM {rows}{group_by(keys)}) f{sample_join}"


def _sample_totals(keys: list[str], parts: dict[int, StatisticBounds], rows: str, proven: ProvenScan) -> str:
    """SQL of the totals of sampled persons. Their numbers are random and dense, so the lowest numbers are a sample."""
    totals = [f"SUM(a{i}) AS t{i}" for i, part in parts.items() if part.sampled]
    some = max(proven.people // SAMPLE_RATIO, SMALLEST_SAMPLE)
    return f"SELECT {_listed(keys, totals)} FROM {rows} WHERE p < {some} GROUP BY {', '.join([*keys, 'p'])}"


def _sampled(keys: list[str], parts: dict[int, StatisticBounds], drawn: str) -> str:
    found = _texts_of(parts, lambda p: p.sampled)
    return f"SELECT {_listed(keys, found)} FROM ({drawn}){group_by(keys)}" if found else ""


def _persons(proven: ProvenScan, rows: str, first: str) -> str:
    """SQL of a lower bound on persons, from the number of rows and the number of first rows of a person and year."""
    return rows if proven.is_single else f"greatest({over(rows, proven.most)}, {over(first, proven.years)})"


def _needs_all_rows(needs: EvidenceNeeds, proven: ProvenScan) -> str:
    """SQL of whether all rows of a cell must be inspected: it may have too few persons, or one person may dominate it.
    The smallest cells in which a person may have several rows are included too, because a count of rows is rounded by
    its persons."""
    if proven.is_single:
        return "FALSE"
    repeated = "(CASE WHEN n > lb THEN n ELSE 0 END)"
    few = f"(n > lb AND SUM({repeated}) OVER (ORDER BY n) <= {needs.exact_rows})"
    dominated = "" if needs.margin is None else f" OR n < {needs.margin * proven.most!r}"
    return f"(lb < {needs.min_persons}{dominated} OR {few})"


def _copied(keys: list[str], table: PlannedTable, parts: dict[int, StatisticBounds], rows: StoredRows) -> str:
    """SQL of the rows that doubtful cells need, from a second pass over all rows."""
    doubts = [(name, needed) for p in parts.values() for name, _, needed in p.doubts]
    columns = [f"c.{k}" for k in keys] + ["c.p", *(f"c.a{s.ident}" for s in table.statistics if s.argument is not None)]
    needed = " OR ".join(["d.w", *(f"(d.{name} AND {rows_of})" for name, rows_of in doubts)])
    doubtful = ", ".join([*keys, "w", *(name for name, _ in doubts)])
    cells = f"(SELECT {doubtful} FROM {BOUNDS_TABLE} WHERE {_any_doubt(parts)})"
    # code numbers alone exclude most rows, and are cheap to compare
    near = "" if rows.number is None else f" WHERE {rows.number} IN (SELECT {rows.number} FROM {cells})"
    return (
        f"SELECT {', '.join(columns)} FROM (SELECT * FROM {rows.text}{near}) c JOIN {cells} d "
        f"ON {same_keys(keys, 'c', 'd')} WHERE {needed}"
    )


def _people(keys: list[str], parts: dict[int, StatisticBounds]) -> str:
    columns = [*keys, "p", 'COUNT(*) AS "rows"', *_texts_of(parts, lambda p: p.people)]
    return f"SELECT {', '.join(columns)} FROM copied GROUP BY {', '.join([*keys, 'p'])}"


def _result_columns(
    coded: list[EncodedKey | None],
    table: PlannedTable,
    parts: dict[int, StatisticBounds],
    needs: EvidenceNeeds,
    proven: ProvenScan,
    *,
    second_pass: bool,
) -> Iterator[str]:
    """Columns of the result. `second_pass`: with the evidence of the second pass."""
    yield from (f"{f'b.k{i}' if c is None else c.text(f'b.k{i}')} AS k{i}" for i, c in enumerate(coded))
    yield 'b.n AS "rows"'
    persons = _persons_shown(proven, second_pass)
    yield f"{persons} AS persons"
    yield f"{_population(needs, proven, second_pass)} AS population"
    for s in table.statistics:
        fields = parts[s.ident].fields
        for name in EVIDENCE_FIELDS[s.measure]:
            yield f"{_field(fields[name], persons, second_pass)} AS s{s.ident}_{name}"


def _field(field: FieldBounds, persons: str, second_pass: bool) -> str:
    if field is CELL_PERSONS:
        return persons
    return field.text if second_pass else field.bound


def _persons_shown(proven: ProvenScan, second_pass: bool) -> str:
    if proven.is_single:
        return "b.n"
    # exact if all rows were inspected, otherwise the larger lower bound
    exact = "(CASE WHEN b.w THEN coalesce(x.persons, 0) ELSE greatest(b.lb, coalesce(x.persons, 0)) END)"
    return exact if second_pass else "b.lb"


def _population(needs: EvidenceNeeds, proven: ProvenScan, second_pass: bool) -> str:
    """SQL of the population. It is exact if it is below `min_persons`, because all rows were then copied."""
    if proven.is_single:
        return f"(SELECT {whole_sum('n')} FROM {BOUNDS_TABLE})"
    rows, first = "coalesce(SUM(n), 0)", "coalesce(SUM(f), 0)"
    bound = f"(SELECT CAST({_persons(proven, rows, first)} AS BIGINT) FROM {BOUNDS_TABLE})"
    if not second_pass:
        return bound
    exact = "(SELECT COUNT(DISTINCT p) FROM copied)"
    everybody = f"CASE WHEN {bound} < {needs.min_persons} THEN {exact} ELSE {bound} END"
    return f"greatest((SELECT coalesce(MAX(persons), 0) FROM exact), {everybody})"


NO_PROOFS: VaultProofs = {}


def render(table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0) -> str:
    """The statement of a table. `needs.min_persons`: persons that a group needs if rows of persons are joined with it.
    `proofs` and the number of `people` belong to the vault that it runs on. Columns: `k0`…`kn`, `rows`, `persons`,
    `population` (distinct persons of all cells, repeated on each row; a lower bound if it is at least
    `needs.min_persons`), then `evidence_columns` of each statistic in turn. Rows are in the order of the keys."""
    return two_pass_query(table, needs, proofs, people).whole


def two_pass_query(
    table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0
) -> TwoPassQuery:
    """The same result in up to two passes. The second runs only if the first leaves a doubt."""
    proven = proven_scan_of(table, needs, proofs, people)
    return TwoPassQuery(render_exact(table, needs)) if proven is None else render_two_pass(table, needs, proven)
