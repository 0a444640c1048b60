"""Years, exactly: which years of each scan can matter. A year counts if every guard can be true in it. No refusals, no
rendering."""

from collections.abc import Iterator, Sequence

from broker.domain.relations import Relation, Scan
from broker.domain.scalars import Scalar, Value, columns_of
from broker.domain.variables import Years
from broker.query.book import Book
from broker.query.guards import ColumnsOf, Definitions, Guards, guards_of
from broker.query.operations.fold import can_be_true


def years_of(relations: Sequence[Relation], book: Book) -> dict[int, Years | None]:
    """The years of every scan in the book; all of a table's years for a scan outside the relations. A relation that
    stands later has the say on the scans of those before it."""
    found: dict[int, Years | None] = {scan: table.years for scan, table in book.tables.items()}
    guards: dict[int, Guards] = {}
    for relation in relations:
        guards |= guards_of(relation, columns_in(book))
    for scan, guard in guards.items():
        found[scan] = _alone(scan, guard, book)
    _across(found, guards, book)
    return found


def columns_in(book: Book) -> ColumnsOf:
    """The columns of a scan, as far as a query has read them."""

    def columns(scan: Scan) -> list[int]:
        return [] if scan.person is None else [i for i, _ in book.columns_of_scan(scan.person)]

    return columns


def _reads(scalar: Scalar, definitions: Definitions) -> frozenset[int]:
    """Every column that a scalar reads, through derived columns, and the derived columns themselves."""
    direct = columns_of(scalar)
    return direct.union(*(_reads(definitions[i], definitions) for i in direct if i in definitions))


def _written(scan: int, years: Years, book: Book) -> Iterator[tuple[int, Value]]:
    axis = book.tables[scan].year
    assert axis is not None
    return ((year, axis.format.write(year)) for year in sorted(years))


def _alone(scan: int, guards: Guards, book: Book) -> Years | None:
    """The years in which every guard can be true, looking at this scan's year alone."""
    years, column = book.tables[scan].years, book.year_column(scan)
    if years is None or column is None:
        return years
    return frozenset(
        year
        for year, value in _written(scan, years, book)
        if all(can_be_true(c, {column: frozenset({value})}, guards.definitions) for c in guards.conjuncts)
    )


def _across(found: dict[int, Years | None], guards: dict[int, Guards], book: Book) -> None:
    """Arc consistency: a year stays if each conjunct with one other scan's year can be true with one of its years."""
    columns = {column: scan for scan in guards if (column := book.year_column(scan)) is not None}
    arcs = [
        (scan, mine, columns[other], other, conjunct)
        for mine, scan in columns.items()
        for conjunct in guards[scan].conjuncts
        if mine in (read := _reads(conjunct, guards[scan].definitions) & columns.keys()) and len(read) == 2
        for other in read - {mine}
    ]
    changed = True
    while changed:
        changed = False
        for scan, mine, other_scan, other, conjunct in arcs:
            years, others = found[scan] or frozenset(), found[other_scan] or frozenset()
            values: set[Value] = {v for _, v in _written(other_scan, others, book)}
            values |= {None} if other_scan in book.nullable else set()
            kept = frozenset(
                year
                for year, value in _written(scan, years, book)
                if any(
                    can_be_true(conjunct, {mine: frozenset({value}), other: frozenset({v})}, guards[scan].definitions)
                    for v in values
                )
            )
            changed |= kept != years
            found[scan] = kept
