"""Which sides of a block tell of a few what neither table tells alone. No verdicts.

A cell of fewer than t persons that a table tells (the rest of a share, a cell under a smaller t, a published one)
is known to whoever has that table. A side of which the difference is just such cells says nothing of them by way of the
other table: with these cells on the other side, both sides add up to the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from itertools import chain, combinations

from broker.disclosure.differencing.blocks import Kind, Tells, is_in

MOST_CELLS = 8
"""Where more small cells than these could make up a difference, it is told."""
MOST_SIDES = 500
"""Of a block so many sides are looked at closely; whatever is asked then is told."""


class Telling:
    """Of one block; what is told by a side is looked for when it is asked."""

    def __init__(self, block: Sequence[Kind], tells: Tells, t: int) -> None:
        self._tells, self._t, self._left = tells, t, MOST_SIDES
        self._at: dict[int, list[Kind]] = defaultdict(list)
        for kind in block:
            for end in kind.ends:
                self._at[end].append(kind)

    def anything(self, inside: frozenset[int]) -> bool:
        """Whether a difference of fewer than t persons tells of any of them, and no comparison of amounts as they are
        looks at the same."""
        if not self._tells.anything(inside):
            return False
        self._left -= 1
        if self._left < 0 or not self._is_counted(inside):
            return True
        return not (self._is_of_one_factor(inside) or self._is_of_small_cells(inside))

    def _is_of_one_factor(self, inside: frozenset[int]) -> bool:
        """Of amounts that are all multiplied by one factor, a difference is that of the amounts as they are. Small
        cells with another factor are known, whatever they are multiplied by."""
        factors, alone = self._tells.factors, self._tells.alone
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
        found = sorted({e for k in differs for e in k.ends if e in self._tells.alone and self._is_within(e, inside)})
        if len(found) > MOST_CELLS:
            return
        for some in chain.from_iterable(combinations(found, n) for n in range(1, len(found) + 1)):
            cells = (self._tells.new.intersection(some), self._tells.old.intersection(some))
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

    def _around(self, inside: Set[int]) -> Iterator[Kind]:
        """Each kind with an end that is in, once."""
        for end in inside:
            for kind in self._at.get(end, ()):
                if next(e for e in kind.ends if e in inside) == end:
                    yield kind
