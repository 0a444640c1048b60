"""A part of a new table against a part of a remembered one, figure by figure. Who may learn of it is not asked here."""

from collections.abc import Iterator

import numpy as np

from broker.disclosure.differencing.blocks import Found, Tells
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joining import joined
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.parts import Part
from broker.disclosure.differencing.people import Laid, laid
from broker.disclosure.differencing.scales import scales_of
from broker.disclosure.differencing.sides import small_sides
from broker.disclosure.differencing.tables import Leak, Table
from broker.domain.memory import KnownFigure, OverlapKind

Sides = tuple[frozenset[int], frozenset[int], Found, bool]
"""Vertices of the new table and of the old, what was found, and whether amounts were multiplied for it."""


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
        for mine, theirs, found, scaled in self._seen[id(new), id(old)]:
            sides = self._mine.side(new, mine), self._theirs.side(old, theirs)
            leak = Leak(figure.statistic, other.statistic, *sides, found.persons, found.exact, covered, scaled)
            self.leaks.append(leak)

    def _found(self, new: Functional, old: Functional) -> list[Sides]:
        found = []
        for scale in scales_of(new, old):
            for everybody in self._populations() if new.is_plain and old.is_plain else [None]:
                over = laid(new, old, self._t, everybody, scale)
                self.kinds.append(over.kind)
                if scale.is_one:
                    self._repeats[id(new), id(old)] = np.flatnonzero(over.repeated).tolist()
                    if over.repeated.all():
                        return []
                found += [
                    (*_inside(label, f, new.size), f, not scale.is_one) for f, label in _small(over, new.size, self._t)
                ]
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
