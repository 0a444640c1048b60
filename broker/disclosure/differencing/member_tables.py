"""A table with its figures and its members, as arrays and as bytes, and what comparing two of them finds."""

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
"""From one person in so many on, a cell for each number is less to keep than a number (4 bytes) and a cell for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Everybody in a table of `count` cells. Cell `count` is the remainder: what the table's known total has beyond its
    cells; negative amounts stand for persons whom a shown cell counts and the total does not.

    persons        global numbers, ascending, of persons in one cell; None where `cells` has one for each number
    cells          the cell of each of them; where there are no `persons` by number, `count + 1` for whoever is in none
    more_persons   ascending, one row for each of their cells: persons in several cells
    more_cells     as long
    amounts        by name, first for `persons` and then for `more_persons`; a name that is absent is 1 for all
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
        """The cell of whoever is in none."""
        return self.count + 1

    def listed(self) -> tuple[Persons, Cells]:
        """Persons in one cell and their cells, in either form."""
        if self.persons is not None:
            return self.persons, self.cells
        inside = np.flatnonzero(self.cells != self.nobody).astype(np.uint32)
        return inside, self.cells[inside]

    def rows(self) -> tuple[Persons, Cells]:
        """A row for each person and cell, in the order of amounts."""
        persons, cells = self.listed()
        return np.concatenate([persons, self.more_persons]), np.concatenate([cells, self.more_cells])

    def sizes(self) -> NDArray[np.int64]:
        """Persons by cell, the remainder last."""
        found = np.bincount(self.cells, minlength=self.count + 2)
        return (found + np.bincount(self.more_cells, minlength=self.count + 2))[: self.count + 1]


def members_of(count: int, persons: ArrayLike, cells: ArrayLike, amounts: Mapping[str, ArrayLike] = {}) -> Members:
    """Members from one row for each person and cell, in any order. Amounts that are 1 everywhere are not kept.

    Breach where a person is twice in one cell, or a cell is out of range."""
    p, c = np.asarray(persons, np.uint32), np.asarray(cells, np.int64)
    if len(c) and (c.min() < 0 or c.max() > count):
        raise Breach("Members name a cell that the table does not have.")
    order = np.arange(len(p)) if np.all(p[1:] > p[:-1]) else np.lexsort((c, p))
    p, c = p[order], c[order]
    again = np.zeros(len(p), bool)
    again[1:] = p[1:] == p[:-1]
    if np.any(again[1:] & (c[1:] == c[:-1])):
        raise Breach("Members have a person twice in one cell.")
    again[:-1] |= again[1:]
    once = ~again
    order = np.concatenate([order[once], order[again]])
    every = {n: _smallest_type(np.asarray(a)[order]) for n, a in sorted(amounts.items())}
    stored = {n: a for n, a in every.items() if np.any(a != 1)}
    kind = np.min_scalar_type(count + 1)
    persons_once, cells_once = p[once], c[once].astype(kind)
    more = (p[again], c[again].astype(kind))
    if not stored and len(p) and np.count_nonzero(once) * DENSE_SHARE > int(p[-1]) + 1:
        dense = np.full(int(p[-1]) + 1, count + 1, kind)
        dense[persons_once] = cells_once
        return Members(count, None, dense, *more, {})
    return Members(count, persons_once, cells_once, *more, stored)


def _smallest_type(amounts: AnyNumbers) -> AnyNumbers:
    """The smallest kind of numbers that holds all of them exactly."""
    if not len(amounts):
        return amounts.astype(np.uint8)
    if not np.all(np.isfinite(amounts)):
        raise Breach("An amount of members is no number.")
    whole = amounts.astype(np.int64)
    if np.array_equal(whole, amounts):
        return whole.astype(np.result_type(np.min_scalar_type(whole.min()), np.min_scalar_type(whole.max())))
    return amounts.astype(np.float64)


def to_bytes(members: Members) -> bytes:
    """The form in which members are kept: a line of JSON, then each array, little-endian and aligned."""
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
    """Members as they were kept; nothing is copied. Breach where the bytes are not members."""
    end = content.find(b"\n")
    if not content.startswith(MAGIC) or end < 0:
        raise Breach("What is kept as members is something else.")
    header = json.loads(content[len(MAGIC) : end])
    arrays: dict[str, AnyNumbers] = {}
    at = end + 1
    for name, kind, length in header["arrays"]:
        dtype = np.dtype(kind)
        if at + length * dtype.itemsize > len(content):
            raise Breach("Kept members are cut off.")
        arrays[name] = np.frombuffer(content, dtype, length, at)
        at += length * dtype.itemsize
        at += -at % ALIGNED
    amounts = {n[1:]: a for n, a in arrays.items() if n.startswith("=")}
    persons, cells = arrays.get("persons"), arrays["cells"]
    return Members(header["count"], persons, cells, arrays["more_persons"], arrays["more_cells"], amounts)


@dataclass(frozen=True, slots=True, eq=False)
class MemberTable:
    """A table as the memory knows it, or as it would if it were released now."""

    entry: HistoryEntry
    figures: tuple[KnownFigure, ...]
    members: Members


@dataclass(frozen=True, slots=True)
class LeakSide:
    """One side of a leak: cells that are added up; `holes`: and what the known total leaves for the hidden ones;
    `complement`: all this is taken away from a known population."""

    cells: frozenset[int]
    holes: bool = False
    complement: bool = False


@dataclass(frozen=True, slots=True)
class Leak:
    """A figure of the new table over `new` and one of the remembered over `old` differ by what `persons` persons (1 to
    t - 1) add. `exact` is False where that many were not counted but could not be ruled out. `covered`: the keyed noise
    of both is wide enough that the difference tells nothing. `scaled`: it is of amounts that were multiplied, so that
    neither value can stand for the other. `beyond`: cells of the new table that nothing small parts from who is in one
    table only. Statistics are numbers in their planned tables."""

    statistic: int
    old_statistic: int
    new: LeakSide
    old: LeakSide
    persons: int
    exact: bool = True
    covered: bool = False
    scaled: bool = False
    beyond: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new table against one remembered: how they overlap, and every leak. `repeated`: statistics and
    cells of the new table that the remembered one tells already."""

    overlap: Overlap
    leaks: tuple[Leak, ...]
    repeated: frozenset[tuple[int, int]] = frozenset()

    @property
    def is_clean(self) -> bool:
        return all(leak.covered for leak in self.leaks)
