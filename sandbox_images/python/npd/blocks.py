"""A private script's `answer`: what it is given, and what it gives back. The sandbox uses this for each block; at
home it is run over the blocks of a synthetic NPD."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from npd.errors import NpdError, UnknownTable, listed, nearest
from npd.tables import Table

if TYPE_CHECKING:
    import pandas as pd


class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables of one block, by name: `tables["absence"]` or `tables["npd.absence"]` is a pandas data frame."""

    def __init__(self, held: Mapping[str, pa.Table]) -> None:
        self._held = dict(held)

    def __getitem__(self, name: str) -> "pd.DataFrame":
        return self.table(name).pandas()

    def table(self, name: str) -> Table:
        """The same for other libraries: with `.arrow()`, `.polars()` and `.duckdb()`."""
        wanted = str(name).strip().lower()
        found = [full for full in self._held if wanted in (full.lower(), full.lower().partition(".")[2])]
        if len(found) != 1:
            known = [part for full in self._held for part in (full, full.partition(".")[2])]
            raise UnknownTable(
                f"There is no table {name!r} here.{nearest(wanted, known)} It has: {listed(self._held)}."
            )
        return Table(self._held[found[0]], found[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def tables_of(names: Sequence[str], found: Sequence[pa.Table]) -> Tables:
    return Tables(dict(zip(names, found, strict=True)))


def numbers_of(given: Any, count: int) -> list[float]:
    """What `answer` returned, as so many finite numbers."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if not hasattr(given, "__len__") or isinstance(given, str | bytes):
        given = [given]
    values = list(_flat(given))
    if len(values) != count:
        raise NpdError(f"answer(tables) returned {len(values)} numbers; the header names {count} ranges.")
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError) as fault:
        raise NpdError("answer(tables) returned something that is no number.") from fault
    if not all(map(math.isfinite, numbers)):
        raise NpdError("answer(tables) returned a number that is missing or infinite.")
    return numbers


def _flat(given: Any) -> Iterator[Any]:
    numpy = sys.modules.get("numpy")
    return iter(numpy.asarray(given).ravel().tolist()) if numpy is not None else iter(given)
