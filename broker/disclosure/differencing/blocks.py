"""Blocks of cells that nobody joins with others, their sides, and who is told apart by each. No verdicts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from broker.disclosure.differencing.contraction import components
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import Kinds, Wide


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
    population, if any: a side that has all of the new cells or none of them tells nothing new. `alone`: labels of one
    cell that its table tells. `factors`: where amounts are multiplied, by what those of each label are."""

    new: frozenset[int]
    old: frozenset[int]
    rest: int | None
    alone: frozenset[int] = frozenset()
    factors: Mapping[int, frozenset[float]] = field(default_factory=dict)

    def anything(self, inside: frozenset[int]) -> bool:
        if self.rest is not None and self.rest in inside:
            return not self.new <= inside and not self.old.isdisjoint(inside)
        return not self.new.isdisjoint(inside) and not self.old.isdisjoint(inside)


def blocks_of(size: int, kinds: Sequence[Kinds], wide: Sequence[Wide]) -> Iterator[list[Kind]]:
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


def of_one(block: Sequence[Kind]) -> Iterator[Found]:
    """Each label alone."""
    weights: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for kind in block:
        for place, end in enumerate(kind.ends):
            weights[end][0] += kind.weight * (kind.mask is not None and kind.mask >> (1 << place) & 1)
            weights[end][1] += kind.weight * (kind.mask is None)
    for end, (sure, perhaps) in sorted(weights.items()):
        if sure + perhaps:
            yield Found(frozenset({end}), max(sure, 1), not perhaps)


def weight_of(block: Sequence[Kind], inside: frozenset[int]) -> int:
    return sum(k.weight for k in block if is_in(k, inside))


def is_in(kind: Kind, inside: Set[int]) -> bool:
    """Whether persons of a kind are in the difference, for certain."""
    side = sum(1 << n for n, e in enumerate(kind.ends) if e in inside)
    return kind.mask is not None and bool(kind.mask >> side & 1)
