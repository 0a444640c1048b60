"""The cells of a table as they were read, by column: each becomes an object when it is looked at. Checks nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.columns import Column, Fields
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.scalars import Value

EVIDENCE: dict[str, int | None] = {
    f.name: None if f.default is MISSING else f.default for f in fields(StatisticEvidence)
}
"""Each field of a statistic's evidence, with what stands there where the plan did not ask for it."""
CELL: dict[str, int | None] = dict.fromkeys(("rows", "persons", "institutions", "largest_institution", "cell_key"))


class ReadCells(Sequence[CellEvidence]):
    """Equal to the tuple of its cells, and by column besides (see `disclosure.columns.Columns`)."""

    def __init__(
        self, statistics: Sequence[int], columns: Mapping[str, Column], codes: Sequence[NDArray[np.int64]]
    ) -> None:
        self.width, self._count = len(codes), len(columns["rows"].values)
        self._statistics, self._columns, self._codes = statistics, columns, codes
        self._absent: dict[str, Column] = {}
        self._cells: list[CellEvidence | None] = [None] * self._count
        self._whole: tuple[CellEvidence, ...] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> CellEvidence: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[CellEvidence]: ...
    def __getitem__(self, at: int | slice) -> CellEvidence | Sequence[CellEvidence]:
        numbers = range(self._count)[at]
        return self.some([numbers])[0] if isinstance(numbers, int) else tuple(self.some(numbers))

    def __iter__(self) -> Iterator[CellEvidence]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._all() == tuple(other) if isinstance(other, ReadCells | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def fields(self, statistic: int | None) -> Fields:
        return partial(self._field, "" if statistic is None else f"s{statistic}_")

    def codes(self, axis: int) -> NDArray[np.int64]:
        return self._codes[axis]

    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]:
        missing = [i for i in at if self._cells[i] is None]
        for i, made in zip(missing, self._made(missing), strict=True):
            self._cells[i] = made
        return [cell for i in at if (cell := self._cells[i]) is not None]

    def _all(self) -> tuple[CellEvidence, ...]:
        if self._whole is None:
            self._whole = tuple(self.some(range(self._count)))
        return self._whole

    def _field(self, prefix: str, name: str) -> Column:
        if (found := self._columns.get(prefix + name)) is not None:
            return found
        if prefix + name not in self._absent:
            self._absent[prefix + name] = _column_of_one(EVIDENCE[name] if prefix else None, self._count)
        return self._absent[prefix + name]

    def _made(self, at: Sequence[int]) -> Iterator[CellEvidence]:
        """The cells of these numbers, all at once: column by column is many times faster than cell by cell."""
        by_key = _rows([self._list(f"k{n}", None, at) for n in range(self.width)], len(at))
        found = [map(StatisticEvidence, *self._lists(f"s{s}_", EVIDENCE, at)) for s in self._statistics]
        counts = zip(*self._lists("", CELL, at), strict=True)
        for keys, statistics, (rows, persons, *beside) in zip(by_key, _rows(found, len(at)), counts, strict=True):
            yield CellEvidence(keys, rows, persons, dict(zip(self._statistics, statistics, strict=True)), *beside)

    def _lists(self, prefix: str, defaults: Mapping[str, Value], at: Sequence[int]) -> list[list[Any]]:
        return [self._list(prefix + name, default, at) for name, default in defaults.items()]

    def _list(self, name: str, default: Value, at: Sequence[int]) -> list[Any]:
        if name not in self._columns:
            return [default] * len(at)
        column = self._columns[name]
        return column.tolist() if len(at) == self._count else column.take(at).tolist()


def _rows(columns: Sequence[Iterable[Any]], count: int) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else [()] * count


def _column_of_one(value: int | None, count: int) -> Column:
    return Column(np.full(count, value or 0, np.int64), np.full(count, value is not None))
