"""Counts the few persons in whom cells differ from known ones with the largest of these cells. The counts then add up
to what is known already, whoever these persons are, and no hole tells whether there are any."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import figure_amounts
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.suppression.suppression_task import coarse_size
from broker.domain.release_history import CellRepair, CountShift, HistorySource, KnownFigure, RepairAction
from broker.evidence.member_tables import Leak, LeakSide, MemberTable, StatisticCell

CountOfCell = tuple[int, str, int]
"""A statistic, the name of an amount, and a cell."""
ENTRIES_AT_ONCE = 2
Countable = frozenset[tuple[int, str]]
"""Totals that are counts which can be moved: the statistic and the name of the amount."""


def aligned_cells(changes: Sequence[CellRepair]) -> frozenset[CountOfCell]:
    """The totals and cells that are aligned already: each only once, or rounds could alternate."""
    return frozenset(
        (c.statistic, c.shift.amount, c.cell) for c in changes if c.shift is not None and c.statistic is not None
    )


def figure_of(table: MemberTable, statistic: int, total: tuple[str, bool]) -> KnownFigure:
    return next(f for f in table.figures if (f.statistic, (f.amount, f.once)) == (statistic, total))


class RowsByCell:
    """A table's rows in the order of its cells, so that those of some cells are found at once."""

    def __init__(self, table: MemberTable) -> None:
        self.table = table
        self._persons, cells = table.members.rows()
        self._order = np.argsort(cells, kind="stable")
        self._starts = np.searchsorted(cells[self._order], np.arange(table.members.count + 2))

    def of(self, figure: KnownFigure, cells: Collection[int]) -> tuple[Numbers, Vector]:
        """Persons of the cells, and what each adds to the figure: one row for each person and cell."""
        rows = np.concatenate([self._order[:0], *(self._order[self._starts[c] : self._starts[c + 1]] for c in cells)])
        return self._persons[rows].astype(np.int64), figure_amounts(self.table.members, figure)[rows]


def added_up(persons: Numbers, amounts: Vector) -> tuple[Numbers, Vector]:
    """Each person's amount, without those of whom nothing is left."""
    who, where = np.unique(persons, return_inverse=True)
    left = np.bincount(where, weights=amounts, minlength=len(who))
    return who[left != 0], left[left != 0]


def summed_cells(side: LeakSide, figure: KnownFigure) -> frozenset[int]:
    """The cells of the side that are added up, or subtracted from a known population."""
    return frozenset(figure.shown) - side.cells if side.complement else side.cells


@dataclass
class Alignment:
    """One round of alignments of a table. `taken`: totals and cells that must stay as they are. `busy`: those of which
    this round changes the sum already; what else concerns them waits for the next round."""

    table: MemberTable
    history: Mapping[int, Callable[[], MemberTable]]
    countable: Countable
    known: Collection[StatisticCell]
    taken: Collection[CountOfCell]
    busy: set[CountOfCell] = field(default_factory=set)

    @cached_property
    def _rows(self) -> RowsByCell:
        return RowsByCell(self.table)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return self.table.members.sizes()

    def changes(self, leaks: Sequence[tuple[int, Leak]]) -> Iterator[CellRepair | None]:
        """The change for each leak of counts (with its entry) that can be repaired; None if it waits for the next
        round."""
        found = [(len(cells), entry, leak, cells) for entry, leak in leaks if (cells := self._cells_of(leak))]
        shared = Counter(of for *_, cells in found for of in cells)
        read = lru_cache(ENTRIES_AT_ONCE)(lambda entry: RowsByCell(self.history[entry]()))
        # A leak of few cells is often a part of one of many, which is then repaired with it.
        for _, entry, leak, cells in sorted(found, key=lambda of: of[:2]):
            if not self.busy.isdisjoint(cells):
                yield None
            elif (change := self._change(leak, read(entry), shared)) is not None:
                self.busy |= cells
                yield change

    def _cells_of(self, leak: Leak) -> frozenset[CountOfCell]:
        figure = self._figure(leak)
        return frozenset((leak.statistic, figure.amount, c) for c in summed_cells(leak.new, figure))

    def _figure(self, leak: Leak) -> KnownFigure:
        assert leak.totals is not None
        return figure_of(self.table, leak.statistic, leak.totals[0])

    def is_of_counts(self, leak: Leak) -> bool:
        """Whether the leak is between two sums of shown cells, or what a known population leaves of them, and the new
        ones are counts."""
        sides = (leak.new, leak.old)
        return (
            leak.totals is not None
            and leak.exact
            and not leak.scaled
            and not any(s.holes for s in sides)
            and (leak.statistic, leak.totals[0][0]) in self.countable
        )

    def _change(self, leak: Leak, old: RowsByCell, shared: Mapping[CountOfCell, int]) -> CellRepair | None:
        """Count the persons in whom the two sides differ with one of the cells: one that most leaks share, and then the
        largest, because a few change it least."""
        assert leak.totals is not None
        figure, other = self._figure(leak), figure_of(old.table, leak.old_statistic, leak.totals[1])
        ident, amount, t, cells = leak.statistic, figure.amount, self.table.entry.t, summed_cells(leak.new, figure)
        free = [
            c
            for c in cells
            if c in figure.shown and (ident, c) not in self.known and (ident, amount, c) not in self.taken
        ]
        if not free:
            return None
        # Sizes are coarse, so that one person hardly ever chooses.
        cell = max(free, key=lambda c: (shared[ident, amount, c], coarse_size(int(self._sizes[c]), t), -c))
        (who, mine), known = self._rows.of(figure, cells), self._known_of(leak, other, old)
        if known is None:
            return None
        persons, by = added_up(np.concatenate([who, known[0]]), np.concatenate([-mine, known[1]]))
        if not 0 < len(persons) < t or not np.array_equal(by, np.rint(by)):
            return None
        inside, amounts = added_up(*self._rows.of(figure, [cell]))
        if not len(inside):
            return None
        before = np.where(np.isin(persons, inside), amounts[np.searchsorted(inside, persons) % len(inside)], 0)
        more = int((np.sign(before + by) - np.sign(before)).sum())
        if len(inside) + more < t:
            return None
        moved = tuple(zip(persons.tolist(), by.astype(int).tolist(), strict=True))
        return CellRepair(RepairAction.ALIGN, cell, ident, shift=CountShift(amount, int(by.sum()), more), moved=moved)

    def _known_of(self, leak: Leak, figure: KnownFigure, old: RowsByCell) -> tuple[Numbers, Vector] | None:
        """What is known of the new cells' sum, by person: the sum of the old cells, or what these leave of everybody.
        None if that is not a known population."""
        persons, amounts = old.of(figure, summed_cells(leak.old, figure))
        if leak.new.complement == leak.old.complement:
            return persons, amounts
        for everybody in self._everybody:
            if everybody.table.entry.recipe in self.table.entry.within.keys() & old.table.entry.within.keys():
                every, ones = everybody.of(everybody.table.figures[0], [0])
                return np.concatenate([every, persons]), np.concatenate([ones, -amounts])
        return None

    @cached_property
    def _everybody(self) -> list[RowsByCell]:
        """Known populations of one cell."""
        known = (load() for number, load in self.history.items() if number < 0)
        return [RowsByCell(t) for t in known if t.entry.source is HistorySource.POPULATION and t.members.count == 1]
