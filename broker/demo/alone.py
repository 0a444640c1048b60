"""One demo a folder, and it ends whole: a lock that all its processes hold, and signals that end it like Ctrl-C."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from broker.domain.errors import Conflict

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Claim:
    """The lock on a demo's folder. Processes that inherit it keep it: what a killed demo left is not overlooked."""

    def __init__(self, lock: IO[str]) -> None:
        self._lock = lock

    def fileno(self) -> int:
        return self._lock.fileno()

    def note(self, words: str) -> None:
        """Leave word for whoever comes second."""
        self._lock.write(f"{words} ")
        self._lock.flush()


@contextmanager
def alone(folder: Path) -> Iterator[Claim]:
    """Nobody else's demo in `folder` while this lasts; Conflict, saying where the other one is, if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Conflict("demo-runs", _second(folder, lock.read().split())) from None
        lock.truncate(0)
        claim = Claim(lock)
        claim.note(str(os.getpid()))
        yield claim


def _second(folder: Path, words: list[str]) -> str:
    pids = " ".join(word for word in words if word.isdecimal())
    where = next((f" at {word}" for word in words if not word.isdecimal()), "")
    return f"A demo runs already{where}, in {folder}. Use it, or end it first: Ctrl-C where it runs, or `kill {pids}`."


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """TERM and HUP unwind as Ctrl-C does, so that whatever was started is ended."""
    before = {number: signal.signal(number, _unwind) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deaf() -> None:
    """From now on nothing interrupts the ending itself, which takes seconds."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _unwind(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
