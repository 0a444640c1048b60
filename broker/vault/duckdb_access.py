"""DuckDB for the vault: a hardened connection, quoting, and checked Parquet files. Contains no rule about data."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet

from broker.domain.errors import Breach
from broker.domain.plans.scalars import ScalarType
from broker.policy.data_catalogue import Variable

Error = duckdb.Error
Item = TypeVar("Item")
Result = TypeVar("Result")

Connection = duckdb.DuckDBPyConnection

MEMORY_LIMIT = "2GB"
MOST_FILES_AT_ONCE = 4
DECIMAL_WIDTH = 18


@contextmanager
def connection(scratch: Path) -> Iterator[Connection]:
    """An in-memory connection that spills into `scratch`, loads no extension and reads no Python variable."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": MEMORY_LIMIT,
        "python_enable_replacements": "false",
        "temp_directory": str(scratch),
        "threads": 1,  # one for each file: see `run_each`
    }
    opened = duckdb.connect(":memory:", config=config)
    try:
        yield opened
    finally:
        opened.close()


def run_each(con: Connection, items: Sequence[Item], work: Callable[[Connection, Item], Result]) -> Iterator[Result]:
    """Run `work` for every item, several at a time, each with its own cursor; results are in the order of the items.

    There are many files and most are small: one thread for each file costs a third less than two threads within a file.
    """

    def one(item: Item) -> Result:
        with con.cursor() as cursor:
            return work(cursor, item)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MOST_FILES_AT_ONCE)) as pool:
        futures = [pool.submit(one, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)  # also if the caller stops early


def quote(identifier: str) -> str:
    """An identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str | Path) -> str:
    """A text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def literals(values: Iterable[str]) -> str:
    return ", ".join(literal(v) for v in values)


def parquet_of(path: Path) -> str:
    """A table function that reads one Parquet file."""
    return f"read_parquet({literal(path)}, hive_partitioning = false)"


def storage_type(variable: Variable) -> str:
    """The DuckDB type of a variable in snapshots and vaults. Scores with a fixed number of digits are exact
    decimals."""
    match variable.type:
        case ScalarType.FLAG:
            return "TINYINT"
        case ScalarType.INT:
            return "BIGINT"
        case ScalarType.DECIMAL if variable.decimals is not None:
            return f"DECIMAL({DECIMAL_WIDTH},{variable.decimals})"
        case ScalarType.DATE:
            return "DATE"
        case ScalarType.TEXT:
            return "VARCHAR"
        case _:
            return "DOUBLE"


ARROW_NAMES = {
    "TINYINT": "int8",
    "UTINYINT": "uint8",
    "USMALLINT": "uint16",
    "UINTEGER": "uint32",
    "BIGINT": "int64",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "DATE": "date32[day]",
}


def write(con: Connection, query: str, path: Path, columns: Iterable[tuple[str, str]]) -> None:
    """Write a query to one Parquet file and check that it has exactly these (name, DuckDB type) columns. Raises Breach
    if not.

    The check is needed because some expressions are written with another type than the query has.
    """
    con.execute(f"COPY ({query}) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)")
    found = [(field.name, str(field.type)) for field in parquet.read_schema(path)]
    wanted = [(column, _arrow(kind)) for column, kind in columns]
    if found != wanted:
        raise Breach(f"{path.parent.name}/{path.name} was written with other columns than planned.")


def _arrow(kind: str) -> str:
    if kind.startswith("DECIMAL("):
        width, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return f"decimal128({width}, {scale})"
    return ARROW_NAMES[kind]


def execute_over(con: Connection, given: pa.Table, statement: str) -> None:
    """Run a statement that reads the rows of `given` as a table of this name."""
    con.register("given", given)
    con.execute(statement)
    con.unregister("given")


def count(con: Connection, query: str) -> int:
    """The single integer that a query returns; 0 for NULL."""
    return int(single_row(con, query)[0] or 0)


def single_row(con: Connection, query: str) -> tuple[Any, ...]:
    """The only row of a query, read to its end, because an unread result blocks the connection."""
    rows: list[tuple[Any, ...]] = con.execute(query).fetchall()
    return rows[0]
