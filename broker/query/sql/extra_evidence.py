"""Extra evidence of cells that disclosure rules may need: institutions, and sums of record keys."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from dataclasses import replace
from itertools import count

from broker.domain.plans import operators as ops
from broker.domain.plans.measure import MAGNITUDES, Contribution
from broker.domain.plans.plan import EvidenceNeeds, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Call, ColumnRef, ScalarType
from broker.query.sql.generator import quoted
from broker.query.sql.key_columns import group_by, key_order, same_keys

KEY_MODULUS = 1 << 32  # a record key has 32 bits


IN_CELL = '"rows" > 0'
"""Condition that a person has a row in the cell."""


def institution_columns(table: PlannedTable) -> tuple[str, ...]:
    """Columns about institutions, after all others: of the cell, then of each statistic."""
    names = [f"s{s.ident}_{n}" for s in _counted(table) for n in ("institution_largest", "institution_second")]
    return ("institutions", "largest_institution", *names)


def record_key_columns(table: PlannedTable) -> tuple[str, ...]:
    """Columns about record keys, at the very end: of the cell, then of each statistic."""
    return ("cell_key", *(f"s{s.ident}_{name}" for s in table.statistics for name in _key_conditions(s)))


def with_extra_evidence(
    with_text: str, cells: str, table: PlannedTable, keys: list[str], needs: EvidenceNeeds, scans: int
) -> str:
    """The statement with extra columns next to its `cells`. The institutions of `scans` scans are in the contributions,
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
    joined = "".join(f"\nLEFT JOIN {name} ON {same_keys(keys, 'found', name)}" for name in joins)
    together = ",\n".join(parts)
    return f"{together}\nSELECT {', '.join(shown)} FROM found{joined}{key_order(keys, 'found.')}"


def _counted(table: PlannedTable) -> list[PlannedStatistic]:
    return [s for s in table.statistics if not s.measure.traits.from_rows]  # these have no total for an institution


def _worst_of(column: str, table: PlannedTable, scans: int) -> str:
    """SQL of the worst value over all scans: fewest institutions, largest shares. NULL without scans."""
    if not scans:
        return f"CAST(NULL AS {_type_of(column, table)}) AS {column}"
    worst = "least" if column == "institutions" else "greatest"
    return f"{worst}({', '.join(f'institutions{n}.{column}' for n in range(scans))}) AS {column}"


def _type_of(column: str, table: PlannedTable) -> str:
    """SQL type of a total that is unknown."""
    own = next((s for s in table.statistics if column.startswith(f"s{s.ident}_")), None)
    if own is None or own.measure not in MAGNITUDES or own.argument is None:
        return "BIGINT"
    return {ScalarType.DOUBLE: "DOUBLE", ScalarType.DECIMAL: "DECIMAL(38,2)"}.get(own.argument.type, "HUGEINT")


def _institutions(table: PlannedTable, keys: list[str], number: int) -> str:
    """Common table of institutions, in two steps: the persons and totals of each institution in each cell, then the
    cell's figures. Rows without an institution may all belong to the largest one. If a row of a further scan has no
    institution, that scan gives no evidence for the cell: it may be the outer side of a join that most rows do not
    match."""
    statistics, one = _counted(table), f"i{number}"
    totals = "".join(f", {_total(s)} AS t{s.ident}" for s in statistics)
    by = ", ".join([*keys, one])
    each = f"SELECT {by}, COUNT(DISTINCT p) AS persons{totals} FROM contributions GROUP BY {by}"
    columns = [
        *keys,
        f"COUNT(*) FILTER ({one} <> 0) AS institutions",
        f"{_largest('persons', one)} AS largest_institution",
    ]  # institution 0 stands for rows without one
    for s in statistics:
        columns.append(f"{_largest(f't{s.ident}', one)} AS s{s.ident}_institution_largest")
        # MAX(x, 2) is the list of the two largest
        columns.append(f"list_extract(MAX(t{s.ident}, 2) FILTER ({one} <> 0), 2) AS s{s.ident}_institution_second")
    having = f"{'bool_or' if number == 0 else 'bool_and'}({one} <> 0)"
    return f"institutions{number} AS (\nSELECT {', '.join(columns)} FROM ({each}){group_by(keys)} HAVING {having}\n)"


def _largest(total: str, one: str) -> str:
    return f"MAX({total}) FILTER ({one} <> 0) + coalesce(MAX({total}) FILTER ({one} = 0), 0)"


def _total(statistic: PlannedStatistic) -> str:
    value = f"a{statistic.ident}"
    match statistic.measure.traits.contribution:
        case Contribution.ROW:
            return "COUNT(*)"
        case Contribution.PRESENCE if statistic.measure.traits.counts_persons:
            return f"COUNT(DISTINCT CASE WHEN {value} IS NOT NULL THEN p END)"
        case Contribution.PRESENCE | Contribution.VALUE:
            return f"COUNT({value})"
        case Contribution.INDICATOR:
            return f"COUNT(*) FILTER ({value} = 1)"
        case Contribution.AMOUNT:
            return f"SUM(abs({value}))"


