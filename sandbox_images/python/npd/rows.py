"""Rows of any library to plain Arrow columns, or a sentence about what a column holds that cannot be handed over."""

import sys
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from npd.errors import NpdError, listed, nearest

KINDS = "a pandas, Polars or Arrow table, a DuckDB relation, or what npd.table gave"


def to_arrow(rows: Any, wanted: Iterable[str]) -> pa.Table:
    """The wanted columns of `rows`, in that order."""
    names = list(dict.fromkeys(wanted))
    if _is_pandas(rows):
        found = _from_pandas(rows, names)
    else:
        found = _from_arrow(rows)
        _present(names, found.column_names)
    return pa.table({name: _column(found[name], name) for name in names})


def column_names(rows: Any) -> list[str]:
    """What the rows' columns are called, read from nothing but their header."""
    if _is_pandas(rows):
        _check_header(rows)
        return list(rows.columns)
    return _from_arrow(rows).column_names


def _is_pandas(rows: Any) -> bool:
    """Without importing pandas: who has a frame has imported it."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(rows, pandas.Series):
        raise NpdError("rows is one pandas column: hand over the frame, one row a person or event.")
    if pandas is not None and type(rows).__name__ in ("DataFrameGroupBy", "SeriesGroupBy"):
        raise NpdError("rows is grouped: hand over the frame itself, and name the groups with by=.")
    return pandas is not None and isinstance(rows, pandas.DataFrame)


def _from_pandas(frame: Any, names: list[str]) -> pa.Table:
    _check_header(frame)
    _present(names, list(frame.columns))
    return pa.table({name: _array(frame[name], name) for name in names})


def _check_header(frame: Any) -> None:
    if frame.columns.nlevels > 1:
        raise NpdError(
            "The frame's columns have several levels, as after .agg with lists: name each result, as in "
            '.agg(mean_score=("score", "mean")), or set rows.columns to plain names.'
        )
    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise NpdError(f"Columns are named by text; {listed(map(repr, odd))} are not: rename them.")
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise NpdError(f"The frame has several columns called {listed(map(repr, twice))}: keep one of each.")


def _array(series: Any, name: str) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as fault:
        kinds = sorted({type(value).__name__ for value in series.dropna().head(1000)})
        advice = f'Make it one kind: rows["{name}"].astype(str), or pd.to_numeric(rows["{name}"]).'
        raise NpdError(f"The column {name!r} holds values of several kinds ({listed(kinds)}). {advice}") from fault


def _from_arrow(rows: Any) -> pa.Table:
    if type(rows).__name__ == "LazyFrame":
        rows = rows.collect()
    if isinstance(rows, pa.Table):
        return rows
    if not hasattr(rows, "__arrow_c_stream__"):
        raise NpdError(f"rows is a {type(rows).__name__}; it has to be {KINDS}.")
    return pa.table(rows)


def _present(names: list[str], held: list[str]) -> None:
    absent = [name for name in names if name not in held]
    if absent:
        raise NpdError(
            f"The rows have no column {absent[0]!r}.{nearest(absent[0], held)} Their columns: {listed(held)}."
        )


def _column(column: pa.ChunkedArray | pa.Array, name: str) -> pa.ChunkedArray | pa.Array:
    """Categories as their values, decimals as floats, NaN as missing; what is no plain value is named."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return _number(column.cast(pa.float64()), name)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_timestamp(kind):
        return _day(column, name)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_date32(kind):
        return column
    what = "periods or intervals" if isinstance(kind, pa.ExtensionType) else f"values of type {kind}"
    raise NpdError(f'The column {name!r} holds {what}: make text of it, rows["{name}"].astype(str), or numbers.')


def _number(column: pa.ChunkedArray | pa.Array, name: str) -> pa.ChunkedArray | pa.Array:
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    if pc.any(pc.is_inf(column)).as_py():
        raise NpdError(f"The column {name!r} holds infinite values, as after a division by 0: make them missing.")
    return column


def _day(column: pa.ChunkedArray | pa.Array, name: str) -> pa.ChunkedArray | pa.Array:
    """Pandas knows no plain dates: a time at midnight is one."""
    days = column.cast(pa.date32(), safe=False)
    if not pc.all(pc.equal(days.cast(column.type), column)).as_py() and column.null_count < len(column):
        raise NpdError(f'The column {name!r} holds times of day: keep the date, rows["{name}"].dt.normalize().')
    return days
