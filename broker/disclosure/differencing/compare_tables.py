"""Compares a new table with earlier ones: every union of cells of the one with every union of cells of the other."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from broker.disclosure.differencing.block_search import BlockLabels, SmallDifference, small_differences
from broker.disclosure.differencing.difference_kinds import join_vertices
from broker.disclosure.differencing.functionals import Functional, TablePart, table_parts
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.overlay import Overlay, overlay_functionals
from broker.disclosure.differencing.scale_factors import Scale, possible_scales
from broker.domain.release_history import KnownFigure, Overlap, OverlapKind
from broker.evidence.member_tables import Comparison, Leak, Members, MemberTable, TotalCell

Vertices = frozenset[int]
FoundSides = tuple[Vertices, Vertices, SmallDifference, bool, Vertices]
"""Vertices of the new table; vertices of the old one; the difference that was found; whether amounts were multiplied
for it; vertices of the new table that lie beyond any small difference."""


def are_comparable(new: KnownFigure, old: KnownFigure) -> bool:
    """Whether two figures can be subtracted: two counts, or two totals (or two sets of persons) that read a common
    variable."""
    return (new.is_count and old.is_count) or (new.once == old.once and not new.reads.isdisjoint(old.reads))


class PartComparison:
    """Compares a part of the new table with a part of the old one."""

    def __init__(self, mine: TablePart, theirs: TablePart, new: MemberTable, old: MemberTable) -> None:
        self._mine, self._theirs, self._new, self._old = mine, theirs, new, old
        self._t = max(new.entry.t, old.entry.t)  # the stricter threshold protects the persons of both
        self._repeats: dict[tuple[int, int], list[int]] = {}
        self._seen: dict[tuple[int, int], list[FoundSides]] = {}
        self.leaks: list[Leak] = []
        self.kinds: list[OverlapKind] = []
        self.repeated: set[TotalCell] = set()

    def compare_figures(self) -> None:
        for figure in self._mine.figures:
            for old in self._theirs.figures:
                if are_comparable(figure, old) or self._are_counts(figure, old):
                    self._compare_figure(figure, old)

    def _are_counts(self, figure: KnownFigure, other: KnownFigure) -> bool:
        """Whether both figures are counts. A total of a variable that is 1 for everybody who has a value is one."""
        both = ((self._mine.made, figure), (self._theirs.made, other))
        return all(f.is_count or (not f.once and made.of(f).is_plain) for made, f in both)

    def _compare_figure(self, figure: KnownFigure, other: KnownFigure) -> None:
        new, old = self._mine.made.of(figure), self._theirs.made.of(other)
        # Figures with equal sums share a functional, so they share the comparison.
        if (id(new), id(old)) not in self._seen:
            self._seen[id(new), id(old)] = self._found(new, old)
        if self._mine.is_whole:
            repeats = self._repeats.get((id(new), id(old)), ())
            self.repeated |= {(figure.statistic, figure.amount, new.shown[v]) for v in repeats}
        # Keyed noise covers a difference only if the noise of both tables reaches t.
        noise = min(self._new.entry.noise, self._old.entry.noise)
        covered = new.is_plain and old.is_plain and noise >= self._t
        for mine, theirs, found, scaled, beyond in self._seen[id(new), id(old)]:
            sides, size = (self._mine.side(new, mine), self._theirs.side(old, theirs)), (found.persons, found.exact)
            cells = self._mine.side(new, beyond).cells
            terms = self._mine.terms(new, figure, mine), self._theirs.terms(old, other, theirs)
            self.leaks.append(Leak(figure.statistic, other.statistic, *sides, *size, covered, scaled, cells, *terms))

    def _found(self, new: Functional, old: Functional) -> list[FoundSides]:
        found = list[FoundSides]()
        for scale in possible_scales(new, old):
            for everybody in self._populations() if new.is_plain and old.is_plain else [None]:
                over = overlay_functionals(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale.is_one:
                    self._repeats[id(new), id(old)] = np.flatnonzero(over.repeated).tolist()
                    # Every new cell was released before, so nothing new can be subtracted.
                    if over.repeated.all():
                        return []
                for small, label in _small_differences(over, new, old, scale, self._t):
                    beyond, _ = _vertices_of_labels(label, [int(label[over.graph.out])], new.size)
                    found.append((*_vertices_of_labels(label, small.inside, new.size), small, not scale.is_one, beyond))
        return found

    def _populations(self) -> list[int | None]:
        """Sizes of the known populations that contain both tables; [None] if there is none."""
        mine, theirs = self._new.entry.within, self._old.entry.within
        return [*sorted({size for ident, size in mine.items() if ident in theirs})] or [None]


def _small_differences(
    over: Overlay, new: Functional, old: Functional, scale: Scale, t: int
) -> Iterator[tuple[SmallDifference, Numbers]]:
    label, kinds, wide = join_vertices(over.graph, over.label, t)
    size = new.size
    mine, theirs = (frozenset(map(int, label[at][over.peopled[at]])) for at in (slice(size), slice(size, None)))
    rest = None if over.tied else int(label[size - 1])  # tied: no known population
    out = int(label[over.graph.out])
    factors = {} if scale.is_one else _factors(over, label, scale)
    labels = BlockLabels(mine, theirs, rest if rest != out else None, _single_cells(label, new, old), factors)
    for found in small_differences(over.graph.size, out, kinds, wide, labels, t):
        yield found, label


def _single_cells(label: Numbers, new: Functional, old: Functional) -> frozenset[int]:
    """Labels that consist of one vertex, which is a disclosed cell."""
    disclosed = np.concatenate([np.arange(new.disclosed), new.size + np.arange(old.disclosed)])
    once = np.bincount(label, minlength=len(label))[label[disclosed]] == 1
    return frozenset(map(int, label[disclosed[once]]))


def _factors(over: Overlay, label: Numbers, scale: Scale) -> dict[int, frozenset[float]]:
    """The factors of each label, over its vertices that have persons."""
    found: dict[int, set[float]] = defaultdict(set)
    factors = np.concatenate([scale.new, scale.old])
    for vertex in np.flatnonzero(over.peopled):
        found[int(label[vertex])].add(float(factors[vertex]))
    return {at: frozenset(of) for at, of in found.items()}


def _vertices_of_labels(label: Numbers, labels: Collection[int], size: int) -> tuple[Vertices, Vertices]:
    """The vertices of the new table and of the old one that have one of these labels."""
    vertices = np.flatnonzero(np.isin(label, list(labels)))
    return frozenset(map(int, vertices[vertices < size])), frozenset(map(int, vertices[vertices >= size] - size))


LoadTable = Callable[[], MemberTable]

READ_AHEAD = 3
"""The number of tables read in advance, so that reading and decrypting run alongside the comparison."""


def compare(new: MemberTable, old: MemberTable) -> Comparison:
    """Compare one new table with one earlier table."""
    return TableComparer(new).against(old)


def compare_all(new: MemberTable, history: Iterable[LoadTable]) -> Iterator[Comparison]:
    """Compare one new table with many earlier ones, in their order. Holds only a few of them in memory."""
    comparer, waiting = TableComparer(new), deque[Future[MemberTable]]()
    with ThreadPoolExecutor(1) as pool:  # reads and decrypts only: comparing stays in this thread
        for load in history:
            waiting.append(pool.submit(load))
            if len(waiting) > READ_AHEAD:
                yield comparer.against(waiting.popleft().result())
        while waiting:
            yield comparer.against(waiting.popleft().result())


class TableComparer:
    """A new table, prepared once for all comparisons."""

    def __init__(self, new: MemberTable) -> None:
        self._new, self._parts = new, table_parts(new)

    def against(self, old: MemberTable) -> Comparison:
        """Compare every union of cells of the new table with every one of `old`. A leak is a difference of 1 to t - 1
        persons, where t is the larger threshold of the two tables."""
        if is_repeated(self._new, old):
            return Comparison(Overlap(old.entry.number, OverlapKind.IDENTICAL), ())
        parts = table_parts(old)
        # Complements too.
        found = [PartComparison(mine, theirs, self._new, old) for mine in self._parts for theirs in parts]
        for pair in found:
            pair.compare_figures()
        leaks = tuple(dict.fromkeys(leak for pair in found for leak in pair.leaks))
        overlap = _overlap(old.entry.number, leaks, [k for pair in found for k in pair.kinds])
        return Comparison(overlap, leaks, frozenset(s for pair in found for s in pair.repeated))


def is_repeated(new: MemberTable, old: MemberTable) -> bool:
    """Whether the table repeats an earlier one: same recipe and snapshot, same shown cells and, even after repairs, the
    same persons in each cell. Then nothing can be subtracted."""
    if (new.entry.recipe, new.entry.snapshot) != (old.entry.recipe, old.entry.snapshot):
        return False
    shown_figures = [[(f.told, set(f.shown)) for f in t.figures] for t in (new, old)]
    return shown_figures[0] == shown_figures[1] and _equal(new.members, old.members)


def _equal(one: Members, other: Members) -> bool:
    """Whether both have the same persons in the same cells, with the same amounts."""
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
