"""The sides of cells by which 1 to t - 1 persons are told apart, block by block: found exactly, or feared."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.contraction import components
from broker.disclosure.differencing.cuts import MOST_VERTICES, small_cut
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import EDGE, EITHER, Kinds, Wide

MOST_STEPS = 20_000
"""As many sides of a block are begun; then what is not known is feared."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Persons who are in the difference for the sides over `ends` that `mask` has; None: for any of them, perhaps."""

    ends: tuple[int, ...]
    mask: int | None
    weight: int


@dataclass(frozen=True, slots=True)
class Found:
    """Labels that are in, how many persons the difference has at least, and whether it has that many for certain."""

    inside: frozenset[int]
    persons: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Tells:
    """Which labels have cells of the new table and of the old, and the label that stands for the rest of a known
    population, if any: a side that has all of the new cells or none of them tells nothing new."""

    new: frozenset[int]
    old: frozenset[int]
    rest: int | None

    def anything(self, inside: frozenset[int]) -> bool:
        if self.rest is not None and self.rest in inside:
            return not self.new <= inside and not self.old.isdisjoint(inside)
        return not self.new.isdisjoint(inside) and not self.old.isdisjoint(inside)


def small_sides(size: int, out: int, kinds: Sequence[Kinds], wide: Sequence[Wide], tells: Tells, t: int) -> list[Found]:
    """Sides of each block of vertices that nothing but `out` joins with others: all that are one label, else one."""
    found = []
    for block in _blocks(size, kinds, wide):
        single = [f for f in _of_one(block) if f.persons < t and tells.anything(f.inside)]
        found += single or _of_many(block, out, tells, t)
    return found


def _blocks(size: int, kinds: Sequence[Kinds], wide: Sequence[Wide]) -> Iterator[list[Kind]]:
    listed = [
        Kind(tuple(map(int, ends)), int(mask), int(weight))
        for k in kinds
        for ends, mask, weight in zip(k.ends, k.masks, k.weights, strict=True)
    ]
    listed += [Kind(tuple(sorted(w.ends)), None, w.weight) for w in wide]
    pairs = [(k.ends[0], e) for k in listed for e in k.ends[1:]]
    ends: Numbers = np.array(pairs, np.int64).reshape(-1, 2)
    label = components(size, ends[:, 0], ends[:, 1])
    blocks: dict[int, list[Kind]] = defaultdict(list)
    for kind in listed:
        blocks[int(label[kind.ends[0]])].append(kind)
    yield from blocks.values()


def _of_one(block: Sequence[Kind]) -> Iterator[Found]:
    """Each label alone."""
    weights: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for kind in block:
        for place, end in enumerate(kind.ends):
            weights[end][0] += kind.weight * (kind.mask is not None and kind.mask >> (1 << place) & 1)
            weights[end][1] += kind.weight * (kind.mask is None)
    for end, (sure, perhaps) in sorted(weights.items()):
        if sure + perhaps:
            yield Found(frozenset({end}), max(sure, 1), not perhaps)


def _of_many(block: Sequence[Kind], out: int, tells: Tells, t: int) -> list[Found]:
    ends = sorted({e for k in block for e in k.ends})
    if len(ends) == 1:
        return []
    cut = _cut(block, ends, out, t)
    if cut is None:
        return []
    if tells.anything(cut) and all(k.mask is not None for k in block) and 0 < _weight(block, cut) < t:
        return [Found(cut, _weight(block, cut), exact=True)]
    searched = _Search(block, tells, t)
    found = searched.found(ends)
    if found is not None:
        return [found]
    return [] if searched.is_whole else [Found(cut, max(1, _weight(block, cut)), exact=False)]


def _cut(block: Sequence[Kind], ends: Sequence[int], out: int, t: int) -> frozenset[int] | None:
    """A side that the graph of the block does not rule out; None where every side has t persons or more."""
    if len(ends) > MOST_VERTICES:
        return frozenset(ends[:1])
    number = {e: n for n, e in enumerate([out, *ends])}
    weights = np.zeros((len(number), len(number)))
    for kind in block:
        for a, b, weight in _doubled(kind, out):
            weights[number[a], number[b]] += weight
            weights[number[b], number[a]] += weight
    if not weights[0].any():
        weights, number = weights[1:, 1:], {e: n for n, e in enumerate(ends)}
    cut = small_cut(weights, 2 * t)
    if cut is None:
        return None
    inside = {e for e, n in number.items() if n in cut[1]}
    return frozenset(set(number) - inside if out in inside else inside)


def _doubled(kind: Kind, out: int) -> Iterator[tuple[int, int, int]]:
    """As `joining.doubled`."""
    if len(kind.ends) == 1 and kind.mask is not None:
        yield kind.ends[0], out, 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EDGE:
        yield kind.ends[0], kind.ends[1], 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EITHER:
        yield from ((*kind.ends, kind.weight), *((e, out, kind.weight) for e in kind.ends))


def _weight(block: Sequence[Kind], inside: frozenset[int]) -> int:
    return sum(k.weight for k in block if k.mask is not None and k.mask >> _side(k, inside) & 1)


def _side(kind: Kind, inside: frozenset[int]) -> int:
    return sum(1 << n for n, e in enumerate(kind.ends) if e in inside)


class _Search:
    """Every side of a block, one label after the other, as long as the difference has fewer than t persons."""

    def __init__(self, block: Sequence[Kind], tells: Tells, t: int) -> None:
        self._block, self._tells, self._t = block, tells, t
        self.is_whole = True

    def found(self, ends: Sequence[int]) -> Found | None:
        order = self._ordered(ends)
        place = {e: n for n, e in enumerate(order)}
        ending: list[list[Kind]] = [[] for _ in order]
        for kind in self._block:
            ending[max(place[e] for e in kind.ends)].append(kind)
        waiting: list[tuple[int, int, int, frozenset[int]]] = [(0, 0, 0, frozenset())]
        for _ in range(MOST_STEPS):
            if not waiting:
                return None
            depth, sure, perhaps, inside = waiting.pop()
            if depth == len(order):
                if sure + perhaps and self._tells.anything(inside):
                    return Found(inside, max(sure, 1), not perhaps)
                continue
            for side in (inside, inside | {order[depth]}):
                more, fear = self._added(ending[depth], side)
                if sure + more < self._t:
                    waiting.append((depth + 1, sure + more, perhaps + fear, side))
        self.is_whole = False
        return None

    @staticmethod
    def _added(ending: Sequence[Kind], inside: frozenset[int]) -> tuple[int, int]:
        sure = sum(k.weight for k in ending if k.mask is not None and k.mask >> _side(k, inside) & 1)
        return sure, sum(k.weight for k in ending if k.mask is None and not inside.isdisjoint(k.ends))

    def _ordered(self, ends: Sequence[int]) -> list[int]:
        """Neighbours one after the other, so that sides are given up early."""
        beside: dict[int, set[int]] = defaultdict(set)
        for kind in self._block:
            for end in kind.ends:
                beside[end] |= set(kind.ends)
        order, seen = list[int](), set[int]()
        waiting = [max(ends, key=lambda e: (len(beside[e]), -e))]
        while waiting:
            end = waiting.pop(0)
            if end not in seen:
                seen.add(end)
                order.append(end)
                waiting += sorted(beside[end] - seen)
        return order
