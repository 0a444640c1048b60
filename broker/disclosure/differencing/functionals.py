"""A figure of a table as a total over persons (a functional), with the cells that its reader knows. Takes no
decisions."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.joint_counts import JointCounter, Numbers, group_starts
from broker.domain.release_history import KnownFigure
from broker.evidence.member_tables import LeakSide, Members, MemberTable, Persons, SumTerm, members_of, moves_of


@dataclass(eq=False)
class Functional:
    """Persons with their amounts in each cell. `members` has one amount named "", or none: then all amounts are 1.

    Vertices are the shown cells in order, then one vertex for the suppressed cells and the remainder, and last one for
    persons in no cell. The table shows the first `disclosed` of them; the others follow from known totals.
    """

    members: Members
    shown: tuple[int, ...]
    reads: frozenset[str]
    disclosed: int

    @cached_property
    def counter(self) -> JointCounter:
        return JointCounter(self.members)

    @cached_property
    def vertices(self) -> Numbers:
        """The vertex of each cell, of the remainder, and of no cell."""
        found = np.full(self.members.count + 2, len(self.shown))
        found[list(self.shown)] = np.arange(len(self.shown))  # all others are suppressed
        found[self.members.nobody] = len(self.shown) + 1
        return found

    @property
    def size(self) -> int:
        return len(self.shown) + 2

    @property
    def is_plain(self) -> bool:
        """Whether everybody counts once in each of their cells."""
        return "" not in self.members.amounts

    @cached_property
    def not_once(self) -> Persons:
        """Persons in one cell who do not count once there."""
        persons, _ = self.members.listed()
        return persons[:0] if self.is_plain else persons[self.members.amounts[""][: len(persons)] != 1]

    @cached_property
    def other_rows(self) -> int:
        """The number of rows of persons and cells that count otherwise than once."""
        return 0 if self.is_plain else int(np.count_nonzero(self.members.amounts[""] != 1))

    @cached_property
    def holes(self) -> Numbers:
        """Numbers of the cells that are not shown, including the remainder."""
        return np.setdiff1d(np.arange(self.members.count + 1), self.shown)

    @cached_property
    def has_hidden_persons(self) -> bool:
        """Whether suppressed cells, of which the total tells, have anybody."""
        persons = self.members.sizes()
        return self.disclosed < len(self.shown) or bool(persons[self.holes].any())

    @cached_property
    def by_person(self) -> Vector:
        """The amount of each person in one cell, by person number."""
        persons, _ = self.members.listed()
        found = np.ones(int(persons[-1]) + 1 if len(persons) else 0)
        if not self.is_plain:
            found[persons] = self.members.amounts[""][: len(persons)]
        return found

    def amounts(self, persons: Persons) -> Vector:
        """Amounts of persons in one cell. The values for other persons mean nothing."""
        if not len(self.by_person):
            return np.ones(len(persons))
        return self.by_person[np.minimum(persons, len(self.by_person) - 1)]

    def rows_of(self, persons: Persons) -> tuple[Numbers, Numbers, Vector]:
        """Person, vertex and amount for each cell of the given persons (ascending), shown or not."""
        members = self.members
        if not len(persons):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        single = self.counter.labels(persons)
        inside = single != members.nobody
        several = np.isin(members.more_persons, persons)
        count = len(members.listed()[0])
        more = np.ones(len(members.more_persons)) if self.is_plain else members.amounts[""][count:].astype(float)
        return (
            np.concatenate([persons[inside], members.more_persons[several]]).astype(np.int64),
            self.vertices[np.concatenate([single[inside], members.more_cells[several].astype(np.int64)])],
            np.concatenate([self.amounts(persons[inside]), more[several]]),
        )


def is_count(figure: KnownFigure, functional: Functional) -> bool:
    """Whether a figure is a count. A total of a variable that is 1 for everybody who has a value is one."""
    return figure.is_count or (not figure.once and functional.is_plain)


class Functionals:
    """The functionals of one table, created on first use. Figures with equal sums share one. `hole_cells`: how many of
    the last cells represent suppressed cells. Unless the total is known, nothing is known of suppressed cells."""

    def __init__(self, members: Members, hole_cells: int = 0, total_known: bool = True) -> None:
        self._members, self._hole_cells, self._total_known = members, hole_cells, total_known
        self._amounts: dict[tuple[str, bool, bool], Members] = {}
        self._made: dict[tuple[object, ...], Functional] = {}

    def of(self, figure: KnownFigure, of_persons: bool = False) -> Functional:
        """The functional of a figure, or that of a count `of_persons`: each person counts once in a cell."""
        amount = (figure.amount, figure.once, of_persons)
        if amount not in self._amounts:
            found = with_amount(self._members, figure.amount, figure.once)
            if of_persons and "" in found.amounts:
                found = replace_amounts(found, np.sign(found.amounts[""].astype(np.float64)))
            self._amounts[amount] = found
        members = self._amounts[amount]
        shown = tuple(sorted(figure.shown))
        disclosed = len(shown) - self._hole_cells
        key = (id(members), shown, figure.reads)  # by identity and cells, so that equal figures are compared once
        if key not in self._made:
            known = members if self._total_known else only_cells(members, shown)
            self._made[key] = Functional(known, shown, figure.reads, disclosed)
        return self._made[key]


def without_total(table: MemberTable) -> MemberTable:
    """The table as seen by somebody who does not know its total: persons in no shown cell are left out."""
    shown = {c for f in table.figures for c in f.shown}
    return replace(table, members=only_cells(table.members, shown), total_known=False)


def only_cells(members: Members, shown: Collection[int]) -> Members:
    """The members of some cells."""
    persons, cells = members.rows()
    inside = np.isin(cells, list(shown))
    if inside.all():
        return members
    amounts = {name: amount[inside] for name, amount in members.amounts.items()}
    return members_of(members.count, persons[inside], cells[inside], amounts)


def with_amount(members: Members, name: str, once: bool) -> Members:
    """The members who have a non-zero amount of a total in a cell, with that amount."""
    if name not in members.amounts and moves_of(name, once) not in members.amounts:
        # An absent amount is 1 for all.
        return members_of(members.count, *members.rows()) if members.amounts else members
    return replace_amounts(members, amounts_of_total(members, name, once))


def replace_amounts(members: Members, amounts: NDArray[np.generic]) -> Members:
    """The same persons with only these amounts; rows with amount 0 are dropped."""
    persons, cells = members.rows()
    given = np.asarray(amounts) != 0
    return members_of(members.count, persons[given], cells[given], {"": amounts[given]})


@dataclass(frozen=True, slots=True, eq=False)
class TablePart:
    """Figures over the same cells. `cells` is the number of cells of the table. A part of complements has further
    cells: first the complement of each cell, then the suppressed cells of its two counts. `divided`: these two counts,
    the smaller one first."""

    made: Functionals
    figures: tuple[KnownFigure, ...]
    cells: int
    divided: tuple[KnownFigure, KnownFigure] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the part is the table itself."""
        return self.divided is None

    def side(self, functional: Functional, vertices: frozenset[int]) -> LeakSide:
        """Translate vertices of one of its functionals into cells of the table."""
        shown = len(functional.shown)
        cells = [functional.shown[v] for v in vertices if v < shown]
        holes = shown in vertices or any(c >= 2 * self.cells for c in cells)
        inside = frozenset(c % self.cells for c in cells if c < 2 * self.cells)
        return LeakSide(inside, holes, shown + 1 in vertices)

    def terms(self, functional: Functional, figure: KnownFigure, vertices: frozenset[int]) -> frozenset[SumTerm] | None:
        """The figures that are added up for vertices of a functional, or subtracted from a known population."""
        shown = len(functional.shown)
        is_complement, sign = shown + 1 in vertices, 1
        if self.side(functional, vertices).holes or (is_complement and functional.has_hidden_persons):
            return None
        if is_complement:
            vertices, sign = frozenset(range(shown)) - vertices, -1
        found = Counter[tuple[int, str, bool, int]]()
        for vertex in vertices - {shown + 1}:
            for one, cell, by in self._cell_terms(figure, functional.shown[vertex]):
                found[one.statistic, one.amount, one.once, cell] += sign * by
        return frozenset(SumTerm(*total, by) for total, by in found.items() if by)

    def _cell_terms(self, figure: KnownFigure, cell: int) -> Iterator[tuple[KnownFigure, int, int]]:
        if self.divided is None:
            yield figure, cell, 1
            return
        smaller, larger = self.divided
        if cell < self.cells:
            yield smaller, cell, 1
            return
        yield larger, cell - self.cells, 1
        if cell - self.cells in smaller.shown:
            yield smaller, cell - self.cells, -1


