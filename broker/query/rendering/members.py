"""Who is in each cell of a planned table, and with how much: two DuckDB statements over the table's contributions.

They are asked for the memory of what was released, after the table was judged: the hot statement has none of it.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from broker.domain.members import AmountColumn, What, amount_columns
from broker.domain.plans import Needs, PlannedTable
from broker.domain.proofs import Proofs
from broker.domain.scalars import Type
from broker.query.rendering.choose import NONE
from broker.query.rendering.ground import ground_of
from broker.query.rendering.writing import relation_text, scalar_text


def render_member_cells(table: PlannedTable, least: int) -> str:
    """The cells: `cell` from 0 in the order of the keys, then `k0`…`kn`. Without keys there is one, whoever is in it.

    `least` is the number of persons that a group needs which rows of persons meet, as for the table itself."""
    keys = _keys(table)
    if not keys:
        return "SELECT 0::INTEGER AS cell"
    return f"{_with(table, least)}\nSELECT {', '.join(['cell', *keys])} FROM cells ORDER BY cell"


def render_members(table: PlannedTable, least: int, proofs: Proofs = NONE) -> str:
    """One row for each person and cell, in no order: `p`, `cell`, and the amount columns. Rows without a person are
    nobody's.

    Cells are numbered before rows are grouped, because two numbers group in far less memory than texts do; where each
    row is proved to be another person, none are.
    """
    ground = ground_of(table, Needs(least), proofs, 0)
    single = ground is not None and ground.is_single
    floats = {s.ident for s in table.statistics if s.argument is not None and s.argument.type is Type.DOUBLE}
    amounts = [f"{_own(c) if single else _added(c, c.statistic in floats)} AS {c.name}" for c in amount_columns(table)]
    keys = _keys(table)
    on = " AND ".join(f"contributions.{k} IS NOT DISTINCT FROM cells.{k}" for k in keys)
    source = f"contributions JOIN cells ON {on}" if keys else "(SELECT *, 0::INTEGER AS cell FROM contributions)"
    shown = ", ".join(["CAST(p AS UINTEGER) AS p", "cell", *amounts])
    by = "" if single else " GROUP BY cell, p"
    return f"{_with(table, least)}\nSELECT {shown} FROM {source} WHERE p IS NOT NULL{by}"


def _keys(table: PlannedTable) -> list[str]:
    return [f"k{i}" for i in range(len(table.keys))]


def _with(table: PlannedTable, least: int) -> str:
    """Contributions are read twice rather than kept: what is kept of them would not fit the memory of a sandbox."""
    keys = _keys(table)
    parts = [f"contributions AS NOT MATERIALIZED (\n{_contributions(table, least)}\n)"]
    if keys:
        names = ", ".join(keys)
        order = ", ".join(f"{k} NULLS LAST" for k in keys)
        number = f"CAST(row_number() OVER (ORDER BY {order}) - 1 AS INTEGER) AS cell"
        parts.append(
            f"cells AS MATERIALIZED (\nSELECT {names}, {number} FROM (SELECT DISTINCT {names} FROM contributions)\n)"
        )
    return "WITH " + ",\n".join(parts)


def _contributions(table: PlannedTable, least: int) -> str:
    columns = [f"{scalar_text(k.expression)} AS k{i}" for i, k in enumerate(table.keys)]
    columns.append(f"c{table.person} AS p")
    asked = {c.statistic for c in amount_columns(table)}
    columns += [
        f"{scalar_text(s.argument)} AS a{s.ident}"
        for s in table.statistics
        if s.argument is not None and s.ident in asked
    ]
    return f"SELECT {', '.join(columns)} FROM {relation_text(table.contributions, least)}"


def _added(column: AmountColumn, floats: bool) -> str:
    """Totals of equal decimals are equal floats, whatever their digits; floats are added up in their own order."""
    value = f"a{column.statistic}"
    match column.what:
        case What.ROWS:
            return "CAST(COUNT(*) AS UINTEGER)"
        case What.GIVEN:
            return f"CAST(COUNT({value}) AS UINTEGER)"
        case What.ONES:
            return f"CAST(COUNT(*) FILTER ({value} = 1) AS UINTEGER)"
        case What.TOTAL:
            order = f" ORDER BY {value}" if floats else ""
            return f"coalesce(CAST(SUM({value}{order}) AS DOUBLE), 0)"


def _own(column: AmountColumn) -> str:
    """The same of a person's only row."""
    value = f"a{column.statistic}"
    match column.what:
        case What.ROWS:
            return "1::UINTEGER"
        case What.GIVEN:
            return f"CAST({value} IS NOT NULL AS UINTEGER)"
        case What.ONES:
            return f"CAST(coalesce({value} = 1, false) AS UINTEGER)"
        case What.TOTAL:
            return f"coalesce(CAST({value} AS DOUBLE), 0)"
