"""Intervals from the noise alone: how far a released number may be from the bounded one. They depend on scales and
released numbers, never on exact answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, log, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LAPLACE_KURTOSIS = 3.0
BISECTION_STEPS = 32
"""Bisection steps for the end of an interval: to 1e-9 of the clamp's width."""


@dataclass(frozen=True, slots=True)
class NoiseMoments:
    """Noise of one coordinate: standard deviation and excess kurtosis (3 for Laplace, 0 for Gaussian or a mixture of
    many)."""

    deviation: float
    excess: float = 0.0


def combined_noise(terms: Sequence[tuple[float, NoiseMoments]]) -> NoiseMoments:
    """The noise of a linear combination of independent noises. `terms` are pairs of coefficient and noise."""
    variances = [(c * n.deviation) ** 2 for c, n in terms]
    whole = sum(variances)
    if whole == 0:
        return NoiseMoments(0.0)
    excess = sum(n.excess * v**2 for (_, n), v in zip(terms, variances, strict=True)) / whole**2
    return NoiseMoments(sqrt(whole), excess)


def half_width(noise: NoiseMoments, level: float) -> float:
    """The quantile of the absolute noise at a level. For one Laplace: -ln(1 - level) times its scale; otherwise
    Cornish-Fisher with the excess kurtosis (0.3 % too wide for a sum of two Laplaces)."""
    if noise.excess >= LAPLACE_KURTOSIS:
        return -log(1 - level) * noise.deviation / sqrt(2)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return noise.deviation * (z + noise.excess * (z**3 - 3 * z) / 24)


def integer_half_width(noise: NoiseMoments, level: float) -> float:
    """The same for integers with integer noise: the smallest k with P(|noise| > k) <= 1 - level."""
    if noise.excess < LAPLACE_KURTOSIS or noise.deviation == 0:
        return float(ceil(half_width(noise, level)))
    ratio = exp(-sqrt(2) / noise.deviation)
    return float(max(ceil(log((1 - level) * (1 + ratio) / 2) / log(ratio) - 1), 0))


def mean_absolute_error(noise: NoiseMoments) -> float:
    """Mean absolute error: Gaussian, corrected by the excess kurtosis (Gram-Charlier); exact for one Laplace."""
    if noise.excess >= LAPLACE_KURTOSIS:
        return noise.deviation / sqrt(2)
    return noise.deviation * sqrt(2 / pi) * (1 - noise.excess / 24)


def half_widths(weights: Floats, noise: NoiseMoments, level: float) -> Floats:
    """`half_width` of many linear combinations of equal noises. `weights` has one row for each combination."""
    squares = (weights * noise.deviation) ** 2
    variance = squares.sum(axis=1)
    excess = noise.excess * (squares**2).sum(axis=1) / np.where(variance > 0, variance, 1.0) ** 2
    deviation, z = np.sqrt(variance), NormalDist().inv_cdf((1 + level) / 2)
    found = deviation * (z + excess * (z**3 - 3 * z) / 24)
    single = excess >= LAPLACE_KURTOSIS * (1 - 1e-12)  # rounding of the sums
    return np.asarray(np.where(single, -log(1 - level) / sqrt(2) * deviation, found), dtype=np.float64)


def quotient_interval(
    start: Floats, over: Callable[[Floats], Floats], low: float, high: float
) -> tuple[Floats, Floats]:
    """For each start the range of all m in [low, high] with `over(m)` at most 0.

    `over(m)` is the amount by which a linear form in the noisy coordinates, which is pure noise at the true m, exceeds
    its half width (Fieller 1954). So the interval has its coverage for any denominator, even a small one. If even the
    start is excluded, the interval is all of [low, high].
    """
    lost = over(start) > 0
    first, last = (_boundary(start, over, np.full_like(start, edge)) for edge in (low, high))
    return np.where(lost, low, first), np.where(lost, high, last)


def _boundary(start: Floats, over: Callable[[Floats], Floats], edge: Floats) -> Floats:
    """Where `over` becomes positive between start and edge, by bisection; rounded outwards."""
    whole = over(edge) <= 0
    within, beyond = start, edge
    for _ in range(BISECTION_STEPS):
        middle = (within + beyond) / 2
        inside = over(middle) <= 0
        within, beyond = np.where(inside, middle, within), np.where(inside, beyond, middle)
    return np.where(whole, edge, beyond)  # beyond: the interval must not be too short
