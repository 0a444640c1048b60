"""Counts the few persons in whom figures differ from known ones with one of these figures. They then add up to what is
known already, whoever these persons are, and no hole tells whether there are any."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import amounts_of_total
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.suppression.suppression_task import coarse_size
from broker.domain.release_history import CellRepair, CountShift, HistorySource, RepairAction
from broker.evidence.member_tables import Leak, MemberTable, StatisticCell, SumTerm, TotalCell

Total = tuple[int, str, bool]
"""A statistic, and the amount and `once` of its figure."""
Countable = frozenset[Total]
"""Totals that are counts which can be moved."""
MOST_MOVES = 3
"""A count may be moved again, because a later change can need it. No more often, or rounds could alternate."""
AmountRows = tuple[Numbers, Vector]
"""Persons, and what each adds."""


def cells_that_stay(changes: Sequence[CellRepair]) -> tuple[frozenset[StatisticCell], frozenset[TotalCell]]:
    """Figures that show an earlier value, and counts that were moved often enough."""
    changed = [(c.statistic, c) for c in changes if c.statistic is not None]
    earlier = frozenset((ident, c.cell) for ident, c in changed if c.action is RepairAction.EARLIER)
    moves = Counter((ident, c.shift.amount, c.cell) for ident, c in changed if c.shift is not None)
    return earlier, frozenset(of for of, times in moves.items() if times >= MOST_MOVES)


class RowsByCell:
    """A table's rows in the order of its cells, so that those of some cells are found at once."""

    def __init__(self, table: MemberTable) -> None:
        self.table = table
        self._persons, cells = table.members.rows()
        self._order = np.argsort(cells, kind="stable")
        self._starts = np.searchsorted(cells[self._order], np.arange(table.members.count + 2))
        self._amounts: dict[tuple[str, bool], Vector] = {}

    def of(self, amount: str, once: bool, cells: Collection[int]) -> AmountRows:
        """Persons of the cells with their amounts: one row for each person and cell."""
        if (amount, once) not in self._amounts:
            self._amounts[amount, once] = amounts_of_total(self.table.members, amount, once)
        rows = np.concatenate([self._order[:0], *(self._order[self._starts[c] : self._starts[c + 1]] for c in cells)])
        return self._persons[rows].astype(np.int64), self._amounts[amount, once][rows]

    def of_terms(self, terms: Collection[SumTerm], sign: int) -> Iterator[AmountRows]:
        cells = defaultdict[tuple[str, bool, int], list[int]](list)
        for term in terms:
            cells[term.amount, term.once, term.sign].append(term.cell)
        for (amount, once, by), some in cells.items():
            persons, amounts = self.of(amount, once, some)
            yield persons, amounts * (sign * by)


def added_up(rows: Sequence[AmountRows]) -> AmountRows:
    """Each person's amount, without those of whom nothing is left."""
    persons, amounts = (np.concatenate(column) for column in zip(*rows, strict=True))
    who, where = np.unique(persons, return_inverse=True)
    left = np.bincount(where, weights=amounts, minlength=len(who))
    return who[left != 0], left[left != 0]


@dataclass(frozen=True, slots=True)
class KnownSum:
    """A sum of figures that is known but for a few persons: what each of them has to add, and the counts that may be
    moved for it."""

    free: Sequence[SumTerm]
    apart: Mapping[int, int]


