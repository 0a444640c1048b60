"""Searches a graph, block by block, for unions of cells that differ by 1 to t - 1 persons: found exactly, or assumed.

A side is the set of labels (contracted cells) that are added up. The difference of a side is the persons whose amounts
do not cancel in it.
"""

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
    """Persons with the same `ends` (labels). Bit s of `mask` says whether they are in the difference of side s of these
    ends. None: they may be in the difference of any side that has one of the ends."""

    ends: tuple[int, ...]
    mask: int | None
    weight: int


@dataclass(frozen=True, slots=True)
class SmallDifference:
    """A side: the labels inside, the least number of persons in its difference, and whether that number is certain."""

    inside: frozenset[int]
    persons: int
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class LabelSearch:
    """What is searched: the `label` of each vertex, the last of which is in no side, and who is between labels. `new`
    are the labels that have cells of the new table, and `old` those with cells of the old one.

    `rest` is the label for the rest of a known population, if there is one: a side with all of the new cells, or none,
    then reveals nothing new. `alone` are the labels of one cell that its table discloses. `factors` are the scale
    factors of each label's amounts, where amounts are multiplied. `with_rest`: only sides with the rest are looked for.
    """

    label: Numbers
    kinds: Sequence[PersonKinds]
    wide: Sequence[WideKind]
    new: frozenset[int]
    old: frozenset[int]
    rest: int | None
    alone: frozenset[int] = frozenset()
    factors: Mapping[int, frozenset[float]] = field(default_factory=dict)
    with_rest: bool = False

    @property
    def out(self) -> int:
        return int(self.label[-1])

    def reveals(self, inside: frozenset[int]) -> bool:
        if self.with_rest and self.rest not in inside:
            return False
        if self.rest is not None and self.rest in inside:
            return not self.new <= inside and not self.old.isdisjoint(inside)
        return not self.new.isdisjoint(inside) and not self.old.isdisjoint(inside)


def blocks_of(search: LabelSearch) -> Iterator[list[PersonKind]]:
    listed = [
        PersonKind(tuple(map(int, ends)), int(mask), int(weight))
        for k in search.kinds
        for ends, mask, weight in zip(k.ends, k.masks, k.weights, strict=True)
    ]
    listed += [PersonKind(tuple(sorted(w.ends)), None, w.weight) for w in search.wide]
    pairs = [(k.ends[0], e) for k in listed for e in k.ends[1:]]
    ends: Numbers = np.array(pairs, np.int64).reshape(-1, 2)
    label = components(len(search.label), ends[:, 0], ends[:, 1])
    blocks: dict[int, list[PersonKind]] = defaultdict(list)
    for kind in listed:
        blocks[int(label[kind.ends[0]])].append(kind)
    yield from blocks.values()


def single_label_sides(block: Sequence[PersonKind]) -> Iterator[SmallDifference]:
    """Each side that consists of one label."""
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
    """Whether persons of this kind are certainly in the difference of the side."""
    side = sum(1 << n for n, e in enumerate(kind.ends) if e in inside)
    return kind.mask is not None and bool(kind.mask >> side & 1)


MAX_CELLS = 8
"""If more small cells than this could make up a difference, we assume that the difference is disclosed."""
MAX_SIDES = 500
"""The number of sides of a block that are checked in full. Any further side is assumed to reveal a difference."""


