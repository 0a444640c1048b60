"""One mechanism's description to OpenDP's measurement of it, on the input space that all parts of a job share.

Integers are i64: OpenDP's `int` is 32 bits.
"""

from collections.abc import Callable, Sequence
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

from broker.privacy.measurements.conversions import root_up
from broker.privacy.measurements.pieces import in_pieces
from broker.privacy.mechanisms import Additive, Family, Mechanism, Selection, Threshold

enable_features("contrib", "honest-but-curious")

WORD = "i64"
VECTOR = vector_domain(atom_domain(T=WORD))
COUNTS = map_domain(atom_domain(T=WORD), atom_domain(T=WORD))
JOB = user_domain("exact bounded answers of a job", lambda value: isinstance(value, tuple))
PERSONS = symmetric_distance()


def part(mechanism: Mechanism, position: int) -> Measurement:
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
        return _side_by_side(_declared(VECTOR, metric, position, lambda persons: persons * bounds.l1), noise, position)
    metric = l2_distance(T=float)
    noise = noises.make_gaussian(VECTOR, metric, scale=mechanism.scale)
    return _side_by_side(_declared(VECTOR, metric, position, _times(root_up(bounds.l2_squared))), noise, position)


def _side_by_side(declared: Any, noise: Measurement, position: int) -> Measurement:
    """The noise of the whole vector, with its map, drawn in pieces."""
    whole = declared >> noise

    def drawn(answers: tuple[Sequence[int], ...]) -> list[int]:
        return in_pieces(noise, answers[position])

    return noises.make_user_measurement(JOB, PERSONS, noise.output_measure, drawn, whole.map, TO="ExtrinsicObject")


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
