"""Bounds that follow from one equation at a time: most holes of most tables need no program. Solves nothing else."""

from dataclasses import dataclass
from math import ceil, floor, inf

from broker.disclosure.repair.programs import TOLERANCE
from broker.disclosure.repair.systems import Tied, touching
from broker.disclosure.repair.units import unit_of
from broker.domain.errors import Invalid

ROUNDS = 50


def inconsistent() -> Invalid:
    """A new one each time: an error carries where it was raised."""
    return Invalid("inconsistent", "The table contradicts itself: no non-negative values of its holes fit its totals.")


@dataclass(slots=True)
class Bounds:
    """What is known of every cell while the attack narrows it."""

    low: list[float]
    high: list[float]

    def is_fixed(self, cell: int) -> bool:
        low, high = self.low[cell], self.high[cell]
        return high - low <= TOLERANCE * unit_of((low, high))


def narrow(table: Tied, bounds: Bounds, integers: bool) -> None:
    """Bounds that follow from single equations, again and again: most small cases end here."""
    touched = touching(table.equations)
    waiting = set(range(len(table.equations)))
    for _ in range(ROUNDS):
        moved = {cell for number in sorted(waiting) for cell in _narrow_one(table, number, bounds, integers)}
        waiting = {n for cell in moved for n in touched.get(cell, ())}
        if not waiting:
            return


def _narrow_one(table: Tied, number: int, bounds: Bounds, integers: bool) -> list[int]:
    equation = table.equations[number]
    low = [bounds.low[c] for c in equation.parts]
    high = [bounds.high[c] for c in equation.parts]
    total_low, total_high = bounds.low[equation.total], bounds.high[equation.total]
    noise = TOLERANCE * unit_of((*low, *high, total_low, total_high))
    moved = _tighten(bounds, equation.total, (sum(low), sum(high)), integers, noise)
    total_low, total_high = bounds.low[equation.total], bounds.high[equation.total]
    sum_low, sum_high = _Sum(low), _Sum(high)
    for i, cell in enumerate(equation.parts):
        within = (total_low - sum_high.without(high[i]), total_high - sum_low.without(low[i]))
        moved += _tighten(bounds, cell, within, integers, noise)
    return moved


class _Sum:
    """A sum from which one part can be taken out again, infinite parts too."""

    def __init__(self, parts: list[float]) -> None:
        self._finite = sum(p for p in parts if abs(p) != inf)
        self._infinite = [p for p in parts if abs(p) == inf]

    def without(self, part: float) -> float:
        if abs(part) == inf:
            return self._finite if len(self._infinite) == 1 else part
        return self._infinite[0] if self._infinite else self._finite - part


def _tighten(bounds: Bounds, cell: int, within: tuple[float, float], integers: bool, noise: float) -> list[int]:
    """Only moves that matter are taken, so that rounding noise cannot creep: it is that of the equation's amounts."""
    low, high = within
    if integers:
        low = ceil(low - noise) if abs(low) != inf else low
        high = floor(high + noise) if abs(high) != inf else high
    moved = False
    if low > bounds.low[cell] + noise:
        bounds.low[cell], moved = low, True
    if high < bounds.high[cell] - noise:
        bounds.high[cell], moved = high, True
    if bounds.low[cell] > bounds.high[cell] + noise:
        raise inconsistent()
    return [cell] if moved else []
