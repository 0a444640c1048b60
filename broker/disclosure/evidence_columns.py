"""The evidence of a table by column: one field of all its cells as one array. No rule stands here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from broker.domain.evidence import CellEvidence
from broker.domain.plans.scalars import Value

Mask = NDArray[np.bool_]
Numbers = NDArray[Any]


@dataclass(frozen=True)
class EvidenceColumn:
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
        found = self.values if self.values.dtype != object else np.array([_as_float(v) for v in self.values], float)
        return np.where(self.known & np.isfinite(found), found, np.nan)

    def tolist(self) -> list[Value]:
        found: list[Value] = self.values.tolist()
        if not self.known.all():
            for at in np.flatnonzero(~self.known).tolist():
                found[at] = None
        return found

    def take(self, at: Sequence[int]) -> "EvidenceColumn":
        return EvidenceColumn(self.values[at], self.known[at])


EvidenceFields = Callable[[str], EvidenceColumn]
"""The columns of one statistic, or of the cells themselves, by the name of the field."""


@runtime_checkable
class EvidenceColumns(Protocol):
    """The cells of a table, of `width` keys, by column. `codes` tell the values of one key apart, and no more."""

    @property
    def width(self) -> int: ...
    def __len__(self) -> int: ...
    def fields(self, statistic: int | None) -> EvidenceFields: ...
    def codes(self, axis: int) -> NDArray[np.int64]: ...
    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]: ...


def as_evidence_columns(cells: Sequence[CellEvidence]) -> EvidenceColumns:
    """By column as they were read, or else made of the cells."""
    return cells if isinstance(cells, EvidenceColumns) else _CellColumns(cells)


def as_evidence_column(values: Sequence[Value]) -> EvidenceColumn:
    known = np.array([v is not None for v in values], bool)
    kinds = {type(v) for v in values} - {type(None)}
    if kinds == {float}:
        return EvidenceColumn(np.array([0.0 if v is None else v for v in values], float), known)
    if kinds <= {int, bool}:
        try:
            return EvidenceColumn(np.array([v or 0 for v in values], np.int64), known)
        except OverflowError:
            pass
    found = np.empty(len(values), object)
    found[:] = values
    return EvidenceColumn(found, known)


def unknown_column(count: int) -> EvidenceColumn:
    """What was not asked for."""
    return EvidenceColumn(np.zeros(count, np.int64), np.zeros(count, bool))


def choose_column(where: Mask, one: EvidenceColumn, other: EvidenceColumn) -> EvidenceColumn:
    """The one's values there, and the other's elsewhere."""
    if one.values.dtype == other.values.dtype:
        values = np.where(where, one.values, other.values)
    else:
        values = np.where(where, one.values.astype(object), other.values.astype(object))
    return EvidenceColumn(values, np.where(where, one.known, other.known))


def _as_float(value: Value) -> float:
    if isinstance(value, int | float | Decimal):
        try:
            found = float(value)
        except OverflowError:
            return np.nan
        return found if found or not value else np.nan
    return np.nan


class _CellColumns:
    """Columns of cells that stand as objects."""

    def __init__(self, cells: Sequence[CellEvidence]) -> None:
        self._cells = cells
        self._column = cache(self._build_column)

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def width(self) -> int:
        return len(self._cells[0].keys) if self._cells else 0

    def fields(self, statistic: int | None) -> EvidenceFields:
        return partial(self._column, statistic)

    def _build_column(self, statistic: int | None, name: str) -> EvidenceColumn:
        of = self._cells if statistic is None else [c.statistics[statistic] for c in self._cells]
        return as_evidence_column([getattr(one, name) for one in of])

    def codes(self, axis: int) -> NDArray[np.int64]:
        number: dict[Value, int] = {}
        return np.array([number.setdefault(c.keys[axis], len(number)) for c in self._cells], np.int64)

    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]:
        return [self._cells[i] for i in at]
