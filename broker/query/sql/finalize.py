"""Finalizes bound relations: scans get their used columns and a filter on their years, and orders become total."""

from dataclasses import replace

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import ColumnRef, Literal, Scalar, ScalarType, any_of, truth_call
from broker.domain.plans.variable_uses import Years
from broker.query.symbols import SymbolTable

ORDER_DEPENDENT = frozenset({"row_number", "ntile", "lag", "lead", "first", "last"})
"""Window functions whose result depends on the order of equal rows."""


def finalize_relation(relation: ops.Relation, symbols: SymbolTable, years: dict[int, Years | None]) -> ops.Relation:
    """Finalize a relation. During binding, `person` of every scan is its number in the symbol table; here it becomes
    what the domain defines, None for public tables."""
    match relation:
        case ops.Scan(person=scan):
            return _finalize_scan(scan or 0, symbols, years)
        case ops.Window(child=child, columns=columns):
            below = finalize_relation(child, symbols, years)
            tie_breakers = _tie_breakers(below)
            return replace(relation, child=below, columns=tuple(_with_total_order(c, tie_breakers) for c in columns))
        case ops.Limit(child=child, order=order):
            below = finalize_relation(child, symbols, years)
            return replace(relation, child=below, order=order + _tie_breakers(below))
    return ops.with_children(relation, lambda part: finalize_relation(part, symbols, years))


def _with_total_order(column: ops.WindowColumn, tie_breakers: tuple[tuple[Scalar, bool], ...]) -> ops.WindowColumn:
    depends = column.function.op in ORDER_DEPENDENT or column.frame is not None
    return replace(column, order=column.order + tie_breakers) if depends else column


def _tie_breakers(relation: ops.Relation) -> tuple[tuple[Scalar, bool], ...]:
    """Tie-breakers for rows that an order leaves equal: the person, then every column that is read. T-SQL takes any of
    these rows."""
    match relation:
        case ops.Join(left=left, right=right):
            return _tie_breakers(left) + _tie_breakers(right)
        case ops.Aggregate(keys=keys, person=person):
            named = [(i, s.type) for i, s in keys] + ([(person, ScalarType.INT)] if person is not None else [])
        case ops.Values(columns=written):
            named = list(written)
        case ops.Union(columns=columns, person=found):
            named = [(i, ScalarType.NULL) for i, _ in columns] + (
                [(found[0], ScalarType.INT)] if found is not None else []
            )
        case ops.Scan(columns=scanned, person=number):
            named = ([(number, ScalarType.INT)] if number is not None else []) + [(c.ident, c.type) for c in scanned]
        case _:
            return _tie_breakers(relation.child)
    return tuple((ColumnRef(i, kind), False) for i, kind in named)


def _finalize_scan(scan: int, symbols: SymbolTable, years: dict[int, Years | None]) -> ops.Relation:
    table = symbols.tables[scan]
    if scan in symbols.written_rows:
        return _written_rows(scan, symbols)
    columns = tuple(
        ops.ScanColumn(i, o.variable.name, o.variable.type)
        for i, o in sorted(symbols.columns_of_scan(scan))  # sorted, so that equal texts give equal plans
        if i in symbols.usages
    )
    axis = table.year
    whole = ops.Scan(table.full_name, columns, scan if symbols.is_person(scan) else None, years[scan])
    left = years[scan]
    if axis is None or left is None or left == axis.years:  # every year is read, so no filter is needed
        return whole
    column = symbols.year_column(scan)
    if not left or column is None:  # no year is possible, so there is no row
        return ops.Filter(whole, Literal(False, ScalarType.TRUTH))
    kind = next(v.type for v in table.variables if v.name == axis.variable)
    tests = (truth_call("equal", ColumnRef(column, kind), Literal(axis.format.write(y), kind)) for y in sorted(left))
    return ops.Filter(whole, any_of(tests))


def _written_rows(scan: int, symbols: SymbolTable) -> ops.Values:
    """A lookup as written rows, with all its columns, so that it has as many rows as were written."""
    columns = tuple((i, o.variable.type) for i, o in sorted(symbols.columns_of_scan(scan)))
    rows = tuple(
        tuple(
            Literal(value, kind if value is not None else ScalarType.NULL)
            for value, (_, kind) in zip(row, columns, strict=True)
        )
        for row in symbols.written_rows[scan]
    )
    return ops.Values(columns, rows)
