"""A DuckDB that opens a job's files and nothing else, and its results as bytes. Imports nothing of the broker.

The images `sql` and `fit` and rehearsals in the broker's own process use this one file, so that their settings, results
and failures cannot differ: `sandbox_images/sql/hardened.py` is a link to it, and the build of an image copies it.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

BATCH = 65536
PERFECT_BITS = 18
"""Groups by small integers are found by position instead of by hash, if together they have at most this many bits."""


class OutputLimitReached(Exception):
    """The job has returned as much as it may."""


class CappedBuffer(io.RawIOBase):
    """A buffer that refuses to grow beyond what the job may still return."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise OutputLimitReached
        self.parts.append(bytes(data))
        return len(data)


def connect(job: Mapping[str, Any], files: Sequence[Sequence[str]]) -> duckdb.DuckDBPyConnection:
    """Return a new database that has the job's tables, by their names. `files`: the files of each table."""
    connection = duckdb.connect(":memory:")
    for setting in settings_of(job["settings"], [path for paths in files for path in paths]):
        connection.execute("SET " + setting)
    for table, paths in zip(job["tables"], files, strict=True):
        for statement in views_of(table, paths):
            connection.execute(statement)
    return connection


def settings_of(limits: Mapping[str, int], files: Sequence[str]) -> list[str]:
    """The engine's settings. Their order matters: access is closed after its exceptions are set, and the lock comes
    last."""
    return [
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "allow_persistent_secrets=false",
        "python_enable_replacements=false",
        "ieee_floating_point_ops=false",
        "temp_directory=''",
        f"threads={int(limits['threads'])}",
        f"memory_limit='{limits['memory_bytes'] * 3 // 4}B'",
        f"perfect_ht_threshold={PERFECT_BITS}",
        f"max_execution_time={int(limits['wall_seconds']) * 1000}",
        f"allowed_paths=[{_literals(files)}]",
        "enable_external_access=false",
        "lock_configuration=true",
    ]


def views_of(table: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """Statements that make a table readable by its name."""
    schema, name = quoted(table["schema"]), quoted(table["name"])
    rows = f"read_parquet([{_literals(files)}], union_by_name=true)"
    return [f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE VIEW {schema}.{name} AS FROM {rows}"]


def result_statement(connection: duckdb.DuckDBPyConnection, statement: Mapping[str, str]) -> str:
    """The text that gives a statement's result: after a first pass, that of the second pass if something is in
    doubt."""
    if "first" not in statement:  # one pass is enough
        return statement["sql"]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE bounds AS {statement['first']}")
    ((doubt,),) = connection.execute(statement["doubt"]).fetchall()
    return statement["second" if doubt else "sql"]


def arrow_stream(connection: duckdb.DuckDBPyConnection, sql: str, left: int) -> bytes:
    """One statement's result as an Arrow stream of at most `left` bytes. Raises OutputLimitReached beyond that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns about a copy
        batches = connection.execute(sql).to_arrow_reader(BATCH)
    return stream_of(batches, left)


def stream_of(batches: Any, left: int) -> bytes:
    """Batches of rows as an Arrow stream. Raises OutputLimitReached for more than `left` bytes."""
    target = CappedBuffer(left)
    with pa.ipc.new_stream(target, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return b"".join(target.parts)


def word_of(fault: BaseException) -> str:
    """How a job ended, as a word of the launcher's closed list."""
    if isinstance(fault, OutputLimitReached):
        return "output_limit"
    if isinstance(fault, (MemoryError, duckdb.OutOfMemoryException)):
        return "memory_limit"
    return "time_limit" if isinstance(fault, duckdb.InterruptException) else "engine_error"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literals(texts: Sequence[str]) -> str:
    return ", ".join(map(literal, texts))