@dataclass
class Alignment:
    """One round of alignments of a table. `known`: counts that were released before. `earlier` and `taken` must stay
    as they are."""

    table: MemberTable
    history: Mapping[int, Callable[[], MemberTable]]
    countable: Countable
    known: Collection[TotalCell]
    earlier: Collection[StatisticCell]
    taken: Collection[TotalCell]

    @cached_property
    def _rows(self) -> RowsByCell:
        return RowsByCell(self.table)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return self.table.members.sizes()

    def is_of_counts(self, leak: Leak) -> bool:
        """Whether figures tell the leak that are shown, and one of the new ones is a count."""
        terms = leak.new_terms
        is_of_figures = terms is not None and leak.old_terms is not None and leak.exact and not leak.scaled
        return is_of_figures and any(t.total in self.countable for t in terms or ())

    def changes(self, leaks: Sequence[tuple[int, Leak]]) -> Iterator[CellRepair]:
        """The changes that repair leaks of counts (each with its entry), as far as this round can."""
        plain, rests = defaultdict[Total, list[KnownSum]](list), defaultdict[Total, list[KnownSum]](list)
        complements = list[KnownSum]()
        for entry, some in groupby(sorted(leaks, key=lambda of: of[0]), key=lambda of: of[0]):
            old = RowsByCell(self.history[entry]())
            for _, leak in some:
                if (found := self._known_sum(leak, old)) is None:
                    continue
                totals = {term.total for term in leak.new_terms or ()}
                if len(totals) > 1:
                    complements.append(found)
                else:
                    (rests if leak.new.complement or leak.old.complement else plain)[totals.pop()].append(found)
        # What a population leaves, or one count of another, is looked at when each count adds up.
        for of_totals in (plain, rests):
            if aligned := [c for total, sums in of_totals.items() for c in self._of_total(total, sums)]:
                yield from aligned
                return
        yield from self._of_complements(complements)

    def _known_sum(self, leak: Leak, old: RowsByCell) -> KnownSum | None:
        free = [term for term in leak.new_terms or () if self._may_move(term)]
        if not free or (rows := self._apart(leak, old)) is None:
            return None
        persons, by = added_up(rows)
        if not 0 < len(persons) < self.table.entry.t or not np.array_equal(by, np.rint(by)):
            return None
        return KnownSum(free, dict(zip(persons.tolist(), by.astype(int).tolist(), strict=True)))

    def _of_total(self, total: Total, sums: Sequence[KnownSum]) -> Iterator[CellRepair]:
        """Count each person with a cell of all the sums, and of no others, that the person is missing from: mostly the
        cell that the person would be in. So one person more among the few moves one count by one."""
        cells = [frozenset(term.cell for term in one.free) for one in sums]
        by_person = defaultdict[tuple[int, int], list[int]](list)
        for number, one in enumerate(sums):
            sign = one.free[0].sign
            for person, by in one.apart.items():
                by_person[person, by * sign].append(number)
        sums_of = defaultdict[int, set[int]](set)
        for number, some in enumerate(cells):
            for cell in some:
                sums_of[cell].add(number)
        moved = defaultdict[int, dict[int, int]](dict)
        for (person, by), missing in sorted(by_person.items(), key=lambda of: (of[0][0], abs(of[0][1]), of[0][1])):
            least = min(missing, key=lambda n: len(cells[n]))
            inside = frozenset.intersection(*(cells[n] for n in missing)) or cells[least]
            alone = [c for c in inside if sums_of[c] <= set(missing)]
            # Sums that miss other amounts of the person are looked at again after this move: moves never add up.
            moved[self._best_cell(alone or inside)].setdefault(person, by)
        statistic, amount, once = total
        for cell, by_persons in sorted(moved.items()):
            if (change := self._change(SumTerm(statistic, amount, once, cell, 1), by_persons)) is not None:
                yield change

    def _best_cell(self, cells: Collection[int]) -> int:
        """The largest cell, because a few change it least. Sizes are coarse, so that one person hardly ever chooses."""
        return max(cells, key=lambda c: (coarse_size(int(self._sizes[c]), self.table.entry.t), -c))

    def _of_complements(self, sums: Sequence[KnownSum]) -> Iterator[CellRepair]:
        """Repair sums of two counts, the smallest first, each by one count."""
        busy = set[TotalCell]()
        for one in sorted(sums, key=lambda of: len(of.free)):
            if busy.isdisjoint(term.of_cell for term in one.free):
                persons, by = (np.array(column) for column in zip(*sorted(one.apart.items()), strict=True))
                totals = dict.fromkeys((term.total, term.sign) for term in one.free)
                best = [
                    next(t for t in one.free if (t.total, t.sign, t.cell) == (total, sign, cell))
                    for total, sign in totals
                    for cell in [self._best_cell([t.cell for t in one.free if (t.total, t.sign) == (total, sign)])]
                ]
                term = max(best, key=lambda of: (self._once_each(of, persons, by), of.sign, -of.statistic))
                change = self._change(term, {p: b * term.sign for p, b in one.apart.items()})
                if change is not None:
                    busy |= {term.of_cell for term in one.free}
                    yield change

    def _change(self, term: SumTerm, moved: Mapping[int, int]) -> CellRepair | None:
        """Move a count by some persons; None if it would be of fewer than t. A count of persons is moved by rows, too:
        beside a count of rows, nothing shows then whether a few have several."""
        some = {person: by for person, by in sorted(moved.items()) if by}
        if not some:
            return None
        persons, by = (np.array(column) for column in zip(*some.items(), strict=True))
        inside, before = self._amounts_in(term, persons)
        more = int((np.sign(before + by) - np.sign(before)).sum())
        if not inside or inside + more < self.table.entry.t:
            return None
        shift = CountShift(term.amount, int(by.sum()), more, term.once)
        return CellRepair(RepairAction.ALIGN, term.cell, term.statistic, shift=shift, moved=tuple(some.items()))

    def _once_each(self, term: SumTerm, persons: Numbers, by: Vector) -> int:
        """How many of the persons the count would count once or not at all, as it counts others."""
        _, before = self._amounts_in(term, persons)
        after = before + by * term.sign
        return int(np.count_nonzero((after >= 0) & (after <= np.maximum(before, 1))))

    def _amounts_in(self, term: SumTerm, persons: Numbers) -> tuple[int, Vector]:
        """How many persons a count has, and the amounts of some (ascending) in it."""
        inside, amounts = added_up([self._rows.of(term.amount, term.once, [term.cell])])
        if not len(inside):
            return 0, np.zeros(len(persons))
        at = np.minimum(np.searchsorted(inside, persons), len(inside) - 1)
        return len(inside), np.where(inside[at] == persons, amounts[at], 0)

    def _may_move(self, term: SumTerm) -> bool:
        is_free = term.of_cell not in self.known and (term.statistic, term.cell) not in self.earlier
        return is_free and term.total in self.countable and term.of_cell not in self.taken

    def _apart(self, leak: Leak, old: RowsByCell) -> list[AmountRows] | None:
        """What is known of the new figures' sum less that sum. A side may be what figures leave of everybody; None if
        that is not a known population."""
        rows = [*old.of_terms(leak.old_terms or (), 1), *self._rows.of_terms(leak.new_terms or (), -1)]
        if leak.new.complement == leak.old.complement:
            return rows
        for everybody in self._everybody:
            if everybody.table.entry.recipe in self.table.entry.within.keys() & old.table.entry.within.keys():
                persons, ones = everybody.of("", False, [0])
                return [*rows, (persons, ones if leak.old.complement else -ones)]
        return None

    @cached_property
    def _everybody(self) -> list[RowsByCell]:
        """Known populations of one cell."""
        known = (load() for number, load in self.history.items() if number < 0)
        return [RowsByCell(t) for t in known if t.entry.source is HistorySource.POPULATION and t.members.count == 1]
