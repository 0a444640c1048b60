"""Runs the `sql` image's work in this process, without isolation: only for rehearsals on synthetic data.

It does what `sandbox_images/sql/main.py` does, setting by setting; a test checks that the two are equal.
"""

import io
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from broker.domain.errors import Breach
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult

BATCH = 65536
PERFECT_BITS = 18
"""Groups by small integers are found by position instead of by hash, if together they have at most this many bits."""
RUNTIME = "here"


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


class InProcessEngine:
    """Runs a request of the `sql` image like `Sandbox.run`. In a failed result, `log` has the engine's own message: on
    synthetic data it reveals nothing about anybody."""

    def run(self, request: SandboxRequest) -> SandboxResult:
        if not request.synthetic:
            raise Breach("Only synthetic data are read outside a sandbox.")
        if request.image != "sql":
            raise Breach(f"The image {request.image!r} runs in a sandbox only.")
        began = time.monotonic()
        try:
            frames = tuple(("table", payload) for payload in _payloads(request))
        except (duckdb.Error, MemoryError, OutputLimitReached) as fault:
            return SandboxResult(end_of(fault), (), "", RUNTIME, time.monotonic() - began, str(fault).encode())
        status = ("status", json.dumps({"word": SandboxEnd.ENDED.value}).encode())
        return SandboxResult(SandboxEnd.ENDED, (*frames, status), "", RUNTIME, time.monotonic() - began)


def end_of(fault: BaseException) -> SandboxEnd:
    if isinstance(fault, OutputLimitReached):
        return SandboxEnd.OUTPUT_LIMIT
    if isinstance(fault, (MemoryError, duckdb.OutOfMemoryException)):
        return SandboxEnd.MEMORY_LIMIT
    return SandboxEnd.TIME_LIMIT if isinstance(fault, duckdb.InterruptException) else SandboxEnd.ENGINE_ERROR


def _payloads(request: SandboxRequest) -> Iterator[bytes]:
    ((_, payload),) = request.frames
    job = json.loads(payload)
    files = [table_files(request.mount, table) for table in job["tables"]]
    left = int(job["settings"]["output_bytes"])
    # A new database for each request, like a new sandbox.
    with duckdb.connect(":memory:") as connection:
        for setting in settings_of(job["settings"], [path for paths in files for path in paths]):
            connection.execute("SET " + setting)
        for table, paths in zip(job["tables"], files, strict=True):
            for statement in views_of(table, paths):
                connection.execute(statement)
        for statement in job["statements"]:
            result = arrow_stream(connection, result_statement(connection, statement), left)
            left -= len(result)  # one limit for all results together
            yield result


def table_files(mount: Path, table: Mapping[str, Any]) -> list[str]:
    """The paths of a table's files. Raises Breach if one is outside the vault's rendering."""
    paths = [mount / path for path in table["paths"]]
    # Paths come from the request, which must not read other files.
    if any(".." in path.parts or mount not in path.parents for path in paths):
        raise Breach("A table's path leaves the mount.")
    return [str(path) for path in paths]


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
    schema, name = _quoted(table["schema"]), _quoted(table["name"])
    rows = f"SELECT * FROM read_parquet([{_literals(files)}], union_by_name=true)"  # noqa: S608 - quoted
    return [f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE VIEW {schema}.{name} AS {rows}"]


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
    target = CappedBuffer(left)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns about a copy, as it does in the image
        batches: Any = connection.execute(sql).to_arrow_reader(BATCH)
    with pa.ipc.new_stream(target, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return b"".join(target.parts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literals(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
