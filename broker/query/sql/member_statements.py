"""Member statements: the persons in each cell of a planned table, and their amounts. They run for the release history,
after the table was judged; the frequent statement of evidence does not include them."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from dataclasses import replace

from broker.domain.evidence import VaultProofs
from broker.domain.plans.member_amounts import AmountColumn, AmountKind, amount_columns
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.domain.plans.scalars import ScalarType
from broker.query.sql.generator import contribution_rows
from broker.query.sql.key_columns import key_names, key_order, same_keys
from broker.query.sql.proven_scan import proven_scan_of
from broker.query.sql.table_statement import NO_PROOFS


def render_member_cells(table: PlannedTable, least: int) -> str:
    """Statement of the cells: `cell` from 0 in the order of the keys, then `k0`…`kn`. Without keys there is one cell.
    `least`: persons that a group needs if rows of persons are joined with it, as for the table itself."""
    keys = key_names(table)
    if not keys:
        return "SELECT 0::INTEGER AS cell"
    return f"{_with_clause(table, least)}\nSELECT {', '.join(['cell', *keys])} FROM cells ORDER BY cell"


def render_members(table: PlannedTable, least: int, proofs: VaultProofs = NO_PROOFS) -> str:
    """Statement with one row for each person and cell, in no order: `p`, `cell`, and the amount columns. Rows without a
    person are left out. Cells are numbered before rows are grouped, because two numbers need far less memory to group
    than texts. If each row is proved to be another person, there is no grouping."""
    proven = proven_scan_of(table, EvidenceNeeds(least), proofs, 0)
    single = proven is not None and proven.is_single
    floats = {s.ident for s in table.statistics if s.argument is not None and s.argument.type is ScalarType.DOUBLE}
    amounts = [f"{_amount(c, single, c.statistic in floats)} AS {c.name}" for c in amount_columns(table)]
    keys = key_names(table)
    on = same_keys(keys, "contributions", "cells")
    source = f"contributions JOIN cells ON {on}" if keys else "(SELECT *, 0::INTEGER AS cell FROM contributions)"
    shown = ", ".join(["CAST(p AS UINTEGER) AS p", "cell", *amounts])
    by = "" if single else " GROUP BY cell, p"
    return f"{_with_clause(table, least)}\nSELECT {shown} FROM {source} WHERE p IS NOT NULL{by}"


def _with_clause(table: PlannedTable, least: int) -> str:
    """WITH clause. Contributions are read twice instead of materialized: they would not fit the memory of a sandbox."""
    keys, counted = key_names(table), {c.statistic for c in amount_columns(table)}
    with_amounts = replace(table, statistics=tuple(s for s in table.statistics if s.ident in counted))
    rows = contribution_rows(with_amounts, table.contributions, table.person, least)
    parts = [f"contributions AS NOT MATERIALIZED (\n{rows}\n)"]
    if keys:
        names = ", ".join(keys)
        number = f"CAST(row_number() OVER ({key_order(keys).strip()}) - 1 AS INTEGER) AS cell"
        parts.append(
            f"cells AS MATERIALIZED (\nSELECT {names}, {number} FROM (SELECT DISTINCT {names} FROM contributions)\n)"
        )
    return "WITH " + ",\n".join(parts)


def _amount(column: AmountColumn, single: bool, floats: bool) -> str:
    """SQL of an amount of one person, or of the person's only row (`single`). Totals of equal decimals are equal
    floats, whatever their digits. Floats are summed in a fixed order."""
    value = f"a{column.statistic}"
    match column.kind:
        case AmountKind.ROWS:
            return "1::UINTEGER" if single else "CAST(COUNT(*) AS UINTEGER)"
        case AmountKind.NON_NULL_ROWS:
            return f"CAST({f'{value} IS NOT NULL' if single else f'COUNT({value})'} AS UINTEGER)"
        case AmountKind.ONES:
            is_one = f"{value} = 1"  # NULL is not 1
            return f"CAST({f'coalesce({is_one}, false)' if single else f'COUNT(*) FILTER ({is_one})'} AS UINTEGER)"
        case AmountKind.TOTAL:
            order = f" ORDER BY {value}" if floats else ""  # a sum of floats depends on their order
            return f"coalesce(CAST({value if single else f'SUM({value}{order})'} AS DOUBLE), 0)"
