"""Whether a recipe makes published figures: each is worked out of the members of its cell. Exact, or after the rounding
that is said of it; nothing else counts as made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import trunc

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.members import Members
from broker.disclosure.published.figures import Figures, key_text
from broker.disclosure.published.recipe import Recipe
from broker.disclosure.recipes import parts_of
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Value

CLOSE = 1e-9
"""Sums of fractions differ by so much, relatively, with the order in which they are added up."""

Totals = NDArray[np.float64]
MEANS = frozenset({Measure.MEAN, Measure.SHARE})


@dataclass(frozen=True, slots=True)
class Made:
    """How many published figures the recipe makes, of how many; `shown` by statistic and cell are those of cells that
    anybody is in."""

    agreed: int
    compared: int
    shown: Mapping[int, Mapping[int, Value]]

    @property
    def is_exact(self) -> bool:
        return self.agreed == self.compared


def made_by(
    recipe: Recipe,
    cells: Sequence[tuple[Value, ...]],
    members: Members,
    figures: Figures,
    rounding: Mapping[int, Decimal],
) -> Made:
    """`cells` are the keys by the number of the cell, in the planned order. Nobody is in a group that is no cell: its
    counts and sums are 0, and it has no mean."""
    order = [recipe.table.keys.index(key) for key in recipe.keys.values()]
    numbers = {tuple(key_text(keys[i]) for i in order): n for n, keys in enumerate(cells)}
    shown: dict[int, dict[int, Value]] = {}
    agreed = compared = 0
    for statistic in recipe.statistics.values():
        exact, own = _exact(statistic, members), shown.setdefault(statistic.ident, {})
        for keys, row in figures.shown.items():
            if statistic.ident not in row:
                continue
            cell, value = numbers.get(keys), row[statistic.ident]
            nobody = None if statistic.measure in MEANS else 0.0
            compared += 1
            agreed += _is_made(value, nobody if cell is None else exact[cell], rounding.get(statistic.ident))
            if cell is not None:
                own[cell] = value
    return Made(agreed, compared, shown)


def _exact(statistic: Statistic, members: Members) -> list[float | None]:
    """The statistic of each cell; None where nothing has a value."""
    first, *more = (_totals(members, amount, once) for amount, once, _ in parts_of(statistic))
    if statistic.measure not in MEANS:
        return [float(total) for total in first]
    found = [None if count == 0 else total / count for total, count in zip(first, more[0], strict=True)]
    return [None if v is None else float(trunc(v)) if statistic.truncated else float(v) for v in found]


def _totals(members: Members, amount: str, once: bool) -> Totals:
    _, cells = members.rows()
    amounts = np.asarray(members.amounts.get(amount, np.ones(len(cells))), np.float64)
    weights = np.sign(amounts) if once else amounts
    return np.bincount(cells, weights=weights, minlength=members.count)[: members.count].astype(np.float64)


def _is_made(published: Decimal, exact: float | None, base: Decimal | None) -> bool:
    if exact is None:
        return False
    near = CLOSE * max(1.0, abs(exact))
    apart = abs(float(published) - exact)
    if base is None:
        return apart <= near
    return published % base == 0 and apart <= float(base) / 2 + near
