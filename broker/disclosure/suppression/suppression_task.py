"""A suppression task: cells that must not be derived, who attacks, and what else is known. Solves nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import frexp, inf, isfinite

from broker.disclosure.rules import p_percent_of
from broker.disclosure.suppression.cell_systems import EquationSystem
from broker.policy.disclosure_rules import DisclosureRules


class Attacker(IntEnum):
    """Who derives, the one who knows most first.

    INSIDERS   all single contributors together, who may know where zeros are, too; each target apart
    PERSONS    all single contributors together: against them zeros are protected
    EVERYBODY  who knows what is shown or known from elsewhere
    """

    INSIDERS = 0
    PERSONS = 1
    EVERYBODY = 2


@dataclass(frozen=True, slots=True)
class SuppressionTask:
    """A system of cells to repair.

    values      the exact value of every cell (they fit the equations)
    targets     cells that must not be derived, each with the least width of what is derived about it
    hidden      cells that are not shown: the targets, and others that give cover
    insiders    cells whose only contributor knows them, and cells that may be known (zeros): they give no cover
    signed      values of either sign: an attacker has no lower bound
    unreleased  cells that nobody publishes: unknown at no cost
    fixed       cells that are known from elsewhere and cannot be hidden
    least       the least value of a hole (1 where zeros are shown beside holes); of an unreleased cell it is 0
    marks       what a visible mark or other knowledge says of a hidden cell: its least and its greatest value
    costs       what hiding a cell costs; where not given, 1 + its value without sign
    """

    system: EquationSystem
    values: Sequence[float]
    targets: Mapping[int, float]
    hidden: frozenset[int]
    insiders: frozenset[int] = frozenset()
    signed: bool = False
    unreleased: frozenset[int] = frozenset()
    fixed: frozenset[int] = frozenset()
    least: float = 0.0
    marks: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    costs: Mapping[int, float] = field(default_factory=dict)

    def cost(self, cell: int) -> float:
        return self.costs.get(cell, 1.0 + abs(self.values[cell]))

    def edges(self, cell: int) -> tuple[float, float]:
        """What anybody knows of a cell that is not shown."""
        if cell in self.marks:
            return self.marks[cell]
        if self.signed:
            return -inf, inf
        return (0.0 if cell in self.unreleased else min(self.least, self.values[cell])), inf

    def room(self, cell: int, sign: int) -> float:
        """How far the cell could be above (1) or below (-1) its value, for all that anybody knows."""
        low, high = self.edges(cell)
        return max(0.0, high - self.values[cell] if sign > 0 else self.values[cell] - low)

    def unknown(self, hidden: Collection[int]) -> frozenset[int]:
        """What everybody would have to derive when `hidden` is not shown."""
        return frozenset({*hidden, *self.hidden, *self.unreleased}) - self.fixed

    def known_by(self, attacker: Attacker) -> frozenset[int]:
        """Unknown cells that the attacker knows nevertheless."""
        if attacker is Attacker.EVERYBODY:
            return frozenset()
        if attacker is Attacker.INSIDERS:
            return self.insiders
        return frozenset(i for i in self.insiders if self.values[i] != 0)

    def worst_attacker(self, target: int) -> Attacker:
        """Who must not derive the target: of a zero, those who do not know zeros."""
        if not self.insiders:
            return Attacker.EVERYBODY
        return Attacker.PERSONS if target in self.insiders and self.values[target] == 0 else Attacker.INSIDERS


def least_width(largest: float, profile: DisclosureRules) -> float:
    """How wide what is derived of an amount must be at least: as the profile's p, or what stands for it, protects the
    largest contribution; a unit, if that is less."""
    return max(1.0, largest * float(p_percent_of(profile) or 0) / 100)


LARGEST_POWER = 26
"""Up to 2 to this power, sums of floats are exact far below the tolerance."""
POWER_SPAN = 16
"""Widths that are no more than 2 to this power apart are sought together. Movements may be a thousand times as large:
of larger ones it is no use to know how large."""


def scaling_unit(values: Iterable[float]) -> float:
    """A power of two, so that nothing is rounded: 1, unless amounts are so large that tolerances would say nothing."""
    largest = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return 2.0 ** max(0, frexp(largest)[1] - LARGEST_POWER)


def widths_by_unit(widths: Mapping[int, float]) -> Iterator[tuple[float, dict[int, float]]]:
    """Widths with the unit in which they are sought, the widest first. What is a few pounds wide is nothing in a unit
    that suits millions of millions, whoever made the other amounts so large."""
    groups: dict[int, dict[int, float]] = defaultdict(dict)
    for cell, width in widths.items():
        groups[max(0, (frexp(width)[1] - 1) // POWER_SPAN)][cell] = width
    for power in sorted(groups, reverse=True):
        yield 2.0 ** (POWER_SPAN * power), groups[power]


def in_unit(task: SuppressionTask, unit: float) -> SuppressionTask:
    """The same task with every amount in that unit. Amounts may not fit together any more: only how far each can move
    is kept, as far as it matters."""
    values = [_clip(v / unit) for v in task.values]

    def moved(i: int, end: float) -> float:
        return values[i] + _clip((end - task.values[i]) / unit)

    return replace(
        task,
        values=values,
        targets={i: width / unit for i, width in task.targets.items()},
        least=task.least / unit,
        marks={i: (moved(i, low), moved(i, high)) for i, (low, high) in task.marks.items()},
    )


def _clip(amount: float) -> float:
    most = 2.0**LARGEST_POWER
    return max(-most, min(amount, most)) if isfinite(amount) else amount
