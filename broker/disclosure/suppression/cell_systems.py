"""Numbered cells and the equations between them, and tables closed under their totals. Contains no values."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from broker.domain.errors import Invalid
from broker.evidence.tabulation import CellCoordinates


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
        """The equation as a sum of (cell, factor) terms that equals 0."""
        return (*((c, 1.0) for c in self.parts), (self.total, -1.0))


@dataclass(frozen=True, slots=True)
class CellSystem:
    """`size` numbered cells and their equations: a table with its totals, or several tables as one system. Hierarchies,
    linked tables and joint cells are simply more equations."""

    size: int
    equations: tuple[Equation, ...]


def equations_by_cell(equations: Iterable[Equation]) -> Mapping[int, list[int]]:
    """For each cell, the numbers of the equations that contain it."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, equation in enumerate(equations):
        for cell in equation.cells:
            found[cell].append(number)
    return found


def connected_cells(system: CellSystem, start: Iterable[int], loose: Collection[int]) -> frozenset[int]:
    """The cells of `start`, and the loose cells that equations connect with them."""
    found, waiting = set(start), list(start)
    equations, at = system.equations, equations_by_cell(system.equations)
    seen: set[int] = set()
    while waiting:
        for number in at.get(waiting.pop(), ()):
            if number not in seen:  # each equation once
                seen.add(number)
                new = [c for c in equations[number].cells if c in loose and c not in found]
                found.update(new)
                waiting += new
    return frozenset(found)


MAX_CELLS = 400_000


@dataclass(frozen=True, slots=True)
class ClosedTable(CellSystem):
    """Every combination of categories and totals, in order, and every equation along one dimension."""

    cells: tuple[CellCoordinates, ...]

    def number_of(self) -> dict[CellCoordinates, int]:
        return {c: i for i, c in enumerate(self.cells)}


def close_table(places: Iterable[CellCoordinates], width: int) -> ClosedTable:
    """The closed table that contains all `places`: categories in order of appearance, and totals for dimensions with
    any."""
    categories: list[dict[str | None, None]] = [{} for _ in range(width)]
    for place in places:
        for seen, category in zip(categories, place, strict=True):
            seen[category] = None
    return close_categories(
        [[c for c in seen if c is not None] for seen in categories], [None in s for s in categories]
    )


def close_categories(categories: Sequence[Sequence[str]], totals: Sequence[bool]) -> ClosedTable:
    """Build the closed table. A dimension with nothing but a total gives no equation. Raises Invalid("too-large")."""
    lists: list[list[str | None]] = [
        [*found, *([None] if total else [])] for found, total in zip(categories, totals, strict=True)
    ]
    # Before the product is built, which would fill the memory.
    if prod(map(len, lists)) > MAX_CELLS:
        raise Invalid("too-large", f"The table has more than {MAX_CELLS} cells, including its totals.")
    cells = tuple(product(*lists))
    number = {c: i for i, c in enumerate(cells)}
    equations = []
    for i, cell in enumerate(cells):
        for axis, category in enumerate(cell):
            if category is None and categories[axis]:  # a total of this dimension
                parts = tuple(number[(*cell[:axis], c, *cell[axis + 1 :])] for c in categories[axis])
                equations.append(Equation(parts, i))
    return ClosedTable(len(cells), tuple(equations), cells)


def containing_totals(place: CellCoordinates, has_total: Collection[int]) -> list[CellCoordinates]:
    """The cell itself and every total that contains it. Adding 1 to all of them keeps every equation true."""
    choices = [[c, None] if c is not None and i in has_total else [c] for i, c in enumerate(place)]
    return list(product(*choices))
