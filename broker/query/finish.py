"""Bound relations to final ones: scans get the columns that are used, and their years as a filter."""

from broker.domain.relations import Filter, Join, Project, Relation, Scan, ScanColumn
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.domain.variables import Years
from broker.query.book import Book


def finished(relation: Relation, book: Book, years: dict[int, Years | None]) -> Relation:
    """While binding, a scan's `person` is its number in the book, for public tables too; here it becomes what the
    domain says it is."""
    match relation:
        case Scan(person=scan):
            return _scan(scan or 0, book, years)
        case Filter(child=child, predicate=predicate):
            return Filter(finished(child, book, years), predicate)
        case Project(child=child, columns=columns):
            return Project(finished(child, book, years), columns)
        case Join(left=left, right=right, how=how, on=on, person=person):
            return Join(finished(left, book, years), finished(right, book, years), how, on, person)


def _scan(scan: int, book: Book, years: dict[int, Years | None]) -> Relation:
    table = book.tables[scan]
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
