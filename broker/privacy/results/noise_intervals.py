"""Intervals from the noise alone: how far a number told may be from the bounded one. Depends on scales and on what was
told, never on what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, log, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LAPLACE_KURTOSIS = 3.0
BISECTION_STEPS = 32
"""Halvings when the end of an interval is looked for: to 1e-9 of the clamp's width."""


@dataclass(frozen=True, slots=True)
class NoiseMoments:
    """Noise of one coordinate: standard deviation and excess kurtosis (3 Laplace, 0 Gaussian or a mixture of many)."""

    deviation: float
    excess: float = 0.0


def combined_noise(terms: Sequence[tuple[float, NoiseMoments]]) -> NoiseMoments:
    """The noise of a linear combination of independent ones: coefficients and what they multiply."""
    variances = [(c * n.deviation) ** 2 for c, n in terms]
    whole = sum(variances)
    if whole == 0:
        return NoiseMoments(0.0)
    excess = sum(n.excess * v**2 for (_, n), v in zip(terms, variances, strict=True)) / whole**2
    return NoiseMoments(sqrt(whole), excess)


def half_width(noise: NoiseMoments, level: float) -> float:
    """The quantile of the absolute noise at a level. One Laplace: -ln(1 - level) times its scale; else Cornish-Fisher
    with the excess kurtosis (a sum of two Laplaces comes out 0.3 % wide)."""
    if noise.excess >= LAPLACE_KURTOSIS:
        return -log(1 - level) * noise.deviation / sqrt(2)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return noise.deviation * (z + noise.excess * (z**3 - 3 * z) / 24)


def integer_half_width(noise: NoiseMoments, level: float) -> float:
    """The same for integers of which the noise is integer too: the least k with P(|noise| > k) <= 1 - level."""
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
    """`half_width` of many linear combinations of like noises: a row of weights each."""
    squares = (weights * noise.deviation) ** 2
    variance = squares.sum(axis=1)
    excess = noise.excess * (squares**2).sum(axis=1) / np.where(variance > 0, variance, 1.0) ** 2
    deviation, z = np.sqrt(variance), NormalDist().inv_cdf((1 + level) / 2)
    found = deviation * (z + excess * (z**3 - 3 * z) / 24)
    single = excess >= LAPLACE_KURTOSIS * (1 - 1e-12)
    return np.asarray(np.where(single, -log(1 - level) / sqrt(2) * deviation, found), dtype=np.float64)


def quotient_interval(
    start: Floats, over: Callable[[Floats], Floats], low: float, high: float
) -> tuple[Floats, Floats]:
    """For each start all m in [low, high] with `over(m)` at most 0: by how much a linear form in the noisy coordinates,
    pure noise at the true m, is over its half width (Fieller 1954). So an interval covers whatever the denominator is,
    small ones too. Everything is allowed where not even the start is."""
    lost = over(start) > 0
    first, last = (_boundary(start, over, np.full_like(start, edge)) for edge in (low, high))
    return np.where(lost, low, first), np.where(lost, high, last)


def _boundary(start: Floats, over: Callable[[Floats], Floats], edge: Floats) -> Floats:
    """Where `over` becomes positive between starts inside and edges, by halving, and rather beyond than within."""
    whole = over(edge) <= 0
    within, beyond = start, edge
    for _ in range(BISECTION_STEPS):
        middle = (within + beyond) / 2
        inside = over(middle) <= 0
        within, beyond = np.where(inside, middle, within), np.where(inside, beyond, middle)
    return np.where(whole, edge, beyond)
