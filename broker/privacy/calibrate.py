"""Scales of noise for parts of a spend. A formula gives the first scale; OpenDP's map decides whether it is enough.
What the parts are, and how much of a job each has, is said by the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, log, nextafter

from broker.domain.amounts import Accounting
from broker.domain.errors import Invalid
from broker.privacy.bounds import Sensitivity, split
from broker.privacy.measurements import epsilon_of, loss, root_up
from broker.privacy.mechanisms import Additive, Bundle, Family, Mechanism, Selection, Threshold
from broker.privacy.tables import Influence

FINER = 1 + 2.0**-40
"""By how much a scale is widened where float rounding left a loss above its part."""


def alone(mechanism: Mechanism) -> Fraction:
    """OpenDP's loss of one mechanism by itself: epsilon of the family LAPLACE, rho of GAUSSIAN."""
    if isinstance(mechanism, Threshold):
        accounting = Accounting.APPROXIMATE if mechanism.family is Family.LAPLACE else Accounting.CONCENTRATED
    else:
        accounting = Accounting.PURE if mechanism.family is Family.LAPLACE else Accounting.CONCENTRATED
    return loss(Bundle(accounting, (mechanism,)))[0]


def _least(make: Callable[[float], Mechanism], first: float, most: Fraction) -> Mechanism:
    """The mechanism of the least scale from `first` on that loses no more than `most`."""
    scale = first
    while alone(found := make(scale)) > most:
        scale = max(nextafter(scale, float("inf")), scale * FINER)
    return found


def additive(family: Family, bounds: Sensitivity, part: Fraction) -> Additive:
    """LAPLACE: scale = L1 / epsilon. GAUSSIAN: scale = L2 / sqrt(2 rho)."""
    gaussian = root_up(bounds.l2_squared) / float(2 * part) ** 0.5
    first = float(bounds.l1 / part) if family is Family.LAPLACE else gaussian
    made = _least(lambda scale: Additive(family, scale, bounds), first, part)
    assert isinstance(made, Additive)
    return made


def selection(family: Family, whole: int, influence: Influence, points: int, part: Fraction) -> Selection:
    """Losses of the touched cells: LAPLACE (permute-and-flip) sum of 2 step / scale; GAUSSIAN (Gumbel) sum of
    (2 step / scale)^2 / 8."""
    steps = tuple(whole * rows for rows in split(influence))
    if family is Family.LAPLACE:
        first = float(2 * sum(steps) / part)
    else:
        first = (sum(s * s for s in steps) / float(2 * part)) ** 0.5
    made = _least(lambda scale: Selection(family, scale, steps, points), first, part)
    assert isinstance(made, Selection)
    return made


def threshold(family: Family, bounds: Sensitivity, part: Fraction, delta: Fraction) -> Threshold:
    """The least threshold whose delta, by OpenDP's map, is within `delta`."""
    if delta <= 0:
        raise Invalid("delta", "Keys without a public list need a delta: none is left or allowed here.")
    scale = additive(family, bounds, part).scale

    def fits(value: int) -> bool:
        accounting = Accounting.APPROXIMATE if family is Family.LAPLACE else Accounting.CONCENTRATED
        return loss(Bundle(accounting, (Threshold(family, scale, value, bounds),)))[1] <= delta

    low, high = bounds.linf, bounds.linf + ceil(scale * log(max(bounds.l0, 2) / delta)) + 1
    while not fits(high):
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return Threshold(family, scale, high, bounds)


@dataclass(frozen=True, slots=True)
class Budget:
    """What additive parts share out: an epsilon (LAPLACE) or a rho (GAUSSIAN), a delta for thresholds, and one that
    turns rho to epsilon (0 where it need not be turned)."""

    family: Family
    loss: Fraction
    thresholds: Fraction
    turning: float = 0.0


@lru_cache(maxsize=256)
def rho_within(epsilon: Fraction, delta: float) -> Fraction:
    """The largest rho, to one part in 2^30, that OpenDP's conversion turns to at most `epsilon` at `delta`."""
    low, high = 0.0, 1.0
    while Fraction(epsilon_of(high, delta)) <= epsilon:
        high *= 2
    while high - low > high * 2.0**-30:
        middle = (low + high) / 2
        low, high = (middle, high) if Fraction(epsilon_of(middle, delta)) <= epsilon else (low, middle)
    return Fraction(low)
