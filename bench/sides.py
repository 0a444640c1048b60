"""The other side of a comparison as a process of its own: it says `ready`, and for each line that it is sent `done`."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType


class Other:
    """Started on entering; ended on leaving. One question at a time."""

    def __init__(self, command: Sequence[str], cwd: Path | None = None) -> None:
        self._command, self._cwd = list(command), cwd

    def __enter__(self) -> "Other":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self._cwd
        )
        self._answer()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, question: str = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{question}\n".encode())
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() not in {b"ready", b"done"}:
            raise SystemExit(f"the other side of the bench has ended: {' '.join(self._command[:3])}")
