"""A read table, and the ways from it into pandas, Polars and DuckDB. Each library is imported when it is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from npd.errors import NpdError
from npd.place import here
from npd.reading import read
from npd.years import Years

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl


_NULLABLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")


class Table:
    """Rows of a mounted table. Arrow-based libraries take it as it is."""

    def __init__(self, arrow: pa.Table, name: str) -> None:
        self._arrow, self.name = arrow, name

    @property
    def columns(self) -> list[str]:
        return self._arrow.column_names

    def arrow(self) -> pa.Table:
        return self._arrow

    def pandas(self) -> "pd.DataFrame":
        """Whole numbers with missing values are pandas' nullable ones, dates datetime64: as DuckDB gives them."""
        return _frame(_dates_as_times(self._arrow), imported("pandas"))

    def polars(self) -> "pl.DataFrame":
        return imported("polars").from_arrow(self._arrow)

    def duckdb(self) -> "duckdb.DuckDBPyRelation":
        """A relation of DuckDB's default connection."""
        return imported("duckdb").from_arrow(self._arrow)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self._arrow.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self._arrow.num_rows

    def __repr__(self) -> str:
        return f"<npd.Table {self.name}: {len(self):,} rows, {len(self.columns)} columns>"


def table(name: str, variables: Sequence[str] | None = None, years: Years | None = None) -> Table:
    """A mounted table: `npd.table("spring_census", variables=["URN", "LA"], years=range(2018, 2023))`.

    `years` are first calendar years, or text as in a header: "2018/2019-2022/2023"."""
    found = here().find(name)
    return Table(read(found, variables, years), found.full_name)


def load(name: str) -> "pd.DataFrame":
    """All of a mounted table as a DataFrame: `load("absence")` or `load("npd.absence")`."""
    return table(name).pandas()


def mounted() -> list[str]:
    """The tables that are here, as `schema.table`."""
    return sorted(table.full_name for table in here().tables.values())


def imported(library: str) -> Any:
    try:
        return __import__(library)
    except ImportError as missing:
        raise NpdError(f"{library} is not installed here: pip install npd[{library}].") from missing


def _frame(arrow: pa.Table, pandas: Any) -> "pd.DataFrame":
    """Only columns that miss a value get a nullable type: the others stay plain numpy."""
    missing = [f.name for f in arrow.schema if _countable(f.type) and arrow[f.name].null_count]
    nullable = {getattr(pa, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in _NULLABLE}
    nullable[pa.bool_()] = pandas.BooleanDtype()
    plain = arrow.drop_columns(missing).to_pandas(date_as_object=False, use_threads=pa.cpu_count() > 1)
    if not missing:
        return plain
    others = arrow.select(missing).to_pandas(types_mapper=nullable.get, use_threads=pa.cpu_count() > 1)
    return pandas.concat([plain, others], axis=1)[arrow.column_names]


def _countable(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _dates_as_times(arrow: pa.Table) -> pa.Table:
    """Dates in the resolution that DuckDB gives them: scripts may mix both."""
    fields = [f.with_type(pa.timestamp("us")) if pa.types.is_date(f.type) else f for f in arrow.schema]
    return arrow.cast(pa.schema(fields))
