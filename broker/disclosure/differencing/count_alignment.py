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
from broker.domain.release_history import CellRepair, CountShift, KnownFigure, RepairAction
from broker.evidence.member_tables import Leak, MemberTable, StatisticCell

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


class RowsByCell:
    """A table's rows in the order of its cells, so that those of some cells are found at once."""

    def __init__(self, table: MemberTable) -> None:
        self.table = table
        self._persons, cells = table.members.rows()
        self._order = np.argsort(cells, kind="stable")
        self._starts = np.searchsorted(cells[self._order], np.arange(table.members.count + 2))

    def figure(self, statistic: int, total: tuple[str, bool]) -> KnownFigure:
        return next(f for f in self.table.figures if (f.statistic, (f.amount, f.once)) == (statistic, total))

    def of(self, figure: KnownFigure, cells: Collection[int]) -> tuple[Numbers, Vector]:
        """Persons of the cells, and what each adds to the figure: one row for each person and cell."""
        rows = np.concatenate([self._order[self._starts[c] : self._starts[c + 1]] for c in sorted(cells)])
        return self._persons[rows].astype(np.int64), figure_amounts(self.table.members, figure)[rows]


def added_up(persons: Numbers, amounts: Vector) -> tuple[Numbers, Vector]:
    """Each person's amount, without those of whom nothing is left."""
    who, where = np.unique(persons, return_inverse=True)
    left = np.bincount(where, weights=amounts, minlength=len(who))
    return who[left != 0], left[left != 0]


def _cells_of(leak: Leak) -> set[CountOfCell]:
    amount = leak.totals[0][0] if leak.totals is not None else ""
    return {(leak.statistic, amount, c) for c in leak.new.cells}


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
        shared = Counter(of for _, leak in leaks for of in _cells_of(leak))
        read = lru_cache(ENTRIES_AT_ONCE)(lambda entry: RowsByCell(self.history[entry]()))
        # A leak of few cells is often a part of one of many, which is then repaired with it.
        for entry, leak in sorted(leaks, key=lambda of: (len(of[1].new.cells), of[0])):
            if not self.busy.isdisjoint(_cells_of(leak)):
                yield None
            elif (change := self._change(leak, read(entry), shared)) is not None:
                self.busy |= _cells_of(leak)
                yield change

    def is_of_counts(self, leak: Leak) -> bool:
        """Whether the leak is between two sums of shown cells, and the new ones are counts."""
        sides = (leak.new, leak.old)
        return (
            leak.totals is not None
            and leak.exact
            and not leak.scaled
            and not any(s.holes or s.complement for s in sides)
            and (leak.statistic, leak.totals[0][0]) in self.countable
        )

    def _change(self, leak: Leak, old: RowsByCell, shared: Mapping[CountOfCell, int]) -> CellRepair | None:
        """Count the persons in whom the two sides differ with one of the cells: one that most leaks share, and then the
        largest, because a few change it least."""
        assert leak.totals is not None
        ident, t, (total, old_total) = leak.statistic, self.table.entry.t, leak.totals
        figure, other, amount = self._rows.figure(ident, total), old.figure(leak.old_statistic, old_total), total[0]
        free = [
            c
            for c in leak.new.cells
            if c in figure.shown and (ident, c) not in self.known and (ident, amount, c) not in self.taken
        ]
        if not free:
            return None
        # Sizes are coarse, so that one person hardly ever chooses.
        cell = max(free, key=lambda c: (shared[ident, amount, c], coarse_size(int(self._sizes[c]), t), -c))
        (who, mine), (others, theirs) = self._rows.of(figure, leak.new.cells), old.of(other, leak.old.cells)
        persons, by = added_up(np.concatenate([who, others]), np.concatenate([-mine, theirs]))
        if not np.array_equal(by, np.rint(by)):
            return None
        inside, amounts = added_up(*self._rows.of(figure, [cell]))
        if not len(inside) or not len(persons):
            return None
        before = np.where(np.isin(persons, inside), amounts[np.searchsorted(inside, persons) % len(inside)], 0)
        more = int((np.sign(before + by) - np.sign(before)).sum())
        if len(inside) + more < t:
            return None
        moved = tuple(zip(persons.tolist(), by.astype(int).tolist(), strict=True))
        return CellRepair(RepairAction.ALIGN, cell, ident, shift=CountShift(amount, int(by.sum()), more), moved=moved)
