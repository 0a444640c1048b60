"""What columns of the script's own can be: told early; the broker refuses rows that differ. Changes no value."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from npd.errors import NpdError, listed

FORM = 'Write bounds={"missed": (0, 100)}.'
FURTHEST = 1e9


def bounds_of(given: Any, measured: Sequence[str], rows: pa.Table) -> dict[str, list[float]]:
    """Column to its least and largest value."""
    if not isinstance(given, Mapping):
        raise NpdError(f"bounds= names columns. {FORM}")
    return {column: _ends(column, ends, measured, rows) for column, ends in given.items()}


def _ends(column: str, ends: Any, measured: Sequence[str], rows: pa.Table) -> list[float]:
    if column not in measured:
        told = listed(measured) if measured else "none"
        raise NpdError(f"bounds= is of measured columns that are no catalogue variables; here: {told}. Not {column!r}.")
    try:
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError) as fault:
        raise NpdError(f"bounds= of {column!r} is no pair of numbers. {FORM}") from fault
    if not -FURTHEST <= low < high <= FURTHEST:
        raise NpdError(f"bounds= of {column!r} goes from the least to the largest value, within 1e9. {FORM}")
    found = pc.min_max(rows[column].cast(pa.float64())).as_py()
    if found["min"] is not None and not low <= found["min"] <= found["max"] <= high:
        raise NpdError(
            f"{column!r} has values outside its bounds, {low:g} to {high:g}: widen them, or filter the rows."
        )
    return [low, high]
