"""The statement of a planned table: in two passes over the rows where proofs allow it, else the exact one."""

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
from broker.query.sql.person_evidence import EVIDENCE_FIELDS
from broker.query.sql.proven_scan import ProvenScan, proven_scan_of

BOUNDS_TABLE = "bounds"
"""The name of the temporary table that a first look makes."""


@dataclass(frozen=True, slots=True)
class TwoPassQuery:
    """`text` is the result. With a `first`, that makes the table `bounds` beforehand, and `doubt` asks it one truth
    value: where it is true, `second` is the result and not `text`. A second look is dear even to plan.
    """

    text: str
    first: str | None = None
    doubt: str | None = None
    second: str | None = None

    @property
    def whole(self) -> str:
        """All of it in one statement, with the same result: the second look finds nothing where there is no doubt."""
        if self.first is None or self.second is None:
            return self.text
        bounds = f"WITH {BOUNDS_TABLE} AS MATERIALIZED (\n{self.first}\n)"
        rest = self.second.removeprefix("WITH ")
        return f"{bounds},\n{rest}" if rest != self.second else f"{bounds}\n{rest}"


SAMPLE_RATIO = 16
"""One person in so many is drawn to see how totals differ, and `FEWEST` at least: numbers are random, rows ordered."""
SMALLEST_SAMPLE = 50_000


def render_two_pass(table: PlannedTable, needs: EvidenceNeeds, proven: ProvenScan) -> TwoPassQuery:
    """See `broker.query.render`."""
    keys = [f"k{i}" for i in range(len(table.keys))]
    parts = {s.ident: statistic_bounds(s, needs, proven) for s in table.statistics}
    rows = stored_rows(table, needs, proven)
    steps = {
        "copied": _copied(keys, table, parts, rows),
        "people": _people(keys, parts),
        "exact": f"SELECT {_listed(keys, ['COUNT(p) AS persons', *_texts_of(parts, lambda p: p.exact)])} "
        f"FROM people{_by(keys)}",
    }
    materialized = {"copied", "exact"}
    texts = [f"{n} AS {'MATERIALIZED ' if n in materialized else ''}(\n{text}\n)" for n, text in steps.items()]
    order = f" ORDER BY {', '.join(f'b.{k} NULLS LAST' for k in keys)}" if keys else ""
    order += "" if table.max_rows is None else f" LIMIT {table.max_rows + 1}"
    certain = ", ".join(_result_columns(rows.coded, table, parts, needs, proven, second_pass=False))
    exact = ", ".join(_result_columns(rows.coded, table, parts, needs, proven, second_pass=True))
    return TwoPassQuery(
        text=f"SELECT {certain} FROM {BOUNDS_TABLE} b{order}",
        first=_bounds(keys, parts, needs, proven, rows.text),
        doubt=f"SELECT coalesce(bool_or({_any_doubt(parts)}), FALSE) FROM {BOUNDS_TABLE}",
        second="WITH "
        + ",\n".join(texts)
        + f"\nSELECT {exact} FROM {BOUNDS_TABLE} b LEFT JOIN exact x ON {_same(keys, 'b', 'x')}{order}",
    )


def _listed(keys: list[str], more: list[str]) -> str:
    return ", ".join([*keys, *more])


