"""Measures for the cap on exact figures how much a figure discloses about one group alone, given everything else that
is known: the group's part of the figure, or of what is left of it after any linear combination of earlier figures is
subtracted.

Model: a figure is the sum over its persons of an unknown value of variance 1, plus an error of variance 1 (rounding has
more). A reader subtracts the linear combination of earlier figures that leaves the least of everybody *outside* the
group. This is a least-squares problem without the group's rows, for which the products of figures suffice
(`column_products`). Let G be the products of all figures, in their order, without the group, L L' = G + 1, and A the
group's persons by figure. Row n of L^-1 A is what figure n discloses about the group after all figures before it, in
units of its error; its squared length is the signal-to-noise ratio. So no combination of three or more tables is missed
among the columns that are compared, and one more figure adds one row.

A figure that repeats an earlier one, and a share beside its two counts, disclose nothing more (`repeated_figures`).

The cost is bounded. Products use a sample of persons and everybody in small cells. Columns are those most like the new
ones (`nearest_columns`). The group is left out exactly only where a figure can disclose something about it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from broker.disclosure.differencing import sparse_columns
from broker.disclosure.differencing.compare_tables import LoadTable, are_comparable
from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import Functional, Functionals, is_count
from broker.disclosure.differencing.joint_counts import Numbers, sums_by_key
from broker.disclosure.differencing.repeated_figures import RepeatedFigures
from broker.domain.release_history import KnownFigure
from broker.evidence.member_tables import Members, MemberTable, Persons

ERROR = 1.0
"""Variance of a figure's error, in persons."""
NEAR_SHARE = 0.25
"""If less than this share of a figure is left, few persons remain: the groups they are in are then looked up."""
EXACT_STEPS = 2 * 10**9
"""Steps of computation for which groups are left out exactly. For further groups the upper bound is used."""
DRAWS = 2  # one random sum may miss a group by chance


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a figure discloses about a group: `signal` is a signal-to-noise ratio."""

    statistic: int
    cell: int
    group: int
    signal: float


class Exposure:
    """A new table's figures against everything known. Counts are compared with counts, and totals with totals that read
    a common variable."""

    def __init__(self, new: MemberTable, known: Iterable[LoadTable], everybody: int) -> None:
        """All person numbers are below `everybody`."""
        self._families = [_FigureFamily(new, figures, everybody) for figures in _figure_families(new)]
        for load in known if self._families else ():
            old = load()
            for family in self._families:
                family.add(load, old)
        for family in self._families:
            family.prepare()

    def of(self, references: Members, part: float) -> Iterator[Exposed]:
        """Yield the exposed figures for groups of persons (each person in one cell of `references`): those in which the
        group makes up at least `part` of the figure, or of what is left of it."""
        for family in self._families:
            yield from (one for one in family.of(references, part) if one.signal >= part * (1 + one.signal))


def _figure_families(new: MemberTable) -> list[list[KnownFigure]]:
    """The counts as one family, and each total as its own. A mean has two figures. The persons of a total are not
    counted in addition to the total."""
    totals = {f.statistic for f in new.figures if not f.is_count and not f.once}
    counted = [f for f in new.figures if f.shown and (f.is_count or not f.once or f.statistic not in totals)]
    counts = [f for f in counted if f.is_count]
    return [*([counts] if counts else []), *([f] for f in counted if not f.is_count)]


class _FigureFamily:
    """Comparable figures of a new table, and the earlier columns that can be subtracted from them."""

    def __init__(self, new: MemberTable, figures: Sequence[KnownFigure], everybody: int) -> None:
        made, self._profile = Functionals(new.members), new.entry.profile
        self._figures, self._new = figures, [made.of(f) for f in figures]
        self._counts = all(is_count(f, made.of(f)) for f in figures)
        self._places = [(f.statistic, cell) for f in figures for cell in made.of(f).shown]
        self._sample = sparse_columns.sample_persons([cell for one in self._new for cell in _cells(one)], everybody)
        self._shown = [self._shown_by(one) for one in self._new]
        self._old: list[tuple[LoadTable, int, sparse_columns.FigureColumns]] = []
        self._repeated = RepeatedFigures(self._figures, self._new)

    def add(self, load: LoadTable, old: MemberTable) -> None:
        made, seen = Functionals(old.members), set[int]()
        for number, figure in enumerate(old.figures):
            functional = made.of(figure)
            if not self._fits(figure, functional):
                continue
            if old.entry.number > 0 and old.entry.profile == self._profile:
                self._repeated.add(figure, functional)
            if id(functional) not in seen:
                seen.add(id(functional))
                self._old.append((load, number, self._shown_by(functional)))

    def _shown_by(self, functional: Functional) -> sparse_columns.FigureColumns:
        rows = sparse_columns.rows_among(functional, self._sample.persons, self._counts)
        return sparse_columns.FigureColumns(
            rows, sparse_columns.column_squares(rows, self._sample.weights, len(functional.shown))
        )

    def _fits(self, old: KnownFigure, functional: Functional) -> bool:
        if self._counts:
            return bool(old.shown) and is_count(old, functional)
        return bool(old.shown) and any(are_comparable(f, old) for f in self._figures)

    def prepare(self) -> None:
        """Compute what is left of each new column after subtraction, and which columns have little left."""
        selected = sparse_columns.nearest_columns(self._shown, [shown for *_, shown in self._old], self._sample)
        some = [(*old, which) for old, which in zip(self._old, selected, strict=True) if which.any()]
        self._selected = [(load, number) for load, number, *_ in some]
        self._first = sum(int(which.sum()) for *_, which in some)
        self._count = self._first + len(self._places)
        which = [*(w for *_, w in some), *(np.ones(len(s.sizes), bool) for s in self._shown)]
        ends = np.cumsum([int(w.sum()) for w in which])
        self._numbers = [np.where(w, end - w.sum() + np.cumsum(w) - 1, -1) for w, end in zip(which, ends, strict=True)]
        shown = [*(s for *_, s, _ in some), *self._shown]
        rows = [one.rows.numbered(numbers) for one, numbers in zip(shown, self._numbers, strict=True)]
        self._products = sparse_columns.column_products(rows, self._sample.weights, self._count) + ERROR * np.eye(
            self._count
        )
        self._lower = np.linalg.cholesky(self._products)
        self._sizes = np.concatenate([s.sizes for s in self._shown])
        # No more can be left than the figure itself with its error; sampling could say otherwise.
        self._left = np.minimum(np.diag(self._lower)[self._first :] ** 2, self._sizes + ERROR)
        near = np.flatnonzero(self._left < NEAR_SHARE * self._sizes)
        self._near = np.setdiff1d(near, self._repeated.columns)
        self._old.clear()  # frees the rows: the selected columns are loaded again when needed

    @cached_property
    def _functionals(self) -> list[Functional]:
        """The functionals of all selected columns. Earlier tables are loaded again."""
        found = []
        for load, number in self._selected:
            table = load()
            found.append(Functionals(table.members).of(table.figures[number]))
        return [*found, *self._new]

    @cached_property
    def _remainders(self) -> sparse_columns.Matrix:
        """A (draws, persons) array: what is left of the near columns for each person, summed with random signs. If one
        column leaves something, so does the sum (except by chance)."""
        factors, at = np.zeros((self._count, len(self._near))), self._first + self._near
        scale = np.diag(self._lower)[at]
        factors[at, np.arange(len(at))] = scale
        # A fixed seed: comparing the same tables again must give the same result.
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(at), DRAWS))
        worth = (np.linalg.solve(self._lower.T, factors) @ (signs / scale[:, None])).T
        end = max(end_of_numbers(f.members) for f in self._functionals)
        found = np.zeros((DRAWS, end))
        for rows in self._among(None):
            sparse_columns.add_weighted(found, rows, worth)
        return found

    def _among(self, persons: Persons | None) -> Iterator[sparse_columns.SparseRows]:
        for functional, numbers in zip(self._functionals, self._numbers, strict=True):
            yield sparse_columns.rows_among(functional, persons, self._counts, numbers)

    def of(self, references: Members, part: float) -> Iterator[Exposed]:
        column, group, inside = self._inside(references)
        is_first = ~np.isin(column, self._repeated.columns)
        column, group, inside = column[is_first], group[is_first], inside[is_first]
        # The error is never less than that of one figure.
        signal = inside / np.maximum(self._left[column] - inside, ERROR)
        near = np.isin(column, self._near)
        for n in np.flatnonzero(~near & (signal >= part)):
            yield self._exposed(int(column[n]), int(group[n]), float(signal[n]))
        if not len(self._near):
            return
        order = self._candidate_groups(references, part, group[near & (inside >= part * self._sizes[column])])
        exactly = self._affordable(references, order)
        persons, groups = references.listed()
        for g in order[:exactly]:
            signals = self._left_out(np.asarray(persons[groups == g], np.uint32))
            for i, exact_signal in zip(self._near, signals, strict=True):
                yield self._exposed(int(i), int(g), float(exact_signal))
        # Too costly to leave out exactly: the upper bound counts.
        for n in np.flatnonzero(near & np.isin(group, order[exactly:])):
            yield self._exposed(int(column[n]), int(group[n]), float(signal[n]))

    def _affordable(self, references: Members, order: Numbers) -> int:
        """The number of groups that can be left out exactly: at least one."""
        sizes = np.bincount(references.listed()[1], minlength=references.count)[order].astype(np.float64)
        steps = self._count * np.minimum(len(self._near) * sizes**2, self._count**2)
        return 1 + int(np.searchsorted(np.cumsum(steps), EXACT_STEPS))

    def _exposed(self, column: int, group: int, signal: float) -> Exposed:
        statistic, cell = self._places[column]
        return Exposed(statistic, cell, group, signal)

    def _inside(self, references: Members) -> tuple[Numbers, Numbers, Vector]:
        """Three arrays: new columns and groups that share at least one person, and the sum of squared amounts of these
        persons."""
        starts = np.cumsum([0, *(len(one.shown) for one in self._new)])
        found = [_squared_amounts(one, self._counts, references) for one in self._new]
        columns = np.concatenate([start + f[0] for start, f in zip(starts, found, strict=False)])
        return columns, np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found])

    def _candidate_groups(self, references: Members, part: float, more: Numbers) -> Numbers:
        """Groups about which a near column may disclose something, the likeliest first. The groups in `more` are always
        included."""
        _, labels = sparse_columns.single_cells(references, np.arange(self._remainders.shape[1], dtype=np.uint32))
        grouped = labels < references.count
        squared = [remainder[grouped] ** 2 for remainder in self._remainders]
        score = np.max([np.bincount(labels[grouped], s, references.count) for s in squared], axis=0).astype(np.float64)
        score[more] += part  # always a candidate
        # Half of `part`, because the score is a random estimate.
        candidates = np.flatnonzero(score >= part / 2)
        return candidates[np.argsort(-score[candidates], kind="stable")]

    @cached_property
    def _inverse(self) -> sparse_columns.Matrix:
        return np.linalg.inv(self._lower)

    def _left_out(self, persons: Persons) -> Vector:
        """Signal-to-noise ratio of each near column for these persons, who are left out of everything that is
        subtracted. For few persons the existing solution is updated (Woodbury); for many it is computed anew."""
        of = sparse_columns.dense_columns(list(self._among(persons)), self._count, 0, len(persons))
        at = np.minimum(np.searchsorted(self._sample.persons, persons), len(self._sample.persons) - 1)
        weights = np.where(self._sample.persons[at] == persons, self._sample.weights[at], 0.0)
        if len(self._near) * np.count_nonzero(weights) ** 2 < self._count**2:
            return np.array([self._taken_out(self._first + int(i), of, weights) for i in self._near])
        lower = np.linalg.cholesky(self._products - (of * weights) @ of.T)
        found: Vector = (np.linalg.solve(lower, of) ** 2).sum(axis=1)
        return found[self._first + self._near]

    def _taken_out(self, column: int, of: sparse_columns.Matrix, weights: Vector) -> float:
        """The ratio for one column by an update: with S = L^-1 A of all columns before this one, the products without
        the persons are L (1 - S W S') L'. Their inverse follows from that of L and of a matrix with one row for each
        person."""
        before, known = self._lower[column, :column], weights > 0
        whole = self._inverse[:column, :column] @ of[:column]
        some, own = whole[:, known], of[column, known] * weights[known]
        # The Woodbury identity on L^-1, for the columns before this one.
        still = before - some @ own
        inner = np.diag(1 / weights[known]) - some.T @ some
        taken = still + some @ np.linalg.solve(inner, some.T @ still)
        noise = before @ before + self._lower[column, column] ** 2 - of[column, known] @ own - still @ taken
        return float(((of[column] - taken @ whole) ** 2).sum() / max(noise, ERROR))


def _cells(functional: Functional) -> Iterator[Persons]:
    """The persons in each shown cell."""
    persons, cells = functional.members.rows()
    order = np.argsort(cells, kind="stable")
    ends = np.cumsum(np.bincount(cells, minlength=max(functional.shown, default=-1) + 1))
    for cell in functional.shown:
        yield persons[order[ends[cell - 1] if cell else 0 : ends[cell]]]


def end_of_numbers(members: Members) -> int:
    """One more than the largest person number; 0 if there are no members."""
    persons, more = members.listed()[0], members.more_persons
    return 1 + max(int(persons[-1]) if len(persons) else -1, int(more[-1]) if len(more) else -1)


def _squared_amounts(new: Functional, counts: bool, references: Members) -> tuple[Numbers, Numbers, Vector]:
    """Vertices and groups that share at least one person, and the sum of the squared amounts of these persons."""
    rows = sparse_columns.rows_among(new, None, counts)
    _, labels = sparse_columns.single_cells(references, rows.places.astype(np.uint32))
    included = labels < references.count
    vertices, amounts = rows.columns[included].astype(np.int64), rows.amounts[included]
    pairs, sums = sums_by_key(vertices * references.count + labels[included], amounts**2)
    return pairs // references.count, pairs % references.count, sums
