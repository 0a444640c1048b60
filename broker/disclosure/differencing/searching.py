"""Every side of a block of cells, as long as the difference is small. No verdicts."""

from collections import defaultdict
from collections.abc import Sequence

from broker.disclosure.differencing.blocks import Found, Kind, weight_of
from broker.disclosure.differencing.telling import Telling

MOST_STEPS = 20_000
"""As many sides of a block are begun; then what is not known is feared."""


class Search:
    """Every side of a block, one label after the other, as long as the difference has fewer than t persons."""

    def __init__(self, block: Sequence[Kind], telling: Telling, t: int) -> None:
        self._block, self._telling, self._t = block, telling, t
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
                if sure + perhaps and self._telling.anything(inside):
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
        fear = sum(k.weight for k in ending if k.mask is None and not inside.isdisjoint(k.ends))
        return weight_of(ending, inside), fear

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
