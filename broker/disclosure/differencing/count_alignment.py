"""Counts the few persons in whom figures differ from known ones with some of these figures, counts and sums alike. They
then add up to what is known already, whoever these persons are, and no hole tells whether there are any."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, cached_property, partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.compare_tables import TableComparer
from broker.disclosure.differencing.count_moves import CountMoves, Sum, joined_sums
from broker.disclosure.differencing.difference_kinds import SAME_AMOUNT, Vector
from broker.disclosure.differencing.functionals import amounts_of_total, without_total
from broker.disclosure.differencing.joint_counts import Numbers, sums_by_key
from broker.disclosure.suppression.suppression_task import size_class
from broker.domain.release_history import CellRepair, CountShift, HistorySource, RepairAction
from broker.evidence.member_tables import Leak, MemberTable, Movable, SumTerm, Total, TotalCell

AmountRows = tuple[Numbers, Vector]
"""Persons, and what each adds."""
NOBODY: AmountRows = (np.zeros(0, np.int64), np.zeros(0))


class RowsByCell:
    """A table's rows in the order of its cells, so that those of some cells are found at once."""

    def __init__(self, table: MemberTable) -> None:
        self.table = table
        self._persons, cells = table.members.rows()
        self._order = np.argsort(cells, kind="stable")
        self._starts = np.searchsorted(cells[self._order], np.arange(table.members.count + 2))
        self._amounts = cache(partial(amounts_of_total, table.members))

    def of(self, amount: str, once: bool, cell: int) -> AmountRows:
        """Persons of a cell with their amounts."""
        rows = self._order[self._starts[cell] : self._starts[cell + 1]]
        return self._persons[rows].astype(np.int64), self._amounts(amount, once)[rows]

    def of_terms(self, terms: Iterable[SumTerm], of_persons: bool) -> AmountRows:
        """What each person adds to a sum. `of_persons`: at most once in a cell."""
        by_cell = defaultdict[int, list[AmountRows]](list)
        for term in terms:
            persons, amounts = self.of(term.amount, term.once, term.cell)
            by_cell[term.cell].append((persons, amounts * term.sign))
        cells = [added_up(rows) for rows in by_cell.values()]
        return added_up([(p, np.sign(a)) for p, a in cells] if of_persons else cells)


def added_up(rows: Sequence[AmountRows]) -> AmountRows:
    """Each person's amount, without those of whom nothing is left."""
    if not rows:
        return NOBODY
    persons, amounts = (np.concatenate(column) for column in zip(*rows, strict=True))
    who, left = sums_by_key(persons, amounts)
    remaining = np.abs(left) > SAME_AMOUNT * sums_by_key(persons, np.abs(amounts))[1]
    return who[remaining], left[remaining]


