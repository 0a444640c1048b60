"""The cap on exact figures about each reference group, and how small reference cells are pooled into groups."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log1p

import numpy as np

from broker.disclosure.differencing.exposure import Exposed
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.member_tables import Members, members_of

WHOLE_FIGURE = 1000
"""Figures are counted in thousandths."""
LEAST_T = 2
"""Published tables have a threshold of 1, of which nothing can be a part."""


@dataclass(frozen=True, slots=True)
class FigureCharge:
    """A figure of a table against a cell of a reference population, in thousandths of a figure."""

    statistic: int
    cell: int
    group: int
    part: int


def figure_charges(found: Iterable[Exposed], t: int) -> Iterator[FigureCharge]:
    """By what is told of the group, beside that of t persons alone: information is the logarithm of signal by noise."""
    for one in found:
        share = log1p(one.signal) / log1p(max(t, LEAST_T))
        yield FigureCharge(one.statistic, one.cell, one.group, min(WHOLE_FIGURE, ceil(WHOLE_FIGURE * share)))


def figures_beyond_cap(
    used: Sequence[int], more: Iterable[FigureCharge], sizes: Sequence[int], fraction: float
) -> frozenset[tuple[int, int]]:
    """The figures (statistic and cell) that must be hidden so that, with what is `used`, no more than the fraction of a
    reference population's persons is counted against it: the largest parts first, so that the fewest go."""
    by_group: dict[int, list[FigureCharge]] = defaultdict(list)
    for one in more:
        by_group[one.group].append(one)
    hidden = set[tuple[int, int]]()
    for group, parts in sorted(by_group.items()):
        room = WHOLE_FIGURE * int(fraction * sizes[group]) - used[group]
        left = sum(one.part for one in parts if (one.statistic, one.cell) not in hidden)
        for one in sorted(parts, key=lambda one: (-one.part, one.cell, one.statistic)):
            if left > room and (one.statistic, one.cell) not in hidden:
                hidden.add((one.statistic, one.cell))
                left -= one.part
    return frozenset(hidden)


def charges_by_group(found: Iterable[FigureCharge], groups: int) -> tuple[int, ...]:
    """By group, thousandths of figures."""
    counts = [0] * groups
    for one in found:
        counts[one.group] += one.part
    return tuple(counts)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceGroups:
    """`members` are in groups, each numbered as the first of its cells; `sizes` and how many cells are pooled (`cells`)
    by that number, 0 elsewhere."""

    members: Members
    sizes: tuple[int, ...]
    cells: tuple[int, ...]


def reference_groups(references: Members, sizes: Sequence[int], least: int, pooled: bool) -> ReferenceGroups:
    """Cells of at least `least` persons, each by itself; smaller ones `pooled` in their order until they have as many,
    or not counted."""
    numbers = _pool_cells(sizes, least) if pooled else np.where(np.asarray(sizes) >= least, np.arange(len(sizes)), -1)
    persons, cells = references.listed()
    number = numbers[cells]
    included = number >= 0
    count = len(sizes)
    members = members_of(count, persons[included], number[included])
    inside = numbers >= 0
    added = np.bincount(numbers[inside], np.asarray(sizes)[inside], count).astype(int)
    return ReferenceGroups(
        members, tuple(added.tolist()), tuple(np.bincount(numbers[inside], minlength=count).tolist())
    )


def _pool_cells(sizes: Sequence[int], least: int) -> Numbers:
    """By cell the number of its group. What is left over at the end is of the last pool; where there is none, of no
    group."""
    numbers = np.arange(len(sizes))
    pools: list[list[int]] = [[]]
    for cell in np.flatnonzero(np.asarray(sizes) < least).tolist():
        pools[-1].append(cell)
        if sum(sizes[c] for c in pools[-1]) >= least:
            pools.append([])
    rest = pools.pop()
    if pools:
        pools[-1] += rest
    else:
        numbers[rest] = -1
    for pool in pools:
        numbers[pool] = pool[0]
    return numbers
