"""The evidence of a table by column: one field of all its cells as one array, whether it was read so or is made of
objects. No rule stands here, and nothing is rounded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from broker.domain.evidence import CellEvidence
from broker.domain.scalars import Value

Mask = NDArray[np.bool_]
Numbers = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """`values` are 64-bit whole numbers, floats or, where neither is exact, objects; anything where not `known`."""

    values: Numbers
    known: Mask

    @property
    def is_whole(self) -> bool:
        """Whether every known value is a whole number, and exact here."""
        return self.values.dtype == np.int64

    @cached_property
    def floats(self) -> Numbers:
        """The nearest floats; NaN where unknown, and where a float would make nothing or the infinite of a number."""
        found = self.values if self.values.dtype != object else np.array([_float(v) for v in self.values], float)
        return np.where(self.known & np.isfinite(found), found, np.nan)

    def tolist(self) -> list[Value]:
        found: list[Value] = self.values.tolist()
        if not self.known.all():
            for at in np.flatnonzero(~self.known).tolist():
                found[at] = None
        return found

    def take(self, at: Sequence[int]) -> "Column":
        return Column(self.values[at], self.known[at])


Fields = Callable[[str], Column]
"""The columns of one statistic, or of the cells themselves, by the name of the field."""


@runtime_checkable
class Columns(Protocol):
    """The cells of a table, of `width` keys, by column. `codes` tell the values of one key apart, and no more."""

    @property
    def width(self) -> int: ...
    def __len__(self) -> int: ...
    def fields(self, statistic: int | None) -> Fields: ...
    def codes(self, axis: int) -> NDArray[np.int64]: ...
    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]: ...


def columns_of(cells: Sequence[CellEvidence]) -> Columns:
    """By column as they were read, or else made of the cells."""
    return cells if isinstance(cells, Columns) else _FromCells(cells)


def column_of(values: Sequence[Value]) -> Column:
    known = np.array([v is not None for v in values], bool)
    kinds = {type(v) for v in values} - {type(None)}
    if kinds == {float}:
        return Column(np.array([0.0 if v is None else v for v in values], float), known)
    if kinds <= {int, bool}:
        try:
            return Column(np.array([v or 0 for v in values], np.int64), known)
        except OverflowError:
            pass
    found = np.empty(len(values), object)
    found[:] = values
    return Column(found, known)


def nothing(count: int) -> Column:
    """What was not asked for."""
    return Column(np.zeros(count, np.int64), np.zeros(count, bool))


def either(where: Mask, one: Column, other: Column) -> Column:
    """The one's values there, and the other's elsewhere."""
    if one.values.dtype == other.values.dtype:
        values = np.where(where, one.values, other.values)
    else:
        values = np.where(where, one.values.astype(object), other.values.astype(object))
    return Column(values, np.where(where, one.known, other.known))


def _float(value: Value) -> float:
    if isinstance(value, int | float | Decimal):
        try:
            found = float(value)
        except OverflowError:
            return np.nan
        return found if found or not value else np.nan
    return np.nan


class _FromCells:
    """Columns of cells that stand as objects."""

    def __init__(self, cells: Sequence[CellEvidence]) -> None:
        self._cells = cells
        self._column = cache(self._made)

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def width(self) -> int:
        return len(self._cells[0].keys) if self._cells else 0

    def fields(self, statistic: int | None) -> Fields:
        return partial(self._column, statistic)

    def _made(self, statistic: int | None, name: str) -> Column:
        of = self._cells if statistic is None else [c.statistics[statistic] for c in self._cells]
        return column_of([getattr(one, name) for one in of])

    def codes(self, axis: int) -> NDArray[np.int64]:
        number: dict[Value, int] = {}
        return np.array([number.setdefault(c.keys[axis], len(number)) for c in self._cells], np.int64)

    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]:
        return [self._cells[i] for i in at]
