"""Whether a graph can be cut by less than a limit. Pure graphs; nothing is judged.

Maximum adjacency orderings (Nagamochi and Ibaraki 1992, Stoer and Wagner 1997): in such an order a vertex is joined
with the one before it by at least what it adds to those before; where that is the limit or more, the two are made one.
The last of each order is cut off by its own degree.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]

MOST_VERTICES = 4000
"""A matrix of them has 128 MB; more are not cut but taken for unsafe."""


def small_cut(weights: Weights, limit: float) -> tuple[float, list[int]] | None:
    """A cut of a connected graph by less than the limit: its weight and the vertices of one side; None where there is
    none. `weights` is symmetric with nothing on its diagonal."""
    weights = weights.copy()
    groups = [[v] for v in range(len(weights))]
    while len(groups) > 1:
        degrees = weights.sum(axis=1)
        least = int(degrees.argmin())
        if degrees[least] < limit:
            return float(degrees[least]), groups[least]
        order, added = _ordering(weights)
        weights, groups = _merged(weights, groups, order, added, limit)
    return None


def _ordering(weights: Weights) -> tuple[list[int], list[float]]:
    """A maximum adjacency ordering, and what each vertex adds to those before it."""
    waiting = weights[0].copy()
    waiting[0] = -1
    order, added = [0], [0.0]
    for _ in range(len(weights) - 1):
        at = int(waiting.argmax())
        order.append(at)
        added.append(float(waiting[at]))
        waiting += np.where(waiting >= 0, weights[at], 0)
        waiting[at] = -1
    return order, added


def _merged(
    weights: Weights, groups: Sequence[list[int]], order: Sequence[int], added: Sequence[float], limit: float
) -> tuple[Weights, list[list[int]]]:
    """Each vertex with the one before it, if it adds the limit; and always the last two, which no smaller cut parts."""
    block = np.zeros(len(order), np.int64)
    number = 0
    for place in range(1, len(order)):
        number += added[place] < limit and place < len(order) - 1
        block[order[place]] = number
    new = [list[int]() for _ in range(number + 1)]
    for vertex, group in enumerate(groups):
        new[int(block[vertex])] += group
    onto = np.zeros((number + 1, len(order)))
    onto[block, np.arange(len(order))] = 1
    joined = onto @ weights @ onto.T
    np.fill_diagonal(joined, 0)
    return joined, new
