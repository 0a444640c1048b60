"""From latent ability to marks: loadings, month of birth, and thresholds that reach a stated share. Independent of
tables."""

import numpy as np

from broker.synth.draws import Array, ranks, standardised
from broker.synth.marginals import Marginals
from broker.synth.synthetic_people import SyntheticPeople

PROFILE, PHONICS, KS1, KS2, KS4 = range(5)
_NAMES = ("eyfsp", "phonics", "ks1", "ks2", "ks4")


def latent(people: SyntheticPeople, who: Array, stage: int, known: Marginals) -> Array:
    """A person's score at a stage, in standard deviations; every call gives the same score."""
    loading = known.number(f"ability.{_NAMES[stage]}_loading")
    age = (people.month[who] + 3) % 12  # September is 0, the oldest
    value = loading * people.ability[who] + np.sqrt(1 - loading**2) * people.noise[stage][who]
    return np.asarray(value - known.number(f"ability.month_{_NAMES[stage]}") * (age - 5.5))


def bounded(z: Array, mean: float, sd: float, low: int, high: int) -> Array:
    """An integer score with this mean and deviation, clipped."""
    return np.clip(np.round(mean + sd * standardised(z)), low, high).astype(np.int32)


def reaching(z: Array, share: float) -> Array:
    """Flags of the best `share`."""
    return np.asarray(ranks(z) > 1 - share)


def outcome(z: Array, expected: float, depth: float, lowest: float = 0.05) -> Array:
    """Positions in OUTCOMES: greater depth, expected, working towards, pre-key-stage."""
    place = ranks(z)
    below = np.where(place > lowest, 2, 3)
    return np.where(place > 1 - depth, 0, np.where(place > 1 - expected, 1, below)).astype(np.int8)


def absent_outcomes(rng: np.random.Generator, outcomes: Array) -> Array:
    """Mark a few as absent or disapplied."""
    draw = rng.random(len(outcomes))
    return np.where(draw < 0.002, 4, np.where(draw < 0.004, 5, outcomes))


def effects(rng: np.random.Generator, z: Array, correlation: float) -> Array:
    """A second measure that correlates with the first."""
    return np.asarray(correlation * standardised(z) + np.sqrt(1 - correlation**2) * rng.standard_normal(len(z)))
