"""Sums over rows with equal keys, and pairs of rows with equal keys. Takes no decisions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.joint_counts import Numbers

AnyArray = NDArray[Any]


def group_starts(*columns: AnyArray) -> Numbers:
    """The first row of each group of equal rows. The columns are sorted together."""
    first = np.ones(len(columns[0]), bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(first)


def sums_by_key(keys: Numbers, amounts: AnyArray) -> tuple[Numbers, NDArray[np.float64]]:
    """The different keys, ascending, and the sum of the amounts of each."""
    found, where = np.unique(keys, return_inverse=True)
    return found, np.bincount(where, weights=amounts, minlength=len(found)).astype(np.float64)


def equal_pairs(left: AnyArray, right: AnyArray) -> tuple[Numbers, Numbers]:
    """Index pairs of all rows of the one and of the other that have the same key. `right` is ascending."""
    starts = np.searchsorted(right, left)
    times = np.searchsorted(right, left, side="right") - starts
    row = np.repeat(np.arange(len(left)), times)
    within = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    return row, starts[row] + within
