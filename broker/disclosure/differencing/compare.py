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

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joining import joined
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.parts import Part, parts_of
from broker.disclosure.differencing.people import Laid, laid
from broker.disclosure.differencing.scales import scales_of
from broker.disclosure.differencing.sides import Found, Tells, small_sides
from broker.disclosure.differencing.tables import Comparison, Leak, Table
from broker.domain.memory import KnownFigure, Overlap, OverlapKind

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


def comparable(new: KnownFigure, old: KnownFigure) -> bool:
    """Counts with counts, and totals that read a variable in common."""
    return (new.is_count and old.is_count) or not new.reads.isdisjoint(old.reads)


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
        found = [_Pair(mine, theirs, self._new, old) for mine in self._parts for theirs in parts]
        for pair in found:
            pair.look()
        leaks = tuple(dict.fromkeys(leak for pair in found for leak in pair.leaks))
        overlap = _overlap(old.entry.number, leaks, [k for pair in found for k in pair.kinds])
        return Comparison(overlap, leaks, frozenset(s for pair in found for s in pair.repeated))


def is_repeated(new: Table, old: Table) -> bool:
    """The same recipe on the same data, with the same holes: nothing can be subtracted."""
    if (new.entry.recipe, new.entry.snapshot) != (old.entry.recipe, old.entry.snapshot):
        return False
    return [(f.told, set(f.shown)) for f in new.figures] == [(f.told, set(f.shown)) for f in old.figures]


def _overlap(number: int, leaks: Sequence[Leak], kinds: Sequence[OverlapKind]) -> Overlap:
    open_leaks = [leak for leak in leaks if not leak.covered]
    if leaks:
        kind = OverlapKind.DIFFERENCE if open_leaks else OverlapKind.COVERED
        least = min(open_leaks or leaks, key=lambda leak: (not leak.exact, leak.persons))
        return Overlap(number, kind, least.persons, least.exact)
    return Overlap(number, kinds[0] if kinds else OverlapKind.DISJOINT)


class _Pair:
    """A part of the new table against a part of the old one."""

    def __init__(self, mine: Part, theirs: Part, new: Table, old: Table) -> None:
        self._mine, self._theirs, self._new, self._old = mine, theirs, new, old
        self._t = max(new.entry.t, old.entry.t)
        self._repeats: dict[tuple[int, int], list[int]] = {}
        self._seen: dict[tuple[int, int], list[tuple[frozenset[int], frozenset[int], Found]]] = {}
        self.leaks: list[Leak] = []
        self.kinds: list[OverlapKind] = []
        self.repeated: set[tuple[int, int]] = set()

    def look(self) -> None:
        for figure in self._mine.figures:
            for old in self._theirs.figures:
                if comparable(figure, old):
                    self._look_at(figure, old)

    def _look_at(self, figure: KnownFigure, other: KnownFigure) -> None:
        new, old = self._mine.made.of(figure), self._theirs.made.of(other)
        if (id(new), id(old)) not in self._seen:
            scales = scales_of(self._mine.undivided(figure), self._theirs.undivided(other))
            self._seen[id(new), id(old)] = self._found(new, old, scales)
        if self._mine.made is self._mine.whole:
            self.repeated |= {(figure.statistic, new.shown[v]) for v in self._repeats.get((id(new), id(old)), ())}
        noise = min(self._new.entry.noise, self._old.entry.noise)
        for mine, theirs, found in self._seen[id(new), id(old)]:
            sides = self._mine.side(new, mine), self._theirs.side(old, theirs)
            covered = figure.is_count and noise >= self._t
            leak = Leak(figure.statistic, other.statistic, *sides, found.persons, found.exact, covered)
            self.leaks.append(leak)

    def _found(
        self, new: Functional, old: Functional, scales: Sequence[float]
    ) -> list[tuple[frozenset[int], frozenset[int], Found]]:
        found = []
        for scale in scales:
            for everybody in self._populations() if new.is_plain and old.is_plain and scale == 1 else [None]:
                over = laid(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale == 1:
                    self._repeats[id(new), id(old)] = np.flatnonzero(over.repeated).tolist()
                    if over.repeated.all():
                        return []
                found += [(*_inside(label, f, new.size), f) for f, label in _small(over, new.size, self._t)]
        return found

    def _populations(self) -> list[int | None]:
        """Sizes of known populations that hold both tables."""
        mine, theirs = self._new.entry.within, self._old.entry.within
        return [*sorted({size for ident, size in mine.items() if ident in theirs})] or [None]


def _small(over: Laid, size: int, t: int) -> Iterator[tuple[Found, Numbers]]:
    label, kinds, wide = joined(over.people, over.label, t)
    mine, theirs = (frozenset(map(int, label[at][over.peopled[at]])) for at in (slice(size), slice(size, None)))
    rest = None if over.tied else int(label[size - 1])
    out = int(label[over.people.out])
    for found in small_sides(over.people.size, out, kinds, wide, Tells(mine, theirs, rest if rest != out else None), t):
        yield found, label


def _inside(label: Numbers, found: Found, size: int) -> tuple[frozenset[int], frozenset[int]]:
    vertices = np.flatnonzero(np.isin(label, list(found.inside)))
    return frozenset(map(int, vertices[vertices < size])), frozenset(map(int, vertices[vertices >= size] - size))
