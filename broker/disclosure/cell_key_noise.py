"""Noise on counts by cell keys: equal sets of persons always get equal noise. Takes no decisions and reads no data.

For each count n the change v has mean 0 and |v| <= D. Its variance is V, or as near to V as n allows. n + v is 0 or at
least `min_count`. Of all such distributions the table has the one with the most entropy, so nothing else about v can be
known.

The key of a cell is the sum of its persons' record keys modulo 2^32. So the same persons get the same change in every
table, project and release, and one person more or less gives an unrelated change.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from broker.domain.errors import Breach
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import ORDINARY_ROWS, RowGrowth
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import nearest_multiple, nearest_quotient

KEYS = 1 << 32
"""Cell keys are 0 to KEYS - 1. The cumulative weights of a row are whole numbers and end at KEYS."""

NEWTON_STEPS = 200
MOMENT_TOLERANCE = 1e-12
"""Largest error of the moments of a row before its weights are rounded to whole numbers."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CellKeyTable:
    """One row of (change, end of its key range) pairs for each count. The last row applies to every larger count."""

    rows: tuple[tuple[tuple[int, int], ...], ...]

    def change(self, count: int, key: int) -> int:
        """Return the change to add to a count of persons with this cell key. Raises Breach if the count or key is out
        of range."""
        if count < 0 or not 0 <= key < KEYS:
            raise Breach("A cell key or count is out of range.")
        row = self.rows[min(count, len(self.rows) - 1)]  # larger counts have the same distribution
        return next(v for v, end in row if key < end)


@lru_cache(maxsize=16)
def cell_key_table(max_change: int, variance: float, min_count: int) -> CellKeyTable:
    """Return the table for a largest change, a variance and the smallest released count above 0. Raises Breach for
    invalid parameters: `min_count` may be at most `max_change` + 1, because otherwise some counts could reach neither 0
    nor `min_count`."""
    if max_change < 1 or not 0 <= min_count <= max_change + 1:
        raise Breach("The noise of counts cannot have these parameters.")
    return CellKeyTable(
        tuple(_table_row(n, max_change, variance, min_count) for n in range(max_change + min_count + 1))
    )


def _table_row(n: int, max_change: int, variance: float, min_count: int) -> tuple[tuple[int, int], ...]:
    changes = support(n, max_change, min_count)
    weights = np.rint(np.cumsum(distribution(changes, variance)) * KEYS).astype(np.int64)
    # Rounding may leave the last weight off by one: every key must fall into a range.
    weights[-1] = KEYS
    return tuple(zip(changes, map(int, weights), strict=True))


def support(n: int, max_change: int, min_count: int) -> tuple[int, ...]:
    """The changes a count can have: those after which it is 0 or at least `min_count`. A count of 0 is never
    changed."""
    if n == 0:
        return (0,)
    return tuple(v for v in range(-max_change, max_change + 1) if n + v == 0 or n + v >= min_count)


def distribution(changes: tuple[int, ...], variance: float) -> Floats:
    """The maximum-entropy distribution over the changes with mean 0 and this variance, or the nearest reachable
    variance."""
    v = np.array(changes, dtype=np.float64)
    low, high = _variance_range(v)
    # The variance is not reachable: take the nearest distribution.
    if low == high or variance <= low + MOMENT_TOLERANCE:
        return _two_points(v, v[v <= 0].max(initial=v[0]), v[v >= 0].min(initial=v[-1]))
    if variance >= high - MOMENT_TOLERANCE:
        return _two_points(v, v[0], v[-1])
    return _maximum_entropy(v, variance)


def _variance_range(v: Floats) -> tuple[float, float]:
    """The smallest and largest variance of distributions over v with mean 0."""
    return float(-v[v <= 0].max() * v[v >= 0].min()), float(-v[0] * v[-1])


def _two_points(v: Floats, lower: float, upper: float) -> Floats:
    """A distribution with mean 0 on two points, or on 0 alone. At either end of the reachable variances it is the only
    one."""
    share = np.zeros_like(v)
    if lower == 0 or upper == 0:
        share[v == 0] = 1.0
        return share
    share[v == lower] = upper / (upper - lower)
    share[v == upper] = -lower / (upper - lower)
    return share


def _maximum_entropy(v: Floats, variance: float) -> Floats:
    """Solve for p ~ exp(a v + b v^2) by Newton's method on the dual, which is smooth and convex; steps are shortened
    until the dual falls. Raises Breach if it does not converge."""
    moments = np.stack([v, v * v - variance])
    # Both moments are scaled to the same size, so that the Hessian is well conditioned.
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
    """The longest of 1, 1/2, 1/4, … steps that lowers the dual. Near the solution rounding errors hide the fall."""
    before, part = _dual_value(moments, dual), 1.0
    while part > 1e-6 and _dual_value(moments, dual - part * step) > before - 1e-4 * part * fall + 1e-15:
        part /= 2
    return part


class CellKeyNoise:
    """Cell-key rounding of counts under one profile. Raises Breach if the evidence lacks record keys."""

    def __init__(self, profile: DisclosureRules) -> None:
        self.profile = profile
        self._table = cell_key_table(profile.noise_deviation, profile.noise_variance, profile.noise_least)

    def of_persons(self, count: int, evidence: StatisticEvidence) -> int:
        return max(0, count + self._change(evidence.persons, evidence.cell_key))

    def of_rows(self, rows: int, persons: int, key: int | None, growth: RowGrowth = ORDINARY_ROWS) -> int:
        """Rows of so many persons. If no persons are reported (a sum of zeros), each row counts as a person."""
        # A sum of zeros has rows but no persons.
        persons = persons or rows
        times = max(1, nearest_quotient(rows, persons)) if persons else 1
        # Rows beyond `times` for each person are rounded to a multiple of the average rows of 2t persons.
        base = 2 * self.profile.t * growth.largest(times)
        beyond = nearest_multiple(rows - times * persons, base)
        return max(0, times * (persons + self._change(persons, key)) + beyond)

    def _change(self, persons: int, key: int | None) -> int:
        if not persons:  # nobody is never changed to somebody
            return 0
        if key is None:
            raise Breach("The profile's rounding needs record keys, which the evidence does not have.")
        return self._table.change(persons, key)
