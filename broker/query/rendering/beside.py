"""Evidence beside the cells that a profile may ask for: institutions, and sums of record keys. Writes SQL, no rules.

Both are computed from the statement's own `contributions` and `people`, so that they speak of the same rows.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Sequence

from broker.domain.plans import Measure, Needs, PlannedTable, Statistic
from broker.domain.relations import Scan, walk
from broker.domain.scalars import Type
from broker.query.rendering.writing import quoted

KEYS = 1 << 32
UNCOUNTED = frozenset({Measure.COUNT_DISTINCT, Measure.QUANTILE, Measure.DEVIATION})
"""Measures that have no total of an institution."""
BINARY = frozenset({Measure.ONES, Measure.SHARE})


PRESENT = '"rows" > 0'
"""A person with a row in the cell."""


def institution_columns(table: PlannedTable) -> tuple[str, ...]:
    """The columns about institutions, after all others: of the cell, then of each statistic."""
    names = [f"s{s.ident}_{n}" for s in _counted(table) for n in ("institution_largest", "institution_second")]
    return ("institutions", "largest_institution", *names)


def record_key_columns(table: PlannedTable) -> tuple[str, ...]:
    """The columns about record keys, at the very end: of the cell, then of each statistic."""
    return ("cell_key", *(f"s{s.ident}_{name}" for s in table.statistics for name in _who(s)))


def beside(with_text: str, cells: str, table: PlannedTable, keys: list[str], needs: Needs, scans: int) -> str:
    """The statement with what is asked for beside its `cells`. Institutions of so many scans stand in the contributions
    as `i0` and following."""
    parts, shown, joins = [with_text, f"found AS (\n{cells}\n)"], ["found.*"], []
    if needs.institutions:
        parts += [_institutions(table, keys, number) for number in range(scans)]
        shown += [_worst_of(column, table, scans) for column in institution_columns(table)]
        joins += [f"institutions{number}" for number in range(scans)]
    if needs.record_keys:
        parts += [_record_keys(table), _key_sums(table, keys)]
        shown += [f"key_sums.{column}" for column in record_key_columns(table)]
        joins.append("key_sums")
    joined = "".join(f"\nLEFT JOIN {name} ON {_same(name, keys)}" for name in joins)
    order = f" ORDER BY {', '.join(f'found.{k} NULLS LAST' for k in keys)}" if keys else ""
    together = ",\n".join(parts)
    return f"{together}\nSELECT {', '.join(shown)} FROM found{joined}{order}"


def _same(name: str, keys: Sequence[str]) -> str:
    return " AND ".join(f"found.{k} IS NOT DISTINCT FROM {name}.{k}" for k in keys) or "TRUE"


def _grouped(keys: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _counted(table: PlannedTable) -> list[Statistic]:
    return [s for s in table.statistics if s.measure not in UNCOUNTED]


def _worst_of(column: str, table: PlannedTable, scans: int) -> str:
    """The fewest institutions and the largest shares of one that any scan tells of; NULL where none does."""
    if not scans:
        return f"CAST(NULL AS {_type_of(column, table)}) AS {column}"
    worst = "least" if column == "institutions" else "greatest"
    return f"{worst}({', '.join(f'institutions{n}.{column}' for n in range(scans))}) AS {column}"


def _type_of(column: str, table: PlannedTable) -> str:
    """What an unknown total would be."""
    own = next((s for s in table.statistics if column.startswith(f"s{s.ident}_")), None)
    if own is None or own.measure not in {Measure.SUM, Measure.MEAN} or own.argument is None:
        return "BIGINT"
    return {Type.DOUBLE: "DOUBLE", Type.DECIMAL: "DECIMAL(38,2)"}.get(own.argument.type, "HUGEINT")


def _institutions(table: PlannedTable, keys: list[str], number: int) -> str:
    """Two levels: each institution's persons and totals in each cell; then the cell's.

    Rows without an institution may all be of the largest one. Where a row of a further scan has none, that scan says
    nothing of the cell: it may be an outer join's that most rows do not meet.
    """
    statistics, one = _counted(table), f"i{number}"
    totals = "".join(f", {_total(s)} AS t{s.ident}" for s in statistics)
    by = ", ".join([*keys, one])
    each = f"SELECT {by}, COUNT(DISTINCT p) AS persons{totals} FROM contributions GROUP BY {by}"
    columns = [
        *keys,
        f"COUNT(*) FILTER ({one} <> 0) AS institutions",
        f"{_largest('persons', one)} AS largest_institution",
    ]
    for s in statistics:
        columns.append(f"{_largest(f't{s.ident}', one)} AS s{s.ident}_institution_largest")
        columns.append(f"list_extract(MAX(t{s.ident}, 2) FILTER ({one} <> 0), 2) AS s{s.ident}_institution_second")
    told = f"{'bool_or' if number == 0 else 'bool_and'}({one} <> 0)"
    return f"institutions{number} AS (\nSELECT {', '.join(columns)} FROM ({each}){_grouped(keys)} HAVING {told}\n)"


def _largest(total: str, one: str) -> str:
    return f"MAX({total}) FILTER ({one} <> 0) + coalesce(MAX({total}) FILTER ({one} = 0), 0)"


def _total(statistic: Statistic) -> str:
    value = f"a{statistic.ident}"
    match statistic.measure:
        case Measure.COUNT_ROWS:
            return "COUNT(*)"
        case Measure.COUNT_PERSONS:
            return f"COUNT(DISTINCT CASE WHEN {value} IS NOT NULL THEN p END)"
        case Measure.ONES | Measure.SHARE:
            return f"COUNT(*) FILTER ({value} = 1)"
        case Measure.SUM | Measure.MEAN:
            return f"SUM(abs({value}))"
        case _:
            return f"COUNT({value})"


def _record_keys(table: PlannedTable) -> str:
    """Every person's record key: one number of a person, whatever the tables, so joins and groups need not carry it."""
    scans = {r.table for r in walk(table.contributions) if isinstance(r, Scan) and r.person is not None}
    sources = [tuple(map(quoted, name.split(".", 1))) for name in sorted(scans)]
    rows = " UNION ALL ".join(f'SELECT "__p" AS p, "__k" AS k FROM {schema}.{bare}' for schema, bare in sources)
    return f"record_keys AS (\nSELECT DISTINCT p, k FROM ({rows})\n)"


def _key_sums(table: PlannedTable, keys: list[str]) -> str:
    columns = [*keys, f"{_sum_of(PRESENT)} AS cell_key"]
    for s in table.statistics:
        who = {name: _sum_of(condition) for name, condition in _who(s).items()}
        columns += [f"{text} AS s{s.ident}_{name}" for name, text in who.items()]
    return f"key_sums AS (\nSELECT {', '.join(columns)} FROM people LEFT JOIN record_keys USING (p){_grouped(keys)}\n)"


def _sum_of(condition: str) -> str:
    return f"CAST(coalesce(SUM(k) FILTER ({condition}), 0) % {KEYS} AS BIGINT)"


def _who(statistic: Statistic) -> dict[str, str]:
    """Which persons of `people` each key is of."""
    i = statistic.ident
    if statistic.measure in BINARY:
        return {"cell_key": f"o{i} > 0", "rest_key": f"z{i} > 0", "whole_key": f"o{i} + z{i} > 0"}
    return {"cell_key": PRESENT if statistic.measure is Measure.COUNT_ROWS else f"n{i} > 0"}
