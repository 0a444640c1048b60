"""Numbers that OpenDP turns into one another, or takes as floats, never rounded to the wrong side. No job's noise."""

from fractions import Fraction
from math import nextafter, sqrt

import opendp.combinators as combinators
import opendp.measurements as noises
from opendp.domains import atom_domain
from opendp.metrics import absolute_distance
from opendp.mod import enable_features

enable_features("contrib")


def epsilon_of(rho: Fraction | float, delta: float) -> float:
    """An epsilon for which rho-zero-concentrated privacy is (epsilon, delta) private, by OpenDP's conversion."""
    if rho == 0:
        return 0.0
    distance = sqrt(2 * float(rho))
    unit = noises.make_gaussian(atom_domain(T="i64"), absolute_distance(T=float), scale=1.0)
    while Fraction(unit.map(distance)) < Fraction(rho):
        distance = nextafter(distance, float("inf"))
    return float(combinators.make_zCDP_to_approxDP(unit).map(distance).epsilon(delta))


def root_up(square: int) -> float:
    """The square root of an integer, as a float that is not less than it."""
    root = sqrt(square)
    while Fraction(root) ** 2 < square:
        root = nextafter(root, float("inf"))
    return root