def table_parts(table: MemberTable) -> tuple[TablePart, ...]:
    """The table itself and its complements: one count less another (such as rows without value). Figures without a
    shown cell disclose nothing and are left out."""
    figures = tuple(f for f in table.figures if f.shown)
    plain = TablePart(Functionals(table.members, 0, table.total_known), figures, table.members.count)
    return (plain, *_complement_parts(table, figures))


def _complement_parts(table: MemberTable, figures: tuple[KnownFigure, ...]) -> Iterator[TablePart]:
    """What counts leave of others, unless they are the same."""
    for figure, larger in nested_counts(table, figures):
        less, more = (amounts_of_total(table.members, f.amount, f.once) for f in (figure, larger))
        if figure.shown.keys() != larger.shown.keys() or not np.array_equal(less, more):
            made, divided = _complement_part(table, figure, larger, less, more)
            yield TablePart(made, (divided,), table.members.count, (figure, larger))


def nested_counts(table: MemberTable, figures: Sequence[KnownFigure]) -> Iterator[tuple[KnownFigure, KnownFigure]]:
    """Counts with another that has all their persons in every cell, but for a few: only then is what is left of the
    other a count, too. What aligned counts add does not matter. Of two counts that differ by a few, the one that is
    less comes first: what is left of the other way round is the same, less than nothing."""
    members, counts = table.members, {(f.amount, f.once): f for f in figures if f.is_count}
    if len(counts) < 2:
        return
    amounts = {key: own_amounts(members, *key) for key in counts}
    cells = members.rows()[1]
    for (key, one), (other, two) in combinations(counts.items(), 2):
        both = one.shown.keys() & two.shown.keys()
        inside = cells != members.rest if table.total_known else np.isin(cells, list(both))
        more, less = (np.bincount(cells[inside & (amounts[a] > amounts[b])]) for a, b in ((key, other), (other, key)))
        moved = amounts_of_total(members, *key) - amounts_of_total(members, *other)
        if max(more.max(initial=0), less.max(initial=0)) < table.entry.t and moved.min(initial=0) < 0 < moved.max(
            initial=0
        ):
            yield from ((one, two), (two, one))  # each leaves something of the other
        elif more.max(initial=0) < table.entry.t and more.sum() <= less.sum():
            yield one, two
        elif less.max(initial=0) < table.entry.t:
            yield two, one
        elif more.max(initial=0) < table.entry.t:
            yield one, two


