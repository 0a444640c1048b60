"""Graph cuts below a limit, against every cut of small random graphs."""

from itertools import combinations

import numpy as np
import pytest

from broker.disclosure.differencing import graph_cuts

SEEDS = range(40)


def drawn(seed):
    chance = np.random.default_rng(seed)
    size = int(chance.integers(2, 8))
    weights = np.triu(chance.integers(1, 6, (size, size)) * (chance.random((size, size)) < chance.choice([0.4, 1])), 1)
    left, right = np.nonzero(weights)
    return size, (left, right, weights[left, right]), int(chance.integers(1, 14))


def cut(edges, side):
    return sum(w for a, b, w in zip(*(e.tolist() for e in edges), strict=True) if (a in side) != (b in side))


def every_cut(size, edges):
    return {side: cut(edges, side) for r in range(1, size) for side in combinations(range(size), r)}


@pytest.mark.parametrize("seed", SEEDS)
def test_components_are_those_of_a_walk(seed):
    chance = np.random.default_rng(seed)
    left, right = chance.integers(0, 30, (2, int(chance.integers(0, 40))))
    label = graph_cuts.components(30, left, right)
    walked = list(range(30))
    for _ in range(30):
        for a, b in zip(left, right, strict=True):
            walked[a] = walked[b] = min(walked[a], walked[b])
    assert label.tolist() == walked


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_cut_is_found_where_there_is_one(seed):
    size, edges, limit = drawn(seed)
    matrix = np.zeros((size, size))
    matrix[edges[0], edges[1]] = edges[2]
    found = graph_cuts.small_cut(matrix + matrix.T, limit)
    cuts = every_cut(size, edges)
    assert (found is not None) == (min(cuts.values()) < limit)
    if found is not None:
        assert cuts[tuple(sorted(found[1]))] == found[0] < limit


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_made_one_is_not_parted_by_a_small_cut(seed):
    size, edges, limit = drawn(seed)
    small = [side for side, weight in every_cut(size, edges).items() if weight < limit]
    contracted = graph_cuts.contract_around_hub(size, graph_cuts.sum_edges(size, edges), limit)
    for vertex, hub in zip(*contracted, strict=True):
        assert all((vertex in side) == (hub in side) for side in small)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tied", [True, False])
def test_what_has_grown_together_is_not_parted_by_a_small_cut(seed, tied):
    chance = np.random.default_rng(seed)
    table = chance.integers(0, 5, tuple(chance.integers(2, 5, 2)))
    limit = int(chance.integers(2, 12))
    rows, columns = graph_cuts.contract_table(table.astype(np.float32), limit, tied)
    a, b = table.shape
    left, right = np.nonzero(table)
    number = np.arange(a + b)
    if tied:
        number[-1] = a - 1
    edges = (number[left], number[a + right], table[left, right])
    one = {*np.flatnonzero(rows).tolist(), *number[a + np.flatnonzero(columns)].tolist()}
    size = a + b - tied
    for side, weight in every_cut(size, edges).items():
        if weight < limit:
            assert one <= set(side) or one.isdisjoint(side)