@dataclass
class Alignment:
    """One round of alignments of a table. `held`: sums that earlier rounds met, which stay so; `met`: those that this
    round meets. Both are ties."""

    table: MemberTable
    history: Mapping[int, Callable[[], MemberTable]]
    movable: Movable
    held: Set[Sum]
    met: list[Sum] = field(default_factory=list)

    @cached_property
    def _rows(self) -> RowsByCell:
        return RowsByCell(self.table)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return self.table.members.sizes()

    def is_of_movable(self, leak: Leak) -> bool:
        """Whether figures tell the leak that are shown, and one of the new ones can be moved."""
        terms = leak.new_terms
        is_of_figures = terms is not None and leak.old_terms is not None and leak.exact and leak.factor is not None
        return is_of_figures and any(t.total in self.movable.every for t in terms or ())

    def changes(self, leaks: Sequence[tuple[int, Leak]]) -> tuple[list[CellRepair], list[tuple[int, Leak]]]:
        """The changes that repair leaks of figures (each with its entry), and the leaks that stay as they are: what
        these tell is a combination of what is known. For each person, the moves of all figures add up to what the
        person is missing from each sum that leaks, and to nothing in each sum that an earlier table shows."""
        if not leaks:
            return [], []
        of_sum, stay = defaultdict[Sum, list[tuple[int, Leak]]](list), list[tuple[int, Leak]]()
        for entry, of_entry in groupby(leaks, key=lambda of: of[0]):
            old = RowsByCell(self.history[entry]())
            for leak in of_entry:
                if (found := self._known_sum(old, leak[1])) is not None:
                    of_sum[found].append(leak)
        moved = defaultdict[TotalCell, dict[int, float]](dict)
        every = sorted({*of_sum, *self._ties(), *self._still_held()}, key=self._precedence)
        for some in joined_sums(every, self.movable.every):
            moves = CountMoves(some, self.movable.every)
            met = moves.met()
            for person, by_cell in moves.of_each(met, self._preference):
                for cell, by in by_cell.items():
                    moved[cell][person] = by
            self.met += [replace(one, apart=()) for n, one in enumerate(moves.sums) if one.apart and n in met]
            stay += self._known_otherwise(moves, met, of_sum)
        # By persons these differ, but they add up to what is known.
        stay += [leak for one, some in of_sum.items() if not one.apart for leak in some]
        return [self._change(*cell, by_person) for cell, by_person in sorted(moved.items())], stay

    def _known_otherwise(
        self, moves: CountMoves, met: Sequence[int], of_sum: Mapping[Sum, Sequence[tuple[int, Leak]]]
    ) -> Iterator[tuple[int, Leak]]:
        """The leaks of sums that are not met and are combinations of those that are."""
        for n, one in enumerate(moves.sums):
            is_of_movable = all(term.total in self.movable.every for term in one.terms)
            if one.apart and n not in met and is_of_movable and moves.is_combination(n, met):
                yield from of_sum[one]

    def _is_of_values(self, terms: Collection[SumTerm]) -> bool:
        return all(term.total in self.movable.sums for term in terms)

    def _still_held(self) -> Iterator[Sum]:
        shown = {((f.statistic, f.amount, f.once), cell) for f in self.table.figures for cell in f.shown}
        yield from (one for one in self.held if all(t.of_cell in shown for t in one.terms))

    def _known_sum(self, old: RowsByCell, leak: Leak) -> Sum | None:
        """What each of the few persons has to add to the new figures of a leak. What a population leaves is compared by
        persons; what it leaves of the rows of these persons is moved, so that the figures add up to it. A count moves
        by whole rows."""
        new_terms, old_terms = leak.new_terms or frozenset(), leak.old_terms or frozenset()
        is_sum, factor = self._is_of_values(new_terms), leak.factor or 1.0

        def missing(everybody: AmountRows, once: bool) -> AmountRows:
            theirs, mine = old.of_terms(old_terms, once), self._rows.of_terms(new_terms, once)
            return added_up([_times(theirs, factor), _times(mine, -1), everybody])

        for everybody in self._everybody(old.table, leak) if leak.new.complement != leak.old.complement else [NOBODY]:
            few, _ = missing(everybody, leak.by_persons)
            persons, by = missing(everybody, False)
            theirs = np.isin(persons, few)
            if len(few) == leak.persons and (is_sum or np.array_equal(by, np.rint(by))):
                each = by[theirs] if is_sum else by[theirs].astype(int)
                apart = zip(persons[theirs].tolist(), each.tolist(), strict=True)
                is_exact = bool(theirs.all())
                return Sum(new_terms, tuple(apart), rank_of_sum(new_terms, old_terms, is_exact), is_exact)
        return None

    def _ties(self) -> Iterator[Sum]:
        comparer = TableComparer(without_total(self.table))
        for load in self.history.values():
            for new, old in comparer.ties(load()):
                yield Sum(new, (), rank_of_sum(new, old))

    def _preference(self, person: int) -> Callable[[TotalCell], tuple[bool, int, int]]:
        """The cell that the person is in, and else one of t persons or more, because a few change it least."""
        own, t = self._cells_of(person), self.table.entry.t
        return lambda of: (of[1] not in own, -size_class(int(self._sizes[of[1]]), t), of[1])

    def _precedence(self, of: Sum) -> tuple[object, ...]:
        """Of one rank first those sums that miss fewer persons: mostly nobody, and then a sum is a tie. Of others,
        those of small cells."""
        size = sum(int(self._sizes[t.cell]) for t in of.terms)
        named = sorted((*t.of_cell, t.sign) for t in of.terms)
        return of.rank, len(of.apart), size_class(size, self.table.entry.t), named, of.apart, of.is_exact

    @cached_property
    def _by_person(self) -> tuple[Numbers, Numbers]:
        """The persons of all rows in order, and their cells."""
        persons, cells = self.table.members.rows()
        order = np.argsort(persons, kind="stable")
        return persons[order].astype(np.int64), cells[order].astype(np.int64)

    def _cells_of(self, person: int) -> Collection[int]:
        persons, cells = self._by_person
        first, last = np.searchsorted(persons, [person, person + 1])
        return set(cells[first:last].tolist())

    def _change(self, total: Total, cell: int, by_person: Mapping[int, float]) -> CellRepair:
        """Move a figure by some persons, or hide it if it would be of fewer than t: without these persons it is. A
        count of persons is moved by rows, too: beside a count of rows, nothing tells then whether a few have
        several."""
        statistic, amount, once = total
        persons, by = (np.array(column) for column in zip(*sorted(by_person.items()), strict=True))
        inside = added_up([self._rows.of(amount, once, cell)])
        before = _amounts_among(inside, persons, 0)
        is_of_values = total in self.movable.sums
        # An amount of somebody in the cell may be negative. Of anybody else, what is taken away is.
        there = np.sign(np.abs(before) if is_of_values else before)
        after = np.sign(np.where(there > 0, np.abs(before + by), by) if is_of_values else before + by)
        more = int((after - there).sum())
        if len(inside[0]) + more < self.table.entry.t:
            return CellRepair(RepairAction.SUPPRESS, cell, statistic)
        if is_of_values:
            rows = self._rows_moved(amount.removesuffix("total") + "given", cell, persons, after - there)
            added, sizes = (sum(map(_shortest, of), Decimal(0)) for of in (by, np.abs(before + by) - np.abs(before)))
            shift = CountShift(amount, rows, more, once, added, sizes)
        else:
            shift = CountShift(amount, int(by.sum()), more, once)
        moved = tuple(zip(persons.tolist(), by.tolist(), strict=True))
        return CellRepair(RepairAction.ALIGN, cell, statistic, shift=shift, moved=moved)

    def _rows_moved(self, given: str, cell: int, persons: Numbers, way: Vector) -> int:
        """How many rows with a value persons bring or take with them: their own, or those of an ordinary person."""
        _, rows = inside = added_up([self._rows.of(given, False, cell)])
        ordinary = max(1.0, np.rint(rows.sum() / len(rows))) if len(rows) else 1.0
        return int((way * _amounts_among(inside, persons, ordinary)).sum())

    def _everybody(self, old: MemberTable, leak: Leak) -> Iterator[AmountRows]:
        """The known populations of one cell that the leak may take figures from."""
        known = self.table.entry.within.keys() & old.entry.within.keys()
        for rows in self._populations:
            if rows.table.entry.recipe in known:
                persons, ones = rows.of("", False, 0)
                yield persons, ones if leak.old.complement else -ones

    @cached_property
    def _populations(self) -> list[RowsByCell]:
        return [RowsByCell(t) for t in known_populations(self.history)]


