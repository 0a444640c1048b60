"""Counts the few persons in whom figures differ from known ones with one of these figures. They then add up to what is
known already, whoever these persons are, and no hole tells whether there are any."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import amounts_of_total
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.suppression.suppression_task import coarse_size
from broker.domain.release_history import CellRepair, CountShift, HistorySource, RepairAction
from broker.evidence.member_tables import Leak, MemberTable, StatisticCell, SumTerm, TotalCell

Countable = frozenset[tuple[int, str, bool]]
"""Totals that are counts which can be moved: the statistic, and the amount and `once` of its figure."""
AmountRows = tuple[Numbers, Vector]
"""Persons, and what each adds."""
ENTRIES_AT_ONCE = 4


def cells_that_stay(changes: Sequence[CellRepair]) -> tuple[frozenset[StatisticCell], frozenset[TotalCell]]:
    """Figures that show an earlier value, and counts that are aligned already: each only once, or rounds could
    alternate."""
    changed = [(c.statistic, c) for c in changes if c.statistic is not None]
    earlier = frozenset((ident, c.cell) for ident, c in changed if c.action is RepairAction.EARLIER)
    return earlier, frozenset((ident, c.shift.amount, c.cell) for ident, c in changed if c.shift is not None)


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


@dataclass
class Alignment:
    """One round of alignments of a table. `known`: counts that were released before. `earlier` and `taken` must stay
    as they are. `busy`: what this round changes already; what else concerns it waits for the next round."""

    table: MemberTable
    history: Mapping[int, Callable[[], MemberTable]]
    countable: Countable
    known: Collection[TotalCell]
    earlier: Collection[StatisticCell]
    taken: Collection[TotalCell]
    busy: set[TotalCell] = field(default_factory=set)

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

    def changes(self, leaks: Sequence[tuple[int, Leak]]) -> Iterator[CellRepair | None]:
        """The change for each leak of counts (with its entry) that can be repaired; None if it waits for the next
        round."""
        found = [(entry, leak, frozenset(t.of_cell for t in leak.new_terms or ())) for entry, leak in leaks]
        shared = Counter(of for *_, counts in found for of in counts)
        read = lru_cache(ENTRIES_AT_ONCE)(lambda entry: RowsByCell(self.history[entry]()))
        # A leak of few cells is often a part of one of many, which is then repaired with it.
        for entry, leak, counts in sorted(found, key=lambda of: (len(of[2]), of[0])):
            if not self.busy.isdisjoint(counts):
                yield None
            elif (change := self._change(leak, read(entry), shared)) is not None:
                self.busy |= counts
                yield change

    def _change(self, leak: Leak, old: RowsByCell, shared: Mapping[TotalCell, int]) -> CellRepair | None:
        """Count the persons in whom the two sides differ with one of the figures: one that most leaks share, and then
        the largest, because a few change it least."""
        t, free = self.table.entry.t, [term for term in leak.new_terms or () if self._may_move(term)]
        if not free or (rows := self._apart(leak, old)) is None:
            return None
        persons, by = added_up(rows)
        if not 0 < len(persons) < t or not np.array_equal(by, np.rint(by)):
            return None
        # Sizes are coarse, so that one person hardly ever chooses.
        ranked = sorted(
            free,
            key=lambda of: (shared[of.of_cell], coarse_size(int(self._sizes[of.cell]), t), -of.statistic, -of.cell),
            reverse=True,
        )
        best = {(of.total, of.sign): of for of in reversed(ranked)}
        term = max(best.values(), key=lambda of: (self._once_each(of, persons, by), of.sign, -ranked.index(of)))
        by = by * term.sign
        inside, before = self._amounts_in(term, persons)
        more = int((np.sign(before + by) - np.sign(before)).sum())
        if inside + more < t or not inside:
            return None
        shift = CountShift(term.amount, int(by.sum()), more)
        moved = tuple(zip(persons.tolist(), by.astype(int).tolist(), strict=True))
        return CellRepair(RepairAction.ALIGN, term.cell, term.statistic, shift=shift, moved=moved)

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
