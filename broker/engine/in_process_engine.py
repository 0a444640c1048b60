"""Runs the `sql` image's work in this process, without isolation: only for rehearsals on synthetic data.

It runs statements with the image's own code; a test with a container checks that the frames are equal.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from broker.domain.errors import Breach
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult
from broker.engine.hardened_duckdb import OutputLimitReached, arrow_stream, connect, result_statement, word_of

RUNTIME = "here"


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
            end = SandboxEnd(word_of(fault))
            return SandboxResult(end, (), "", RUNTIME, time.monotonic() - began, str(fault).encode())
        status = ("status", json.dumps({"word": SandboxEnd.ENDED.value}).encode())
        return SandboxResult(SandboxEnd.ENDED, (*frames, status), "", RUNTIME, time.monotonic() - began)


def _payloads(request: SandboxRequest) -> Iterator[bytes]:
    ((_, payload),) = request.frames
    job = json.loads(payload)
    files = [table_files(request.mount, table) for table in job["tables"]]
    left = int(job["settings"]["output_bytes"])
    # A new database for each request, like a new sandbox.
    with connect(job, files) as connection:
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