def _amounts_among(rows: AmountRows, persons: Numbers, other: float) -> Vector:
    """The amount of each person, and `other` for those who have none."""
    inside, amounts = rows
    if not len(inside):
        return np.full(len(persons), float(other))
    at = np.minimum(np.searchsorted(inside, persons), len(inside) - 1)
    return np.where(inside[at] == persons, amounts[at], other)


def known_populations(history: Mapping[int, Callable[[], MemberTable]]) -> Iterator[MemberTable]:
    """Known populations of one cell, among what a table is compared with."""
    known = (load() for number, load in history.items() if number < 0)
    yield from (t for t in known if t.entry.source is HistorySource.POPULATION and t.members.count == 1)


MIXED = 64
"""More than the rank of any sum of one kind."""


def rank_of_sum(new: Collection[SumTerm], old: Collection[SumTerm], is_exact: bool = True) -> int:
    """Which sums are met rather than others: those that are known in rows, those of one kind, persons with persons, and
    then those of few figures. Each figure is rounded, so a sum of few tells more exactly than one of many who is in it.
    `old` is empty if the sum is a figure of the earlier table."""
    is_mixed = bool(old) and {t.once for t in new} != {t.once for t in old}
    return MIXED * (is_mixed + 2 * (not is_exact)) + max(2, len(new) + len(old)).bit_length()


def _times(rows: AmountRows, factor: float) -> AmountRows:
    return rows[0], rows[1] * factor


PLACES = 9
"""Decimal places of an amount: what is finer comes of adding up binary fractions."""


def _shortest(amount: float) -> Decimal:
    """The shortest decimal of an amount, so that a sum of them is that of the amounts as they are stored."""
    return Decimal(repr(round(float(amount), PLACES)))
