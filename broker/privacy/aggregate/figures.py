"""Noisy numbers as estimates, with intervals from the noise alone; and what errors to expect of them, before anything
runs. Everything here is post-processing or policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from broker.domain.amounts import Amount
from broker.policy.privacy import PrivacyProfile
from broker.privacy.aggregate.exact import points
from broker.privacy.aggregate.made import STEPS, Aggregate, aggregate
from broker.privacy.design import deviation
from broker.privacy.mechanisms import Additive, Family
from broker.privacy.results.estimates import Column
from broker.privacy.results.intervals import LAPLACE_EXCESS, Noise, expected, half_width
from broker.python_jobs.private.asks import Asks, Estimator, Range


def estimates(made: Aggregate, drawn: Sequence[int], profile: PrivacyProfile) -> Column:
    """Within their ranges, since what they estimate is. A median's interval is of ranks only: it has no ends."""
    ranges = made.asks.ranges
    if made.asks.estimator is Estimator.MEDIAN:
        chosen = np.array([points(made, r)[i] for r, i in zip(ranges, drawn, strict=True)])
        return Column(chosen, chosen, chosen)
    low, high = (np.array([float(getattr(r, end)) for r in ranges]) for end in ("low", "high"))
    width = np.array([r.width for r in ranges])
    found = low + width * np.array(drawn, dtype=np.float64) / (STEPS * made.asks.blocks)
    half = np.array([half_width(noise_of(made, r), profile.level) for r in ranges])
    value, first, last = (np.clip(numbers, low, high) for numbers in (found, found - half, found + half))
    return Column(value, first, last)


def noise_of(made: Aggregate, of: Range) -> Noise:
    """The noise of one number of a clamped mean, in its own units."""
    mechanism = made.mechanism
    assert isinstance(mechanism, Additive)
    laplace = mechanism.family is Family.LAPLACE
    return Noise(deviation(mechanism) * of.width / (STEPS * made.asks.blocks), LAPLACE_EXCESS if laplace else 0.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one number: mean error and half of the interval where it is a mean; where it is a median, how many of the
    blocks' answers may lie between it and the true median, and the step between its candidates."""

    name: str
    error: float | None = None
    half_width: float | None = None
    blocks_off: float | None = None
    step: float | None = None


def expectations(made: Aggregate, profile: PrivacyProfile) -> tuple[Expected, ...]:
    return tuple(_expected(made, r, profile) for r in made.asks.ranges)


def of_both(asks: Asks, spend: Amount, profile: PrivacyProfile) -> dict[Estimator, tuple[Expected, ...]]:
    """What either estimator would be worth: the line says which it is, and cannot be changed by what comes out."""
    return {e: expectations(aggregate(replace(asks, estimator=e), spend, profile), profile) for e in Estimator}


def _expected(made: Aggregate, of: Range, profile: PrivacyProfile) -> Expected:
    if made.asks.estimator is Estimator.MEDIAN:
        step = of.width / (made.candidates - 1)
        return Expected(of.name, blocks_off=blocks_off(made, profile.level), step=step)
    noise = noise_of(made, of)
    return Expected(of.name, expected(noise), half_width(noise, profile.level))


def blocks_off(made: Aggregate, level: float) -> float:
    """At most so many, but for the rest of the probability: a choice whose score is worse than the best by
    scale * ln(k / (1 - level)) (McSherry, Talwar 2007). A score is twice the ranks that it is off."""
    return min(made.mechanism.scale * log(made.candidates / (1 - level)) / 2, made.asks.blocks / 2)
