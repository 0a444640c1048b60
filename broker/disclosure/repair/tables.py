"""A table closed under its totals: cells, and the equations that tie them. Holds no values and no verdicts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from broker.disclosure.repair.systems import Equation
from broker.domain.errors import Invalid

Place = tuple[str | None, ...]
"""One category a dimension; None is the total over the dimension."""

MOST_CELLS = 400_000


@dataclass(frozen=True, slots=True)
class ClosedTable:
    """Every combination of categories and totals, in order, and every equation along one dimension."""

    cells: tuple[Place, ...]
    equations: tuple[Equation, ...]

    @property
    def size(self) -> int:
        return len(self.cells)

    def number_of(self) -> dict[Place, int]:
        return {c: i for i, c in enumerate(self.cells)}


def close_table(places: Iterable[Place], width: int) -> ClosedTable:
    """The table that holds all `places`: categories in order of appearance, totals where a dimension has any."""
    categories: list[dict[str | None, None]] = [{} for _ in range(width)]
    for place in places:
        for seen, category in zip(categories, place, strict=True):
            seen[category] = None
    return close_categories(
        [[c for c in seen if c is not None] for seen in categories], [None in s for s in categories]
    )


def close_categories(categories: Sequence[Sequence[str]], totals: Sequence[bool]) -> ClosedTable:
    """A dimension of which nothing but totals is known says nothing of any cell."""
    lists: list[list[str | None]] = [
        [*found, *([None] if total else [])] for found, total in zip(categories, totals, strict=True)
    ]
    if prod(map(len, lists)) > MOST_CELLS:
        raise Invalid("too-large", f"The table has more than {MOST_CELLS} cells with its totals.")
    cells = tuple(product(*lists))
    number = {c: i for i, c in enumerate(cells)}
    equations = []
    for i, cell in enumerate(cells):
        for axis, category in enumerate(cell):
            if category is None and categories[axis]:
                parts = tuple(number[(*cell[:axis], c, *cell[axis + 1 :])] for c in categories[axis])
                equations.append(Equation(parts, i))
    return ClosedTable(cells, tuple(equations))


def totals_above(place: Place, has_total: Collection[int]) -> list[Place]:
    """The cell itself and every total that contains it: moving them all by one keeps every equation."""
    choices = [[c, None] if c is not None and i in has_total else [c] for i, c in enumerate(place)]
    return list(product(*choices))
