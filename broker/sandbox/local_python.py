"""Runs a script in its author's own Python, without isolation: only for rehearsals on synthetic data.

The library `npd` must be installed there. The script gets the same tables and years that a sandbox would mount.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from broker.domain.errors import Breach, Invalid
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult

RUNTIME = "home"
MAX_LOG_BYTES = 64 * 1024
LIBRARY_CHECK = "import npd.output"


class LocalPythonRunner:
    """Runs a request of the `python` image like `Sandbox.run`. `python` is the interpreter of an environment."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def run(self, request: SandboxRequest) -> SandboxResult:
        if not request.synthetic:
            raise Breach("Only synthetic data are read outside a sandbox.")
        self._check_library()
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="npd-rehearsal-") as name:
            folder = Path(name)
            job, program = (payload for _, payload in request.frames)
            _link_tables(request.mount, json.loads(job)["tables"], folder / "data")
            (folder / "out").mkdir()
            (folder / "script.py").write_bytes(program)
            end, log = self._run_script(folder, request.limits.wall_seconds)
            files = tuple(_file_frames(folder / "out")) if end is SandboxEnd.ENDED else ()
        return SandboxResult(end, files, "", RUNTIME, time.monotonic() - began, log)

    def _check_library(self) -> None:
        try:
            done = subprocess.run([self._python, "-c", LIBRARY_CHECK], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise Invalid("rehearse-python", f"{self._python} is no Python that runs.", "--python") from fault
        if done.returncode:
            sentence = f"{self._python} has no library npd: pip install 'npd[all]' from sandbox_images/python there."
            raise Invalid("rehearse-python", sentence, "--python")

    def _run_script(self, folder: Path, seconds: int) -> tuple[SandboxEnd, bytes]:
        environment = os.environ | {
            "NPD_DATA": str(folder / "data"),
            "NPD_OUT": str(folder / "out"),
            "MPLBACKEND": "Agg",
        }
        command = [str(self._python), "-P", "-m", "npd", str(folder / "script.py")]
        with (folder / "log").open("wb") as log:
            try:
                done = subprocess.run(
                    command, cwd=folder / "out", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    timeout=seconds,
                )  # fmt: skip
                end = SandboxEnd.CRASHED if done.returncode else SandboxEnd.ENDED
            except subprocess.TimeoutExpired:
                end = SandboxEnd.TIME_LIMIT
        with (folder / "log").open("rb") as log:
            return end, log.read(MAX_LOG_BYTES)


def _link_tables(mount: Path, tables: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Link the files that the job lists, in a folder for each table."""
    folder.mkdir()
    for table in tables:
        table_folder = folder / f"{table['schema']}.{table['name']}"
        table_folder.mkdir()
        for path in table["paths"]:
            (table_folder / Path(path).name).symlink_to((mount / path).resolve())


def _file_frames(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files that the script left, as a launcher's frames."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink():  # as the launcher: plain files only
            yield "file", json.dumps({"name": path.name}).encode() + b"\n" + path.read_bytes()
