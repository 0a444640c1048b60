"""Compares a new table with earlier ones: every union of cells of the one with every union of cells of the other."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.block_search import LabelSearch, SmallDifference, equal_sides, small_differences
from broker.disclosure.differencing.difference_kinds import join_vertices
from broker.disclosure.differencing.functionals import Functional, TablePart, is_count, table_parts
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.overlay import Everybody, Overlay, overlay_functionals
from broker.disclosure.differencing.scale_factors import Scale, possible_scales
from broker.domain.release_history import KnownFigure, Overlap, OverlapKind
from broker.evidence.member_tables import Comparison, Leak, Members, MemberTable, SumTerm, TotalCell, outsiders

Vertices = frozenset[int]
Tie = tuple[frozenset[SumTerm], frozenset[SumTerm]]
"""The figures of a sum of the new table, and those of the old one that it equals: nothing, if it is one of these."""
LeakingSide = tuple[Vertices, Vertices, SmallDifference, float | None, Vertices]
"""Vertices of the new table; vertices of the old one; the difference that was found; the factor of the old table's
amounts (`Leak.factor`); vertices of the new table that lie beyond any small difference."""


@dataclass(frozen=True, slots=True)
class FoundSides:
    """What a comparison finds. `ties`: vertices of both tables that add up to the same. `repeated`: vertices of the new
    table that the old one shows."""

    leaks: list[LeakingSide]
    ties: list[tuple[Vertices, Vertices]]
    repeated: list[int]


def are_comparable(new: KnownFigure, old: KnownFigure) -> bool:
    """Whether two figures can be subtracted: two counts, or two totals (or two sets of persons) that read a common
    variable."""
    return (new.is_count and old.is_count) or (new.once == old.once and not new.reads.isdisjoint(old.reads))


class PartComparison:
    """Compares a part of the new table with a part of the old one. `ties`: sums of the new table that equal a sum of
    the old one, each with this, if they are looked for."""

    def __init__(self, mine: TablePart, theirs: TablePart, new: MemberTable, old: MemberTable, with_ties: bool) -> None:
        self._mine, self._theirs, self._new, self._old = mine, theirs, new, old
        self._t = max(new.entry.t, old.entry.t)  # the stricter threshold protects the persons of both
        self._with_ties = with_ties
        self._seen: dict[tuple[int, int, bool], FoundSides] = {}
        self.leaks: list[Leak] = []
        self.kinds: list[OverlapKind] = []
        self.repeated: set[TotalCell] = set()
        self.ties: list[Tie] = []

    def compare_figures(self) -> None:
        for figure in self._mine.figures:
            for old in self._theirs.figures:
                if are_comparable(figure, old) or self._are_counts(figure, old):
                    self._compare_figure(figure, old)

    def _are_counts(self, figure: KnownFigure, other: KnownFigure) -> bool:
        return is_count(figure, self._mine.made.of(figure)) and is_count(other, self._theirs.made.of(other))

    def _compare_figure(self, figure: KnownFigure, other: KnownFigure) -> None:
        new, old, populations = self._mine.made.of(figure), self._theirs.made.of(other), self._populations()
        is_plain = new.is_plain and old.is_plain
        least = self._t if figure.is_count and other.is_count else 0
        self._note(figure, other, (new, old), self._sides(new, old, populations if is_plain else [], least))
        are_whole = self._mine.is_whole and self._theirs.is_whole
        if populations and not is_plain and are_whole and figure.is_count and other.is_count:
            # A known population counts each person once, so where nearly all rows are one of a person, what it leaves
            # of them is compared by persons.
            by_persons = max(new.other_rows, old.other_rows) < self._t
            new, old = self._mine.made.of(figure, by_persons), self._theirs.made.of(other, by_persons)
            self._note(figure, other, (new, old), self._sides(new, old, populations, least, left=True), by_persons)

    def _note(
        self, figure: KnownFigure, other: KnownFigure, of: tuple[Functional, Functional], found: FoundSides,
        by_persons: bool | None = None,
    ) -> None:  # fmt: skip
        """Translate sides into cells and terms. `by_persons`: whether what a known population leaves of one table is
        compared so; None: the sides are not only of that."""
        new, old = of
        if self._mine.is_whole and by_persons is None:
            self.repeated |= {((figure.statistic, figure.amount, figure.once), new.shown[v]) for v in found.repeated}
        # Keyed noise covers a difference only if the noise of both tables reaches t.
        noise = min(self._new.entry.noise, self._old.entry.noise)
        covered = new.is_plain and old.is_plain and noise >= self._t
        for mine, theirs, small, factor, beyond in found.leaks:
            sides, size = (self._mine.side(new, mine), self._theirs.side(old, theirs)), (small.persons, small.exact)
            cells = self._mine.side(new, beyond).cells
            terms = self._mine.terms(new, figure, mine), self._theirs.terms(old, other, theirs)
            idents = figure.statistic, other.statistic
            self.leaks.append(Leak(*idents, *sides, *size, covered, factor, cells, *terms, bool(by_persons)))
        # By persons it is no tie: whoever is counted less often there is still a person.
        for mine, theirs in found.ties if self._with_ties and not by_persons else ():
            if added := self._mine.terms(new, figure, mine):
                self.ties.append((added, self._theirs.terms(old, other, theirs) or frozenset()))

    def _sides(
        self, new: Functional, old: Functional, populations: Sequence[Everybody], least: int, left: bool = False
    ) -> FoundSides:
        # Figures with equal sums share a functional, so they share the comparison.
        if (id(new), id(old), left) not in self._seen:
            self._seen[id(new), id(old), left] = self._found(new, old, populations or [None], least, left)
        return self._seen[id(new), id(old), left]

    def _found(
        self, new: Functional, old: Functional, populations: Sequence[Everybody | None], least: int, left: bool
    ) -> FoundSides:
        found = FoundSides([], [], [])
        # What is left of rows has persons, who count once.
        for scale in possible_scales(new, old, self._t, least)[: 1 if left else None]:
            for everybody in populations:
                over = overlay_functionals(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale.factor == 1:
                    found.repeated[:] = np.flatnonzero(over.repeated).tolist()
                    # Every new cell was released before, so nothing new can be subtracted.
                    if over.repeated.all():
                        ties = [(frozenset({v}), frozenset[int]()) for v in range(new.disclosed)]
                        return FoundSides([], ties, found.repeated)
                search = _label_search(over, new, old, scale, self._t, left)
                for small in small_differences(search, self._t):
                    beyond, _ = _vertices_of_labels(search.label, [search.out], new.size)
                    sides = _vertices_of_labels(search.label, small.inside, new.size)
                    found.leaks.append((*sides, small, scale.factor, beyond))
                if self._with_ties and scale.factor is not None:
                    found.ties.extend(_vertices_of_labels(search.label, s, new.size) for s in equal_sides(search))
        return found

    def _populations(self) -> list[Everybody]:
        """The known populations that contain both tables. Of one size and with nobody outside, they are the same."""
        found = dict[tuple[int, bytes], Everybody]()
        for ident, size in self._new.entry.within.items():
            if ident in self._old.entry.within:
                outside = np.union1d(*(outsiders(t.members, ident) for t in (self._new, self._old)))
                found[size, outside.tobytes()] = Everybody(size, outside)
        return [found[key] for key in sorted(found)]


def _label_search(
    over: Overlay, new: Functional, old: Functional, scale: Scale, t: int, with_rest: bool
) -> LabelSearch:
    label, kinds, wide = join_vertices(over.graph, over.label, t)
    size = new.size
    mine, theirs = (frozenset(map(int, label[at][over.peopled[at]])) for at in (slice(size), slice(size, None)))
    rest = None if over.tied else int(label[size - 1])  # tied: no known population
    factors = {} if scale.factor == 1 else _factors(over, label, scale)
    alone = _single_cells(label, new, old)
    known = rest if rest != int(label[-1]) else None
    return LabelSearch(label, kinds, wide, mine, theirs, known, alone, factors, with_rest)


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
        found = self._compared(old, with_ties=False)
        leaks = tuple(dict.fromkeys(leak for pair in found for leak in pair.leaks))
        overlap = _overlap(old.entry.number, leaks, [k for pair in found for k in pair.kinds])
        return Comparison(overlap, leaks, frozenset(s for pair in found for s in pair.repeated))

    def ties(self, old: MemberTable) -> frozenset[Tie]:
        """Sums of the new table that an earlier one shows exactly: whoever moves a count must keep them."""
        return frozenset(tie for pair in self._compared(old, with_ties=True) for tie in pair.ties)

    def _compared(self, old: MemberTable, with_ties: bool) -> Sequence[PartComparison]:
        theirs = table_parts(old)
        found = [PartComparison(part, other, self._new, old, with_ties) for part in self._parts for other in theirs]
        for pair in found:
            pair.compare_figures()
        return found


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
