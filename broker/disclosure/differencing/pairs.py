"""A part of a new table against a part of a remembered one, figure by figure. Who may learn of it is not asked here."""

from collections import defaultdict
from collections.abc import Collection, Iterator

import numpy as np

from broker.disclosure.differencing.blocks import Found, Tells
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joining import joined
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.parts import Part
from broker.disclosure.differencing.people import Laid, laid
from broker.disclosure.differencing.scales import Scale, scales_of
from broker.disclosure.differencing.sides import small_sides
from broker.disclosure.differencing.tables import Leak, Table
from broker.domain.release_history import KnownFigure, OverlapKind

Vertices = frozenset[int]
Sides = tuple[Vertices, Vertices, Found, bool, Vertices]
"""Vertices of the new table and of the old, what was found, whether amounts were multiplied for it, and vertices of the
new table that are beyond any small difference."""


def comparable(new: KnownFigure, old: KnownFigure) -> bool:
    """Counts with counts; of what reads a variable in common totals with totals, and persons with persons."""
    return (new.is_count and old.is_count) or (new.once == old.once and not new.reads.isdisjoint(old.reads))


class Pair:
    """A part of the new table against a part of the old one."""

    def __init__(self, mine: Part, theirs: Part, new: Table, old: Table) -> None:
        self._mine, self._theirs, self._new, self._old = mine, theirs, new, old
        self._t = max(new.entry.t, old.entry.t)
        self._repeats: dict[tuple[int, int], list[int]] = {}
        self._seen: dict[tuple[int, int], list[Sides]] = {}
        self.leaks: list[Leak] = []
        self.kinds: list[OverlapKind] = []
        self.repeated: set[tuple[int, int]] = set()

    def look(self) -> None:
        for figure in self._mine.figures:
            for old in self._theirs.figures:
                if comparable(figure, old) or self._are_counts(figure, old):
                    self._look_at(figure, old)

    def _are_counts(self, figure: KnownFigure, other: KnownFigure) -> bool:
        """A total of a variable that is 1 for everybody who has it at all is a count of them."""
        both = ((self._mine.made, figure), (self._theirs.made, other))
        return all(f.is_count or (not f.once and made.of(f).is_plain) for made, f in both)

    def _look_at(self, figure: KnownFigure, other: KnownFigure) -> None:
        new, old = self._mine.made.of(figure), self._theirs.made.of(other)
        if (id(new), id(old)) not in self._seen:
            self._seen[id(new), id(old)] = self._found(new, old)
        if self._mine.is_whole:
            self.repeated |= {(figure.statistic, new.shown[v]) for v in self._repeats.get((id(new), id(old)), ())}
        noise = min(self._new.entry.noise, self._old.entry.noise)
        covered = new.is_plain and old.is_plain and noise >= self._t
        for mine, theirs, found, scaled, beyond in self._seen[id(new), id(old)]:
            sides, told = (self._mine.side(new, mine), self._theirs.side(old, theirs)), (found.persons, found.exact)
            cells = self._mine.side(new, beyond).cells
            self.leaks.append(Leak(figure.statistic, other.statistic, *sides, *told, covered, scaled, cells))

    def _found(self, new: Functional, old: Functional) -> list[Sides]:
        found = list[Sides]()
        for scale in scales_of(new, old):
            for everybody in self._populations() if new.is_plain and old.is_plain else [None]:
                over = laid(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale.is_one:
                    self._repeats[id(new), id(old)] = np.flatnonzero(over.repeated).tolist()
                    if over.repeated.all():
                        return []
                for small, label in _small(over, new, old, scale, self._t):
                    beyond, _ = _of_labels(label, [int(label[over.people.out])], new.size)
                    found.append((*_of_labels(label, small.inside, new.size), small, not scale.is_one, beyond))
        return found

    def _populations(self) -> list[int | None]:
        """Sizes of known populations that hold both tables."""
        mine, theirs = self._new.entry.within, self._old.entry.within
        return [*sorted({size for ident, size in mine.items() if ident in theirs})] or [None]


def _small(over: Laid, new: Functional, old: Functional, scale: Scale, t: int) -> Iterator[tuple[Found, Numbers]]:
    label, kinds, wide = joined(over.people, over.label, t)
    size = new.size
    mine, theirs = (frozenset(map(int, label[at][over.peopled[at]])) for at in (slice(size), slice(size, None)))
    rest = None if over.tied else int(label[size - 1])
    out = int(label[over.people.out])
    factors = {} if scale.is_one else _factors(over, label, scale)
    tells = Tells(mine, theirs, rest if rest != out else None, _alone(label, new, old), factors)
    for found in small_sides(over.people.size, out, kinds, wide, tells, t):
        yield found, label


def _alone(label: Numbers, new: Functional, old: Functional) -> frozenset[int]:
    """Labels of one vertex, which is a told cell."""
    told = np.concatenate([np.arange(new.told), new.size + np.arange(old.told)])
    once = np.bincount(label, minlength=len(label))[label[told]] == 1
    return frozenset(map(int, label[told[once]]))


def _factors(over: Laid, label: Numbers, scale: Scale) -> dict[int, frozenset[float]]:
    """Of vertices with anybody."""
    found: dict[int, set[float]] = defaultdict(set)
    factors = np.concatenate([scale.new, scale.old])
    for vertex in np.flatnonzero(over.peopled):
        found[int(label[vertex])].add(float(factors[vertex]))
    return {at: frozenset(of) for at, of in found.items()}


def _of_labels(label: Numbers, labels: Collection[int], size: int) -> tuple[Vertices, Vertices]:
    """The vertices of the new table and of the old that have one of them."""
    vertices = np.flatnonzero(np.isin(label, list(labels)))
    return frozenset(map(int, vertices[vertices < size])), frozenset(map(int, vertices[vertices >= size] - size))
