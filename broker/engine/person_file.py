"""Opens a CSV or Parquet file of person rows as one table of text. Counts and judges nothing."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from broker.domain.errors import Invalid

Connection = duckdb.DuckDBPyConnection
HARDENING = ("allow_community_extensions=false", "enable_external_access=false", "lock_configuration=true")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def opened(path: Path) -> Iterator[tuple[Connection, tuple[str, ...]]]:
    """A connection with the file in the table `file` and nothing else in reach, and the file's columns.

    `file` has `row` (from 1) and each column as text, as it would be written by hand: missing is NULL.
    """
    if not path.is_file():
        raise Invalid("no-file", f"There is no file {path}.", str(path))
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as con:
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()
            columns = {str(row[0]): str(row[1]) for row in described}
            texts = ", ".join(f"{_text(quoted(c), kind)} AS {quoted(c)}" for c, kind in columns.items())
            con.execute(f'CREATE TABLE file AS SELECT row_number() OVER () AS "__row", {texts} FROM {_source(path)}')
        except duckdb.Error as fault:
            raise Invalid("unreadable", f"{path.name} cannot be read as CSV or Parquet.", str(path)) from fault
        for setting in HARDENING:
            con.execute(f"SET {setting}")
        yield con, tuple(columns)


def _source(path: Path) -> str:
    if path.suffix == ".parquet":
        return f"read_parquet({literal(str(path))}, hive_partitioning = false)"
    return f"read_csv({literal(str(path))}, all_varchar = true, header = true, delim = ',', quote = '\"')"


def _text(column: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return f"CASE {column} WHEN true THEN 'True' WHEN false THEN 'False' END"
    if kind in {"FLOAT", "DOUBLE"}:
        return f"CASE WHEN NOT isnan({column}) THEN {column}::VARCHAR END"
    return f"nullif({column}::VARCHAR, '')"
