"""Cells by number and the equations that tie them, of any shape. Holds no values, no places and no verdicts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Equation:
    """The parts add up to the total."""

    parts: tuple[int, ...]
    total: int

    @property
    def cells(self) -> tuple[int, ...]:
        return (*self.parts, self.total)

    @property
    def terms(self) -> tuple[tuple[int, float], ...]:
        """The equation as a sum that is nothing."""
        return (*((c, 1.0) for c in self.parts), (self.total, -1.0))


class Tied(Protocol):
    """Whatever has numbered cells and equations: a table with its totals, or several tables as one system."""

    @property
    def size(self) -> int: ...

    @property
    def equations(self) -> Sequence[Equation]: ...


@dataclass(frozen=True, slots=True)
class System:
    """`size` cells; hierarchies, linked tables and joint cells are just more equations."""

    size: int
    equations: tuple[Equation, ...]


def touching(equations: Iterable[Equation]) -> Mapping[int, list[int]]:
    """The numbers of the equations that a cell stands in."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, equation in enumerate(equations):
        for cell in equation.cells:
            found[cell].append(number)
    return found


def connected(system: Tied, start: Iterable[int], loose: Collection[int]) -> frozenset[int]:
    """The loose cells that some chain of equations ties to one of `start`, with it."""
    found, waiting = set(start), list(start)
    equations, at = system.equations, touching(system.equations)
    seen: set[int] = set()
    while waiting:
        for number in at.get(waiting.pop(), ()):
            if number not in seen:
                seen.add(number)
                new = [c for c in equations[number].cells if c in loose and c not in found]
                found.update(new)
                waiting += new
    return frozenset(found)
