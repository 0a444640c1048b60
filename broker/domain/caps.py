"""How full each reference population is: persons, the figures released that split it, and how many may. Frozen values
for staff; which population is large enough to be counted by itself is policy's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredPopulation:
    """A reference population of a snapshot: its cells by their keys as people read them, and the persons of each.
    `least` is the policy's number when it was measured: a cell of fewer persons is not counted by itself, and its size
    is 0 here."""

    snapshot: str
    population: str
    name: str
    table: str
    year: int | None
    variables: tuple[str, ...]
    least: int
    cells: tuple[tuple[str, ...], ...]
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
        return share_of(self.used, self.cap)

    @property
    def is_full(self) -> bool:
        return self.used >= self.cap

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.of.variables, self.of.cells[self.cell], strict=False))


Place = tuple[float, int, int, int]
"""Minus the share, minus the figures, the number of the population and of its cell: the fullest sorts first."""


def places(
    measured: Sequence[MeasuredPopulation], used: Mapping[str, Sequence[int]], least: int, fraction: float
) -> list[Place]:
    """Of every cell that is large enough to be counted by itself, in no order: a country has tens of thousands."""
    found: list[Place] = []
    for number, one in enumerate(measured):
        counts = used.get(one.population) or (0,) * len(one.sizes)
        counted = enumerate(zip(one.sizes, counts, strict=True))
        found += [
            (-share_of(figures, int(fraction * persons)), -figures, number, cell)
            for cell, (persons, figures) in counted
            if persons >= max(least, 1)
        ]
    return found


def at(place: Place, measured: Sequence[MeasuredPopulation], fraction: float) -> Gauge:
    _, figures, number, cell = place
    one = measured[number]
    return Gauge(one, cell, -figures, int(fraction * one.sizes[cell]))


def said_of(place: Place, measured: Sequence[MeasuredPopulation]) -> str:
    """What a cell is found by: its population and year, each variable with its value."""
    _, __, number, cell = place
    one = measured[number]
    keys = (f"{name}={value}" for name, value in zip(one.variables, one.cells[cell], strict=False))
    return " ".join((one.name, one.table, str(one.year or ""), *keys)).casefold()


def share_of(used: int, cap: int) -> float:
    """Of the cap; what may have no figure at all is full."""
    return used / cap if cap else 1.0


def fullest(found: Iterable[Place]) -> float:
    return max((-place[0] for place in found), default=0.0)
