"""The book to uses: every catalogue variable that the text touches, in which years and how. No grants."""

from broker.domain.variables import How, Use, Years
from broker.query.book import Book
from broker.query.refusing import NOWHERE, Place


def uses_of(book: Book, years: dict[int, Years | None]) -> tuple[Use, ...]:
    """One use for each (table, variable), with the years of all scans that read it; a table of which no variable is
    used is a use of its rows."""
    found: dict[tuple[str, str | None], Use] = {}
    touched: set[str] = set()
    for ident, how in book.how.items():
        origin = book.origins[ident]
        touched.add(origin.table.full_name)
        _merge(
            found,
            origin.table.full_name,
            origin.variable.name,
            years[origin.scan],
            how,
            book.places.get(ident, NOWHERE),
        )
    for scan, table in book.tables.items():
        if table.full_name not in touched:
            _merge(found, table.full_name, None, years[scan], {How.READ}, book.table_places[scan])
    return tuple(found[k] for k in sorted(found, key=lambda k: (k[0], k[1] or "")))


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
        years = years if before.years is None or years is None else years | before.years
        place = min((p for p in (place, (before.line, before.column)) if p[0] is not None), default=NOWHERE, key=_order)
    found[table, variable] = Use(table, variable, years, ways, place[0], place[1])


def _order(place: Place) -> tuple[int, int]:
    return place[0] or 0, place[1] or 0
