"""Composes a job's mechanisms as one OpenDP measurement: its charge, and drawing from it."""

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
"""Epsilon or rho, and delta: the exact values of floats that OpenDP rounded up."""


def measurement(bundle: MechanismBundle) -> Measurement:
    """The composed measurement: from a tuple of each mechanism's exact answers to a list of noisy ones.

    Additive: from a list of integers to a list of integers. Selection: from a list of score lists to the list of chosen
    positions. Threshold: from a dictionary of integers by integer key to such a dictionary, unordered.
    """
    built = [(m, mechanism_measurement(m, position)) for position, m in enumerate(bundle.mechanisms)]
    if bundle.accounting is Accounting.CONCENTRATED:
        return combinators.make_composition(_all_approximate([_as_concentrated(m, p) for m, p in built]))
    # A rho is converted once, for the composition of all its parts.
    if bundle.delta:
        return _at_fixed_delta(built, bundle.delta)
    return combinators.make_composition(_all_approximate([p for _, p in built]))


def draw(bundle: MechanismBundle, exact: tuple[Any, ...]) -> list[Any]:
    """Noisy answers in the order of the mechanisms, from exact ones. Answers for keys that are not released are
    dropped."""
    drawn = measurement(bundle)(exact)
    if bundle.delta:  # parts composed as rho come first, in one list
        rest, keys = iter(drawn[0]), iter(drawn[1:])
        drawn = [next(keys if isinstance(m, Threshold) else rest) for m in bundle.mechanisms]
    return [_of_released_keys(m, found, drawn) for m, found in zip(bundle.mechanisms, drawn, strict=True)]


def _of_released_keys(mechanism: Mechanism, values: Any, drawn: list[Any]) -> Any:
    """Its threshold decides first whether a key is released. After that the set of cells is public."""
    if isinstance(mechanism, Threshold) or mechanism.keys is None:
        return values
    width = mechanism.width if isinstance(mechanism, Additive) else 1
    return [v for key in sorted(drawn[mechanism.keys]) for v in values[key * width : (key + 1) * width]]


def loss(bundle: MechanismBundle, persons: int = ONE_PERSON) -> PrivacyLoss:
    """OpenDP's map of the measurement for data that differ by so many persons, added or removed (2: one person
    replaced)."""
    mapped = measurement(bundle).map(persons)
    first, second = mapped if isinstance(mapped, tuple) else (mapped, 0.0)  # a number, or a number and a delta
    return Fraction(first), Fraction(second)


def charge(bundle: MechanismBundle, persons: int = ONE_PERSON) -> PrivacyAmount:
    """The charge for the ledger: the map, rounded up to the ledger's units."""
    return amount_rounded_up(bundle.accounting, *loss(bundle, persons))


def _as_concentrated(mechanism: Mechanism, built: Measurement) -> Measurement:
    return built if mechanism.family is NoiseFamily.GAUSSIAN else combinators.make_pureDP_to_zCDP(built)


def _all_approximate(parts: list[Measurement]) -> list[Measurement]:
    """Give every part a delta if one part has one."""
    with_delta = [str(p.output_measure).startswith("Approximate") for p in parts]
    if not any(with_delta):
        return parts
    return [p if has else combinators.make_approximate(p) for p, has in zip(parts, with_delta, strict=True)]


def _at_fixed_delta(built: list[tuple[Mechanism, Measurement]], delta: float) -> Measurement:
    """Compose the parts that have a rho and convert them to epsilon at one delta; the thresholds are composed with
    that."""
    concentrated = [_as_concentrated(m, p) for m, p in built if not isinstance(m, Threshold)]
    turned = combinators.make_zCDP_to_approxDP(combinators.make_composition(concentrated))
    return combinators.make_composition(
        [combinators.make_fix_delta(turned, delta), *(p for m, p in built if isinstance(m, Threshold))]
    )
