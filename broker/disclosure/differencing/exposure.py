"""How much figures tell of one group alone, whatever else is known: the group's part of a figure, or of what is left of
it when remembered figures are taken away, any number of them, with any factors.

Model: a figure is the sum over its persons of something that nobody knows, of variance 1, with an error of variance 1
(its rounding has more). What a reader can take away is the linear combination of everything told before that leaves the
least of everybody *outside* the group: a least-squares problem with the group left out, for which only the products of
figures are needed (`among`). With G the products of all figures, in their order, without the group, L L' = G + 1, and A
the group's persons by figure, row n of L^-1 A is what figure n tells of the group after all before it, in units of its
error: the squared length of that row is signal by noise. So there is no combination of three tables or more that is
missed among the columns looked at, and one figure adds one row.

Cost is bounded: products are those of a sample of persons and everybody of small cells; columns are those that
are most like the new ones (`nearest`); the group is left out exactly only where a figure can tell of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from broker.disclosure.differencing.compare_tables import LoadTable, are_comparable
from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import Functional, Functionals
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.member_tables import Members, MemberTable, Persons
from broker.disclosure.differencing.sparse_columns import (
    FigureColumns,
    Matrix,
    SparseRows,
    add_weighted,
    column_products,
    column_squares,
    dense_columns,
    nearest_columns,
    rows_among,
    sample_persons,
    single_cells,
)
from broker.domain.release_history import KnownFigure

ERROR = 1.0
"""The variance of a figure's error, in persons."""
NEAR_SHARE = 0.25
"""A figure of which less is left is known up to few persons: then it is looked up whose these are."""
EXACT_STEPS = 2 * 10**9
"""Groups are left out exactly for as many steps; of more, the largest that a figure could tell is taken."""
DRAWS = 2


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a figure tells of a group: `signal` by noise."""

    statistic: int
    cell: int
    group: int
    signal: float


class Exposure:
    """A new table's figures against everything known. Counts are compared with counts, totals with totals of what
    reads a variable in common."""

    def __init__(self, new: MemberTable, known: Iterable[LoadTable], everybody: int) -> None:
        """Numbers of persons are below `everybody`."""
        self._families = [_FigureFamily(new.members, figures, everybody) for figures in _figure_families(new)]
        for load in known if self._families else ():
            old = load()
            for family in self._families:
                family.add(load, old)
        for family in self._families:
            family.prepare()

    def of(self, references: Members, part: float) -> Iterator[Exposed]:
        """Of groups of persons (each in one cell of `references`), where they are such a part of a figure or of what
        is left of it."""
        for family in self._families:
            yield from (one for one in family.of(references, part) if one.signal >= part * (1 + one.signal))


def _figure_families(new: MemberTable) -> list[list[KnownFigure]]:
    """Counts together, and each total. The two figures of a mean are two, and who is in a total is none beside it."""
    totals = {f.statistic for f in new.figures if not f.is_count and not f.once}
    counted = [f for f in new.figures if f.shown and (f.is_count or not f.once or f.statistic not in totals)]
    counts = [f for f in counted if f.is_count]
    return [*([counts] if counts else []), *([f] for f in counted if not f.is_count)]


class _FigureFamily:
    """Comparable figures of a new table, and the remembered columns that can take something of them away."""

    def __init__(self, members: Members, figures: Sequence[KnownFigure], everybody: int) -> None:
        made = Functionals(members)
        self._figures, self._new = figures, [made.of(f) for f in figures]
        self._counts = all(_is_count(f, made.of(f)) for f in figures)
        self._places = [(f.statistic, cell) for f in figures for cell in made.of(f).shown]
        self._sample = sample_persons([cell for one in self._new for cell in _cells(one)], everybody)
        self._shown = [self._shown_by(one) for one in self._new]
        self._old: list[tuple[LoadTable, int, FigureColumns]] = []

    def add(self, load: LoadTable, old: MemberTable) -> None:
        made, seen = Functionals(old.members), set[int]()
        for number, figure in enumerate(old.figures):
            functional = made.of(figure)
            if self._fits(figure, functional) and id(functional) not in seen:
                seen.add(id(functional))
                self._old.append((load, number, self._shown_by(functional)))

    def _shown_by(self, functional: Functional) -> FigureColumns:
        rows = rows_among(functional, self._sample.persons, self._counts)
        return FigureColumns(rows, column_squares(rows, self._sample.weights, len(functional.shown)))

    def _fits(self, old: KnownFigure, functional: Functional) -> bool:
        if self._counts:
            return bool(old.shown) and _is_count(old, functional)
        return bool(old.shown) and any(are_comparable(f, old) for f in self._figures)

    def prepare(self) -> None:
        """What is left of each new column, and of which it is little."""
        selected = nearest_columns(self._shown, [shown for *_, shown in self._old], self._sample)
        some = [(*old, which) for old, which in zip(self._old, selected, strict=True) if which.any()]
        self._selected = [(load, number) for load, number, *_ in some]
        self._first = sum(int(which.sum()) for *_, which in some)
        self._count = self._first + len(self._places)
        which = [*(w for *_, w in some), *(np.ones(len(s.sizes), bool) for s in self._shown)]
        ends = np.cumsum([int(w.sum()) for w in which])
        self._numbers = [np.where(w, end - w.sum() + np.cumsum(w) - 1, -1) for w, end in zip(which, ends, strict=True)]
        shown = [*(s for *_, s, _ in some), *self._shown]
        rows = [one.rows.numbered(numbers) for one, numbers in zip(shown, self._numbers, strict=True)]
        self._products = column_products(rows, self._sample.weights, self._count) + ERROR * np.eye(self._count)
        self._lower = np.linalg.cholesky(self._products)
        self._sizes = np.concatenate([s.sizes for s in self._shown])
        self._left = np.minimum(np.diag(self._lower)[self._first :] ** 2, self._sizes + ERROR)
        self._near = np.flatnonzero(self._left < NEAR_SHARE * self._sizes)
        self._old.clear()

    @cached_property
    def _functionals(self) -> list[Functional]:
        """Of all columns that are looked at: the remembered ones are read again."""
        found = []
        for load, number in self._selected:
            table = load()
            found.append(Functionals(table.members).of(table.figures[number]))
        return [*found, *self._new]

    @cached_property
    def _remainders(self) -> Matrix:
        """Of everybody, what is left of the near columns, added up with random signs: where one has something left,
        their sum has."""
        factors, at = np.zeros((self._count, len(self._near))), self._first + self._near
        scale = np.diag(self._lower)[at]
        factors[at, np.arange(len(at))] = scale
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(at), DRAWS))
        worth = (np.linalg.solve(self._lower.T, factors) @ (signs / scale[:, None])).T
        end = max(end_of_numbers(f.members) for f in self._functionals)
        found = np.zeros((DRAWS, end))
        for rows in self._among(None):
            add_weighted(found, rows, worth)
        return found

    def _among(self, persons: Persons | None) -> Iterator[SparseRows]:
        for functional, numbers in zip(self._functionals, self._numbers, strict=True):
            yield rows_among(functional, persons, self._counts, numbers)

    def of(self, references: Members, part: float) -> Iterator[Exposed]:
        column, group, inside = self._inside(references)
        signal = inside / np.maximum(self._left[column] - inside, ERROR)
        near = np.isin(column, self._near)
        for n in np.flatnonzero(~near & (signal >= part)):
            yield self._exposed(int(column[n]), int(group[n]), float(signal[n]))
        if not len(self._near):
            return
        order = self._candidate_groups(references, part, group[near & (inside >= part * self._sizes[column])])
        exactly = self._affordable(references, order)
        for g in order[:exactly]:
            signals = self._left_out(_persons_of(references, int(g)))
            for i, exact_signal in zip(self._near, signals, strict=True):
                yield self._exposed(int(i), int(g), float(exact_signal))
        for n in np.flatnonzero(near & np.isin(group, order[exactly:])):
            yield self._exposed(int(column[n]), int(group[n]), float(signal[n]))

    def _affordable(self, references: Members, order: Numbers) -> int:
        """How many of the groups can be left out exactly; at least one."""
        sizes = np.bincount(references.listed()[1], minlength=references.count)[order].astype(np.float64)
        steps = self._count * np.minimum(len(self._near) * sizes**2, self._count**2)
        return 1 + int(np.searchsorted(np.cumsum(steps), EXACT_STEPS))

    def _exposed(self, column: int, group: int, signal: float) -> Exposed:
        statistic, cell = self._places[column]
        return Exposed(statistic, cell, group, signal)

    def _inside(self, references: Members) -> tuple[Numbers, Numbers, Vector]:
        """New columns and groups with anybody in both, and the sum of squared amounts."""
        starts = np.cumsum([0, *(len(one.shown) for one in self._new)])
        found = [_squared_amounts(one, self._counts, references) for one in self._new]
        columns = np.concatenate([start + f[0] for start, f in zip(starts, found, strict=False)])
        return columns, np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found])

    def _candidate_groups(self, references: Members, part: float, more: Numbers) -> Numbers:
        """Groups of which a near column may tell, the likeliest first; `more` are looked at in any case."""
        labels = _labels(references, np.arange(self._remainders.shape[1], dtype=np.uint32))
        grouped = labels < references.count
        squared = [remainder[grouped] ** 2 for remainder in self._remainders]
        score = np.max([np.bincount(labels[grouped], s, references.count) for s in squared], axis=0).astype(np.float64)
        score[more] += part
        candidates = np.flatnonzero(score >= part / 2)
        return candidates[np.argsort(-score[candidates], kind="stable")]

    @cached_property
    def _inverse(self) -> Matrix:
        return np.linalg.inv(self._lower)

    def _left_out(self, persons: Persons) -> Vector:
        """Signal by noise of each near column on these persons, who are left out of everything taken away. Of few
        persons they are taken out of what is worked out already (Woodbury), of many it is worked out anew."""
        of = dense_columns(list(self._among(persons)), self._count, 0, len(persons))
        at = np.minimum(np.searchsorted(self._sample.persons, persons), len(self._sample.persons) - 1)
        weights = np.where(self._sample.persons[at] == persons, self._sample.weights[at], 0.0)
        if len(self._near) * np.count_nonzero(weights) ** 2 < self._count**2:
            return np.array([self._taken_out(self._first + int(i), of, weights) for i in self._near])
        lower = np.linalg.cholesky(self._products - (of * weights) @ of.T)
        found: Vector = (np.linalg.solve(lower, of) ** 2).sum(axis=1)
        return found[self._first + self._near]

    def _taken_out(self, column: int, of: Matrix, weights: Vector) -> float:
        """With S = L^-1 A of all columns before this one, those without the persons have the products
        L (1 - S W S') L', whose inverse is that of L and a matrix as large as the persons are many."""
        before, known = self._lower[column, :column], weights > 0
        whole = self._inverse[:column, :column] @ of[:column]
        some, own = whole[:, known], of[column, known] * weights[known]
        still = before - some @ own
        inner = np.diag(1 / weights[known]) - some.T @ some
        taken = still + some @ np.linalg.solve(inner, some.T @ still)
        noise = before @ before + self._lower[column, column] ** 2 - of[column, known] @ own - still @ taken
        return float(((of[column] - taken @ whole) ** 2).sum() / max(noise, ERROR))


def _is_count(figure: KnownFigure, functional: Functional) -> bool:
    """A total of a variable that is 1 for everybody who has it at all is a count of them."""
    return figure.is_count or (not figure.once and functional.is_plain)


def _cells(functional: Functional) -> Iterator[Persons]:
    """Who is in each shown cell."""
    persons, cells = functional.members.rows()
    order = np.argsort(cells, kind="stable")
    ends = np.cumsum(np.bincount(cells, minlength=max(functional.shown, default=-1) + 1))
    for cell in functional.shown:
        yield persons[order[ends[cell - 1] if cell else 0 : ends[cell]]]


def end_of_numbers(members: Members) -> int:
    """The number after the last person's."""
    persons, more = members.listed()[0], members.more_persons
    return 1 + max(int(persons[-1]) if len(persons) else -1, int(more[-1]) if len(more) else -1)


def _squared_amounts(new: Functional, counts: bool, references: Members) -> tuple[Numbers, Numbers, Vector]:
    """Vertices and groups with anybody in both, and the amounts of the persons, squared."""
    persons, cells = new.members.rows()
    vertices, labels = new.vertices[cells], _labels(references, persons)
    included = (vertices < len(new.shown)) & (labels < references.count)
    amounts = (
        new.members.amounts[""][included].astype(np.float64) if counts and not new.is_plain else np.ones(included.sum())
    )
    pairs, where = np.unique(vertices[included] * references.count + labels[included], return_inverse=True)
    sums = np.bincount(where, amounts**2, len(pairs)).astype(np.float64)
    return pairs // references.count, pairs % references.count, sums


def _labels(references: Members, persons: Persons) -> Numbers:
    return single_cells(references, persons)[1]


def _persons_of(references: Members, group: int) -> Persons:
    persons, groups = references.listed()
    return np.asarray(persons[groups == group], np.uint32)
