"""From a line and a spend to everything that is fixed before data are read: mechanisms, scales, charge.

One person is in one block, so that adding or removing them *replaces* one of B answers by another within its range:
- clamped mean: the sum of B whole numbers from 0 to `STEPS` moves by at most `STEPS` in each coordinate. No coordinate
  beside it has to hide B, which is public.
- private median: of each number one candidate is chosen by |answers below - answers above|, which one replaced answer
  moves by 2: a distance of 2 in the symmetric metric, charged as such.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import log

from broker.domain.amounts import DELTAS, MICRO, Accounting, Amount
from broker.domain.errors import Invalid
from broker.policy.privacy import PrivacyProfile
from broker.privacy.bounds import Sensitivity
from broker.privacy.calibrate import FINER, additive, rho_within, selection
from broker.privacy.measurements import charge
from broker.privacy.mechanisms import Additive, Bundle, Family, Mechanism
from broker.privacy.tables import Influence
from broker.python_jobs.private.asks import Asks, Estimator

STEPS = 2**20
"""Whole steps from the low to the high end of a range."""
REPLACED = 2
"""The distance between answers of which one is another: one removed, one added."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One mechanism draws all numbers: `bundle.mechanisms` has one part."""

    asks: Asks
    bundle: Bundle
    charge: Amount
    candidates: int

    @property
    def mechanism(self) -> Mechanism:
        return self.bundle.mechanisms[0]

    @property
    def numbers(self) -> int:
        return len(self.asks.ranges)


def aggregate(asks: Asks, spend: Amount, profile: PrivacyProfile) -> Aggregate:
    """For at most `spend`; of the noises that the accounting has, the narrower one. Invalid (`spend`) for nothing."""
    if spend.micro == 0:
        raise Invalid("spend", "A private answer costs something: choose a spend above 0.")
    made = [_made(asks, spend, profile, family, turning) for family, turning in _families(spend)]
    return min(made, key=_breadth)


def _families(spend: Amount) -> list[tuple[Family, float]]:
    """With the delta that turns rho to epsilon, where it has to be turned."""
    if spend.accounting is Accounting.CONCENTRATED:
        return [(Family.GAUSSIAN, 0.0)]
    if not spend.delta:
        return [(Family.LAPLACE, 0.0)]
    return [(Family.LAPLACE, 0.0), (Family.GAUSSIAN, float(Fraction(spend.delta, DELTAS)) * (1 - 2.0**-40))]


def _made(asks: Asks, spend: Amount, profile: PrivacyProfile, family: Family, turning: float) -> Aggregate:
    loss = Fraction(spend.micro, MICRO)
    mechanism = _mechanism(asks, profile, family, rho_within(loss, turning) if turning else loss)
    while True:
        bundle = Bundle(spend.accounting, (mechanism,), turning)
        if (cost := charge(bundle)).within(spend):
            return Aggregate(asks, bundle, cost, profile.block_candidates)
        mechanism = replace(mechanism, scale=mechanism.scale * FINER)


def _mechanism(asks: Asks, profile: PrivacyProfile, family: Family, loss: Fraction) -> Mechanism:
    numbers = len(asks.ranges)
    if asks.estimator is Estimator.MEDIAN:
        return selection(family, REPLACED, Influence(numbers, 1), profile.block_candidates, loss)
    bounds = Sensitivity(l0=numbers, l1=numbers * STEPS, l2_squared=numbers * STEPS**2, linf=STEPS)
    return replace(additive(family, bounds, loss), width=numbers)


def _breadth(made: Aggregate) -> float:
    mechanism = made.mechanism
    wider = 2**0.5 if isinstance(mechanism, Additive) and mechanism.family is Family.LAPLACE else 1.0
    return log(mechanism.scale * wider)
