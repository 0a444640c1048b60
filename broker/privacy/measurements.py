"""The one owner of OpenDP: a description of a job's noise to the measurement that charges and draws it. Neither reads
data nor chooses anything. (OpenDP's prelude is not imported: it looks for scikit-learn and polars.)

All parts are measured on one input space, the number of persons added or removed, through transformations that declare
our proved sensitivities (`bounds`); so the charge of a job is OpenDP's own map of the very measurement that runs.
Integers are i64: OpenDP's `int` is 32 bits.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import nextafter, sqrt
from typing import Any

import opendp.combinators as combinators
import opendp.measurements as noises
import opendp.transformations as transformations
from opendp.domains import atom_domain, map_domain, user_domain, vector_domain
from opendp.measures import max_divergence, zero_concentrated_divergence
from opendp.metrics import (
    absolute_distance,
    l01inf_distance,
    l02inf_distance,
    l1_distance,
    l2_distance,
    linf_distance,
    symmetric_distance,
)
from opendp.mod import Measurement, enable_features

from broker.domain.amounts import Accounting, Amount, rounded_up
from broker.privacy.mechanisms import Additive, Bundle, Family, Mechanism, Selection, Threshold

enable_features("contrib", "honest-but-curious")

WORD = "i64"
VECTOR = vector_domain(atom_domain(T=WORD))
COUNTS = map_domain(atom_domain(T=WORD), atom_domain(T=WORD))
JOB = user_domain("exact bounded answers of a job", lambda value: isinstance(value, tuple))
PERSONS = symmetric_distance()
ONE = 1
"""Neighbouring data differ by one person, added or removed."""

Loss = tuple[Fraction, Fraction]
"""Epsilon or rho, and delta: the exact values of the floats that OpenDP rounded up."""


def measurement(bundle: Bundle) -> Measurement:
    """From a tuple with the exact answers of each mechanism to the list of its noisy ones.

    Additive: a list of integers to such a list. Selection: a list of score lists to the list of chosen positions.
    Threshold: a dictionary of integers by integer key to such a dictionary, in no order.
    """
    made = [(m, _one(m, position)) for position, m in enumerate(bundle.mechanisms)]
    if bundle.accounting is Accounting.CONCENTRATED:
        return combinators.make_composition(_alike([_concentrated(m, part) for m, part in made]))
    if bundle.delta:
        return _fixed(made, bundle.delta)
    return combinators.make_composition(_alike([part for _, part in made]))


def draw(bundle: Bundle, exact: tuple[Any, ...]) -> list[Any]:
    """Noisy answers in the order of the mechanisms, from exact ones; those of keys that do not leave are dropped."""
    drawn = measurement(bundle)(exact)
    if bundle.delta:  # what composes as rho comes first, in a list of its own
        rest, keys = iter(drawn[0]), iter(drawn[1:])
        drawn = [next(keys if isinstance(m, Threshold) else rest) for m in bundle.mechanisms]
    return [_of_keys(m, found, drawn) for m, found in zip(bundle.mechanisms, drawn, strict=True)]


def _of_keys(mechanism: Mechanism, found: Any, drawn: list[Any]) -> Any:
    """Whether a key leaves is decided first, by its threshold; the rest is then of a set of cells that is public."""
    if isinstance(mechanism, Threshold) or mechanism.keys is None:
        return found
    width = mechanism.width if isinstance(mechanism, Additive) else 1
    return [v for key in sorted(drawn[mechanism.keys]) for v in found[key * width : (key + 1) * width]]


def loss(bundle: Bundle, persons: int = ONE) -> Loss:
    """OpenDP's map of the measurement for data that differ by so many persons added or removed; 2: one replaced."""
    return _loss(measurement(bundle).map(persons))


def charge(bundle: Bundle, persons: int = ONE) -> Amount:
    """What a ledger is charged for it: the map, rounded up to whole parts."""
    return rounded_up(bundle.accounting, *loss(bundle, persons))


def epsilon_of(rho: Fraction | float, delta: float) -> float:
    """An epsilon for which rho-zero-concentrated privacy is (epsilon, delta) private, by OpenDP's conversion."""
    if rho == 0:
        return 0.0
    distance = sqrt(2 * float(rho))
    unit = noises.make_gaussian(atom_domain(T=WORD), absolute_distance(T=float), scale=1.0)
    while Fraction(unit.map(distance)) < Fraction(rho):
        distance = nextafter(distance, float("inf"))
    return float(combinators.make_zCDP_to_approxDP(unit).map(distance).epsilon(delta))


def _loss(found: Any) -> Loss:
    """A map gives a number, or a number and a delta."""
    first, second = found if isinstance(found, tuple) else (found, 0.0)
    return Fraction(first), Fraction(second)


