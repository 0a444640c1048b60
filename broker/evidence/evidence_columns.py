"""The evidence of a table by column: one evidence item of all its cells as one array. Contains no rule."""

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
    """`values` are 64-bit integers, floats or, if neither is exact, objects. Values where `known` is False mean
    nothing."""

    values: Numbers
    known: Mask

    @property
    def is_whole(self) -> bool:
        """Whether the values are stored exactly as 64-bit integers."""
        return self.values.dtype == np.int64

    @cached_property
    def floats(self) -> Numbers:
        """The nearest floats. NaN: unknown, or the float would be infinite or turn a non-zero number into 0."""
        found = self.values if self.values.dtype != object else np.array([_as_float(v) for v in self.values], float)
        return np.where(self.known & np.isfinite(found), found, np.nan)  # prefilters choose cells with NaN

    def tolist(self) -> list[Value]:
        found: list[Value] = self.values.tolist()
        if not self.known.all():
            for at in np.flatnonzero(~self.known).tolist():
                found[at] = None
        return found

    def take(self, at: Sequence[int]) -> "EvidenceColumn":
        return EvidenceColumn(self.values[at], self.known[at])


EvidenceFields = Callable[[str], EvidenceColumn]
"""Returns a column by name, for one statistic or for the cells themselves."""


@runtime_checkable
class EvidenceColumns(Protocol):
    """The cells of a table with `width` keys, by column. `codes` distinguish the values of a key and mean nothing
    else."""

    @property
    def width(self) -> int: ...
    def __len__(self) -> int: ...
    def fields(self, statistic: int | None) -> EvidenceFields: ...
    def codes(self, axis: int) -> NDArray[np.int64]: ...
    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]: ...


def as_evidence_columns(cells: Sequence[CellEvidence]) -> EvidenceColumns:
    """The columns as they were read, or else built from the cells."""
    return cells if isinstance(cells, EvidenceColumns) else _CellColumns(cells)


def as_evidence_column(values: Sequence[Value]) -> EvidenceColumn:
    known = np.array([v is not None for v in values], bool)
    kinds = {type(v) for v in values} - {type(None)}
    if kinds == {float}:
        return EvidenceColumn(np.array([0.0 if v is None else v for v in values], float), known)
    # A mixture of floats and integers would not be exact as floats, so it is stored as objects.
    if kinds <= {int, bool}:
        try:
            # Any value will do where unknown.
            return EvidenceColumn(np.array([v or 0 for v in values], np.int64), known)
        except OverflowError:
            pass
    found = np.empty(len(values), object)
    found[:] = values
    return EvidenceColumn(found, known)


def unknown_column(count: int) -> EvidenceColumn:
    """A column of unknown values, for evidence that was not requested."""
    return EvidenceColumn(np.zeros(count, np.int64), np.zeros(count, bool))


def choose_column(where: Mask, one: EvidenceColumn, other: EvidenceColumn) -> EvidenceColumn:
    """Values of `one` where the mask is True, and of `other` elsewhere."""
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
        return found if found or not value else np.nan  # underflow: not a true 0
    return np.nan


class _CellColumns:
    """Columns built from cell objects."""

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
