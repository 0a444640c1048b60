"""Columns as a delivery writes them: from numpy arrays to arrow arrays. Draws nothing and decides nothing."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from broker.domain.errors import Breach
from broker.synth.draws import Array

Columns = dict[str, pa.Array]


def coded(codes: Sequence[str], index: Array, missing: Array | None = None) -> pa.Array:
    """Codes by position; a negative position, or a true `missing`, is NULL."""
    if len(set(codes)) != len(codes):  # arrow writes such a dictionary in a different way each time
        raise Breach(f"codes appear twice: {sorted(codes)}")
    gone = index < 0 if missing is None else (index < 0) | missing
    positions = pa.array(np.where(gone, 0, index).astype(np.int32), mask=gone)
    return pa.DictionaryArray.from_arrays(positions, pa.array(list(codes), pa.string()))


def same(text: str, n: int) -> pa.Array:
    """One text in every row."""
    return coded([text], np.zeros(n, dtype=np.int8))


def flag(values: Array, missing: Array | None = None) -> pa.Array:
    """0 or 1."""
    return pa.array(values.astype(np.int8), mask=missing)


def whole(values: Array, missing: Array | None = None) -> pa.Array:
    """Whole numbers."""
    return pa.array(values.astype(np.int32), mask=missing)


def number(values: Array, digits: int = 2, missing: Array | None = None) -> pa.Array:
    """Numbers rounded to the digits that a delivery gives."""
    return pa.array(np.round(values.astype(np.float64), digits), mask=missing)


def day(days: Array, missing: Array | None = None) -> pa.Array:
    """Dates from days since 1970."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def days_of(year: int, month: int, date: int) -> int:
    """A calendar day as days since 1970."""
    return int(np.datetime64(f"{year:04d}-{month:02d}-{date:02d}", "D").astype(np.int64))


def nothing(n: int, kind: pa.DataType) -> pa.Array:
    """NULL in every row."""
    return pa.nulls(n, kind)
