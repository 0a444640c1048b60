"""In which unit amounts are reckoned with, so that floats and the solver's tolerance suffice. Solves nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import frexp, isfinite

from broker.disclosure.repair.tasks import Task

LARGEST = 26
"""Up to 2 to this power, sums of floats are exact far below the tolerance."""
SPAN = 16
"""Widths that are no more than 2 to this power apart are sought together. Movements may be a thousand times as large:
of larger ones it is no use to know how large."""


def unit_of(values: Iterable[float]) -> float:
    """A power of two, so that nothing is rounded: 1, unless amounts are so large that tolerances would say nothing."""
    largest = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return 2.0 ** max(0, frexp(largest)[1] - LARGEST)


def by_unit(widths: Mapping[int, float]) -> Iterator[tuple[float, dict[int, float]]]:
    """Widths with the unit in which they are sought, the widest first. What is a few pounds wide is nothing in a unit
    that suits millions of millions, whoever made the other amounts so large."""
    groups: dict[int, dict[int, float]] = defaultdict(dict)
    for cell, width in widths.items():
        groups[max(0, (frexp(width)[1] - 1) // SPAN)][cell] = width
    for power in sorted(groups, reverse=True):
        yield 2.0 ** (SPAN * power), groups[power]


def in_units(task: Task, unit: float) -> Task:
    """The same task with every amount in that unit. Amounts may not fit together any more: only how far each can move
    is kept, as far as it matters."""
    values = [_cut(v / unit) for v in task.values]

    def moved(i: int, end: float) -> float:
        return values[i] + _cut((end - task.values[i]) / unit)

    return replace(
        task,
        values=values,
        targets={i: width / unit for i, width in task.targets.items()},
        least=task.least / unit,
        marks={i: (moved(i, low), moved(i, high)) for i, (low, high) in task.marks.items()},
    )


def _cut(amount: float) -> float:
    most = 2.0**LARGEST
    return max(-most, min(amount, most)) if isfinite(amount) else amount