class RevealCheck:
    """Decides for the sides of one block whether they reveal a small difference. Works lazily, side by side."""

    def __init__(self, block: Sequence[PersonKind], search: LabelSearch, t: int) -> None:
        self._search, self._t, self._left = search, t, MAX_SIDES
        self._at: dict[int, list[PersonKind]] = defaultdict(list)
        for kind in block:
            for end in kind.ends:
                self._at[end].append(kind)

    def reveals(self, inside: frozenset[int]) -> bool:
        """Whether the difference of this side reveals something about its fewer than t persons, and no comparison of
        the unscaled amounts covers the same difference."""
        if not self._search.reveals(inside):
            return False
        # Each call costs time, so their number is bounded; beyond the bound the answer is the safe one.
        self._left -= 1
        if self._left < 0 or not self._is_counted(inside):
            return True
        return not (self._is_of_one_factor(inside) or self._is_of_small_cells(inside))

    def _is_of_one_factor(self, inside: frozenset[int]) -> bool:
        """Whether all amounts are multiplied by one factor. Then the difference equals that of the unscaled amounts,
        which is compared by itself. Small cells with another factor are set aside: they are known whatever their factor
        is."""
        factors, alone = self._search.factors, self._search.alone
        # The factors of all labels that may not be set aside.
        one = frozenset[float]().union(*(factors.get(label, ()) for label in inside - alone))
        others = frozenset(label for label in inside & alone if factors.get(label) != one)
        is_small = all(self._weight(frozenset({cell})) < self._t for cell in others)
        return len(one) == 1 and is_small and self._weight(inside - others) < self._t

    def _is_of_small_cells(self, inside: frozenset[int]) -> bool:
        """Whether small cells of the one table and of the other make up the difference: of other persons, or of the
        same ones, whom each table discloses by itself."""
        weight = self._weight(inside)
        return any(
            not self._weight(inside ^ cells[0] ^ cells[1])
            and (sum(map(self._weight, cells)) == weight or self._are_of_same(cells, inside))
            for cells in self._small_cells(inside)
        )

    def _are_of_same(self, cells: tuple[frozenset[int], frozenset[int]], inside: frozenset[int]) -> bool:
        found = [{id(k) for k in self._around(side) if is_in(k, side)} for side in (*cells, inside)]
        return found[0] == found[1] == found[2]

    def _small_cells(self, inside: frozenset[int]) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
        """Pairs of cells of the new table and of the old one that could make up the difference. The chosen cells of a
        table lie all inside the side or all outside."""
        differs = [k for k in self._around(inside) if is_in(k, inside)]
        found = sorted({e for k in differs for e in k.ends if e in self._search.alone and self._is_within(e, inside)})
        if len(found) > MAX_CELLS:
            return
        # At most 2^MAX_CELLS combinations.
        for some in chain.from_iterable(combinations(found, n) for n in range(1, len(found) + 1)):
            cells = (self._search.new.intersection(some), self._search.old.intersection(some))
            if all((c <= inside or c.isdisjoint(inside)) and self._weight(c) < self._t for c in cells):
                yield cells

    def _is_within(self, cell: int, inside: frozenset[int]) -> bool:
        """Whether everybody in the cell is in the difference."""
        one = frozenset({cell})
        return self._is_counted(one) and all(is_in(k, inside) for k in self._at[cell] if is_in(k, one))

    def _weight(self, inside: Set[int]) -> int:
        return sum(k.weight for k in self._around(inside) if is_in(k, inside))

    def _is_counted(self, inside: Set[int]) -> bool:
        return all(k.mask is not None for k in self._around(inside))

    def _around(self, inside: Set[int]) -> Iterator[PersonKind]:
        """Each kind that has an end inside, once."""
        for end in inside:
            for kind in self._at.get(end, ()):
                if next(e for e in kind.ends if e in inside) == end:  # at its first end inside only
                    yield kind


MAX_STEPS = 20_000
"""The number of search steps in a block. After that a difference that is not ruled out is assumed."""


def searched_sides(
    block: Sequence[PersonKind], ends: Sequence[int], reveal_check: RevealCheck, t: int
) -> list[SmallDifference] | None:
    """Depth-first search over all sides of a block, label by label, for one that reveals something. A branch ends once
    its difference has t persons or more. None: the search gave up, so the caller must assume a small difference."""
    order = _ordered(block, ends)
    place = {e: n for n, e in enumerate(order)}
    ending: list[list[PersonKind]] = [[] for _ in order]
    for kind in block:
        ending[max(place[e] for e in kind.ends)].append(kind)
    waiting: list[tuple[int, int, int, frozenset[int]]] = [(0, 0, 0, frozenset())]
    for _ in range(MAX_STEPS):
        if not waiting:
            return []
        depth, sure, perhaps, inside = waiting.pop()
        if depth == len(order):
            if sure + perhaps and reveal_check.reveals(inside):
                return [SmallDifference(inside, max(sure, 1), not perhaps)]
            continue
        for side in (inside, inside | {order[depth]}):
            more = weight_of(ending[depth], side)
            fear = sum(k.weight for k in ending[depth] if k.mask is None and not side.isdisjoint(k.ends))
            if sure + more < t:
                waiting.append((depth + 1, sure + more, perhaps + fear, side))
    return None


