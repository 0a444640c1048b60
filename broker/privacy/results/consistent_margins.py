"""Consistent margins: one exact least-squares fit to all noisy margins of a table, and the noise after the fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lcm, prod, sqrt

import numpy as np
from numpy.typing import NDArray

from broker.privacy.results.noise_intervals import NoiseMoments

GroupingSet = tuple[int, ...]
ExactArray = NDArray[np.object_]
Variances = Mapping[GroupingSet, float]
WEIGHT_PRECISION = 10**6
"""Weights are integers up to this number: the fit is exact for them, and they are within 1e-6 of the best weights."""


def fit_margins(
    lengths: Sequence[int], margins: Mapping[GroupingSet, tuple[Sequence[int], float]]
) -> dict[GroupingSet, list[float]]:
    """Fit margins so that they add up, from noisy integers and the variance of their noise, by grouping set.

    Sets are ascending positions of `lengths`. Values are in the order of the cells, the last dimension fastest.
    """
    tables = {
        s: np.array([int(v) for v in values], dtype=object).reshape([lengths[i] for i in s])
        for s, (values, _) in margins.items()
    }
    variances = {s: variance for s, (_, variance) in margins.items()}
    parts = {t: _interaction(t, lengths, tables, variances) for t in sorted({t for s in margins for t in subsets(s)})}
    return {s: _margin(s, lengths, parts) for s in margins}


@dataclass(frozen=True, slots=True)
class _Interaction:
    """An interaction: integers over one divisor."""

    numbers: ExactArray
    divisor: int


def subsets(s: GroupingSet) -> list[GroupingSet]:
    return [t for k in range(len(s) + 1) for t in combinations(s, k)]


def _interaction(
    t: GroupingSet, lengths: Sequence[int], tables: Mapping[GroupingSet, ExactArray], variances: Variances
) -> _Interaction:
    weights = interaction_weights(t, lengths, variances)
    # Integers of any size (object arrays): nothing is rounded.
    numbers = sum(w * _projected(_summed(tables[s], s, t), t, lengths) for s, w in weights.items())
    divisor = sum(weights.values()) * prod(lengths[i] for i in t)
    return _Interaction(np.asarray(numbers, dtype=object), divisor)


def interaction_weights(t: GroupingSet, lengths: Sequence[int], variances: Variances) -> dict[GroupingSet, int]:
    """The weight of each margin for an interaction: integers in proportion to the inverse variances."""
    # A margin over more cells has added up more noise for the same interaction.
    interaction_variances = {
        s: v * prod(lengths[i] for i in s if i not in t) for s, v in variances.items() if set(t) <= set(s)
    }
    best = min(interaction_variances.values())
    return {s: max(round(WEIGHT_PRECISION * best / v), 1) for s, v in interaction_variances.items()}  # at least 1


def _summed(table: ExactArray, s: GroupingSet, t: GroupingSet) -> ExactArray:
    axes = tuple(a for a, i in enumerate(s) if i not in t)
    return np.asarray(table.sum(axis=axes), dtype=object) if axes else table


def _projected(table: ExactArray, t: GroupingSet, lengths: Sequence[int]) -> ExactArray:
    """The interaction, times the product of the lengths: along each axis d * z - sum(z)."""
    for axis, i in enumerate(t):
        table = lengths[i] * table - table.sum(axis=axis, keepdims=True)
    return table


def _margin(s: GroupingSet, lengths: Sequence[int], parts: Mapping[GroupingSet, _Interaction]) -> list[float]:
    """The sum of the interactions within a set, each spread evenly over the dimensions that it does not have."""
    total: ExactArray | int = 0
    inside = [t for t in parts if set(t) <= set(s)]
    divisors = {t: parts[t].divisor * prod(lengths[i] for i in s if i not in t) for t in inside}
    # Exact integer arithmetic up to the last division, so that margins add up exactly.
    common = lcm(*divisors.values())
    for t in inside:
        shape = tuple(lengths[i] if i in t else 1 for i in s)
        total = total + (common // divisors[t]) * parts[t].numbers.reshape(shape)
    flat = np.asarray(total * np.full([lengths[i] for i in s], 1, dtype=object), dtype=object)
    return [int(v) / common for v in flat.reshape(-1)]


def fitted_noise(lengths: Sequence[int], noises: Mapping[GroupingSet, NoiseMoments]) -> dict[GroupingSet, NoiseMoments]:
    """The noise of a cell of each grouping set after the fit, from that of a cell before it.

    A cell c of S' takes the same weight from every cell r of S that agrees with c in exactly the shared dimensions A:
    the sum over T within S and S' of share(S, T) / prod(d_i, i in S' not T) * prod(1[i in A] - 1 / d_i, i in T). There
    are prod(d_i - 1, i shared not A) * prod(d_i, i in S not S') such cells.
    """
    variances = {s: n.deviation**2 for s, n in noises.items()}
    return {s: _cell_noise(s, lengths, noises, variances) for s in noises}


def _cell_noise(
    target: GroupingSet, lengths: Sequence[int], noises: Mapping[GroupingSet, NoiseMoments], variances: Variances
) -> NoiseMoments:
    variance = fourth = 0.0
    for s, noise in noises.items():
        shared = tuple(i for i in s if i in target)
        shares = {
            t: _interaction_share(s, t, lengths, variances) / prod(lengths[i] for i in target if i not in t)
            for t in subsets(shared)
        }
        for agree in subsets(shared):
            weight = sum(v * prod((i in agree) - 1 / lengths[i] for i in t) for t, v in shares.items())
            number = prod(lengths[i] - 1 for i in shared if i not in agree) * prod(
                lengths[i] for i in s if i not in target
            )
            variance += number * (weight * noise.deviation) ** 2
            fourth += number * noise.excess * (weight * noise.deviation) ** 4
    return NoiseMoments(sqrt(variance), fourth / variance**2 if variance else 0.0)


def _interaction_share(s: GroupingSet, t: GroupingSet, lengths: Sequence[int], variances: Variances) -> float:
    weights = interaction_weights(t, lengths, variances)
    return weights[s] / sum(weights.values())
