"""A job's mechanisms composed as one OpenDP measurement: what it charges and what it draws."""

from fractions import Fraction
from typing import Any

import opendp.combinators as combinators
from opendp.mod import Measurement

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_rounded_up
from broker.privacy.measurements.mechanism_measurements import mechanism_measurement
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, NoiseFamily, Threshold

ONE_PERSON = 1
"""Neighbouring data differ by one person, added or removed."""

PrivacyLoss = tuple[Fraction, Fraction]
"""Epsilon or rho, and delta: the exact values of the floats that OpenDP rounded up."""


def measurement(bundle: MechanismBundle) -> Measurement:
    """From a tuple with the exact answers of each mechanism to the list of its noisy ones.

    Additive: a list of integers to such a list. Selection: a list of score lists to the list of chosen positions.
    Threshold: a dictionary of integers by integer key to such a dictionary, in no order.
    """
    built = [(m, mechanism_measurement(m, position)) for position, m in enumerate(bundle.mechanisms)]
    if bundle.accounting is Accounting.CONCENTRATED:
        return combinators.make_composition(_all_approximate([_as_concentrated(m, p) for m, p in built]))
    if bundle.delta:
        return _at_fixed_delta(built, bundle.delta)
    return combinators.make_composition(_all_approximate([p for _, p in built]))


def draw(bundle: MechanismBundle, exact: tuple[Any, ...]) -> list[Any]:
    """Noisy answers in the order of the mechanisms, from exact ones; those of keys that do not leave are dropped."""
    drawn = measurement(bundle)(exact)
    if bundle.delta:  # what composes as rho comes first, in a list of its own
        rest, keys = iter(drawn[0]), iter(drawn[1:])
        drawn = [next(keys if isinstance(m, Threshold) else rest) for m in bundle.mechanisms]
    return [_of_released_keys(m, found, drawn) for m, found in zip(bundle.mechanisms, drawn, strict=True)]


def _of_released_keys(mechanism: Mechanism, values: Any, drawn: list[Any]) -> Any:
    """Whether a key leaves is decided first, by its threshold; the rest is then of a set of cells that is public."""
    if isinstance(mechanism, Threshold) or mechanism.keys is None:
        return values
    width = mechanism.width if isinstance(mechanism, Additive) else 1
    return [v for key in sorted(drawn[mechanism.keys]) for v in values[key * width : (key + 1) * width]]


def loss(bundle: MechanismBundle, persons: int = ONE_PERSON) -> PrivacyLoss:
    """OpenDP's map of the measurement for data that differ by so many persons added or removed; 2: one replaced."""
    return _exact_loss(measurement(bundle).map(persons))


def charge(bundle: MechanismBundle, persons: int = ONE_PERSON) -> PrivacyAmount:
    """What a ledger is charged for it: the map, rounded up to whole parts."""
    return amount_rounded_up(bundle.accounting, *loss(bundle, persons))


def _exact_loss(mapped: Any) -> PrivacyLoss:
    """A map gives a number, or a number and a delta."""
    first, second = mapped if isinstance(mapped, tuple) else (mapped, 0.0)
    return Fraction(first), Fraction(second)


def _as_concentrated(mechanism: Mechanism, built: Measurement) -> Measurement:
    return built if mechanism.family is NoiseFamily.GAUSSIAN else combinators.make_pureDP_to_zCDP(built)


def _all_approximate(parts: list[Measurement]) -> list[Measurement]:
    """All with a delta, where one has one."""
    with_delta = [str(p.output_measure).startswith("Approximate") for p in parts]
    if not any(with_delta):
        return parts
    return [p if has else combinators.make_approximate(p) for p, has in zip(parts, with_delta, strict=True)]


def _at_fixed_delta(built: list[tuple[Mechanism, Measurement]], delta: float) -> Measurement:
    """What composes as rho, composed and turned to epsilon at one delta; the thresholds beside it."""
    concentrated = [_as_concentrated(m, p) for m, p in built if not isinstance(m, Threshold)]
    turned = combinators.make_zCDP_to_approxDP(combinators.make_composition(concentrated))
    return combinators.make_composition(
        [combinators.make_fix_delta(turned, delta), *(p for m, p in built if isinstance(m, Threshold))]
    )
