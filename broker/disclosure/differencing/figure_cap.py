"""The cap on exact figures about each reference group, and the pooling of small reference cells into groups."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log1p

import numpy as np

from broker.disclosure.differencing.exposure import Exposed
from broker.disclosure.differencing.joint_counts import Numbers
from broker.evidence.member_tables import Members, members_of

WHOLE_FIGURE = 1000
"""Figures are counted in thousandths."""
LEAST_T = 2
"""Smallest threshold in the logarithm. Published tables have a threshold of 1, which would make every share a whole
figure."""


@dataclass(frozen=True, slots=True)
class FigureCharge:
    """A charge against a group of a reference population, in thousandths of a figure."""

    statistic: int
    cell: int
    group: int
    part: int


def figure_charges(found: Iterable[Exposed], t: int) -> Iterator[FigureCharge]:
    """Charge each figure by its information about the group, log(1 + signal-to-noise ratio), relative to that of a
    figure of t persons of the group alone; at most one whole figure."""
    for one in found:
        share = log1p(one.signal) / log1p(max(t, LEAST_T))  # 1 for t persons of the group alone
        yield FigureCharge(one.statistic, one.cell, one.group, min(WHOLE_FIGURE, ceil(WHOLE_FIGURE * share)))


def figures_beyond_cap(
    used: Sequence[int], more: Iterable[FigureCharge], sizes: Sequence[int], fraction: float
) -> frozenset[tuple[int, int]]:
    """Return the figures (statistic, cell) that must be hidden so that the charges against each group, including
    `used`, do not exceed `fraction` of its persons. The largest charges go first, so that the fewest figures are
    hidden."""
    by_group: dict[int, list[FigureCharge]] = defaultdict(list)
    for one in more:
        by_group[one.group].append(one)
    hidden = set[tuple[int, int]]()
    for group, parts in sorted(by_group.items()):
        room = WHOLE_FIGURE * int(fraction * sizes[group]) - used[group]  # earlier figures stay counted
        left = sum(one.part for one in parts if (one.statistic, one.cell) not in hidden)
        # Ties in a fixed order: the same input hides the same figures.
        for one in sorted(parts, key=lambda one: (-one.part, one.cell, one.statistic)):
            if left > room and (one.statistic, one.cell) not in hidden:
                hidden.add((one.statistic, one.cell))
                left -= one.part
    return frozenset(hidden)


def charges_by_group(found: Iterable[FigureCharge], groups: int) -> tuple[int, ...]:
    """Total charges by group, in thousandths of a figure."""
    counts = [0] * groups
    for one in found:
        counts[one.group] += one.part
    return tuple(counts)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceGroups:
    """`members` are in groups, each numbered as the first of its cells. `sizes` has the persons and `cells` the number
    of pooled cells by that number; both are 0 for other numbers."""

    members: Members
    sizes: tuple[int, ...]
    cells: tuple[int, ...]


def reference_groups(references: Members, sizes: Sequence[int], least: int, pooled: bool) -> ReferenceGroups:
    """Group the cells of a reference population. A cell of at least `least` persons is a group of its own. Smaller
    cells are `pooled` in their order until they have that many persons, or else left out."""
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
    """The group number of each cell. Cells left over at the end join the last pool; if there is no pool, they get -1
    (no group)."""
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
