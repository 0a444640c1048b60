"""One column of an Arrow table as the broker's own values: exact whole numbers, floats, or objects. Checks nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.disclosure.columns import Column


def column_of(array: pa.Array) -> Column:
    """Whole numbers that came as 128-bit decimals are integers; everything else stays what it is."""
    known = np.ones(len(array), bool) if not array.null_count else array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_float64(array.type):
        # The zero that stands for a group is that of the row which came first, and tells its sign.
        return Column(array.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0, known)
    whole = _whole(array)
    return Column(_objects(array) if whole is None else whole, known)


def _whole(array: pa.Array) -> NDArray[np.int64] | None:
    """As 64-bit integers, where all of them are."""
    kind = array.type
    if not pa.types.is_integer(kind) and not (pa.types.is_decimal(kind) and kind.scale == 0):
        return None
    try:
        found: NDArray[np.int64] = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return found


def _objects(array: pa.Array) -> NDArray[np.object_]:
    found = np.empty(len(array), object)
    values = array.to_pylist()
    found[:] = [v if v is None else plain(v) for v in values] if pa.types.is_decimal(array.type) else values
    return found


def plain(value: Decimal) -> Decimal | int:
    return int(value) if value.as_tuple().exponent == 0 else value


def codes_of(array: pa.Array) -> NDArray[np.int64]:
    """Numbers that tell the values apart, a missing one from all others."""
    return coded(array)[1]


def coded(array: pa.Array) -> tuple[list[Any], NDArray[np.int64]]:
    """The values that there are, and which of them each place has; a missing one is one of them."""
    if pa.types.is_null(array.type):
        return [None], np.zeros(len(array), np.int64)
    if pa.types.is_floating(array.type):
        array = pa.compute.add(array, 0.0)  # the negative zero is no other value
    found = array.dictionary_encode("encode")
    return found.dictionary.to_pylist(), found.indices.to_numpy(zero_copy_only=False).astype(np.int64)
