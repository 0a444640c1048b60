"""A ratio of two linear statistics of a cell with its interval. Where both are read from one block they have one noise.
Knows noisy coordinates and weights only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.privacy.results.answers import Coordinates
from broker.privacy.results.intervals import Noise, half_widths
from broker.privacy.results.weights import Weights

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """A count or a sum: weights of the coordinates of its block."""

    of: Coordinates
    weights: Weights

    @property
    def values(self) -> Floats:
        return np.asarray(self.of.matrix() @ np.array(self.weights), dtype=np.float64)


def ratio(over: Linear, under: Linear, level: float) -> tuple[Floats, Floats, Floats]:
    """Values and ends; none where the denominator cannot be told from nothing: there is no bound then.

    The interval has all m with |over - m under| within the half width z of its own noise (Fieller 1954), z as at the
    ratio itself: (b^2 - z^2 Vb) m^2 - 2 (a b - z^2 C) m + (a^2 - z^2 Va) <= 0.
    """
    above, below = over.values, np.where(under.values == 0, np.nan, under.values)
    values = above / below
    first, second, noise = _side_by_side(over, under)
    pivots = first[None, :] - np.where(np.isfinite(values), values, 0.0)[:, None] * second[None, :]
    deviations = np.sqrt((pivots**2).sum(axis=1))
    reach = (half_widths(pivots, noise, level) / np.where(deviations > 0, deviations, 1.0)) ** 2
    lead = below**2 - reach * (second @ second)
    half = above * below - reach * (first @ second)
    root = np.sqrt(np.maximum(half**2 - lead * (above**2 - reach * (first @ first)), 0.0))
    lead = np.where(lead > 0, lead, np.nan)
    return np.where(lead > 0, values, np.nan), (half - root) / lead, (half + root) / lead


def _side_by_side(over: Linear, under: Linear) -> tuple[Floats, Floats, Noise]:
    """Weights of both on the same coordinates of unit noise: their own, or those of two blocks side by side."""
    one, other = over.of.noise, under.of.noise
    noise = Noise(1.0, max(one.excess, other.excess))
    if over.of is under.of:
        return np.array(over.weights) * one.deviation, np.array(under.weights) * one.deviation, noise
    first = np.array([*over.weights, *(0.0 for _ in under.weights)]) * one.deviation
    second = np.array([*(0.0 for _ in over.weights), *under.weights]) * other.deviation
    return first, second, noise