def _by(keys: list[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _same(keys: list[str], one: str, other: str) -> str:
    """Keys that are NULL meet too."""
    return " AND ".join(f"{one}.{k} IS NOT DISTINCT FROM {other}.{k}" for k in keys) or "TRUE"


def _texts_of(parts: dict[int, StatisticBounds], texts: Callable[[StatisticBounds], tuple[str, ...]]) -> list[str]:
    return [text for part in parts.values() for text in texts(part)]


def _any_doubt(parts: dict[int, StatisticBounds]) -> str:
    return " OR ".join(["w", *(name for p in parts.values() for name, _, _ in p.doubts)])


def _bounds(
    keys: list[str], parts: dict[int, StatisticBounds], needs: EvidenceNeeds, proven: ProvenScan, rows: str
) -> str:
    """The first look, with what follows from it alone and where that leaves a doubt."""
    first = [] if proven.is_single else [f"{count_where('r = 0')} AS f"]
    firsts = _listed(keys, ["COUNT(*) AS n", *first, *_texts_of(parts, lambda p: p.firsts)])
    columns = ["f.*", *(name.rpartition(" AS ")[2] for name in _texts_of(parts, lambda p: p.sampled))]
    columns.append(f"{_persons(proven, 'n', 'f')} AS lb")
    columns += _texts_of(parts, lambda p: p.bounds)
    columns.append(f"{_needs_all_rows(needs, proven)} AS w")
    columns += [f"(w OR {doubt}) IS TRUE AS {name}" for p in parts.values() for name, doubt, _ in p.doubts]
    sampled = _sampled(keys, parts, _sample_totals(keys, parts, rows, proven))
    sample_join = f" LEFT JOIN ({sampled}) s ON {_same(keys, 'f', 's')}" if sampled else ""
    return f"SELECT {', '.join(columns)} FROM (SELECT {firsts} FROM {rows}{_by(keys)}) f{sample_join}"


def _sample_totals(keys: list[str], parts: dict[int, StatisticBounds], rows: str, proven: ProvenScan) -> str:
    """The totals of some persons, whoever they are: their numbers are random and dense."""
    totals = [f"SUM(a{i}) AS t{i}" for i, part in parts.items() if part.sampled]
    some = max(proven.people // SAMPLE_RATIO, SMALLEST_SAMPLE)
    return f"SELECT {_listed(keys, totals)} FROM {rows} WHERE p < {some} GROUP BY {', '.join([*keys, 'p'])}"


def _sampled(keys: list[str], parts: dict[int, StatisticBounds], drawn: str) -> str:
    found = _texts_of(parts, lambda p: p.sampled)
    return f"SELECT {_listed(keys, found)} FROM ({drawn}){_by(keys)}" if found else ""


def _persons(proven: ProvenScan, rows: str, first: str) -> str:
    """Persons of so many rows, so many of them first rows of a person and year, at least."""
    return rows if proven.is_single else f"greatest({over(rows, proven.most)}, {over(first, proven.years)})"


def _needs_all_rows(needs: EvidenceNeeds, proven: ProvenScan) -> str:
    """Whether all of a cell's rows are looked at: few persons, rows that one could dominate; and the smallest of the
    cells in which anybody may have more than one row, since a count of rows is rounded by its persons."""
    if proven.is_single:
        return "FALSE"
    repeated = "(CASE WHEN n > lb THEN n ELSE 0 END)"
    few = f"(n > lb AND SUM({repeated}) OVER (ORDER BY n) <= {needs.exact_rows})"
    dominated = "" if needs.margin is None else f" OR n < {needs.margin * proven.most!r}"
    return f"(lb < {needs.min_persons}{dominated} OR {few})"


def _copied(keys: list[str], table: PlannedTable, parts: dict[int, StatisticBounds], rows: StoredRows) -> str:
    """The rows that doubtful cells need, from a second look at all. Codes alone tell of most rows that they are not."""
    doubts = [(name, needed) for p in parts.values() for name, _, needed in p.doubts]
    columns = [f"c.{k}" for k in keys] + ["c.p", *(f"c.a{s.ident}" for s in table.statistics if s.argument is not None)]
    needed = " OR ".join(["d.w", *(f"(d.{name} AND {rows_of})" for name, rows_of in doubts)])
    doubtful = ", ".join([*keys, "w", *(name for name, _ in doubts)])
    cells = f"(SELECT {doubtful} FROM {BOUNDS_TABLE} WHERE {_any_doubt(parts)})"
    near = "" if rows.number is None else f" WHERE {rows.number} IN (SELECT {rows.number} FROM {cells})"
    return (
        f"SELECT {', '.join(columns)} FROM (SELECT * FROM {rows.text}{near}) c JOIN {cells} d "
        f"ON {_same(keys, 'c', 'd')} WHERE {needed}"
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
    """The columns of the result; `second_pass`: with what a second look tells."""
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
    exact = "(CASE WHEN b.w THEN coalesce(x.persons, 0) ELSE greatest(b.lb, coalesce(x.persons, 0)) END)"
    return exact if second_pass else "b.lb"


def _population(needs: EvidenceNeeds, proven: ProvenScan, second_pass: bool) -> str:
    """Everybody: exact where there are fewer than `least`, for then all rows were copied."""
    if proven.is_single:
        return f"(SELECT CAST(coalesce(SUM(n), 0) AS BIGINT) FROM {BOUNDS_TABLE})"
    rows, first = "coalesce(SUM(n), 0)", "coalesce(SUM(f), 0)"
    bound = f"(SELECT CAST({_persons(proven, rows, first)} AS BIGINT) FROM {BOUNDS_TABLE})"
    if not second_pass:
        return bound
    exact = "(SELECT COUNT(DISTINCT p) FROM copied)"
    everybody = f"CASE WHEN {bound} < {needs.min_persons} THEN {exact} ELSE {bound} END"
    return f"greatest((SELECT coalesce(MAX(persons), 0) FROM exact), {everybody})"


NO_PROOFS: VaultProofs = {}


def render(table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0) -> str:
    """The statement; `needs.least` is the number of persons that a group needs which rows of persons meet. `proofs`
    and the number of `people` are those of the vault that it runs on.

    Its columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all cells, on each row; at
    least so many, if not fewer than `needs.least`), and `evidence_columns` of each statistic in turn. Rows stand in the
    order of the keys.
    """
    return two_pass_query(table, needs, proofs, people).whole


def two_pass_query(
    table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0
) -> TwoPassQuery:
    """The same in up to two looks, of which the second is taken only where the first leaves a doubt."""
    proven = proven_scan_of(table, needs, proofs, people)
    return TwoPassQuery(render_exact(table, needs)) if proven is None else render_two_pass(table, needs, proven)
