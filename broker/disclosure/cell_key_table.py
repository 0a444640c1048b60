"""Tables of cell-key rounding: by how much a count of n persons is changed, of maximum entropy. Looks at no data.

For each count n the change v has mean 0, variance V as nearly as n allows, |v| <= D, and n + v is 0 or at least
`least`; among all such distributions it is the one of most entropy, so that nothing else about v can be known. The
key of a cell is the sum of its persons' record keys modulo 2^32: the same persons get the same change in every table,
project and release, and one person more or less gives a change that has nothing to do with it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from broker.domain.errors import Breach

KEYS = 1 << 32
"""Cell keys are 0 to KEYS - 1; a row's cumulative weights are whole numbers that end there."""

NEWTON_STEPS = 200
MOMENT_TOLERANCE = 1e-12
"""How nearly the moments of a row are met before it is stored in whole numbers."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CellKeyTable:
    """A row for each count from 0 to the one from which on rows do not change: (change, first key beyond its keys)."""

    rows: tuple[tuple[tuple[int, int], ...], ...]

    def change(self, count: int, key: int) -> int:
        """What is added to a count of persons under a cell key."""
        if count < 0 or not 0 <= key < KEYS:
            raise Breach("A cell key or count is out of range.")
        row = self.rows[min(count, len(self.rows) - 1)]
        return next(v for v, end in row if key < end)


@lru_cache(maxsize=16)
def cell_key_table(max_change: int, variance: float, min_count: int) -> CellKeyTable:
    """The table for largest change `max_change`, the variance, and the smallest count above 0 that comes out: at most
    one more than the largest change, for else a count could become neither 0 nor that."""
    if max_change < 1 or not 0 <= min_count <= max_change + 1:
        raise Breach("The noise of counts cannot have these parameters.")
    return CellKeyTable(
        tuple(_table_row(n, max_change, variance, min_count) for n in range(max_change + min_count + 1))
    )


def _table_row(n: int, max_change: int, variance: float, min_count: int) -> tuple[tuple[int, int], ...]:
    changes = support(n, max_change, min_count)
    weights = np.rint(np.cumsum(distribution(changes, variance)) * KEYS).astype(np.int64)
    weights[-1] = KEYS
    return tuple(zip(changes, map(int, weights), strict=True))


def support(n: int, max_change: int, min_count: int) -> tuple[int, ...]:
    """The changes that a count may have: none of 0, which stays; else those after which it is 0 or `min_count` and
    more."""
    if n == 0:
        return (0,)
    return tuple(v for v in range(-max_change, max_change + 1) if n + v == 0 or n + v >= min_count)


def distribution(changes: tuple[int, ...], variance: float) -> Floats:
    """The distribution of most entropy over the changes, mean 0 and the variance, or the nearest that there is."""
    v = np.array(changes, dtype=np.float64)
    low, high = _variance_range(v)
    if low == high or variance <= low + MOMENT_TOLERANCE:
        return _two_points(v, v[v <= 0].max(initial=v[0]), v[v >= 0].min(initial=v[-1]))
    if variance >= high - MOMENT_TOLERANCE:
        return _two_points(v, v[0], v[-1])
    return _maximum_entropy(v, variance)


def _variance_range(v: Floats) -> tuple[float, float]:
    """The least and largest variance of any distribution over v with mean 0."""
    return float(-v[v <= 0].max() * v[v >= 0].min()), float(-v[0] * v[-1])


def _two_points(v: Floats, lower: float, upper: float) -> Floats:
    """Mean 0 on two points, or on 0 alone: at the ends of what is reachable there is one distribution only."""
    share = np.zeros_like(v)
    if lower == 0 or upper == 0:
        share[v == 0] = 1.0
        return share
    share[v == lower] = upper / (upper - lower)
    share[v == upper] = -lower / (upper - lower)
    return share


def _maximum_entropy(v: Floats, variance: float) -> Floats:
    """With p ~ exp(a v + b v^2): Newton's method on the dual, smooth and convex, with steps cut until it falls."""
    moments = np.stack([v, v * v - variance])
    scale = np.array([1.0 / np.abs(v).max(), 1.0 / np.abs(v).max() ** 2])
    moments, dual = moments * scale[:, None], np.zeros(2)
    for _ in range(NEWTON_STEPS):
        p = _tilted(moments, dual)
        gradient = moments @ p
        if np.abs(gradient / scale).max() < MOMENT_TOLERANCE:
            return p
        hessian = (moments * p) @ moments.T - np.outer(gradient, gradient)
        step = np.linalg.solve(hessian, gradient)
        dual = dual - _step_length(moments, dual, step, float(gradient @ step)) * step
    raise Breach("The noise of a count could not be computed from the profile's parameters.")


def _tilted(moments: Floats, dual: Floats) -> Floats:
    exponents = dual @ moments
    p: Floats = np.exp(exponents - exponents.max())
    total: float = p.sum()
    return p / total


def _dual_value(moments: Floats, dual: Floats) -> float:
    exponents = dual @ moments
    return float(exponents.max() + np.log(np.exp(exponents - exponents.max()).sum()))


def _step_length(moments: Floats, dual: Floats, step: Floats, fall: float) -> float:
    """The longest of 1, 1/2, 1/4 … of a step that lowers the dual; near the solution rounding hides the fall."""
    before, part = _dual_value(moments, dual), 1.0
    while part > 1e-6 and _dual_value(moments, dual - part * step) > before - 1e-4 * part * fall + 1e-15:
        part /= 2
    return part
