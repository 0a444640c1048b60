"""The book to uses: every catalogue variable that the text touches, in which years and how. No grants."""

from collections.abc import Sequence
from math import inf

from broker.domain.variables import How, Use, Years
from broker.query.book import Book
from broker.query.refusing import NOWHERE, Place


def uses_of(book: Book, years: dict[int, Years | None]) -> tuple[Use, ...]:
    """One use for each (table, variable), with the years of all scans that read it; a scan of which no variable is used
    is a use of its table's rows."""
    found: dict[tuple[str, str | None], Use] = {}
    touched: set[int] = set()
    for ident, how in book.how.items():
        origin = book.origins[ident]
        if origin.scan in book.written:
            continue
        touched.add(origin.scan)
        _merge(
            found,
            origin.table.full_name,
            origin.variable.name,
            years[origin.scan],
            how,
            book.places.get(ident, NOWHERE),
        )
    for scan, table in book.tables.items():
        if scan not in touched and scan not in book.written:
            _merge(found, table.full_name, None, years[scan], {How.READ}, book.table_places[scan])
    return _without_told_rows(found)


def merged(several: Sequence[tuple[Use, ...]]) -> tuple[Use, ...]:
    """The uses of all outputs of a job together."""
    found: dict[tuple[str, str | None], Use] = {}
    for uses in several:
        for use in uses:
            _merge(found, use.table, use.variable, use.years, set(use.how), (use.line, use.column))
    return _without_told_rows(found)


def _without_told_rows(found: dict[tuple[str, str | None], Use]) -> tuple[Use, ...]:
    """Rows of a table need no word of their own where one of its variables is used in all their years."""
    told = [(u.table, u.years) for u in found.values() if u.variable is not None]
    kept = [
        u
        for u in found.values()
        if u.variable is not None or not any(t == u.table and _covers(years, u.years) for t, years in told)
    ]
    return tuple(sorted(kept, key=lambda u: (u.table, u.variable or "")))


def _covers(years: Years | None, rows: Years | None) -> bool:
    return years is None or (rows is not None and rows <= years)


def _merge(
    found: dict[tuple[str, str | None], Use],
    table: str,
    variable: str | None,
    years: Years | None,
    how: set[How],
    place: Place,
) -> None:
    before = found.get((table, variable))
    ways = frozenset(how)
    if before is not None:
        ways |= before.how
        years = None if years is None or before.years is None else years | before.years
        place = min(place, (before.line, before.column), key=_order)
    found[table, variable] = Use(table, variable, years, ways, place[0], place[1])


def _order(place: Place) -> tuple[float, ...]:
    """No place comes after every place: where a use stands is told if it is known."""
    return tuple(number or inf for number in place)
