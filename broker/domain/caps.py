"""How full each reference population is: persons, the figures released that split it, and how many may. Frozen values
for staff; which population is large enough to be counted by itself is policy's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredPopulation:
    """A reference population of a snapshot: its cells by their keys as people read them (`LA=301 NCyearActual=7`), and
    the persons of each. `least` is the policy's number when it was measured: a cell of fewer persons is not counted by
    itself, and its size is 0 here."""

    snapshot: str
    population: str
    name: str
    table: str
    year: int | None
    least: int
    cells: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One cell of a reference population: `used` of at most `cap` exact figures that split its persons are released."""

    of: MeasuredPopulation
    cell: int
    used: int
    cap: int

    @property
    def persons(self) -> int:
        return self.of.sizes[self.cell]

    @property
    def share(self) -> float:
        """Of the cap; what may have no figure at all is full."""
        return self.used / self.cap if self.cap else 1.0

    @property
    def is_full(self) -> bool:
        return self.used >= self.cap

    @property
    def keys(self) -> str:
        return self.of.cells[self.cell]


Place = tuple[float, int, int, int]
"""Minus the share, minus the figures, the number of the population and of its cell: the fullest sorts first."""


def places(
    measured: Sequence[MeasuredPopulation], used: Mapping[str, Sequence[int]], least: int, fraction: float
) -> list[Place]:
    """Of every cell that is large enough to be counted by itself, in no order: a country has tens of thousands."""
    found: list[Place] = []
    least = max(least, 1)
    for number, one in enumerate(measured):
        counts = used.get(one.population) or (0,) * len(one.sizes)
        for cell, (persons, figures) in enumerate(zip(one.sizes, counts, strict=True)):
            if persons >= least:
                cap = int(fraction * persons)
                found.append((-figures / cap if cap else -1.0, -figures, number, cell))
    return found


def at(place: Place, measured: Sequence[MeasuredPopulation], fraction: float) -> Gauge:
    _, figures, number, cell = place
    one = measured[number]
    return Gauge(one, cell, -figures, int(fraction * one.sizes[cell]))


def found_by(words: Sequence[str], every: Sequence[Place], measured: Sequence[MeasuredPopulation]) -> list[Place]:
    """Those that have every word in their population's name, table and year, or in their keys."""
    folded = [word.casefold() for word in words]
    more = [[w for w in folded if w not in f"{m.name} {m.table} {m.year or ''}".casefold()] for m in measured]
    return [
        place for place in every
        if not (left := more[place[2]]) or _has(measured[place[2]].cells[place[3]].casefold(), left)
    ]  # fmt: skip


def _has(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)


def fullest(found: Iterable[Place]) -> float:
    return max((-place[0] for place in found), default=0.0)
