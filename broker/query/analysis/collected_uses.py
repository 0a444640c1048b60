"""Uses: every catalogue variable that a text reads, in exactly which years, and how."""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import inf

from broker.domain.plans.operators import Relation, Scan
from broker.domain.plans.scalars import Value
from broker.domain.plans.variable_uses import Usage, VariableUse, Years
from broker.query.analysis.guards import ColumnsOf, Guards, columns_behind, guards_of
from broker.query.diagnostics import NO_POSITION, Position
from broker.query.symbols import SymbolTable


def uses_of(symbols: SymbolTable, years: dict[int, Years | None]) -> tuple[VariableUse, ...]:
    """Return one use for each (table, variable), with the years of all scans that read it. If a scan uses no variable,
    the use is of the table's rows."""
    found: list[VariableUse] = []
    touched: set[int] = set()
    for ident, how in symbols.usages.items():
        origin = symbols.origins[ident]
        if origin.scan in symbols.written_rows:  # written rows are not catalogue data, so they need no grant
            continue
        touched.add(origin.scan)
        table, variable = origin.table.full_name, origin.variable.name
        position = symbols.positions.get(ident, NO_POSITION)
        found.append(VariableUse(table, variable, years[origin.scan], frozenset(how), *position))
    for scan, read in symbols.tables.items():
        # only the rows of the table are used, as by COUNT(*)
        if scan not in touched and scan not in symbols.written_rows:
            position, usages = symbols.table_positions[scan], frozenset({Usage.READ})
            found.append(VariableUse(read.full_name, None, years[scan], usages, *position))
    return merged_uses([found])


def merged_uses(several: Sequence[Sequence[VariableUse]]) -> tuple[VariableUse, ...]:
    """Merge the uses of all outputs of a job. Drop the use of a table's rows if a use of one of its variables covers
    all their years."""
    found: dict[tuple[str, str | None], VariableUse] = {}
    for use in chain.from_iterable(several):
        before = found.get((use.table, use.variable))
        found[use.table, use.variable] = use if before is None else _merged(before, use)
    used = [(u.table, u.years) for u in found.values() if u.variable is not None]
    remaining = [
        u
        for u in found.values()
        if u.variable is not None or not any(t == u.table and _covers(years, u.years) for t, years in used)
    ]
    return tuple(sorted(remaining, key=lambda u: (u.table, u.variable or "")))


def _merged(one: VariableUse, other: VariableUse) -> VariableUse:
    """One use for both of a table or variable."""
    # None: the table has no years
    years = None if one.years is None or other.years is None else one.years | other.years
    position = min((other.line, other.column), (one.line, one.column), key=_position_order)
    return VariableUse(one.table, one.variable, years, one.how | other.how, *position)


def _covers(years: Years | None, rows: Years | None) -> bool:
    return years is None or (rows is not None and rows <= years)


def _position_order(position: Position) -> tuple[float, ...]:
    """Sort key that puts a missing position last, so that a known position is reported if there is one."""
    return tuple(number or inf for number in position)


def years_of(relations: Sequence[Relation], symbols: SymbolTable) -> dict[int, Years | None]:
    """Years of every scan in the symbol table. A scan outside the relations has all years of its table. A later
    relation overrides earlier ones for the scans that both contain."""
    found: dict[int, Years | None] = {scan: table.years for scan, table in symbols.tables.items()}
    guards: dict[int, Guards] = {}
    for relation in relations:
        guards |= guards_of(relation, columns_read(symbols))  # a later relation overrides the guards of an earlier one
    for scan, guard in guards.items():
        found[scan] = _years_of_scan(scan, guard, symbols)
    _narrow_across_scans(found, guards, symbols)
    return found


def columns_read(symbols: SymbolTable) -> ColumnsOf:
    """Return a function that lists the columns of a scan that a query has read so far."""

    def columns(scan: Scan) -> list[int]:
        return [] if scan.person is None else [i for i, _ in symbols.columns_of_scan(scan.person)]

    return columns


def _year_values(scan: int, years: Years, symbols: SymbolTable) -> Iterator[tuple[int, Value]]:
    axis = symbols.tables[scan].year
    assert axis is not None
    return ((year, axis.format.write(year)) for year in sorted(years))


def _years_of_scan(scan: int, guards: Guards, symbols: SymbolTable) -> Years | None:
    """Years in which every guard can be true, judged by the year of this scan alone."""
    years, column = symbols.tables[scan].years, symbols.year_column(scan)
    if years is None or column is None:
        return years
    written = {value: year for year, value in _year_values(scan, years, symbols)}
    return frozenset(written[value] for value in guards.values_left(column, written))


def _narrow_across_scans(found: dict[int, Years | None], guards: dict[int, Guards], symbols: SymbolTable) -> None:
    """Arc consistency: keep a year if each conjunct that reads one other scan's year can be true for some year of that
    scan."""
    columns = {column: scan for scan in guards if (column := symbols.year_column(scan)) is not None}
    arcs = [
        (scan, mine, columns[other], other, conjunct)
        for mine, scan in columns.items()
        for conjunct in guards[scan].conjuncts
        if mine in (read := columns_behind(conjunct, guards[scan].definitions) & columns.keys()) and len(read) == 2
        for other in read - {mine}
    ]
    changed = True  # A removed year can make years of other scans impossible, so repeat until nothing changes.
    while changed:
        changed = False
        for scan, mine, other_scan, other, conjunct in arcs:
            years, others = found[scan] or frozenset(), found[other_scan] or frozenset()
            values: set[Value] = {v for _, v in _year_values(other_scan, others, symbols)}
            # An outer join can leave the other side's year NULL.
            values |= {None} if other_scan in symbols.nullable else set()
            remaining = frozenset(
                year
                for year, value in _year_values(scan, years, symbols)
                if any(
                    guards[scan].can_hold(conjunct, {mine: frozenset({value}), other: frozenset({v})}) for v in values
                )
            )
            changed |= remaining != years
            found[scan] = remaining
