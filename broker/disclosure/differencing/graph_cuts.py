"""Small cuts of graphs, after vertices that no small cut parts are contracted. Nothing is judged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.joint_counts import Counts, Numbers

Flags = NDArray[np.bool_]
Edges = tuple[Numbers, Numbers, Counts]
"""Two vertices and a weight each."""

MAX_PAIRS = 1 << 20
"""As many pairs of vertices are added up in place; more are sorted."""


@np.errstate(invalid="ignore")  # products of finite numbers: a BLAS may set the flag for lanes that it does not use
def contract_table(table: NDArray[np.float32], limit: float, tied: bool) -> tuple[Flags, Flags]:
    """Rows and columns that are one with the column of the most weight: columns by way of single rows, and then one by
    way of the other. The last row and the last column are one vertex where they are `tied`."""
    rows, columns = np.zeros(table.shape[0], bool), np.zeros(table.shape[1], bool)
    if table.size:
        most = int(table.sum(axis=0).argmax())
        columns = np.minimum(table, table[:, [most]]).sum(axis=0) >= limit
        columns[most] = True
    while True:
        before = np.count_nonzero(rows) + np.count_nonzero(columns)
        if tied:
            _tie(rows, columns)
        to_rows = table @ columns.astype(np.float32)
        rows |= to_rows >= limit
        to_columns = rows.astype(np.float32) @ table
        columns |= to_columns >= limit
        if tied and len(rows) and len(columns) and to_rows[-1] + to_columns[-1] >= limit:
            rows[-1] = True
            _tie(rows, columns)
        if np.count_nonzero(rows) + np.count_nonzero(columns) == before:
            return rows, columns


def _tie(rows: Flags, columns: Flags) -> None:
    rows[-1] = columns[-1] = bool(rows[-1] or columns[-1])


def components(size: int, left: Numbers, right: Numbers) -> Numbers:
    """The smallest vertex that each is joined with."""
    label = np.arange(size)
    while len(left):
        one, other = label[left], label[right]
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        while np.any(label != label[label]):
            label = label[label]
        apart = label[left] != label[right]
        left, right = left[apart], right[apart]
    return label


def sum_edges(size: int, edges: Edges) -> Edges:
    """No vertex joined with itself, and no two twice."""
    left, right, weight = edges
    low, high = np.minimum(left, right), np.maximum(left, right)
    apart = low != high
    pairs, weight = low[apart] * size + high[apart], weight[apart]
    if size * size <= MAX_PAIRS:
        whole = np.bincount(pairs, weights=weight, minlength=size * size).astype(np.int64)
        found = np.flatnonzero(whole)
        return found // size, found % size, whole[found]
    found, where = np.unique(pairs, return_inverse=True)
    return found // size, found % size, np.bincount(where, weights=weight, minlength=len(found)).astype(np.int64)


def contract_around_hub(size: int, edges: Edges, limit: float) -> tuple[Numbers, Numbers]:
    """Vertices that are joined with the heaviest by `limit` or more, directly and by way of one other. `edges` are
    summed."""
    left, right, weight = edges
    degree = np.bincount(left, weights=weight, minlength=size) + np.bincount(right, weights=weight, minlength=size)
    hub = int(degree.argmax())
    direct = np.zeros(size)
    direct[right[left == hub]] = weight[left == hub]
    direct[left[right == hub]] = weight[right == hub]
    inner = (left != hub) & (right != hub)
    left, right, weight = left[inner], right[inner], weight[inner]
    joined = direct.copy()
    joined += np.bincount(left, weights=np.minimum(weight, direct[right]), minlength=size)
    joined += np.bincount(right, weights=np.minimum(weight, direct[left]), minlength=size)
    found = np.flatnonzero(joined >= limit)
    return found, np.full(len(found), hub)


Weights = NDArray[np.float64]

MAX_VERTICES = 4000
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
        order, added = _adjacency_ordering(weights)
        weights, groups = _merge_vertices(weights, groups, order, added, limit)
    return None


def _adjacency_ordering(weights: Weights) -> tuple[list[int], list[float]]:
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


def _merge_vertices(
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