def _record_keys(table: PlannedTable) -> str:
    """Common table of every person's record key. A person has one key in all tables, so joins and groups need not carry
    it."""
    scans = {r.table for r in ops.walk(table.contributions) if isinstance(r, ops.Scan) and r.person is not None}
    sources = [tuple(map(quoted, name.split(".", 1))) for name in sorted(scans)]
    rows = " UNION ALL ".join(f'SELECT "__p" AS p, "__k" AS k FROM {schema}.{bare}' for schema, bare in sources)
    return f"record_keys AS (\nSELECT DISTINCT p, k FROM ({rows})\n)"


def _key_sums(table: PlannedTable, keys: list[str]) -> str:
    columns = [*keys, f"{_sum_of(IN_CELL)} AS cell_key"]
    for s in table.statistics:
        sums = {name: _sum_of(condition) for name, condition in _key_conditions(s).items()}
        columns += [f"{text} AS s{s.ident}_{name}" for name, text in sums.items()]
    return f"key_sums AS (\nSELECT {', '.join(columns)} FROM people LEFT JOIN record_keys USING (p){group_by(keys)}\n)"


def _sum_of(condition: str) -> str:
    # the modulus makes the sum a key again
    return f"CAST(coalesce(SUM(k) FILTER ({condition}), 0) % {KEY_MODULUS} AS BIGINT)"


def _key_conditions(statistic: PlannedStatistic) -> dict[str, str]:
    """For each key column, the condition on `people` that selects its persons."""
    i = statistic.ident
    match statistic.measure.traits.contribution:
        case Contribution.ROW:
            return {"cell_key": IN_CELL}
        case Contribution.INDICATOR:
            return {"cell_key": f"o{i} > 0", "rest_key": f"z{i} > 0", "whole_key": f"o{i} + z{i} > 0"}
        case Contribution.PRESENCE | Contribution.AMOUNT | Contribution.VALUE:
            return {"cell_key": f"n{i} > 0"}


FIRST_IDENT = 1_000_000_000
"""Id of the first institution column. No plan has that many columns."""

WithInstitutions = tuple[ops.Relation, tuple[int, ...]]
"""A relation, and the ids of its institution columns, the first scan's first."""


def with_institutions(table: PlannedTable) -> tuple[PlannedTable, tuple[str, ...]]:
    """The table with institution columns in its contributions, and the SQL names of these columns."""
    relation, idents = _carry(table.contributions, count(FIRST_IDENT))
    return replace(table, contributions=relation), tuple(f"coalesce(c{i}, 0)" for i in idents)


def _carry(relation: ops.Relation, fresh: "count[int]") -> WithInstitutions:
    match relation:
        case ops.Scan(person=None) | ops.Values() | ops.Aggregate():  # public rows and groups have no institution
            return relation, ()
        case ops.Scan(columns=columns):
            ident = next(fresh)
            return replace(relation, columns=(*columns, ops.ScanColumn(ident, "__i", ScalarType.INT))), (ident,)
        case ops.Join(left=left, right=right, how=how):
            (one, first), (other, more) = _carry(left, fresh), _carry(right, fresh)
            joined = replace(relation, left=one, right=other)
            if how is not ops.JoinHow.FULL or not first or not more:
                return joined, first + more
            # neither side has a row everywhere, so the first institution is that of either
            ident, sides = next(fresh), tuple(ColumnRef(i, ScalarType.INT) for i in (first[0], more[0]))
            either = Call("coalesce", sides, ScalarType.INT)
            return ops.Project(joined, ((ident, either),)), (ident, *first, *more)
        case ops.Union():
            return _carry_union(relation, fresh)
        case _:
            below, idents = _carry(relation.child, fresh)
            return replace(relation, child=below), idents


def _carry_union(union: ops.Union[ops.Relation], fresh: "count[int]") -> WithInstitutions:
    """The first institution of each branch, if all branches read it from one table. Another table may use other
    codes."""
    parts = [_carry(p, fresh) for p in union.parts]
    tables = {_table_of(relation, idents[0]) if idents else None for relation, idents in parts}
    if len(tables) > 1 or None in tables:
        return union, ()
    ident = next(fresh)
    column = (ident, tuple(idents[0] for _, idents in parts))
    return replace(union, parts=tuple(r for r, _ in parts), columns=(*union.columns, column)), (ident,)


def _table_of(relation: ops.Relation, ident: int) -> str | None:
    scans = [r for r in ops.walk(relation) if isinstance(r, ops.Scan)]
    return next((s.table for s in scans if any(c.ident == ident for c in s.columns)), None)
