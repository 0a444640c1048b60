"""How full each reference population is: persons, the figures released that split it, and how many may. Frozen values
for staff; which population is large enough to be counted by itself is policy's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.domain.scalars import Value


@dataclass(frozen=True, slots=True)
class MeasuredPopulation:
    """A reference population of a snapshot: its cells, and how many persons each has. `least` is the policy's number
    when it was measured: a cell of fewer persons is not counted by itself, and its size is 0 here."""

    snapshot: str
    population: str
    name: str
    table: str
    year: int | None
    variables: tuple[str, ...]
    least: int
    cells: tuple[tuple[Value, ...], ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One cell of a reference population: `used` of at most `cap` exact figures that split its persons are released."""

    of: MeasuredPopulation
    cell: int
    used: int
    fraction: float

    @property
    def persons(self) -> int:
        return self.of.sizes[self.cell]

    @property
    def cap(self) -> int:
        """The largest number of figures that is not more than the fraction of the persons."""
        return int(self.fraction * self.persons)

    @property
    def share(self) -> float:
        return self.used / self.cap if self.cap else 1.0

    @property
    def is_full(self) -> bool:
        return self.used >= self.cap

    @property
    def keys(self) -> tuple[tuple[str, Value], ...]:
        return tuple(zip(self.of.variables, self.of.cells[self.cell], strict=True))

    @property
    def words(self) -> str:
        """As a person reads it, and searches for it."""
        year = "" if self.of.year is None else f", {self.of.year}"
        keys = " ".join(f"{name}={'(missing)' if value is None else value}" for name, value in self.keys)
        return f"{keys or 'everybody'}{year}"


def gauges(
    measured: Sequence[MeasuredPopulation], used: Mapping[str, Sequence[int]], least: int, fraction: float
) -> Iterator[Gauge]:
    """Of every cell that is large enough to be counted by itself."""
    for one in measured:
        counts = used.get(one.population, (0,) * len(one.sizes))
        for cell, (persons, figures) in enumerate(zip(one.sizes, counts, strict=True)):
            if persons >= max(least, 1):
                yield Gauge(one, cell, figures, fraction)
