"""Which remembered columns can take something away from new ones: those that are most like them, those most like these,
and so on. No verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.among import Basis, Matrix, Rows, add_up
from broker.disclosure.differencing.kinds import Vector

MOST = 400
"""So many remembered columns are looked at together."""
ALIKE = 0.01
"""Columns of a smaller squared correlation take next to nothing away."""
WHOLE = 0.95
"""A column of such a part of everybody is always looked at: it correlates with nothing."""
ROUNDS = 3
DRAWS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One figure's columns among the persons of the basis, with their squares."""

    rows: Rows
    sizes: Vector


def nearest(new: Sequence[Shown], old: Sequence[Shown], basis: Basis) -> list[Vector]:
    """For each of `old`, which of its columns are looked at."""
    scores = [(one.sizes >= WHOLE * basis.weights.sum()).astype(np.float64) for one in old]
    chance = np.random.default_rng(0)
    drawn = _drawn(chance, new, [np.ones(len(one.sizes)) for one in new], basis)
    for _ in range(ROUNDS):
        found = [_likeness(one, drawn, basis) for one in old]
        more = [np.where(then < ALIKE, now, 0.0) for then, now in zip(scores, found, strict=True)]
        scores = [np.maximum(then, now) for then, now in zip(scores, found, strict=True)]
        if not any((m >= ALIKE).any() for m in more):
            break
        drawn = _drawn(chance, old, more, basis)
    every = np.concatenate([np.zeros(0), *scores])
    least = max(ALIKE, np.sort(every)[-MOST] if len(every) > MOST else 0.0)
    return [score >= least for score in scores]


def _drawn(chance: np.random.Generator, of: Sequence[Shown], worth: Sequence[Vector], basis: Basis) -> Matrix:
    """By draw and person, columns of length `worth` (squared) added up with random signs; the mean is 0."""
    found = np.zeros((DRAWS, len(basis.persons)))
    for one, squared in zip(of, worth, strict=True):
        factors = np.sqrt(np.where(squared >= ALIKE, squared, 0.0) / np.maximum(one.sizes, 1.0))
        if factors.any():
            signs = chance.choice([-1.0, 1.0], (DRAWS, len(factors)))
            add_up(found, one.rows, factors * signs)
    mean: Vector = (found @ basis.weights) / basis.weights.sum()
    return found - mean[:, None]


def _likeness(one: Shown, drawn: Matrix, basis: Basis) -> Vector:
    """The mean squared correlation of each column with what was drawn, which is the sum of those with its parts."""
    everybody = basis.weights.sum()
    weights = basis.weights[one.rows.places] * one.rows.amounts
    sums = np.stack([np.bincount(one.rows.columns, weights * d[one.rows.places], len(one.sizes)) for d in drawn])
    spread = np.maximum(one.sizes * (1 - one.sizes / everybody), 1.0)
    return np.asarray((sums**2).mean(axis=0) / spread, np.float64)
