"""Intervals from the noise alone: how far a number told may be from the bounded one. Depends on scales and on what was
told, never on what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, log, pi, sqrt
from statistics import NormalDist

LAPLACE_EXCESS = 3.0
STEPS = 60
FINE = 1e-9
"""Steps at most, and how near, when the end of an interval is looked for: as a share of the clamp's width."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of one coordinate: standard deviation and excess kurtosis (3 Laplace, 0 Gaussian or a mixture of many)."""

    deviation: float
    excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends in the units of the value; None: no bound on that side can be told."""

    low: float | None
    high: float | None


def spread(terms: Sequence[tuple[float, Noise]]) -> Noise:
    """The noise of a linear combination of independent ones: coefficients and what they multiply."""
    variances = [(c * n.deviation) ** 2 for c, n in terms]
    whole = sum(variances)
    if whole == 0:
        return Noise(0.0)
    excess = sum(n.excess * v**2 for (_, n), v in zip(terms, variances, strict=True)) / whole**2
    return Noise(sqrt(whole), excess)


def half_width(noise: Noise, level: float) -> float:
    """The quantile of the absolute noise at a level. One Laplace: -ln(1 - level) times its scale; else Cornish-Fisher
    with the excess kurtosis (a sum of two Laplaces comes out 0.3 % wide)."""
    if noise.excess >= LAPLACE_EXCESS:
        return -log(1 - level) * noise.deviation / sqrt(2)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return noise.deviation * (z + noise.excess * (z**3 - 3 * z) / 24)


def whole_half_width(noise: Noise, level: float) -> float:
    """The same for integers of which the noise is integer too: the least k with P(|noise| > k) <= 1 - level."""
    if noise.excess < LAPLACE_EXCESS or noise.deviation == 0:
        return float(ceil(half_width(noise, level)))
    ratio = exp(-sqrt(2) / noise.deviation)
    return float(max(ceil(log((1 - level) * (1 + ratio) / 2) / log(ratio) - 1), 0))


def expected(noise: Noise) -> float:
    """Mean absolute error: Gaussian, corrected by the excess kurtosis (Gram-Charlier); exact for one Laplace."""
    if noise.excess >= LAPLACE_EXCESS:
        return noise.deviation / sqrt(2)
    return noise.deviation * sqrt(2 / pi) * (1 - noise.excess / 24)


def around(value: float, half: float, low: float | None = None, high: float | None = None) -> Interval:
    """The value and as much on both sides, within what is possible at all."""

    def cut(end: float) -> float:
        end = end if low is None else max(end, low)
        return end if high is None else min(end, high)

    return Interval(cut(value - half), cut(value + half))


def of_quotient(
    start: float, distance: Callable[[float], float], allowed: Callable[[float], float], low: float, high: float
) -> Interval:
    """All m in [low, high] for which `distance(m)`, a linear form in the noisy coordinates that is pure noise at the
    true m, is within `allowed(m)` (Fieller 1954). So the interval covers whatever the denominator is, small ones too.
    Everything is allowed where not even the start is."""

    def over(m: float) -> float:
        return abs(distance(m)) - allowed(m)

    if over(start) > 0:
        return Interval(low, high)
    return Interval(_end(over, start, low, (high - low) * FINE), _end(over, start, high, (high - low) * FINE))


def _end(over: Callable[[float], float], start: float, edge: float, fine: float) -> float:
    """Where `over` becomes positive between a point inside and an edge, to `fine` and rather beyond: false position
    with the Illinois rule, which keeps the two on either side."""
    within, beyond, at_within, at_beyond = start, edge, over(start), over(edge)
    if at_beyond <= 0:
        return edge
    last = 0
    for _ in range(STEPS):
        if abs(beyond - within) <= fine:
            break
        middle = (within * at_beyond - beyond * at_within) / (at_beyond - at_within)
        found = over(middle)
        if found <= 0:
            within, at_within = middle, found
            at_beyond, last = (at_beyond / 2, -1) if last < 0 else (at_beyond, -1)
        else:
            beyond, at_beyond = middle, found
            at_within, last = (at_within / 2, 1) if last > 0 else (at_within, 1)
    return beyond
