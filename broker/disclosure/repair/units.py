"""In which unit amounts are reckoned with, so that floats and the solver's tolerance suffice. Solves nothing."""

from collections.abc import Iterable
from dataclasses import replace
from math import frexp, isfinite

from broker.disclosure.repair.tasks import Task

LARGEST = 26
"""Up to 2 to this power, sums of floats are exact far below the tolerance."""


def unit_of(values: Iterable[float]) -> float:
    """A power of two, so that nothing is rounded: 1, unless amounts are so large that tolerances would say nothing."""
    largest = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return 2.0 ** max(0, frexp(largest)[1] - LARGEST)


def in_units(task: Task, unit: float) -> Task:
    """The same task with every amount in that unit."""
    if unit == 1:
        return task
    return replace(
        task,
        values=[v / unit for v in task.values],
        targets={i: width / unit for i, width in task.targets.items()},
        least=task.least / unit,
        marks={i: (low / unit, high / unit) for i, (low, high) in task.marks.items()},
    )
