"""A suppression task: the cells to protect, the attackers, and what else is known. Solves nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import ceil, floor, frexp, inf, isfinite, log

from broker.disclosure.rules import p_percent_of
from broker.disclosure.suppression.cell_systems import CellSystem
from broker.policy.disclosure_rules import DisclosureRules


class Attacker(IntEnum):
    """Attackers, the most informed first.

    INSIDERS   all single contributors together, who may also know where zeros are; each target by itself
    PERSONS    all single contributors together, who do not know zeros: zeros are protected from them
    EVERYBODY  somebody who knows only what is shown or known from elsewhere
    """

    INSIDERS = 0
    PERSONS = 1
    EVERYBODY = 2


@dataclass(frozen=True, slots=True)
class SuppressionTask:
    """A system of cells to repair.

    values      the exact value of every cell (they fit the equations)
    targets     cells that must not be derived, each with the least width of its derived interval
    hidden      cells that are not shown: the targets, and others that cover them
    insiders    cells whose only contributor knows them, and cells that may be known (zeros): they cover nothing
    signed      values may have either sign: an attacker has no lower bound
    unreleased  cells that nobody publishes: unknown at no cost
    fixed       cells known from elsewhere, which cannot be hidden
    marks       the least and greatest value of a hidden cell, by a visible mark or other knowledge
    costs       the cost of hiding a cell; by default 1 + its absolute value
    """

    system: CellSystem
    values: Sequence[float]
    targets: Mapping[int, float]
    hidden: frozenset[int]
    insiders: frozenset[int] = frozenset()
    signed: bool = False
    unreleased: frozenset[int] = frozenset()
    fixed: frozenset[int] = frozenset()
    marks: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    costs: Mapping[int, float] = field(default_factory=dict)

    def cost(self, cell: int) -> float:
        return self.costs.get(cell, 1.0 + abs(self.values[cell]))

    def edges(self, cell: int) -> tuple[float, float]:
        """The range in which everybody knows a hidden cell to lie."""
        if cell in self.marks:
            return self.marks[cell]
        if self.signed:
            return -inf, inf
        # The true value is possible.
        return (0.0 if cell in self.unreleased else min(0.0, self.values[cell])), inf

    def room(self, cell: int, sign: int) -> float:
        """How far the cell could be above (1) or below (-1) its value, by what everybody knows."""
        low, high = self.edges(cell)
        return max(0.0, high - self.values[cell] if sign > 0 else self.values[cell] - low)

    def unknown(self, hidden: Collection[int]) -> frozenset[int]:
        """The cells that everybody would have to derive if `hidden` is not shown."""
        return frozenset({*hidden, *self.hidden, *self.unreleased}) - self.fixed

    def known_by(self, attacker: Attacker) -> frozenset[int]:
        """Hidden cells that the attacker knows all the same."""
        if attacker is Attacker.EVERYBODY:
            return frozenset()
        if attacker is Attacker.INSIDERS:
            return self.insiders
        return frozenset(i for i in self.insiders if self.values[i] != 0)

    def worst_attacker(self, target: int) -> Attacker:
        """The most informed attacker to protect the target from: for a zero, those who do not know zeros."""
        if not self.insiders:
            return Attacker.EVERYBODY
        # INSIDERS know zeros.
        return Attacker.PERSONS if target in self.insiders and self.values[target] == 0 else Attacker.INSIDERS


LEAST_PART = 0.1
"""Of an amount that is no whole number, the part that is protected at least."""


def least_width(largest: float, profile: DisclosureRules, whole: bool = True) -> float:
    """The least width of an amount's derived interval: it protects the largest contribution by the profile's p, or the
    equivalent p. At least 1; of an amount that is not `whole`, 1 would be no more than the choice of its unit."""
    least = 1.0 if whole else min(1.0, LEAST_PART * largest)
    return max(least, largest * float(p_percent_of(profile) or 0) / 100)


COARSE_BASE = 8
"""Amounts are rounded to powers of this, so that the choice of hidden cells hardly ever depends on one person."""


def size_class(size: int, t: int) -> int:
    """The size by which a cell is chosen to be hidden: t for every cell of t persons or more, so that no person changes
    it. Below t: 0 or 1."""
    return t if size >= t else min(size, 1)


def coarse_amount(largest: float) -> float:
    """Round the largest contribution up to a power of eight: the holes must not depend on how large one person's is."""
    return float(COARSE_BASE ** ceil(log(largest, COARSE_BASE) - 1e-12)) if largest > 0 else 0.0


def coarse_unit(amount: float) -> float:
    """Round what one row adds down to a power of two: less is uncertain than is, whoever is in a cell."""
    return 2.0 ** floor(log(amount, 2) + 1e-12) if amount > 0 else 0.0


LARGEST_POWER = 26
"""Up to 2 to this power, sums of floats are exact far below the tolerance."""
POWER_SPAN = 16
"""Widths within a factor of 2 to this power are solved in one unit. Moves may be a thousand times as large; the exact
size of larger ones does not matter."""


def scaling_unit(values: Iterable[float]) -> float:
    """A power of two, so that scaling rounds nothing: 1, unless amounts are so large that tolerances would mean
    nothing."""
    largest = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return 2.0 ** max(0, frexp(largest)[1] - LARGEST_POWER)


def widths_by_unit(widths: Mapping[int, float]) -> Iterator[tuple[float, dict[int, float]]]:
    """Widths with the unit in which they are solved, the widest first. A width of a few pounds would vanish in a unit
    that suits billions."""
    groups: dict[int, dict[int, float]] = defaultdict(dict)
    for cell, width in widths.items():
        groups[max(0, (frexp(width)[1] - 1) // POWER_SPAN)][cell] = width
    # The widest first: their cells then cover narrower targets for free.
    for power in sorted(groups, reverse=True):
        yield 2.0 ** (POWER_SPAN * power), groups[power]


def in_unit(task: SuppressionTask, unit: float) -> SuppressionTask:
    """The same task with amounts in this unit. Amounts may no longer fit together: only how far each can move is
    preserved, as far as it matters."""
    # Large amounts are cut: only differences matter here.
    values = [_clip(v / unit) for v in task.values]

    def moved(i: int, end: float) -> float:
        return values[i] + _clip((end - task.values[i]) / unit)

    return replace(
        task,
        values=values,
        targets={i: width / unit for i, width in task.targets.items()},
        marks={i: (moved(i, low), moved(i, high)) for i, (low, high) in task.marks.items()},
    )


def _clip(amount: float) -> float:
    most = 2.0**LARGEST_POWER
    return max(-most, min(amount, most)) if isfinite(amount) else amount
