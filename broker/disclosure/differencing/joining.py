"""Which cells must be on one side, because any other has too many persons in the difference. No verdicts."""

import numpy as np

from broker.disclosure.differencing.contraction import Edges, around, components, summed
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import EDGE, EITHER, Kinds, People, Wide, kinds_of, sides_of

NONE: Edges = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def joined(people: People, label: Numbers, limit: int) -> tuple[Numbers, list[Kinds], list[Wide]]:
    """Labels of vertices that no difference of fewer than `limit` persons parts, and the kinds of persons for them."""
    while True:
        kinds, wide = kinds_of(people, label)
        out = int(label[people.out])
        left, right, weight = summed(people.size, _gather([implied(k, out) for k in kinds]))
        heavy = weight >= limit
        ends = [(left[heavy], right[heavy])]
        graph = summed(people.size, _gather([doubled(k, out) for k in kinds]))
        if len(graph[0]):
            ends.append(around(people.size, graph, 2 * limit))
        more = components(people.size, *(np.concatenate(e) for e in zip(*ends, strict=True)))
        if np.array_equal(more[label], label):
            return label, kinds, wide
        label = more[label]


def _gather(found: list[Edges]) -> Edges:
    if not found:
        return NONE
    left, right, weight = (np.concatenate(of) for of in zip(*found, strict=True))
    return left, right, weight


def implied(kinds: Kinds, out: int) -> Edges:
    """Pairs of ends (or an end and out) that, on two sides, have all persons of the kind in the difference."""
    length = kinds.ends.shape[1]
    sides = sides_of(length).astype(bool)
    found = []
    for a in range(length):
        found.append(_where(kinds, sides[:, a], kinds.ends[:, a], np.full(len(kinds.ends), out)))
        for b in range(a):
            found.append(_where(kinds, sides[:, a] != sides[:, b], kinds.ends[:, a], kinds.ends[:, b]))
    return _gather(found)


def _where(kinds: Kinds, apart: Numbers, left: Numbers, right: Numbers) -> Edges:
    asked = np.uint64(sum(1 << int(bit) for bit in np.flatnonzero(apart)))
    holds = (kinds.masks & asked) == asked
    return left[holds], right[holds], kinds.weights[holds]


def doubled(kinds: Kinds, out: int) -> Edges:
    """The kinds that a graph says exactly, at twice their weight: whoever is in the difference unless two ends are both
    out is a triangle with it, of which two sides are cut or none. Other kinds are left out: cuts are at least these."""
    length = kinds.ends.shape[1]
    outs = np.full(len(kinds.ends), out)
    if length == 1:
        return kinds.ends[:, 0], outs, 2 * kinds.weights
    if length > 2:
        return NONE
    edge, either = kinds.masks == EDGE, kinds.masks == EITHER
    one, two = kinds.ends[:, 0], kinds.ends[:, 1]
    triangle = [(a[either], b[either], kinds.weights[either]) for a, b in ((one, two), (one, outs), (two, outs))]
    return _gather([(one[edge], two[edge], 2 * kinds.weights[edge]), *triangle])
