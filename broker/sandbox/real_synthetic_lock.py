"""A lock for one machine: scripts with real rows and scripts with synthetic rows never run on it at the same time."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broker.domain.errors import Conflict
from broker.domain.ports import DataKind
from broker.sandbox.file_locks import sole_holder, try_lock

POLL_SECONDS = 0.1
RESERVATION_SECONDS = 10.0
"""How long a place is reserved for a job that did not wait; such jobs are offered again about every second."""
LEAST_SECONDS = 0.2
"""Least time between two reservations of a place that is held."""

TICKET_SUFFIX, RESERVATION_SUFFIX = ".ticket", ".wish"


@dataclass(frozen=True, slots=True)
class _QueuePlace:
    """A parsed file name: the position in the order of arrival, the kind of rows, and the sandbox's name."""

    number: int
    rows: DataKind
    name: str

    @property
    def stem(self) -> str:
        return f"{self.number:012d}.{self.rows}.{self.name}"


class SlotHold(contextlib.ExitStack):
    """Holds the real rows of one job until it closes. Then their place stays taken until `slot_end()`: the end of the
    time slot in which the job ended, or in which it runs now."""

    def __init__(self, slot_end: Callable[[], datetime]) -> None:
        super().__init__()
        self.slot_end = slot_end


class RealSyntheticLock:
    """Who holds rows on one machine, in order of arrival. A ticket has its turn when no earlier ticket has the other
    kind of rows.

    A ticket is a file that its holder locks, so it ends with its holder's process, however that ends. A sandbox that
    such a process leaves running is ended (`end_sandbox`, by its name) before anybody with the other kind of rows
    proceeds.

    The moment at which real rows are free shows when a script ended. So their place stays taken until the end of the
    script's time slot (`SlotHold`), also if the holder dies.
    """

    def __init__(self, folder: Path, end_sandbox: Callable[[str], None]) -> None:
        self._folder, self._end_sandbox = folder, end_sandbox
        self._cancelled: dict[str, threading.Event] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def holds(self, name: str) -> bool:
        return name in self._cancelled

    def cancel(self, name: str) -> None:
        """Stop the job that waits under this name."""
        if (cancelled := self._cancelled.get(name)) is not None:
            cancelled.set()

    def sole_worker(self) -> contextlib.AbstractContextManager[bool]:
        """Whether no other process is the worker, as long as the context lasts."""
        return sole_holder(self._folder / "worker")

    @contextlib.contextmanager
    def holding(self, name: str, rows: DataKind, wait: bool, slot_hold: SlotHold | None = None) -> Iterator[bool]:
        """Yields whether the job has its turn; with `wait` it waits for it. Raises Conflict("stale") once the job is
        cancelled. Real rows are held until `slot_hold` closes, if it is given."""
        with contextlib.ExitStack() as stack:
            cancelled = self._cancelled[name] = threading.Event()
            stack.callback(self._cancelled.pop, name)
            with self._gate():
                # A place that was reserved before is used again.
                mine = self._reserved_place(name, rows) or _QueuePlace(self._next(), rows, name)
                stack.enter_context(self._ticket(mine))
                self._path(mine, RESERVATION_SUFFIX).unlink(missing_ok=True)
            while not self._has_turn(mine):
                if not wait:
                    self._reserve(mine, time.time() + RESERVATION_SECONDS)
                    stack.close()  # gives up the ticket; the reservation remains
                    yield False
                    return
                if cancelled.wait(POLL_SECONDS):
                    raise Conflict("stale", f"The sandbox {name!r} is not to run any more.")
            if slot_hold is not None and rows is DataKind.REAL:
                slot_hold.enter_context(stack.pop_all())
                slot_hold.enter_context(self._reserving(mine, slot_hold.slot_end))
            yield True

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """Makes all decisions happen one after another."""
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

    @contextlib.contextmanager
    def _reserving(self, place: _QueuePlace, slot_end: Callable[[], datetime]) -> Iterator[None]:
        """Reserves a held place until the end of the time slot, and of the next one if it is held longer. So a holder
        that dies does not show when."""
        over = threading.Event()
        first = self._reserve_slot(place, slot_end)
        thread = threading.Thread(target=self._reserve_slots, args=(place, slot_end, first, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._reserve_slot(place, slot_end)

    def _reserve_slots(
        self, place: _QueuePlace, slot_end: Callable[[], datetime], left: float, over: threading.Event
    ) -> None:
        while not over.wait(left):
            left = self._reserve_slot(place, slot_end)

    def _reserve_slot(self, place: _QueuePlace, slot_end: Callable[[], datetime]) -> float:
        """Reserve a place until the end of the time slot; return how many seconds are left."""
        until = slot_end().timestamp()
        self._reserve(place, until)
        return max(until - time.time(), LEAST_SECONDS)

    def _has_turn(self, mine: _QueuePlace) -> bool:
        with self._gate():
            # The same kind may run together.
            others = [p for p in self._places() if p.number < mine.number and p.rows is not mine.rows]
            return not [p for p in others if self._lives(p)]

    def _lives(self, place: _QueuePlace) -> bool:
        """Whether the holder still has its place. If the holder died, its sandbox is ended first."""
        ticket, reservation = self._path(place, TICKET_SUFFIX), self._path(place, RESERVATION_SUFFIX)
        # A reserved place counts as taken until its time is over.
        if self._is_fresh(reservation):
            return True
        reservation.unlink(missing_ok=True)
        try:
            with ticket.open("r") as found:
                if not try_lock(found):
                    return True
                if ticket.exists():  # a holder that ends normally removes it before releasing the lock
                    self._end_sandbox(place.name)
                    ticket.unlink()
        except FileNotFoundError:
            pass
        return False

    def _reserve(self, place: _QueuePlace, until: float) -> None:
        path = self._path(place, RESERVATION_SUFFIX)
        with self._gate():
            path.touch()
            os.utime(path, (time.time(), until))

    def _is_fresh(self, reservation: Path) -> bool:
        try:
            found = reservation.stat()
        except FileNotFoundError:
            return False
        # One from the future was made before the clock was set back.
        return found.st_atime <= time.time() < found.st_mtime

    def _reserved_place(self, name: str, rows: DataKind) -> _QueuePlace | None:
        """The place reserved for the job, if it has returned in time."""
        own = [p for p in self._places() if (p.name, p.rows) == (name, rows)]
        return next((p for p in own if self._is_fresh(self._path(p, RESERVATION_SUFFIX))), None)

    def _next(self) -> int:
        """The next number. It does not use a clock, which could be set back."""
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
