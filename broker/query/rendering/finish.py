"""Bound relations to final ones: scans get the columns that are used and their years as a filter; orders are made
total."""

from dataclasses import replace

from broker.domain.relations import (
    Attach,
    Filter,
    Gather,
    Join,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    ScanColumn,
    Union,
    Values,
    WindowColumn,
)
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.domain.variables import Years
from broker.query.book import Book

PLACED = frozenset({"row_number", "ntile", "lag", "lead", "first", "last"})
"""Window functions for which the order of equal rows matters."""


def finished(relation: Relation, book: Book, years: dict[int, Years | None]) -> Relation:
    """While binding, a scan's `person` is its number in the book, for public tables too; here it becomes what the
    domain says it is."""
    match relation:
        case Scan(person=scan):
            return _scan(scan or 0, book, years)
        case Values():
            return relation
        case Join(left=left, right=right):
            return replace(relation, left=finished(left, book, years), right=finished(right, book, years))
        case Union(parts=parts):
            return replace(relation, parts=tuple(finished(p, book, years) for p in parts))
        case Attach(child=child, sub=sub):
            return replace(relation, child=finished(child, book, years), sub=finished(sub, book, years))
        case Over(child=child, columns=columns):
            below = finished(child, book, years)
            ends = _ends(below)
            return replace(relation, child=below, columns=tuple(_total(c, ends) for c in columns))
        case Limit(child=child, order=order):
            below = finished(child, book, years)
            return replace(relation, child=below, order=order + _ends(below))
        case Filter() | Project() | Gather():
            return replace(relation, child=finished(relation.child, book, years))


def _total(column: WindowColumn, ends: tuple[tuple[Scalar, bool], ...]) -> WindowColumn:
    return replace(column, order=column.order + ends) if column.function.op in PLACED else column


def _ends(relation: Relation) -> tuple[tuple[Scalar, bool], ...]:
    """What decides between rows that an order leaves equal: the person, then everything that is read of the rows. T-SQL
    takes any of them."""
    match relation:
        case Filter(child=child) | Limit(child=child) | Attach(child=child) | Over(child=child) | Project(child=child):
            return _ends(child)
        case Join(left=left, right=right):
            return _ends(left) + _ends(right)
        case Gather(keys=keys, person=person):
            named = [(i, s.type) for i, s in keys] + ([(person, Type.INT)] if person is not None else [])
        case Values(columns=written):
            named = list(written)
        case Union(columns=columns, person=found):
            named = [(i, Type.NULL) for i, _ in columns] + ([(found[0], Type.INT)] if found is not None else [])
        case Scan(columns=scanned, person=number):
            named = ([(number, Type.INT)] if number is not None else []) + [(c.ident, c.type) for c in scanned]
    return tuple((Column(i, kind), False) for i, kind in named)


def _scan(scan: int, book: Book, years: dict[int, Years | None]) -> Relation:
    table = book.tables[scan]
    if scan in book.written:
        return _written(scan, book)
    columns = tuple(
        ScanColumn(i, o.variable.name, o.variable.type) for i, o in sorted(book.columns_of_scan(scan)) if i in book.how
    )
    axis = table.year
    whole = Scan(table.full_name, columns, scan if book.is_person(scan) else None, years[scan])
    left = years[scan]
    if axis is None or left is None or left == axis.years:
        return whole
    column = book.year_column(scan)
    if not left or column is None:
        return Filter(whole, Literal(False, Type.TRUTH))
    kind = next(v.type for v in table.variables if v.name == axis.variable)
    tests: tuple[Scalar, ...] = tuple(
        Call("equal", (Column(column, kind), Literal(axis.format.write(y), kind)), Type.TRUTH) for y in sorted(left)
    )
    return Filter(whole, tests[0] if len(tests) == 1 else Call("or", tests, Type.TRUTH))


def _written(scan: int, book: Book) -> Values:
    """A lookup: all its columns, so that its rows are as many as were written."""
    columns = tuple((i, o.variable.type) for i, o in sorted(book.columns_of_scan(scan)))
    rows = tuple(
        tuple(
            Literal(value, kind if value is not None else Type.NULL)
            for value, (_, kind) in zip(row, columns, strict=True)
        )
        for row in book.written[scan]
    )
    return Values(columns, rows)
