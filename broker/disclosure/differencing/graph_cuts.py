"""Finds small cuts of graphs, after contracting vertices that no small cut separates. Takes no decisions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.joint_counts import Counts, Numbers

Flags = NDArray[np.bool_]
Edges = tuple[Numbers, Numbers, Counts]
"""Three arrays: two vertices and a weight for each edge."""

MAX_PAIRS = 1 << 20
"""Up to this many pairs of vertices, weights are summed in a dense array; beyond it they are sorted."""


@np.errstate(invalid="ignore")  # all numbers are finite: a BLAS may set the flag for unused lanes
def contract_table(table: NDArray[np.float32], limit: float, tied: bool) -> tuple[Flags, Flags]:
    """Rows and columns of a bipartite graph that no cut below `limit` separates from the heaviest column: first columns
    joined with it through single rows, then rows and columns in turn. If `tied`, the last row and the last column are
    one vertex."""
    rows, columns = np.zeros(table.shape[0], bool), np.zeros(table.shape[1], bool)
    if table.size:
        most = int(table.sum(axis=0).argmax())
        # Two columns are joined through every row by the smaller of its two weights.
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
    """For each vertex, the smallest vertex of its connected component."""
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
    """Edges without loops, with parallel edges added up."""
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
    """Vertices joined with the heaviest vertex by `limit` or more: directly and through one other vertex. `edges` must
    be summed."""
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
"""A matrix of so many vertices has 128 MB. Larger graphs are not cut but assumed to be unsafe."""


def small_cut(weights: Weights, limit: float) -> tuple[float, list[int]] | None:
    """A cut of a connected graph with weight below the limit: its weight and the vertices of one side; None if there is
    none. `weights` is a symmetric (n, n) array with zeros on its diagonal."""
    weights = weights.copy()
    groups = [[v] for v in range(len(weights))]
    while len(groups) > 1:
        degrees = weights.sum(axis=1)
        least = int(degrees.argmin())
        # The cut around a single vertex is small already.
        if degrees[least] < limit:
            return float(degrees[least]), groups[least]
        order, added = _adjacency_ordering(weights)
        weights, groups = _merge_vertices(weights, groups, order, added, limit)
    return None


def _adjacency_ordering(weights: Weights) -> tuple[list[int], list[float]]:
    """A maximum adjacency ordering, and for each vertex the weight that joins it to those before it."""
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
    """Merge each vertex with the one before it if their weight in the ordering reaches the limit. Always merge the last
    two: no cut between them is smaller than the cut that was just tested."""
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
    np.fill_diagonal(joined, 0)  # edges within a merged group are never cut
    return joined, new
