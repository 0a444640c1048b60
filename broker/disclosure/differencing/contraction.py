"""Cells that must stand on one side of every small difference are made one. Pure graphs; nothing is judged.

Whatever joins two vertices by `limit` or more, cannot be cut by less: an edge (Karger 1993), what joins them by way of
a third (edge-disjoint paths, Menger 1927), or what joins a vertex to those already made one.
"""

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.joint import Counts, Numbers

Flags = NDArray[np.bool_]
Edges = tuple[Numbers, Numbers, Counts]
"""Two vertices and a weight each."""

MOST_PAIRS = 1 << 20
"""As many pairs of vertices are added up in place; more are sorted."""


@np.errstate(invalid="ignore")  # products of finite numbers: a BLAS may set the flag for lanes that it does not use
def grown(table: NDArray[np.float32], limit: float, tied: bool) -> tuple[Flags, Flags]:
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


def summed(size: int, edges: Edges) -> Edges:
    """No vertex joined with itself, and no two twice."""
    left, right, weight = edges
    low, high = np.minimum(left, right), np.maximum(left, right)
    apart = low != high
    pairs, weight = low[apart] * size + high[apart], weight[apart]
    if size * size <= MOST_PAIRS:
        whole = np.bincount(pairs, weights=weight, minlength=size * size).astype(np.int64)
        found = np.flatnonzero(whole)
        return found // size, found % size, whole[found]
    found, where = np.unique(pairs, return_inverse=True)
    return found // size, found % size, np.bincount(where, weights=weight, minlength=len(found)).astype(np.int64)


def around(size: int, edges: Edges, limit: float) -> tuple[Numbers, Numbers]:
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
