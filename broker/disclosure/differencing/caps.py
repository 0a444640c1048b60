"""How many exact figures on each reference population there may be: beyond it the many would tell everything.

Dinur and Nissim (2003): figures on about as many random groups as there are persons, each off by less than the root of
their number, give nearly everybody's values. Rules and differencing see nothing of it, because each group is large. So
figures are counted by what they tell of a reference population alone (`exposure`): one that is wholly of t of its
persons or more, or can be made so by what is known already, counts as one; one in which others are many, as nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log1p

from broker.disclosure.differencing.exposure import Exposed

WHOLE = 1000
"""Figures are counted in thousandths."""
LEAST_T = 2
"""Published tables have a threshold of 1, of which nothing can be a part."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A figure of a table against a cell of a reference population, in thousandths of a figure."""

    statistic: int
    cell: int
    group: int
    part: int


def counted(found: Iterable[Exposed], t: int) -> Iterator[Counted]:
    """By what is told of the group, beside that of t persons alone: information is the logarithm of signal by noise."""
    for one in found:
        share = log1p(one.signal) / log1p(max(t, LEAST_T))
        yield Counted(one.statistic, one.cell, one.group, min(WHOLE, ceil(WHOLE * share)))


def beyond(
    used: Sequence[int], more: Iterable[Counted], sizes: Sequence[int], fraction: float
) -> frozenset[tuple[int, int]]:
    """The figures (statistic and cell) that must be hidden so that, with what is `used`, no more than the fraction of a
    reference population's persons is counted against it: the largest parts first, so that the fewest go."""
    by_group: dict[int, list[Counted]] = defaultdict(list)
    for one in more:
        by_group[one.group].append(one)
    hidden = set[tuple[int, int]]()
    for group, parts in sorted(by_group.items()):
        room = WHOLE * int(fraction * sizes[group]) - used[group]
        left = sum(one.part for one in parts if (one.statistic, one.cell) not in hidden)
        for one in sorted(parts, key=lambda one: (-one.part, one.cell, one.statistic)):
            if left > room and (one.statistic, one.cell) not in hidden:
                hidden.add((one.statistic, one.cell))
                left -= one.part
    return frozenset(hidden)


def totals(found: Iterable[Counted], groups: int) -> tuple[int, ...]:
    """By group, thousandths of figures."""
    counts = [0] * groups
    for one in found:
        counts[one.group] += one.part
    return tuple(counts)
