"""Caps on exact figures about each cell of a reference population: its persons, the released figures that split it, and
how many may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredPopulation:
    """A reference population of a snapshot: its cells by their keys as people read them (`LA=301 NCyearActual=7`), and
    the persons of each. `least`: the policy's number when it was measured. A cell of fewer persons is not counted by
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
class CapUsage:
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
        """Used share of the cap; 1 if the cap is 0."""
        return self.used / self.cap if self.cap else 1.0

    @property
    def is_full(self) -> bool:
        return self.used >= self.cap

    @property
    def keys(self) -> str:
        return self.of.cells[self.cell]


RankedCell = tuple[float, int, int, int]
"""(minus share, minus figures, number of the population, number of its cell). The fullest cell sorts first."""


def rank_cells(
    measured: Sequence[MeasuredPopulation], used: Mapping[str, Sequence[int]], least: int, fraction: float
) -> list[RankedCell]:
    """Every cell that is large enough to be counted by itself, in no order (a country has tens of thousands)."""
    ranked_cells: list[RankedCell] = []
    least = max(least, 1)  # a population of nobody is never counted
    for number, population in enumerate(measured):
        counts = used.get(population.population) or (0,) * len(population.sizes)
        for cell, (persons, figures) in enumerate(zip(population.sizes, counts, strict=True)):
            if persons >= least:
                cap = int(fraction * persons)
                ranked_cells.append((-figures / cap if cap else -1.0, -figures, number, cell))
    return ranked_cells


def cap_usage(ranked: RankedCell, measured: Sequence[MeasuredPopulation], fraction: float) -> CapUsage:
    _, figures, number, cell = ranked
    population = measured[number]
    return CapUsage(population, cell, -figures, int(fraction * population.sizes[cell]))


def matching_cells(
    words: Sequence[str], ranked_cells: Sequence[RankedCell], measured: Sequence[MeasuredPopulation]
) -> list[RankedCell]:
    """Cells that have every word in the name, table or year of their population, or in their keys."""
    folded = [word.casefold() for word in words]
    other_words = [[w for w in folded if w not in f"{m.name} {m.table} {m.year or ''}".casefold()] for m in measured]
    return [
        ranked for ranked in ranked_cells
        if not (left := other_words[ranked[2]]) or _has_words(measured[ranked[2]].cells[ranked[3]].casefold(), left)
    ]  # fmt: skip


def _has_words(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)


def highest_share(ranked_cells: Iterable[RankedCell]) -> float:
    return max((-ranked[0] for ranked in ranked_cells), default=0.0)
