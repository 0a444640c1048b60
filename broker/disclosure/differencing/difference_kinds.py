"""Groups persons into kinds by the sides whose difference they are in, and joins cells that no small difference
separates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.graph_cuts import Edges, components, contract_around_hub, sum_edges
from broker.disclosure.differencing.joint_counts import Counts, Numbers, group_starts

Masks = NDArray[np.uint64]
Vector = NDArray[np.float64]

EDGE, EITHER, SINGLE = 0b0110, 0b1110, 0b10
MAX_ENDS = 6
"""Persons in more separate vertices than this are not enumerated side by side: a mask has 2^6 bits."""

SAME_AMOUNT = 1e-9
"""Relative tolerance: amounts that differ by less are equal, because they may have been summed in another order."""


@dataclass(frozen=True, slots=True, eq=False)
class MultiCellRows:
    """Persons in several cells of a table: one row for each person and vertex. Amounts of the earlier table are
    negative."""

    persons: Numbers
    vertices: Numbers
    amounts: Vector


@dataclass(frozen=True, slots=True, eq=False)
class OverlapGraph:
    """All persons of two tables as a graph whose vertices are cells.

    `equal`: persons in at most one cell of each table, with the same amount in both. `unequal`: the same with different
    amounts. `several`: persons in several cells of a table. The last vertex, `out`, is never on the inside of a side.
    """

    equal: Edges
    unequal: Edges
    several: MultiCellRows


@dataclass(frozen=True, slots=True, eq=False)
class PersonKinds:
    """Kinds of persons with the same number k of ends: `ends` is a (kinds, k) array of vertices; each kind has a mask
    and a number of persons."""

    ends: Numbers
    masks: Masks
    weights: Counts


@dataclass(frozen=True, slots=True)
class WideKind:
    """Persons with too many ends for a mask. They may be in the difference of any side that contains one of the
    ends."""

    ends: frozenset[int]
    weight: int


def person_kinds(graph: OverlapGraph, label: Numbers) -> tuple[list[PersonKinds], list[WideKind]]:
    """The kinds of all persons who can be in a difference, where all vertices of a label are on the same side."""
    rows: dict[int, list[PersonKinds]] = {1: [], 2: []}
    out = int(label[-1])
    for edges, mask in ((graph.equal, EDGE), (graph.unequal, EITHER)):
        for kinds in _pairs(edges, label, out, mask):
            rows[kinds.ends.shape[1]].append(kinds)
    several, wide = _several(graph.several, label, out)
    for kinds in several:
        rows.setdefault(kinds.ends.shape[1], []).append(kinds)
    return [_merge_kinds(found) for found in rows.values() if found], wide


def _pairs(edges: Edges, label: Numbers, out: int, mask: int) -> list[PersonKinds]:
    left, right, weight = label[edges[0]], label[edges[1]], edges[2]
    same, without = left == right, (left == out) | (right == out)
    alone = np.where(left == out, right, left)
    one = (~same if mask == EDGE else np.ones(len(same), bool)) & (without | same) & (alone != out)
    two = ~same & ~without
    low, high = np.minimum(left, right)[two], np.maximum(left, right)[two]
    return [_of_mask(alone[one][:, None], SINGLE, weight[one]), _of_mask(np.stack([low, high], 1), mask, weight[two])]


def _of_mask(ends: Numbers, mask: int, weights: Counts) -> PersonKinds:
    return PersonKinds(ends, np.full(len(ends), mask, np.uint64), weights)


def _several(several: MultiCellRows, label: Numbers, out: int) -> tuple[list[PersonKinds], list[WideKind]]:
    persons, ends, amounts = _added_up(several, label, out)
    starts = group_starts(persons)
    lengths = np.diff(np.append(starts, len(persons)))
    kinds, wide = [], list[WideKind]()
    for length in np.unique(lengths):
        at = starts[lengths == length][:, None] + np.arange(length)
        # Their mask would not fit: equal sets of ends are counted together.
        if length > MAX_ENDS:
            found, weights = np.unique(ends[at], axis=0, return_counts=True)
            wide += [WideKind(frozenset(map(int, e)), int(w)) for e, w in zip(found, weights, strict=True)]
        else:
            kinds.append(PersonKinds(ends[at], _masks(amounts[at]), np.ones(len(at), np.int64)))
    return kinds, wide


def _added_up(several: MultiCellRows, label: Numbers, out: int) -> tuple[Numbers, Numbers, Vector]:
    """Sum of amounts by person and label, without `out` and without sums that cancel."""
    ends = label[several.vertices]
    order = np.lexsort((ends, several.persons))
    persons, ends, amounts = several.persons[order], ends[order], several.amounts[order]
    starts = group_starts(persons, ends)
    whole, size = np.add.reduceat(amounts, starts), np.add.reduceat(np.abs(amounts), starts)
    remaining = (np.abs(whole) > SAME_AMOUNT * size) & (ends[starts] != out)  # what cancels is in no difference
    return persons[starts][remaining], ends[starts][remaining], whole[remaining]


def all_sides(length: int) -> Vector:
    """All sides of `length` ends, as a (2^length, length) array of 0 and 1; row n is side n."""
    return ((np.arange(1 << length)[:, None] >> np.arange(length)) & 1).astype(np.float64)


def _masks(amounts: Vector) -> Masks:
    sides = all_sides(amounts.shape[1])
    differs = np.abs(amounts @ sides.T) > SAME_AMOUNT * np.abs(amounts).sum(axis=1)[:, None]
    bits = np.uint64(1) << np.arange(len(sides), dtype=np.uint64)
    masks: Masks = (differs * bits).sum(axis=1, dtype=np.uint64)
    return masks


def _merge_kinds(found: list[PersonKinds]) -> PersonKinds:
    """Merge equal kinds, adding up their persons."""
    ends = np.concatenate([k.ends for k in found])
    masks, weights = np.concatenate([k.masks for k in found]), np.concatenate([k.weights for k in found])
    order = np.lexsort((masks, *ends.T))
    ends, masks, weights = ends[order], masks[order], weights[order]
    starts = group_starts(masks, *ends.T)
    return PersonKinds(ends[starts], masks[starts], np.add.reduceat(weights, starts))


NO_EDGES: Edges = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def join_vertices(
    overlap: OverlapGraph, label: Numbers, limit: int
) -> tuple[Numbers, list[PersonKinds], list[WideKind]]:
    """Merge labels until no two remaining labels are joined by `limit` or more persons. Return the labels and the kinds
    of persons between them."""
    # Merging labels merges kinds, which can make further edges heavy: repeat until nothing changes.
    while True:
        kinds, wide = person_kinds(overlap, label)
        size, out = len(label), int(label[-1])
        left, right, weight = sum_edges(size, _concatenate_edges([implied_edges(k, out) for k in kinds]))
        heavy = weight >= limit
        ends = [(left[heavy], right[heavy])]  # no small difference can separate these
        # Cuts of this graph are lower bounds, so joining around its hub is safe.
        graph = sum_edges(size, _concatenate_edges([doubled_edges(k, out) for k in kinds]))
        if len(graph[0]):
            ends.append(contract_around_hub(size, graph, 2 * limit))
        more = components(size, *(np.concatenate(e) for e in zip(*ends, strict=True)))
        if np.array_equal(more[label], label):
            return label, kinds, wide
        label = more[label]


def _concatenate_edges(found: list[Edges]) -> Edges:
    left, right, weight = (np.concatenate(of) for of in zip(NO_EDGES, *found, strict=True))
    return left, right, weight


def implied_edges(kinds: PersonKinds, out: int) -> Edges:
    """Edges (an end with another end, or with out) such that every side that separates them has all persons of the kind
    in its difference."""
    length = kinds.ends.shape[1]
    sides = all_sides(length).astype(bool)
    found = []
    for a in range(length):
        found.append(_edges_where(kinds, sides[:, a], kinds.ends[:, a], np.full(len(kinds.ends), out)))
        for b in range(a):
            found.append(_edges_where(kinds, sides[:, a] != sides[:, b], kinds.ends[:, a], kinds.ends[:, b]))
    return _concatenate_edges(found)


def _edges_where(kinds: PersonKinds, apart: Numbers, left: Numbers, right: Numbers) -> Edges:
    required = np.uint64(sum(1 << int(bit) for bit in np.flatnonzero(apart)))
    holds = (kinds.masks & required) == required
    return left[holds], right[holds], kinds.weights[holds]


def doubled_edges(kinds: PersonKinds, out: int) -> Edges:
    """The kinds that a graph represents exactly, at twice their weight. A kind of mask EITHER (in the difference unless
    both ends are out) becomes a triangle with `out`: a side cuts two of its edges or none. Other kinds are left out, so
    every cut is a lower bound."""
    length = kinds.ends.shape[1]
    outs = np.full(len(kinds.ends), out)
    if length == 1:
        return kinds.ends[:, 0], outs, 2 * kinds.weights
    if length > 2:
        return NO_EDGES
    edge, either = kinds.masks == EDGE, kinds.masks == EITHER
    one, two = kinds.ends[:, 0], kinds.ends[:, 1]
    triangle = [(a[either], b[either], kinds.weights[either]) for a, b in ((one, two), (one, outs), (two, outs))]
    return _concatenate_edges([(one[edge], two[edge], 2 * kinds.weights[edge]), *triangle])
