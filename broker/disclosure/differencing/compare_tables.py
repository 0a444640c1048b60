"""A new table compared with earlier ones: every union of cells of the one against every union of the other."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from broker.disclosure.differencing.block_search import BlockLabels, SmallDifference, small_differences
from broker.disclosure.differencing.difference_kinds import join_vertices
from broker.disclosure.differencing.functionals import Functional, TablePart, table_parts
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.member_tables import Comparison, Leak, Members, MemberTable
from broker.disclosure.differencing.overlay_graph import Overlay, overlay_functionals
from broker.disclosure.differencing.scale_factors import Scale, possible_scales
from broker.domain.release_history import KnownFigure, Overlap, OverlapKind

Vertices = frozenset[int]
FoundSides = tuple[Vertices, Vertices, SmallDifference, bool, Vertices]
"""Vertices of the new table and of the old, what was found, whether amounts were multiplied for it, and vertices of the
new table that are beyond any small difference."""


def are_comparable(new: KnownFigure, old: KnownFigure) -> bool:
    """Counts with counts; of what reads a variable in common totals with totals, and persons with persons."""
    return (new.is_count and old.is_count) or (new.once == old.once and not new.reads.isdisjoint(old.reads))


class PartComparison:
    """A part of the new table against a part of the old one."""

    def __init__(self, mine: TablePart, theirs: TablePart, new: MemberTable, old: MemberTable) -> None:
        self._mine, self._theirs, self._new, self._old = mine, theirs, new, old
        self._t = max(new.entry.t, old.entry.t)
        self._repeats: dict[tuple[int, int], list[int]] = {}
        self._seen: dict[tuple[int, int], list[FoundSides]] = {}
        self.leaks: list[Leak] = []
        self.kinds: list[OverlapKind] = []
        self.repeated: set[tuple[int, int]] = set()

    def compare_figures(self) -> None:
        for figure in self._mine.figures:
            for old in self._theirs.figures:
                if are_comparable(figure, old) or self._are_counts(figure, old):
                    self._compare_figure(figure, old)

    def _are_counts(self, figure: KnownFigure, other: KnownFigure) -> bool:
        """A total of a variable that is 1 for everybody who has it at all is a count of them."""
        both = ((self._mine.made, figure), (self._theirs.made, other))
        return all(f.is_count or (not f.once and made.of(f).is_plain) for made, f in both)

    def _compare_figure(self, figure: KnownFigure, other: KnownFigure) -> None:
        new, old = self._mine.made.of(figure), self._theirs.made.of(other)
        if (id(new), id(old)) not in self._seen:
            self._seen[id(new), id(old)] = self._found(new, old)
        if self._mine.is_whole:
            self.repeated |= {(figure.statistic, new.shown[v]) for v in self._repeats.get((id(new), id(old)), ())}
        noise = min(self._new.entry.noise, self._old.entry.noise)
        covered = new.is_plain and old.is_plain and noise >= self._t
        for mine, theirs, found, scaled, beyond in self._seen[id(new), id(old)]:
            sides, size = (self._mine.side(new, mine), self._theirs.side(old, theirs)), (found.persons, found.exact)
            cells = self._mine.side(new, beyond).cells
            self.leaks.append(Leak(figure.statistic, other.statistic, *sides, *size, covered, scaled, cells))

    def _found(self, new: Functional, old: Functional) -> list[FoundSides]:
        found = list[FoundSides]()
        for scale in possible_scales(new, old):
            for everybody in self._populations() if new.is_plain and old.is_plain else [None]:
                over = overlay_functionals(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale.is_one:
                    self._repeats[id(new), id(old)] = np.flatnonzero(over.repeated).tolist()
                    if over.repeated.all():
                        return []
                for small, label in _small_differences(over, new, old, scale, self._t):
                    beyond, _ = _vertices_of_labels(label, [int(label[over.graph.out])], new.size)
                    found.append((*_vertices_of_labels(label, small.inside, new.size), small, not scale.is_one, beyond))
        return found

    def _populations(self) -> list[int | None]:
        """Sizes of known populations that hold both tables."""
        mine, theirs = self._new.entry.within, self._old.entry.within
        return [*sorted({size for ident, size in mine.items() if ident in theirs})] or [None]


def _small_differences(
    over: Overlay, new: Functional, old: Functional, scale: Scale, t: int
) -> Iterator[tuple[SmallDifference, Numbers]]:
    label, kinds, wide = join_vertices(over.graph, over.label, t)
    size = new.size
    mine, theirs = (frozenset(map(int, label[at][over.peopled[at]])) for at in (slice(size), slice(size, None)))
    rest = None if over.tied else int(label[size - 1])
    out = int(label[over.graph.out])
    factors = {} if scale.is_one else _factors(over, label, scale)
    labels = BlockLabels(mine, theirs, rest if rest != out else None, _single_cells(label, new, old), factors)
    for found in small_differences(over.graph.size, out, kinds, wide, labels, t):
        yield found, label


def _single_cells(label: Numbers, new: Functional, old: Functional) -> frozenset[int]:
    """Labels of one vertex, which is a told cell."""
    disclosed = np.concatenate([np.arange(new.disclosed), new.size + np.arange(old.disclosed)])
    once = np.bincount(label, minlength=len(label))[label[disclosed]] == 1
    return frozenset(map(int, label[disclosed[once]]))


def _factors(over: Overlay, label: Numbers, scale: Scale) -> dict[int, frozenset[float]]:
    """Of vertices with anybody."""
    found: dict[int, set[float]] = defaultdict(set)
    factors = np.concatenate([scale.new, scale.old])
    for vertex in np.flatnonzero(over.peopled):
        found[int(label[vertex])].add(float(factors[vertex]))
    return {at: frozenset(of) for at, of in found.items()}


def _vertices_of_labels(label: Numbers, labels: Collection[int], size: int) -> tuple[Vertices, Vertices]:
    """The vertices of the new table and of the old that have one of them."""
    vertices = np.flatnonzero(np.isin(label, list(labels)))
    return frozenset(map(int, vertices[vertices < size])), frozenset(map(int, vertices[vertices >= size] - size))


LoadTable = Callable[[], MemberTable]

READ_AHEAD = 3
"""As many tables are read before they are needed: reading and deciphering let the comparison go on beside."""


def compare(new: MemberTable, old: MemberTable) -> Comparison:
    """One against one."""
    return TableComparer(new).against(old)


def compare_all(new: MemberTable, history: Iterable[LoadTable]) -> Iterator[Comparison]:
    """One against many, in their order; holds only a few of them at once."""
    comparer, waiting = TableComparer(new), deque[Future[MemberTable]]()
    with ThreadPoolExecutor(1) as pool:
        for load in history:
            waiting.append(pool.submit(load))
            if len(waiting) > READ_AHEAD:
                yield comparer.against(waiting.popleft().result())
        while waiting:
            yield comparer.against(waiting.popleft().result())


class TableComparer:
    """A new table, made ready once for all that it is compared with."""

    def __init__(self, new: MemberTable) -> None:
        self._new, self._parts = new, table_parts(new)

    def against(self, old: MemberTable) -> Comparison:
        """Whether any union of cells of the new table and any of `old` differ by 1 to t - 1 persons; t is the larger of
        the two."""
        if is_repeated(self._new, old):
            return Comparison(Overlap(old.entry.number, OverlapKind.IDENTICAL), ())
        parts = table_parts(old)
        found = [PartComparison(mine, theirs, self._new, old) for mine in self._parts for theirs in parts]
        for pair in found:
            pair.compare_figures()
        leaks = tuple(dict.fromkeys(leak for pair in found for leak in pair.leaks))
        overlap = _overlap(old.entry.number, leaks, [k for pair in found for k in pair.kinds])
        return Comparison(overlap, leaks, frozenset(s for pair in found for s in pair.repeated))


def is_repeated(new: MemberTable, old: MemberTable) -> bool:
    """The same recipe on the same data, with the same holes and, whatever was mended in either, the same persons in
    each cell: nothing can be subtracted."""
    if (new.entry.recipe, new.entry.snapshot) != (old.entry.recipe, old.entry.snapshot):
        return False
    shown_figures = [[(f.told, set(f.shown)) for f in t.figures] for t in (new, old)]
    return shown_figures[0] == shown_figures[1] and _equal(new.members, old.members)


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
