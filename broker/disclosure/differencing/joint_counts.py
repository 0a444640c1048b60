"""Counts how many persons are in each pair of cells of two tables. This is the only step that reads everybody. Also:
sums over rows with equal keys, and pairs of rows with equal keys. Takes no decisions.

Measured on two cores with 8 million persons, 3,000 cells against 150, in random order: `bincount` over pair numbers
takes 20 ms in pieces of a million (numbers and bins then fit the cache) and 30 ms in one piece; 77 ms if the pair
numbers are computed by arithmetic. A GROUP BY of DuckDB on both cores takes 60 ms, and other packages own that library.
A pair of bitmaps for each pair of cells takes minutes. `bincount` holds the interpreter's lock, so threads gain
nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.evidence.member_tables import Cells, Members, Persons

Counts = NDArray[np.int64]
Numbers = NDArray[np.int64]

PIECE_SIZE = 1 << 20
MAX_BINS = 1 << 22
"""Beyond this many pairs they are sorted rather than counted in place (32 MB)."""


@dataclass(frozen=True, slots=True, eq=False)
class JointCounts:
    """Persons by pair of cells: a dense table if it is small, otherwise a list of the pairs with at least one person.
    The last row and column count persons in no cell of the one table or of the other; nobody is in both."""

    rows: int
    columns: int
    table: Counts | None
    pairs: tuple[Numbers, Numbers, Counts] | None = None

    @property
    def persons(self) -> int:
        """The number of persons in at least one of the tables."""
        weight = self.table if self.pairs is None else self.pairs[2]
        assert weight is not None
        return int(weight.sum())

    def listed(self) -> tuple[Numbers, Numbers, Counts]:
        """Three arrays: row numbers, column numbers, and persons."""
        if self.pairs is not None:
            return self.pairs
        assert self.table is not None
        left, right = np.nonzero(self.table)
        return left, right, self.table[left, right]


class JointCounter:
    """One table's cells by person, prepared once to be counted against many tables."""

    def __init__(self, members: Members) -> None:
        """Uses only persons in one cell."""
        persons, cells = members.listed()
        self.rows, self._nobody = members.count + 2, members.nobody
        self._labels = np.full(int(persons[-1]) + 1 if len(persons) else 0, self._nobody, np.int64)
        self._labels[persons] = cells
        self.sizes = np.bincount(cells, minlength=self.rows)
        self._narrow = self._labels.astype(np.min_scalar_type(self.rows))  # short numbers stay in the cache
        # `_low` is a view of the lowest byte of each number in `_wide`, so writing a cell there makes the pair number.
        self._wide = self._labels << 8
        self._low = self._wide.view(np.uint8)[_LOWEST::8]

    def labels(self, persons: Persons) -> Numbers:
        """The cells of these persons; `nobody` for persons in no cell."""
        if not len(persons) or not len(self._labels):
            return np.full(len(persons), self._nobody, np.int64)
        inside = persons < len(self._labels)
        return np.where(inside, self._labels[np.where(inside, persons, 0)], self._nobody)

    def count(self, members: Members) -> JointCounts:
        """Count pairs with the persons in one cell of another table."""
        columns = members.count + 2
        if self.rows * max(columns, 256) > MAX_BINS:
            return self._sorted(members, columns)
        if members.persons is None:
            found = self._by_number(members.cells, columns)
        else:
            found = self._by_list(members.persons, members.cells, columns)
        found[self._nobody, members.nobody] = 0  # persons of neither table
        return JointCounts(self.rows, columns, found)

    @property
    def is_full(self) -> bool:
        """Whether every person number up to the largest is in a cell."""
        return not self.sizes[self._nobody] and int(self.sizes.sum()) == len(self._labels)

    def of_part(self, members: Members, end: int) -> Counts | None:
        """A (rows, columns) array for the first `end` persons of the other table alone; None if there are too many
        pairs."""
        columns = members.count + 2
        if self.rows * max(columns, 256) > MAX_BINS:
            return None
        cells = members.cells[:end]
        if members.persons is None:
            found = self._pieces(cells, columns, min(end, len(self._labels)))
            found[:, members.nobody] = 0
            return found
        return self._listed(members.persons[:end], cells, columns)

    def _by_number(self, cells: Cells, columns: int) -> Counts:
        both = min(len(cells), len(self._labels))
        table = self._pieces(cells, columns, both)
        table[self._nobody] += np.bincount(cells[both:], minlength=columns)
        table[:, columns - 1] += np.bincount(self._labels[both:], minlength=self.rows)
        return table

    def _pieces(self, cells: Cells, columns: int, end: int) -> Counts:
        """Cells of one byte are written into the lowest byte of the pair numbers, which avoids arithmetic."""
        found = np.zeros(self.rows * (256 if columns <= 256 else columns), np.int64)
        for start in range(0, end, PIECE_SIZE):
            piece = slice(start, min(start + PIECE_SIZE, end))
            if columns <= 256:
                self._low[piece] = cells[piece]
                pairs = self._wide[piece]
            else:
                pairs = self._labels[piece] * columns + cells[piece]
            found += np.bincount(pairs, minlength=len(found))
        return found.reshape(self.rows, -1)[:, :columns].copy()

    def _by_list(self, persons: Persons, cells: Cells, columns: int) -> Counts:
        table = self._listed(persons, cells, columns)
        # Not in the list: in the new table only.
        table[:, columns - 1] = self.sizes - table[:, : columns - 1].sum(axis=1)
        return table

    def _listed(self, persons: Persons, cells: Cells, columns: int) -> Counts:
        """Count only persons of the list."""
        inside = np.searchsorted(persons, len(self._labels))
        pairs = np.take(self._narrow, persons[:inside]).astype(np.int64)
        pairs *= columns
        pairs += cells[:inside]
        table = np.bincount(pairs, minlength=self.rows * columns).reshape(self.rows, columns)
        table[self._nobody] += np.bincount(cells[inside:], minlength=columns)
        return table

    def _sorted(self, members: Members, columns: int) -> JointCounts:
        persons, cells = members.listed()
        pairs, weight = np.unique(self.labels(persons) * columns + cells, return_counts=True)
        left, right = pairs // columns, pairs % columns
        alone = self.sizes - np.bincount(left, weights=weight, minlength=self.rows).astype(np.int64)
        alone[self._nobody] = 0
        without = np.flatnonzero(alone)
        left = np.concatenate([left, without])
        right = np.concatenate([right, np.full(len(without), columns - 1)])
        return JointCounts(self.rows, columns, None, (left, right, np.concatenate([weight, alone[without]])))


_LOWEST = 0 if np.little_endian else 7


AnyArray = NDArray[Any]


def group_starts(*columns: AnyArray) -> Numbers:
    """The first row of each group of equal rows. The columns are sorted together."""
    first = np.ones(len(columns[0]), bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(first)


def sums_by_key(keys: Numbers, amounts: AnyArray) -> tuple[Numbers, NDArray[np.float64]]:
    """The different keys, ascending, and the sum of the amounts of each."""
    found, where = np.unique(keys, return_inverse=True)
    return found, np.bincount(where, weights=amounts, minlength=len(found)).astype(np.float64)


def equal_pairs(left: AnyArray, right: AnyArray) -> tuple[Numbers, Numbers]:
    """Index pairs of all rows of the one and of the other that have the same key. `right` is ascending."""
    starts = np.searchsorted(right, left)
    times = np.searchsorted(right, left, side="right") - starts
    row = np.repeat(np.arange(len(left)), times)
    within = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    return row, starts[row] + within
