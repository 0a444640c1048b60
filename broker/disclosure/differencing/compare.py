"""A new table against remembered ones: every union of cells of the one against every union of the other.

A figure is a total over persons. Two figures that add up the same kind of thing leak where, for some union S of the new
cells and some union T of the old, the persons whom the one counts and the other does not (or with another amount) are 1
to t - 1. Known to the reader are the shown cells, what known totals leave for the holes of each table, and everybody of
a known population who is not in the table. For persons of one cell a table this is a cut of a graph; `kinds`, `joining`
and `sides` have the rest. Never tested: sums over three tables or more, for which there is the cap.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from broker.disclosure.differencing.members import Members
from broker.disclosure.differencing.pairs import Pair
from broker.disclosure.differencing.parts import parts_of
from broker.disclosure.differencing.tables import Comparison, Leak, Table
from broker.domain.release_history import Overlap, OverlapKind

Load = Callable[[], Table]

AHEAD = 3
"""As many tables are read before they are needed: reading and deciphering let the comparison go on beside."""


def compare(new: Table, old: Table) -> Comparison:
    """One against one."""
    return Comparer(new).against(old)


def compare_all(new: Table, memory: Iterable[Load]) -> Iterator[Comparison]:
    """One against many, in their order; holds only a few of them at once."""
    comparer, waiting = Comparer(new), deque[Future[Table]]()
    with ThreadPoolExecutor(1) as pool:
        for load in memory:
            waiting.append(pool.submit(load))
            if len(waiting) > AHEAD:
                yield comparer.against(waiting.popleft().result())
        while waiting:
            yield comparer.against(waiting.popleft().result())


class Comparer:
    """A new table, made ready once for all that it is compared with."""

    def __init__(self, new: Table) -> None:
        self._new, self._parts = new, parts_of(new)

    def against(self, old: Table) -> Comparison:
        """Whether any union of cells of the new table and any of `old` differ by 1 to t - 1 persons; t is the larger of
        the two."""
        if is_repeated(self._new, old):
            return Comparison(Overlap(old.entry.number, OverlapKind.IDENTICAL), ())
        parts = parts_of(old)
        found = [Pair(mine, theirs, self._new, old) for mine in self._parts for theirs in parts]
        for pair in found:
            pair.look()
        leaks = tuple(dict.fromkeys(leak for pair in found for leak in pair.leaks))
        overlap = _overlap(old.entry.number, leaks, [k for pair in found for k in pair.kinds])
        return Comparison(overlap, leaks, frozenset(s for pair in found for s in pair.repeated))


def is_repeated(new: Table, old: Table) -> bool:
    """The same recipe on the same data, with the same holes and, whatever was mended in either, the same persons in
    each cell: nothing can be subtracted."""
    if (new.entry.recipe, new.entry.snapshot) != (old.entry.recipe, old.entry.snapshot):
        return False
    told = [[(f.told, set(f.shown)) for f in t.figures] for t in (new, old)]
    return told[0] == told[1] and _equal(new.members, old.members)


def _equal(one: Members, other: Members) -> bool:
    """Whether they have the same persons in the same cells, with the same amounts."""
    arrays = ((*m.rows(), *(a for _, a in sorted(m.amounts.items()))) for m in (one, other))
    return (one.count, sorted(one.amounts)) == (other.count, sorted(other.amounts)) and all(
        np.array_equal(a, b) for a, b in zip(*arrays, strict=True)
    )


def _overlap(number: int, leaks: Sequence[Leak], kinds: Sequence[OverlapKind]) -> Overlap:
    open_leaks = [leak for leak in leaks if not leak.covered]
    if leaks:
        kind = OverlapKind.DIFFERENCE if open_leaks else OverlapKind.COVERED
        least = min(open_leaks or leaks, key=lambda leak: (not leak.exact, leak.persons))
        return Overlap(number, kind, least.persons, least.exact)
    return Overlap(number, kinds[0] if kinds else OverlapKind.DISJOINT)
