"""The sides of cells by which 1 to t - 1 persons are told apart, block by block: found exactly, or feared."""

from collections.abc import Iterator, Sequence

import numpy as np

from broker.disclosure.differencing.blocks import Found, Kind, Tells, blocks_of, of_one, weight_of
from broker.disclosure.differencing.cuts import MOST_VERTICES, small_cut
from broker.disclosure.differencing.kinds import EDGE, EITHER, Kinds, Wide
from broker.disclosure.differencing.searching import Search
from broker.disclosure.differencing.telling import Telling


def small_sides(size: int, out: int, kinds: Sequence[Kinds], wide: Sequence[Wide], tells: Tells, t: int) -> list[Found]:
    """Sides of each block of vertices that nothing but `out` joins with others: all that are one label, else one."""
    found = []
    for block in blocks_of(size, kinds, wide):
        telling = Telling(block, tells, t)
        single = [f for f in of_one(block) if f.persons < t and telling.anything(f.inside)]
        found += single or _of_many(block, out, telling, t)
    return found


def _of_many(block: Sequence[Kind], out: int, telling: Telling, t: int) -> list[Found]:
    ends = sorted({e for k in block for e in k.ends})
    if len(ends) == 1:
        return []
    cut = _cut(block, ends, out, t)
    if cut is None:
        return []
    weight = weight_of(block, cut)
    if all(k.mask is not None for k in block) and 0 < weight < t and telling.anything(cut):
        return [Found(cut, weight, exact=True)]
    searched = Search(block, telling, t)
    found = searched.found(ends)
    if found is not None:
        return [found]
    return [] if searched.is_whole else [Found(cut, max(1, weight), exact=False)]


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
