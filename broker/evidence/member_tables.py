"""A table with its figures and members, as arrays and as bytes, and the types of what a comparison finds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from broker.domain.errors import Breach
from broker.domain.release_history import HistoryEntry, KnownFigure, Overlap

Persons = NDArray[np.uint32]
Cells = NDArray[np.unsignedinteger[Any]]
AnyNumbers = NDArray[Any]
Amounts = Mapping[str, AnyNumbers]

MAGIC = b"NPDM1"
ALIGNED = 64
DENSE_SHARE = 5
"""If at least one person number in so many is used, one cell for each number takes less space than a list of person
numbers (4 bytes each) with their cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Everybody in a table of `count` cells. Cell `count` is the remainder: what the known total of the table has
    beyond its cells. Negative amounts there are persons whom a shown cell counts and the total does not.

    persons        global numbers, ascending, of persons in one cell; None if `cells` has one entry for each number
    cells          the cell of each of them; without `persons` one for each number, `count + 1` for persons in no cell
    more_persons   persons in several cells: ascending, one row for each of their cells
    more_cells     the cell of each of these rows
    amounts        by name, first for `persons` and then for `more_persons`; an absent name means 1 for all. The
                   moves of a total are what aligned counts add to it, plus 1. See also `outside_of`
    """

    count: int
    persons: Persons | None
    cells: Cells
    more_persons: Persons
    more_cells: Cells
    amounts: Amounts

    @property
    def rest(self) -> int:
        """The number of the remainder."""
        return self.count

    @property
    def nobody(self) -> int:
        """The number that means "in no cell"."""
        return self.count + 1

    def listed(self) -> tuple[Persons, Cells]:
        """Persons in one cell and their cells, whatever the internal form."""
        if self.persons is not None:
            return self.persons, self.cells
        inside = np.flatnonzero(self.cells != self.nobody).astype(np.uint32)
        return inside, self.cells[inside]

    def rows(self) -> tuple[Persons, Cells]:
        """One row for each person and cell, in the order of the amounts."""
        persons, cells = self.listed()
        return np.concatenate([persons, self.more_persons]), np.concatenate([cells, self.more_cells])

    def sizes(self) -> NDArray[np.int64]:
        """Persons by cell; the remainder is last."""
        found = np.bincount(self.cells, minlength=self.count + 2)
        return (found + np.bincount(self.more_cells, minlength=self.count + 2))[: self.count + 1]


MOVES = (" moved", " moved once")


def moves_of(amount: str, once: bool) -> str:
    """The name of the moves of a total."""
    return amount + MOVES[once]


OUTSIDE = "outside "


def outside_of(population: str) -> str:
    """The name of what says who is counted with a cell but is not in a known population: 2 for them, 1 for all others.
    Only aligned counts count such persons in a table that the population contains."""
    return OUTSIDE + population


def outsiders(members: Members, population: str) -> Persons:
    """The persons whom aligned counts count here and who are not in a known population."""
    marks = members.amounts.get(outside_of(population))
    return np.zeros(0, np.uint32) if marks is None else np.unique(members.rows()[0][marks != 1])


def members_of(count: int, persons: ArrayLike, cells: ArrayLike, amounts: Mapping[str, ArrayLike] = {}) -> Members:
    """Build members from one row for each person and cell, in any order. Amounts that are 1 everywhere are not stored.
    Raises Breach if a person is twice in one cell, or a cell is out of range."""
    p, c = np.asarray(persons, np.uint32), np.asarray(cells, np.int64)
    if len(c) and (c.min() < 0 or c.max() > count):
        raise Breach("Members name a cell that the table does not have.")
    # Persons who ascend strictly need no sorting.
    order = np.arange(len(p)) if np.all(p[1:] > p[:-1]) else np.lexsort((c, p))
    p, c = p[order], c[order]
    again = np.zeros(len(p), bool)
    again[1:] = p[1:] == p[:-1]
    if np.any(again[1:] & (c[1:] == c[:-1])):
        raise Breach("Members have a person twice in one cell.")
    again[:-1] |= again[1:]
    once = ~again
    order = np.concatenate([order[once], order[again]])
    # Sorted: equal members give equal bytes.
    every = {n: _smallest_type(np.asarray(a)[order]) for n, a in sorted(amounts.items())}
    stored = {n: a for n, a in every.items() if np.any(a != 1)}
    kind = np.min_scalar_type(count + 1)
    persons_once, cells_once = p[once], c[once].astype(kind)
    more = (p[again], c[again].astype(kind))
    # Dense enough: one cell for each number takes less space.
    if not stored and len(p) and np.count_nonzero(once) * DENSE_SHARE > int(p[-1]) + 1:
        dense = np.full(int(p[-1]) + 1, count + 1, kind)
        dense[persons_once] = cells_once
        return Members(count, None, dense, *more, {})
    return Members(count, persons_once, cells_once, *more, stored)


def _smallest_type(amounts: AnyNumbers) -> AnyNumbers:
    """Convert to the smallest number type that holds all amounts exactly. Raises Breach if one is not finite."""
    if not len(amounts):
        return amounts.astype(np.uint8)
    # A comparison with NaN is false, so a leak would be missed.
    if not np.all(np.isfinite(amounts)):
        raise Breach("An amount of members is not a number.")
    whole = amounts.astype(np.int64)
    if np.array_equal(whole, amounts):
        return whole.astype(np.result_type(np.min_scalar_type(whole.min()), np.min_scalar_type(whole.max())))
    return amounts.astype(np.float64)


def to_bytes(members: Members) -> bytes:
    """The stored form of members: a line of JSON, then each array, little-endian and aligned."""
    arrays: dict[str, AnyNumbers] = {n: getattr(members, n) for n in ("cells", "more_persons", "more_cells")}
    if members.persons is not None:
        arrays["persons"] = members.persons
    arrays |= {f"={n}": a for n, a in members.amounts.items()}
    layout = [[n, a.dtype.newbyteorder("<").str, len(a)] for n, a in arrays.items()]
    head = MAGIC + json.dumps({"count": members.count, "arrays": layout}).encode()
    parts = [head + b" " * (-(len(head) + 1) % ALIGNED) + b"\n"]
    for array in arrays.values():
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        parts += [content, bytes(-len(content) % ALIGNED)]
    return b"".join(parts)


def from_bytes(content: bytes) -> Members:
    """Read members from their stored form without copying. Raises Breach if the bytes are not members."""
    end = content.find(b"\n")
    if not content.startswith(MAGIC) or end < 0:
        raise Breach("The stored file does not have members.")
    header = json.loads(content[len(MAGIC) : end])
    arrays: dict[str, AnyNumbers] = {}
    at = end + 1
    for name, kind, length in header["arrays"]:
        dtype = np.dtype(kind)
        if at + length * dtype.itemsize > len(content):  # checked before `frombuffer`
            raise Breach("The stored members are incomplete.")
        arrays[name] = np.frombuffer(content, dtype, length, at)
        at += length * dtype.itemsize
        at += -at % ALIGNED
    amounts = {n[1:]: a for n, a in arrays.items() if n.startswith("=")}
    persons, cells = arrays.get("persons"), arrays["cells"]
    return Members(header["count"], persons, cells, arrays["more_persons"], arrays["more_cells"], amounts)


@dataclass(frozen=True, slots=True, eq=False)
class MemberTable:
    """A table as the release history has it, or as it would if the table were released now. `total_known`: whether its
    readers know its totals, and with them what its suppressed cells have together."""

    entry: HistoryEntry
    figures: tuple[KnownFigure, ...]
    members: Members
    total_known: bool = True


StatisticCell = tuple[int, int]
"""A statistic and a cell of its table."""
Total = tuple[int, str, bool]
"""A statistic, and the amount and `once` of one of its figures."""
TotalCell = tuple[Total, int]


@dataclass(frozen=True, slots=True)
class Movable:
    """Totals of which the released figure can be moved: counts, who has a value in a sum, and sums of values."""

    counts: frozenset[Total] = frozenset()
    holders: frozenset[Total] = frozenset()
    sums: frozenset[Total] = frozenset()

    @property
    def every(self) -> frozenset[Total]:
        return self.counts | self.holders | self.sums


NOTHING_MOVES = Movable()


@dataclass(frozen=True, slots=True)
class LeakSide:
    """One side of a leak: cells that are added up. `holes`: also what the known total leaves for the suppressed cells.
    `complement`: all of this is subtracted from a known population."""

    cells: frozenset[int]
    holes: bool = False
    complement: bool = False


@dataclass(frozen=True, slots=True)
class SumTerm:
    """One cell of one total (`KnownFigure.amount` and `once`) in a sum: added, or subtracted if `sign` is -1."""

    statistic: int
    amount: str
    once: bool
    cell: int
    sign: int

    @property
    def total(self) -> Total:
        return self.statistic, self.amount, self.once

    @property
    def of_cell(self) -> TotalCell:
        return self.total, self.cell


@dataclass(frozen=True, slots=True)
class Leak:
    """A figure of the new table over `new` and one of the earlier table over `old` differ by what `persons` persons (1
    to t - 1) contribute.

    `exact` is False if so small a difference was not found but could not be ruled out. `covered`: the keyed noise of
    both tables hides the difference. `factor`: what the amounts of the earlier table were multiplied by; unless it is
    1, neither value can replace the other. None: those of some cells, by different factors.
    `beyond`: cells of the new table that no small difference separates from persons who are in one table only.
    `new_terms`, `old_terms`: the figures that are added up for the sides, or taken from a known population where one
    is a complement; None if suppressed cells are among them. `by_persons`: each person counts at most once in a cell.
    Statistics are numbers in their planned tables.
    """

    statistic: int
    old_statistic: int
    new: LeakSide
    old: LeakSide
    persons: int
    exact: bool = True
    covered: bool = False
    factor: float | None = 1.0
    beyond: frozenset[int] = frozenset()
    new_terms: frozenset[SumTerm] | None = None
    old_terms: frozenset[SumTerm] | None = None
    by_persons: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new table against one earlier table: how they overlap, and every leak. `repeated` are totals and cells of the
    new table that the earlier one already shows."""

    overlap: Overlap
    leaks: tuple[Leak, ...]
    repeated: frozenset[TotalCell] = frozenset()

    @property
    def is_clean(self) -> bool:
        return all(leak.covered for leak in self.leaks)
