"""A script in a Python of its author's own, for rehearsals on synthetic data and for nothing else. No isolation.

The library `npd` is installed there; it gets the same tables and years that a sandbox would mount.
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
LOG_KEPT = 64 * 1024
HAS_LIBRARY = "import npd.output"


class ScriptHere:
    """Runs a request of the `python` image as `Sandbox.run` does. `python` is the program of an environment."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def run(self, request: SandboxRequest) -> SandboxResult:
        if not request.synthetic:
            raise Breach("Only synthetic data are read outside a sandbox.")
        self._check()
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="npd-rehearsal-") as name:
            home = Path(name)
            job, program = (payload for _, payload in request.frames)
            _mount(request.mount, json.loads(job)["tables"], home / "data")
            (home / "out").mkdir()
            (home / "script.py").write_bytes(program)
            end, log = self._script(home, request.limits.wall_seconds)
            files = tuple(_files(home / "out")) if end is SandboxEnd.ENDED else ()
        return SandboxResult(end, files, "", RUNTIME, time.monotonic() - began, log)

    def _check(self) -> None:
        try:
            done = subprocess.run([self._python, "-c", HAS_LIBRARY], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise Invalid("rehearse-python", f"{self._python} is no Python that runs.", "--python") from fault
        if done.returncode:
            sentence = f"{self._python} has no library npd: pip install 'npd[all]' from sandbox_images/python there."
            raise Invalid("rehearse-python", sentence, "--python")

    def _script(self, home: Path, seconds: int) -> tuple[SandboxEnd, bytes]:
        environment = os.environ | {"NPD_DATA": str(home / "data"), "NPD_OUT": str(home / "out"), "MPLBACKEND": "Agg"}
        command = [str(self._python), "-P", "-m", "npd", str(home / "script.py")]
        with (home / "log").open("wb") as log:
            try:
                done = subprocess.run(
                    command, cwd=home / "out", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    timeout=seconds,
                )  # fmt: skip
                end = SandboxEnd.CRASHED if done.returncode else SandboxEnd.ENDED
            except subprocess.TimeoutExpired:
                end = SandboxEnd.TIME_LIMIT
        with (home / "log").open("rb") as log:
            return end, log.read(LOG_KEPT)


def _mount(mount: Path, tables: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Links to the files that the job lists, each table in a folder of its name."""
    folder.mkdir()
    for table in tables:
        home = folder / f"{table['schema']}.{table['name']}"
        home.mkdir()
        for path in table["paths"]:
            (home / Path(path).name).symlink_to((mount / path).resolve())


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What the script left, in the frames of a launcher."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink():
            yield "file", json.dumps({"name": path.name}).encode() + b"\n" + path.read_bytes()