def amounts_of_total(members: Members, amount: str, once: bool) -> Vector:
    """What each row of the members adds to a total: its own amount, and what aligned counts add."""
    own = own_amounts(members, amount, once)
    return own + members.amounts.get(moves_of(amount, once), np.ones(len(own))) - 1


def own_amounts(members: Members, amount: str, once: bool) -> Vector:
    """The amount of each row, or the sign of it if each person counts once."""
    found = np.asarray(members.amounts.get(amount, np.ones(len(members.rows()[0]))), np.float64)
    return np.sign(found) if once else found


def _complement_part(
    table: MemberTable, figure: KnownFigure, larger: KnownFigure, ones: Vector, every: Vector
) -> tuple[Functionals, KnownFigure]:
    """Split each cell into the counted and the others. If the total is known, the suppressed cells of both counts are
    two more cells. Otherwise the larger count is a cell by itself where the smaller one is suppressed."""
    persons, cells = (a.astype(np.int64) for a in table.members.rows())
    count, hole_cells = table.members.count, 2 if table.total_known else 0
    is_shown, is_divided = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    is_shown[list(figure.shown)] = True
    is_divided[[c for c in larger.shown if c in figure.shown or not table.total_known]] = True
    if not table.total_known:
        ones = np.where(is_shown[cells], ones, 0)
    counted = np.where(is_shown[cells], cells, 2 * count)
    not_counted = np.where(is_divided[cells], count + cells, 2 * count + 1)
    p, c, a = _added_up(
        np.concatenate([persons, persons]), np.concatenate([counted, not_counted]), np.concatenate([ones, every - ones])
    )
    others = [count + int(cell) for cell in np.flatnonzero(is_divided)]
    holes = range(2 * count, 2 * count + hole_cells)
    made = replace(figure, amount="", once=False, shown=dict.fromkeys([*figure.shown, *others, *holes]))
    members = members_of(2 * count + 2, p, c, {"": a})
    return Functionals(members, hole_cells, table.total_known), made


def _added_up(persons: Vector, cells: Vector, amounts: Vector) -> tuple[Vector, Vector, Vector]:
    """Sum of amounts by person and cell: several suppressed cells of one person become one."""
    order = np.lexsort((cells, persons))
    persons, cells, amounts = persons[order], cells[order], amounts[order]
    starts = group_starts(persons, cells)
    whole = np.add.reduceat(amounts, starts)
    remaining = whole != 0
    return persons[starts][remaining], cells[starts][remaining], whole[remaining]
