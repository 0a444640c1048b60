"""Reference populations as groups that figures are counted against: small cells pooled with their neighbours, or left
out. Pure; which are pooled is policy's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.members import Members, members_of


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """`members` are in groups, each numbered as the first of its cells; `sizes` and how many cells are pooled (`cells`)
    by that number, 0 elsewhere."""

    members: Members
    sizes: tuple[int, ...]
    cells: tuple[int, ...]


def groups_of(references: Members, sizes: Sequence[int], least: int, pooled: bool) -> Groups:
    """Cells of at least `least` persons, each by itself; smaller ones `pooled` in their order until they have as many,
    or not counted."""
    numbers = _pooled(sizes, least) if pooled else np.where(np.asarray(sizes) >= least, np.arange(len(sizes)), -1)
    persons, cells = references.listed()
    number = numbers[cells]
    kept = number >= 0
    count = len(sizes)
    members = members_of(count, persons[kept], number[kept])
    inside = numbers >= 0
    added = np.bincount(numbers[inside], np.asarray(sizes)[inside], count).astype(int)
    return Groups(members, tuple(added.tolist()), tuple(np.bincount(numbers[inside], minlength=count).tolist()))


def _pooled(sizes: Sequence[int], least: int) -> Numbers:
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