def _ordered(block: Sequence[PersonKind], ends: Sequence[int]) -> list[int]:
    """The labels in breadth-first order: if neighbours follow each other, a branch reaches t persons early."""
    adjacent: dict[int, set[int]] = defaultdict(set)
    for kind in block:
        for end in kind.ends:
            adjacent[end] |= set(kind.ends)
    order, seen = list[int](), set[int]()
    # The end with most neighbours first: its persons are decided early.
    waiting = [max(ends, key=lambda e: (len(adjacent[e]), -e))]
    while waiting:
        end = waiting.pop(0)
        if end not in seen:
            seen.add(end)
            order.append(end)
            waiting += sorted(adjacent[end] - seen)
    return order


def small_differences(of: LabelSearch, t: int) -> list[SmallDifference]:
    """Small differences of each block, where blocks are joined by `out` alone: all sides of one label, else one joint
    side."""
    found = []
    for block in blocks_of(of):
        reveal_check = RevealCheck(block, of, t)
        single = [f for f in single_label_sides(block) if f.persons < t and reveal_check.reveals(f.inside)]
        # A joint side only if no single label reveals anything.
        found += single or _joint_sides(block, of.out, reveal_check, t)
    return found


def equal_sides(of: LabelSearch) -> list[frozenset[int]]:
    """Sides without any difference: a label that shares nobody with another one, and a block that shares nobody with
    `out`."""
    blocks = [(block, frozenset(e for k in block for e in k.ends)) for block in blocks_of(of)]
    joined = frozenset[int]().union(*(ends for _, ends in blocks))
    alone = [frozenset({label}) for label in sorted((of.new | of.old) - joined - {of.out})]
    whole = [ends for block, ends in blocks if not any(k.mask is None or is_in(k, ends) for k in block)]
    return [side for side in (*alone, *whole) if of.reveals(side)]


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
    found = searched_sides(block, ends, reveal_check, t)  # exact but slow: only where the cut decides nothing
    return [SmallDifference(cut, max(1, weight), exact=False)] if found is None else found


def _cut(block: Sequence[PersonKind], ends: Sequence[int], out: int, t: int) -> frozenset[int] | None:
    """A side that the graph of the block does not rule out. None: every side has t persons or more."""
    if len(ends) > MAX_VERTICES:
        # The matrix would be too large: assume a small difference rather than compute a cut.
        return frozenset(ends[:1])
    number = {e: n for n, e in enumerate([out, *ends])}
    weights = np.zeros((len(number), len(number)))
    for kind in block:
        for a, b, weight in _doubled_edges(kind, out):
            weights[number[a], number[b]] += weight
            weights[number[b], number[a]] += weight
    if not weights[0].any():
        weights, number = weights[1:, 1:], {e: n for n, e in enumerate(ends)}  # nobody is joined with `out`
    cut = small_cut(weights, 2 * t)
    if cut is None:
        return None
    inside = {e for e, n in number.items() if n in cut[1]}
    return frozenset(set(number) - inside if out in inside else inside)


def _doubled_edges(kind: PersonKind, out: int) -> Iterator[tuple[int, int, int]]:
    """The edges of one kind, as in `difference_kinds.doubled_edges`."""
    if len(kind.ends) == 1 and kind.mask is not None:
        yield kind.ends[0], out, 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EDGE:
        yield kind.ends[0], kind.ends[1], 2 * kind.weight
    elif len(kind.ends) == 2 and kind.mask == EITHER:
        yield from ((*kind.ends, kind.weight), *((e, out, kind.weight) for e in kind.ends))
