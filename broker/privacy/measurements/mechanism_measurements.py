"""Turns one mechanism's description into OpenDP's measurement of it, on the input space that all mechanisms share."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from math import nextafter, sqrt
from typing import Any

import opendp.combinators as combinators
import opendp.measurements as noises
import opendp.transformations as transformations
from opendp import metrics
from opendp.domains import atom_domain, map_domain, user_domain, vector_domain
from opendp.measures import max_divergence, zero_concentrated_divergence
from opendp.mod import Measurement, enable_features

from broker.privacy.mechanisms import Additive, Mechanism, NoiseFamily, Selection, Threshold

enable_features("contrib", "honest-but-curious")


def epsilon_of(rho: Fraction | float, delta: float) -> float:
    """An epsilon for which rho-zero-concentrated privacy is (epsilon, delta) private, by OpenDP's conversion."""
    if rho == 0:
        return 0.0
    distance = sqrt(2 * float(rho))
    unit = noises.make_gaussian(atom_domain(T="i64"), metrics.absolute_distance(T=float), scale=1.0)
    # Rounded up, so that the epsilon is never smaller than that of the true rho.
    while Fraction(unit.map(distance)) < Fraction(rho):
        distance = nextafter(distance, float("inf"))
    return float(combinators.make_zCDP_to_approxDP(unit).map(distance).epsilon(delta))


def root_up(square: int) -> float:
    """The square root of an integer, as a float that is not smaller than it."""
    root = sqrt(square)
    # A rounded-down root would make the sensitivity too small.
    while Fraction(root) ** 2 < square:
        root = nextafter(root, float("inf"))
    return root


MIN_CHUNK = 1024
"""The number of coordinates for which another thread is worth starting."""


def draw_in_chunks(noise: Measurement, exact: Sequence[int]) -> list[int]:
    """The noisy vector, drawn by several threads. OpenDP holds no lock while it draws, and takes random bytes from each
    thread's generator."""
    threads = len(os.sched_getaffinity(0))
    count = max(1, min(threads, len(exact) // MIN_CHUNK))  # small vectors stay in this thread
    if count == 1:
        return list(noise(exact))
    size = -(-len(exact) // count)
    chunks = [exact[start : start + size] for start in range(0, len(exact), size)]
    return [value for found in _thread_pool(threads).map(noise, chunks) for value in found]


@cache
def _thread_pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "noise")


INTEGER_TYPE = "i64"
VECTOR_DOMAIN = vector_domain(atom_domain(T=INTEGER_TYPE))
COUNTS_DOMAIN = map_domain(atom_domain(T=INTEGER_TYPE), atom_domain(T=INTEGER_TYPE))
JOB_DOMAIN = user_domain("exact bounded answers of a job", lambda value: isinstance(value, tuple))
PERSONS_METRIC = metrics.symmetric_distance()


def mechanism_measurement(mechanism: Mechanism, position: int) -> Measurement:
    match mechanism:
        case Additive():
            return _additive(mechanism, position)
        case Selection():
            return _selection(mechanism, position)
    return _threshold(mechanism, position)


def _declared(domain: Any, metric: Any, position: int, distance: Any) -> Any:
    """The exact answer at `position`, as a transformation that declares how far one person changes it. `distance` maps
    a number of persons to a distance."""
    return transformations.make_user_transformation(
        JOB_DOMAIN, PERSONS_METRIC, domain, metric, lambda answers: answers[position], distance
    )


def _additive(mechanism: Additive, position: int) -> Measurement:
    """The noise and map of the whole vector, drawn in chunks."""
    bounds = mechanism.bounds
    if mechanism.family is NoiseFamily.LAPLACE:
        metric, distance = metrics.l1_distance(T=INTEGER_TYPE), _times_persons(bounds.l1)
        noise = noises.make_laplace(VECTOR_DOMAIN, metric, scale=mechanism.scale)
    else:
        metric, distance = metrics.l2_distance(T=float), _times_persons(root_up(bounds.l2_squared))
        noise = noises.make_gaussian(VECTOR_DOMAIN, metric, scale=mechanism.scale)
    whole = _declared(VECTOR_DOMAIN, metric, position, distance) >> noise

    def drawn(answers: tuple[Sequence[int], ...]) -> list[int]:
        return draw_in_chunks(noise, answers[position])

    return noises.make_user_measurement(
        JOB_DOMAIN, PERSONS_METRIC, noise.output_measure, drawn, whole.map, TO="ExtrinsicObject"
    )


def _threshold(mechanism: Threshold, position: int) -> Measurement:
    """OpenDP 0.16 releases keys whose noisy count equals the threshold, but charges only for those above it
    (opendp#2922), so its delta is too small. Keys equal to it are therefore dropped as post-processing; then the map is
    correct."""
    bounds, scale, threshold = mechanism.bounds, mechanism.scale, mechanism.threshold
    if mechanism.family is NoiseFamily.LAPLACE:
        metric = metrics.l01inf_distance(metrics.absolute_distance(T=INTEGER_TYPE))
        noise = noises.make_laplace_threshold(COUNTS_DOMAIN, metric, scale=scale, threshold=threshold)
        distance = _threshold_distance(bounds.l0, bounds.l1, bounds.linf)
    else:
        metric = metrics.l02inf_distance(metrics.absolute_distance(T=float))
        noise = noises.make_gaussian_threshold(COUNTS_DOMAIN, metric, scale=scale, threshold=threshold)
        distance = _threshold_distance(bounds.l0, root_up(bounds.l2_squared), float(bounds.linf))
    return _declared(COUNTS_DOMAIN, metric, position, distance) >> noise >> _over_threshold(threshold)


def _over_threshold(threshold: int) -> Callable[[dict[int, int]], dict[int, int]]:
    return lambda counts: {key: count for key, count in counts.items() if count > threshold}


def _selection(mechanism: Selection, position: int) -> Measurement:
    """One noisy minimum for each cell. The loss is composed over the cells that one person touches."""
    metric = metrics.linf_distance(T=INTEGER_TYPE)
    measure = max_divergence() if mechanism.family is NoiseFamily.LAPLACE else zero_concentrated_divergence()
    choice = noises.make_noisy_max(VECTOR_DOMAIN, metric, measure, scale=mechanism.scale, negate=True)
    # Describes the cells of one person only: choices in other cells do not depend on them.
    touched = combinators.make_composition(
        [_declared(VECTOR_DOMAIN, metric, position, _times_persons(step)) >> choice for step in mechanism.steps]
    )

    def choose(answers: tuple[Sequence[Sequence[int]], ...]) -> list[int]:
        return [int(choice(list(scores))) for scores in answers[position]]  # independent choices, one for each cell

    return noises.make_user_measurement(JOB_DOMAIN, PERSONS_METRIC, measure, choose, touched.map, TO="ExtrinsicObject")


def _times_persons(step: Any) -> Callable[[int], Any]:
    return lambda persons: persons * step


def _threshold_distance(keys: int, norm: Any, max_change: Any) -> Callable[[int], tuple[Any, ...]]:
    """The number of changed keys, and the change in the norm of the noise and in a single key."""
    return lambda persons: (persons * keys, persons * norm, persons * max_change)
