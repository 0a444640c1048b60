"""F3 across cells: a category that holds (nearly) all of its group tells what each of them is. No verdicts here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.columns import Mask, Numbers, columns_of
from broker.domain.evidence import CellEvidence
from broker.domain.scalars import Value

Keys = tuple[Value, ...]
Codes = NDArray[np.int64]
EXACT = 1 << 53
"""Up to here floats tell whole numbers apart."""


def full_cells(cells: Sequence[CellEvidence], full_share: float, t: int = 1) -> frozenset[Keys]:
    """Keys of cells that hold at least `full_share` of the persons in a line of the table.

    A line fixes every key but one. What follows from filter or structure tells nothing and is exempt: a key of which
    the whole table shows one value only, one that the other keys mostly fix (school and authority), and the line
    of a one-key table, which is the population itself. Fewer than `t` persons count as nobody everywhere here: were
    a line with one child elsewhere treated otherwise than a line with none, what is hidden would tell where it is.
    """
    columns = columns_of(cells)
    persons = columns.fields(None)("persons").values
    found = np.flatnonzero(persons != 0)
    if not len(found) or columns.width < 2:
        return frozenset()
    people, codes = _exact(persons[found]), [columns.codes(axis)[found] for axis in range(columns.width)]
    full = [
        at
        for axis in range(columns.width)
        if len(np.unique(codes[axis][people >= t])) > 1
        for at in _full_along(_lines(codes[:axis] + codes[axis + 1 :]), people, full_share, t)
    ]
    return frozenset(cell.keys for cell in columns.some(found[sorted(set(full))].tolist()))


def _exact(persons: Numbers) -> Numbers:
    """Objects, where sums and shares of the numbers would not be exact."""
    return persons.astype(object) if int(persons.max()) * len(persons) >= EXACT else persons


def _lines(fixed: Sequence[Codes]) -> Codes:
    """A number for each cell's line: that of the keys that the line fixes."""
    line = fixed[0]
    for codes in fixed[1:]:
        line = line * (int(codes.max()) + 1) + codes
        if int(line.max()) >= len(line) ** 2:  # numbers of lines stay so small that no product is too large
            line = np.unique(line, return_inverse=True)[1]
    return line


def _full_along(line: Codes, persons: Numbers, full_share: float, t: int) -> list[int]:
    order = np.argsort(line, kind="stable")
    starts = np.flatnonzero(np.diff(line[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    largest, total = (f.reduceat(persons[order], starts) for f in (np.maximum, np.add))
    others = _told(total - largest, t)
    shown: Mask = largest >= t
    if 2 * int(np.sum(others[shown] == 0)) > int(np.sum(shown)):
        return []
    full = shown & (largest >= full_share * (largest + others))
    return [
        int(order[start + int(np.argmax(persons[order[start:end]]))])
        for start, end in zip(starts[full].tolist(), ends[full].tolist(), strict=True)
    ]


def _told(others: Numbers, t: int) -> Numbers:
    """Persons of a line outside its largest cell, where they are enough to be told of."""
    return np.where(others >= t, others, 0)
