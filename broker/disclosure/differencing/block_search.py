"""The sides of cells whose difference is 1 to t - 1 persons, block by block: found exactly, or assumed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain, combinations

import numpy as np

from broker.disclosure.differencing.difference_kinds import EDGE, EITHER, PersonKinds, WideKind
from broker.disclosure.differencing.graph_cuts import MAX_VERTICES, components, small_cut
from broker.disclosure.differencing.joint_counts import Numbers


@dataclass(frozen=True, slots=True)
class PersonKind:
    """Persons who are in the difference for the sides over `ends` that `mask` has; None: for any of them, perhaps."""

    ends: tuple[int, ...]
    mask: int | None
    weight: int


@dataclass(frozen=True, slots=True)
class SmallDifference:
    """Labels that are in, how many persons the difference has at least, and whether it has that many for certain."""

    inside: frozenset[int]
    persons: int
    exact: bool


@dataclass(frozen=True, slots=True)
class BlockLabels:
    """Which labels have cells of the new table and of the old, and the label that stands for the rest of a known
    population, if any: a side that has all of the new cells or none of them tells nothing new. `alone`: labels of one
    cell that its table tells. `factors`: where amounts are multiplied, by what those of each label are."""

    new: frozenset[int]
    old: frozenset[int]
    rest: int | None
    alone: frozenset[int] = frozenset()
    factors: Mapping[int, frozenset[float]] = field(default_factory=dict)

    def reveals(self, inside: frozenset[int]) -> bool:
        if self.rest is not None and self.rest in inside:
            return not self.new <= inside and not self.old.isdisjoint(inside)
        return not self.new.isdisjoint(inside) and not self.old.isdisjoint(inside)


def blocks_of(size: int, kinds: Sequence[PersonKinds], wide: Sequence[WideKind]) -> Iterator[list[PersonKind]]:
    listed = [
        PersonKind(tuple(map(int, ends)), int(mask), int(weight))
        for k in kinds
        for ends, mask, weight in zip(k.ends, k.masks, k.weights, strict=True)
    ]
    listed += [PersonKind(tuple(sorted(w.ends)), None, w.weight) for w in wide]
    pairs = [(k.ends[0], e) for k in listed for e in k.ends[1:]]
    ends: Numbers = np.array(pairs, np.int64).reshape(-1, 2)
    label = components(size, ends[:, 0], ends[:, 1])
    blocks: dict[int, list[PersonKind]] = defaultdict(list)
    for kind in listed:
        blocks[int(label[kind.ends[0]])].append(kind)
    yield from blocks.values()


def single_label_sides(block: Sequence[PersonKind]) -> Iterator[SmallDifference]:
    """Each label alone."""
    weights: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for kind in block:
        for place, end in enumerate(kind.ends):
            weights[end][0] += kind.weight * (kind.mask is not None and kind.mask >> (1 << place) & 1)
            weights[end][1] += kind.weight * (kind.mask is None)
    for end, (sure, perhaps) in sorted(weights.items()):
        if sure + perhaps:
            yield SmallDifference(frozenset({end}), max(sure, 1), not perhaps)


def weight_of(block: Sequence[PersonKind], inside: frozenset[int]) -> int:
    return sum(k.weight for k in block if is_in(k, inside))


def is_in(kind: PersonKind, inside: Set[int]) -> bool:
    """Whether persons of a kind are in the difference, for certain."""
    side = sum(1 << n for n, e in enumerate(kind.ends) if e in inside)
    return kind.mask is not None and bool(kind.mask >> side & 1)


MAX_CELLS = 8
"""Where more small cells than these could make up a difference, it is told."""
MAX_SIDES = 500
"""Of a block so many sides are looked at closely; whatever is asked then is told."""


class RevealCheck:
    """Of one block; what is told by a side is looked for when it is asked."""

    def __init__(self, block: Sequence[PersonKind], labels: BlockLabels, t: int) -> None:
        self._labels, self._t, self._left = labels, t, MAX_SIDES
        self._at: dict[int, list[PersonKind]] = defaultdict(list)
        for kind in block:
            for end in kind.ends:
                self._at[end].append(kind)

    def reveals(self, inside: frozenset[int]) -> bool:
        """Whether a difference of fewer than t persons tells of any of them, and no comparison of amounts as they are
        looks at the same."""
        if not self._labels.reveals(inside):
            return False
        self._left -= 1
        if self._left < 0 or not self._is_counted(inside):
            return True
        return not (self._is_of_one_factor(inside) or self._is_of_small_cells(inside))

    def _is_of_one_factor(self, inside: frozenset[int]) -> bool:
        """Of amounts that are all multiplied by one factor, a difference is that of the amounts as they are. Small
        cells with another factor are known, whatever they are multiplied by."""
        factors, alone = self._labels.factors, self._labels.alone
        one = frozenset[float]().union(*(factors.get(label, ()) for label in inside - alone))
        others = frozenset(label for label in inside & alone if factors.get(label) != one)
        is_small = all(self._weight(frozenset({cell})) < self._t for cell in others)
        return len(one) == 1 and is_small and self._weight(inside - others) < self._t

    def _is_of_small_cells(self, inside: frozenset[int]) -> bool:
        weight = self._weight(inside)
        return any(
            sum(map(self._weight, cells)) == weight and not self._weight(inside ^ cells[0] ^ cells[1])
            for cells in self._small_cells(inside)
        )

    def _small_cells(self, inside: frozenset[int]) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
        """Cells of the new table and of the old that could be the difference: of each table all are in, or none."""
        differs = [k for k in self._around(inside) if is_in(k, inside)]
        found = sorted({e for k in differs for e in k.ends if e in self._labels.alone and self._is_within(e, inside)})
        if len(found) > MAX_CELLS:
            return
        for some in chain.from_iterable(combinations(found, n) for n in range(1, len(found) + 1)):
            cells = (self._labels.new.intersection(some), self._labels.old.intersection(some))
            if all((c <= inside or c.isdisjoint(inside)) and self._weight(c) < self._t for c in cells):
                yield cells

    def _is_within(self, cell: int, inside: frozenset[int]) -> bool:
        """Whether everybody of a cell is in the difference."""
        one = frozenset({cell})
        return self._is_counted(one) and all(is_in(k, inside) for k in self._at[cell] if is_in(k, one))

    def _weight(self, inside: Set[int]) -> int:
        return sum(k.weight for k in self._around(inside) if is_in(k, inside))

    def _is_counted(self, inside: Set[int]) -> bool:
        return all(k.mask is not None for k in self._around(inside))

    def _around(self, inside: Set[int]) -> Iterator[PersonKind]:
        """Each kind with an end that is in, once."""
        for end in inside:
            for kind in self._at.get(end, ()):
                if next(e for e in kind.ends if e in inside) == end:
                    yield kind


MAX_STEPS = 20_000
"""As many sides of a block are begun; then what is not known is feared."""


class SideSearch:
    """Every side of a block, one label after the other, as long as the difference has fewer than t persons."""

    def __init__(self, block: Sequence[PersonKind], reveal_check: RevealCheck, t: int) -> None:
        self._block, self._reveal_check, self._t = block, reveal_check, t
        self.is_whole = True

    def find(self, ends: Sequence[int]) -> SmallDifference | None:
        order = self._ordered(ends)
        place = {e: n for n, e in enumerate(order)}
        ending: list[list[PersonKind]] = [[] for _ in order]
        for kind in self._block:
            ending[max(place[e] for e in kind.ends)].append(kind)
        waiting: list[tuple[int, int, int, frozenset[int]]] = [(0, 0, 0, frozenset())]
        for _ in range(MAX_STEPS):
            if not waiting:
                return None
            depth, sure, perhaps, inside = waiting.pop()
            if depth == len(order):
                if sure + perhaps and self._reveal_check.reveals(inside):
                    return SmallDifference(inside, max(sure, 1), not perhaps)
                continue
            for side in (inside, inside | {order[depth]}):
                more, fear = self._added(ending[depth], side)
                if sure + more < self._t:
                    waiting.append((depth + 1, sure + more, perhaps + fear, side))
        self.is_whole = False
        return None

    @staticmethod
    def _added(ending: Sequence[PersonKind], inside: frozenset[int]) -> tuple[int, int]:
        fear = sum(k.weight for k in ending if k.mask is None and not inside.isdisjoint(k.ends))
        return weight_of(ending, inside), fear

    def _ordered(self, ends: Sequence[int]) -> list[int]:
        """Neighbours one after the other, so that sides are given up early."""
        adjacent: dict[int, set[int]] = defaultdict(set)
        for kind in self._block:
            for end in kind.ends:
                adjacent[end] |= set(kind.ends)
        order, seen = list[int](), set[int]()
        waiting = [max(ends, key=lambda e: (len(adjacent[e]), -e))]
        while waiting:
            end = waiting.pop(0)
            if end not in seen:
                seen.add(end)
                order.append(end)
                waiting += sorted(adjacent[end] - seen)
        return order


def small_differences(
    size: int, out: int, kinds: Sequence[PersonKinds], wide: Sequence[WideKind], labels: BlockLabels, t: int
) -> list[SmallDifference]:
    """Sides of each block of vertices that nothing but `out` joins with others: all that are one label, else one."""
    found = []
    for block in blocks_of(size, kinds, wide):
        reveal_check = RevealCheck(block, labels, t)
        single = [f for f in single_label_sides(block) if f.persons < t and reveal_check.reveals(f.inside)]
        found += single or _joint_sides(block, out, reveal_check, t)
    return found


def _joint_sides(block: Sequence[PersonKind], out: int, reveal_check: RevealCheck, t: int) -> list[SmallDifference]:
    ends = sorted({e for k in block for e in k.ends})
    if len(ends) == 1:
        return []
    cut = _cut(block, ends, out, t)
    if cut is None:
        return []
    weight = weight_of(block, cut)
    if all(k.mask is not None for k in block) and 0 < weight < t and reveal_check.reveals(cut):
        return [SmallDifference(cut, weight, exact=True)]
    searched = SideSearch(block, reveal_check, t)
    found = searched.find(ends)
    if found is not None:
        return [found]
    return [] if searched.is_whole else [SmallDifference(cut, max(1, weight), exact=False)]


def _cut(block: Sequence[PersonKind], ends: Sequence[int], out: int, t: int) -> frozenset[int] | None:
    """A side that the graph of the block does not rule out; None where every side has t persons or more."""
    if len(ends) > MAX_VERTICES:
        return frozenset(ends[:1])
    number = {e: n for n, e in enumerate([out, *ends])}
    weights = np.zeros((len(number), len(number)))
    for kind in block:
        for a, b, weight in _doubled_edges(kind, out):
            weights[number[a], number[b]] += weight
            weights[number[b], number[a]] += weight
    if not weights[0].any():
        weights, number = weights[1:, 1:], {e: n for n, e in enumerate(ends)}
    cut = small_cut(weights, 2 * t)
    if cut is None:
        return None
    inside = {e for e, n in number.items() if n in cut[1]}
    return frozenset(set(number) - inside if out in inside else inside)


def _doubled_edges(kind: PersonKind, out: int) -> Iterator[tuple[int, int, int]]:
    """As `joining.doubled`."""
    if len(kind.ends) == 1 and kind.mask is not None:
        yield kind.ends[0], out, 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EDGE:
        yield kind.ends[0], kind.ends[1], 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EITHER:
        yield from ((*kind.ends, kind.weight), *((e, out, kind.weight) for e in kind.ends))
