"""Grouping sets that agree: one least-squares fit to all noisy margins of a table, solved exactly. Knows nothing of
what the numbers mean.

For a table over a full cross product, with margin S measured with independent noise of variance v_S a cell, the space
of tables is the orthogonal sum of the interactions T of its dimensions (Fourier, or analysis of variance). The part of
T in margin S summed down to T has covariance v_S * prod(d_i, i in S not T) * P_T, with one projection P_T for every S,
so the generalised least-squares fit takes, interaction by interaction, the mean weighted by inverse variances (Barak
et al. 2007; Xiao et al. 2023, "ResidualPlanner"). All sums are of integers: the same on every machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lcm, prod

import numpy as np
from numpy.typing import NDArray

Set = tuple[int, ...]
Numbers = NDArray[np.object_]
STEPS = 10**6
"""Weights are whole numbers of this precision: the fit is exact for them, and within 1e-6 of the best ones."""


def consistent(lengths: Sequence[int], margins: Mapping[Set, tuple[Sequence[int], float]]) -> dict[Set, list[float]]:
    """Margins that sum up to one another, from noisy integers and the variance of their noise, by grouping set.

    Sets are ascending positions of `lengths`; values are in the order of the cells, the last dimension fastest.
    """
    tables = {s: _array(values, [lengths[i] for i in s]) for s, (values, _) in margins.items()}
    variances = {s: variance for s, (_, variance) in margins.items()}
    parts = {t: _interaction(t, lengths, tables, variances) for t in _below(margins)}
    return {s: _margin(s, lengths, parts) for s in margins}


@dataclass(frozen=True, slots=True)
class _Part:
    """An interaction: whole numbers over one divisor."""

    numbers: Numbers
    divisor: int


def _array(values: Sequence[int], shape: Sequence[int]) -> Numbers:
    found = np.empty(len(values), dtype=object)
    found[:] = [int(v) for v in values]
    return found.reshape(tuple(shape))


def _below(sets: Iterable[Set]) -> list[Set]:
    """All subsets of the sets."""
    return sorted({t for s in sets for t in subsets(s)})


def subsets(s: Set) -> list[Set]:
    return [t for k in range(len(s) + 1) for t in combinations(s, k)]


def _interaction(
    t: Set, lengths: Sequence[int], tables: Mapping[Set, Numbers], variances: Mapping[Set, float]
) -> _Part:
    weights = weights_of(t, lengths, variances)
    numbers = sum(w * _projected(_summed(tables[s], s, t), t, lengths) for s, w in weights.items())
    divisor = sum(weights.values()) * prod(lengths[i] for i in t)
    return _Part(np.asarray(numbers, dtype=object), divisor)


def weights_of(t: Set, lengths: Sequence[int], variances: Mapping[Set, float]) -> dict[Set, int]:
    """How much each margin says of an interaction: whole numbers in proportion to the inverse variances."""
    spread = {s: v * prod(lengths[i] for i in s if i not in t) for s, v in variances.items() if set(t) <= set(s)}
    best = min(spread.values())
    return {s: max(round(STEPS * best / v), 1) for s, v in spread.items()}


def _summed(table: Numbers, s: Set, t: Set) -> Numbers:
    axes = tuple(a for a, i in enumerate(s) if i not in t)
    return np.asarray(table.sum(axis=axes), dtype=object) if axes else table


def _projected(table: Numbers, t: Set, lengths: Sequence[int]) -> Numbers:
    """The interaction, times the product of the lengths: along each axis d * z - sum(z)."""
    for axis, i in enumerate(t):
        table = lengths[i] * table - table.sum(axis=axis, keepdims=True)
    return table


def _margin(s: Set, lengths: Sequence[int], parts: Mapping[Set, _Part]) -> list[float]:
    """The interactions within a set, each spread evenly over what it does not depend on."""
    total: Numbers | int = 0
    inside = [t for t in parts if set(t) <= set(s)]
    divisors = {t: parts[t].divisor * prod(lengths[i] for i in s if i not in t) for t in inside}
    common = lcm(*divisors.values())
    for t in inside:
        shape = tuple(lengths[i] if i in t else 1 for i in s)
        total = total + (common // divisors[t]) * parts[t].numbers.reshape(shape)
    flat = np.asarray(total * _ones([lengths[i] for i in s]), dtype=object)
    return [int(v) / common for v in flat.reshape(-1)]


def _ones(shape: Sequence[int]) -> Numbers:
    found = np.empty(tuple(shape), dtype=object)
    found[...] = 1
    return found