def _one(mechanism: Mechanism, position: int) -> Measurement:
    match mechanism:
        case Additive():
            return _additive(mechanism, position)
        case Selection():
            return _selection(mechanism, position)
    return _threshold(mechanism, position)


def _declared(domain: Any, metric: Any, position: int, distance: Any) -> Any:
    """The position's exact answer as a transformation that declares how far one person moves it.

    `distance`: from a number of persons to a distance.
    """
    return transformations.make_user_transformation(
        JOB, PERSONS, domain, metric, lambda answers: answers[position], distance
    )


def _additive(mechanism: Additive, position: int) -> Measurement:
    bounds = mechanism.bounds
    if mechanism.family is Family.LAPLACE:
        metric = l1_distance(T=WORD)
        noise = noises.make_laplace(VECTOR, metric, scale=mechanism.scale)
        return _declared(VECTOR, metric, position, lambda persons: persons * bounds.l1) >> noise
    metric = l2_distance(T=float)
    noise = noises.make_gaussian(VECTOR, metric, scale=mechanism.scale)
    return _declared(VECTOR, metric, position, _times(root_up(bounds.l2_squared))) >> noise


def _threshold(mechanism: Threshold, position: int) -> Measurement:
    """OpenDP 0.16 lets keys leave whose noisy count is the threshold, and charges for those above it (opendp#2922): a
    delta that is too small. So the equal ones are dropped, as post-processing; then its map holds."""
    bounds, scale, threshold = mechanism.bounds, mechanism.scale, mechanism.threshold
    if mechanism.family is Family.LAPLACE:
        metric = l01inf_distance(absolute_distance(T=WORD))
        noise = noises.make_laplace_threshold(COUNTS, metric, scale=scale, threshold=threshold)
        distance = _keys(bounds.l0, bounds.l1, bounds.linf)
    else:
        metric = l02inf_distance(absolute_distance(T=float))
        noise = noises.make_gaussian_threshold(COUNTS, metric, scale=scale, threshold=threshold)
        distance = _keys(bounds.l0, root_up(bounds.l2_squared), float(bounds.linf))
    return _declared(COUNTS, metric, position, distance) >> noise >> _above(threshold)


def _above(threshold: int) -> Callable[[dict[int, int]], dict[int, int]]:
    return lambda kept: {key: count for key, count in kept.items() if count > threshold}


def _selection(mechanism: Selection, position: int) -> Measurement:
    """One noisy minimum a cell; the loss is the composition over the cells that one person touches."""
    metric = linf_distance(T=WORD)
    measure = max_divergence() if mechanism.family is Family.LAPLACE else zero_concentrated_divergence()
    choice = noises.make_noisy_max(VECTOR, metric, measure, scale=mechanism.scale, negate=True)
    touched = combinators.make_composition(
        [_declared(VECTOR, metric, position, _times(step)) >> choice for step in mechanism.steps]
    )

    def choose(answers: tuple[Sequence[Sequence[int]], ...]) -> list[int]:
        return [int(choice(list(scores))) for scores in answers[position]]

    return noises.make_user_measurement(JOB, PERSONS, measure, choose, touched.map, TO="ExtrinsicObject")


def _times(step: Any) -> Callable[[int], Any]:
    return lambda persons: persons * step


def _keys(keys: int, norm: Any, most: Any) -> Callable[[int], tuple[Any, ...]]:
    """Keys that change, by how much in the norm of the noise, and in one key."""
    return lambda persons: (persons * keys, persons * norm, persons * most)


def _concentrated(mechanism: Mechanism, part: Measurement) -> Measurement:
    return part if mechanism.family is Family.GAUSSIAN else combinators.make_pureDP_to_zCDP(part)


def _alike(parts: list[Measurement]) -> list[Measurement]:
    """All with a delta, where one has one."""
    with_delta = [str(part.output_measure).startswith("Approximate") for part in parts]
    if not any(with_delta):
        return parts
    return [p if has else combinators.make_approximate(p) for p, has in zip(parts, with_delta, strict=True)]


def _fixed(made: list[tuple[Mechanism, Measurement]], delta: float) -> Measurement:
    """What composes as rho, composed and turned to epsilon at one delta; the thresholds beside it."""
    concentrated = [_concentrated(m, part) for m, part in made if not isinstance(m, Threshold)]
    turned = combinators.make_zCDP_to_approxDP(combinators.make_composition(concentrated))
    return combinators.make_composition(
        [combinators.make_fix_delta(turned, delta), *(part for m, part in made if isinstance(m, Threshold))]
    )


def root_up(square: int) -> float:
    """The square root of an integer, as a float that is not less than it."""
    root = sqrt(square)
    while Fraction(root) ** 2 < square:
        root = nextafter(root, float("inf"))
    return root
