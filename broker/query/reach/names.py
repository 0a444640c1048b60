"""Ids of variables that mean the same in every table of a job. No conditions, no sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.variables import Years
from broker.query.book import Book


@dataclass(frozen=True, slots=True)
class Slot:
    """The rows of a table that a text reads: those that it names as the first, second … for these years."""

    table: str
    years: Years | None
    number: int
    is_person: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A variable of a slot; `variable` is None for whether a person has a row there at all."""

    slot: Slot
    variable: str | None


@dataclass(slots=True)
class Names:
    """Ids, below zero, of variables that mean the same in every table of a job. `quotients` are those that public sizes
    know, by table: they are variables too."""

    quotients: frozenset[tuple[str, str]] = frozenset()
    readings: dict[int, Reading] = field(default_factory=dict)
    _ids: dict[Reading, int] = field(default_factory=dict)

    def ident(self, reading: Reading) -> int:
        if reading not in self._ids:
            self._ids[reading] = -1 - len(self._ids)
            self.readings[self._ids[reading]] = reading
        return self._ids[reading]


def slots_of(book: Book, years: Mapping[int, Years | None]) -> dict[int, Slot]:
    """The slot of every scan."""
    found: dict[int, Slot] = {}
    for scan in sorted(book.tables):
        table, read = book.tables[scan].full_name, years.get(scan)
        number = sum(s.table == table and s.years == read for s in found.values())
        found[scan] = Slot(table, read, number, book.is_person(scan))
    return found
