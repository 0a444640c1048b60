"""A lock of one machine: scripts with real rows and scripts with synthetic rows never run there at the same time."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from broker.domain.errors import Conflict
from broker.domain.ports import DataKind

POLL_SECONDS = 0.1
RESERVATION_SECONDS = 10.0
"""How long the place of somebody who did not wait is kept; they are offered again each second or so."""

TICKET_SUFFIX, RESERVATION_SUFFIX = ".ticket", ".wish"


@dataclass(frozen=True, slots=True)
class _QueuePlace:
    """A file's name read: its place in the order of arrival, whose rows, and the sandbox's name."""

    number: int
    rows: DataKind
    name: str

    @property
    def stem(self) -> str:
        return f"{self.number:012d}.{self.rows}.{self.name}"


class RealSyntheticLock:
    """Who holds rows on one machine, in order of arrival: a ticket has its turn when no earlier one has other rows.

    A ticket is a file that its holder locks, so it ends with its holder's process, however that ends. What such a
    process leaves running is ended by `bury`, by its sandbox's name, before anybody with other rows goes on.
    """

    def __init__(self, folder: Path, end_sandbox: Callable[[str], None]) -> None:
        self._folder, self._end_sandbox = folder, end_sandbox
        self._cancelled: dict[str, threading.Event] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def holds(self, name: str) -> bool:
        return name in self._cancelled

    def cancel(self, name: str) -> None:
        """Whoever waits under this name does not go on."""
        if (cancelled := self._cancelled.get(name)) is not None:
            cancelled.set()

    @contextlib.contextmanager
    def sole_worker(self) -> Iterator[bool]:
        """Whether no other process has this, for as long as the caller stays here."""
        with (self._folder / "worker").open("a") as mark:
            yield _try_lock(mark)

    @contextlib.contextmanager
    def holding(self, name: str, rows: DataKind, wait: bool) -> Iterator[bool]:
        """Whether it has its turn; where it must `wait`, always. Raises Conflict("stale") once it is given up."""
        with contextlib.ExitStack() as stack:
            cancelled = self._cancelled[name] = threading.Event()
            stack.callback(self._cancelled.pop, name)
            with self._gate():
                mine = self._reserved_place(name, rows) or _QueuePlace(self._next(), rows, name)
                stack.enter_context(self._ticket(mine))
                self._path(mine, RESERVATION_SUFFIX).unlink(missing_ok=True)
            while not self._has_turn(mine):
                if not wait:
                    self._path(mine, RESERVATION_SUFFIX).touch()
                    stack.close()
                    yield False
                    return
                if cancelled.wait(POLL_SECONDS):
                    raise Conflict("stale", f"The sandbox {name!r} is not to run any more.")
            yield True

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """Everything that is decided, one after another."""
        with (self._folder / "gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _ticket(self, place: _QueuePlace) -> Iterator[None]:
        path = self._path(place, TICKET_SUFFIX)
        with path.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def _has_turn(self, mine: _QueuePlace) -> bool:
        with self._gate():
            others = [p for p in self._places() if p.number < mine.number and p.rows is not mine.rows]
            return not [p for p in others if self._lives(p)]

    def _lives(self, place: _QueuePlace) -> bool:
        """Of a holder that died, nothing is left afterwards."""
        ticket, reservation = self._path(place, TICKET_SUFFIX), self._path(place, RESERVATION_SUFFIX)
        if self._is_fresh(reservation):
            return True
        reservation.unlink(missing_ok=True)
        try:
            with ticket.open("r") as found:
                if not _try_lock(found):
                    return True
                if ticket.exists():  # whoever ends well removes it before the lock goes
                    self._end_sandbox(place.name)
                    ticket.unlink()
        except FileNotFoundError:
            pass
        return False

    def _is_fresh(self, path: Path) -> bool:
        try:
            return abs(time.time() - path.stat().st_mtime) < RESERVATION_SECONDS
        except FileNotFoundError:
            return False

    def _reserved_place(self, name: str, rows: DataKind) -> _QueuePlace | None:
        """The place that is kept for it, if it has come again in time."""
        own = [p for p in self._places() if (p.name, p.rows) == (name, rows)]
        return next((p for p in own if self._is_fresh(self._path(p, RESERVATION_SUFFIX))), None)

    def _next(self) -> int:
        """No clock: it may be set back."""
        return max((p.number for p in self._places()), default=0) + 1

    def _places(self) -> list[_QueuePlace]:
        stems = {
            e.removesuffix(end)
            for e in os.listdir(self._folder)
            for end in (TICKET_SUFFIX, RESERVATION_SUFFIX)
            if e.endswith(end)
        }
        parts = (stem.split(".", 2) for stem in stems)
        return [_QueuePlace(int(number), DataKind(rows), name) for number, rows, name in parts]

    def _path(self, place: _QueuePlace, ending: str) -> Path:
        return self._folder / (place.stem + ending)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
