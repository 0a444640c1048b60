"""Sample and aggregate: one script over many blocks of persons, each in a process apart, in slots of fixed length. What
leaves is one frame with each block's numbers; a block that had none in time has the constant of that. Nothing tells
which block, how long it took, how it ended or what it printed (but on synthetic data, to the script's author).
"""

import contextlib
import json
import math
import os
import selectors
import struct
import time

import lanes
import launcher
from block import PATH, Kind

LOG_KEPT = 64 * 1024
NOTHING = math.nan
"""What stands for a block without an answer; the broker has a constant of the range for it."""


def run(channel: launcher.Channel, job: dict, program: bytes) -> str:
    """The word that is said last. Lanes are forked before any row comes in."""
    settings = job["settings"]
    kind = Kind(compile(program, PATH, "exec"), job["numbers"], tuple(job["names"]), job["block"])
    cpus = sorted(os.sched_getaffinity(0))[: settings["threads"]]
    found = lanes.opened(channel, kind, job["modules"], cpus)
    rows = Rows(channel.receive(1, job["block"]["rows_bytes"])[0][1])
    launcher.watch(channel, settings["wall_seconds"])
    shown = Shown() if job["preview"] else None
    numbers = Schedule(found, job["block"], kind.numbers, shown).run(rows)
    channel.send("table", struct.pack(f"<{len(numbers)}d", *numbers))
    if shown is not None:
        channel.send("log", bytes(shown.kept))
    return "ended"


class Rows:
    """The cut rows: a line of JSON with the length of what all blocks share and of each block's own, then the bytes."""

    def __init__(self, payload: bytes) -> None:
        end = payload.index(b"\n")
        head = json.loads(payload[:end])
        self.lengths = head["blocks"]
        self._view, self._at = memoryview(payload), end + 1
        self._shared = self._next(head["shared"])

    def next(self, length: int) -> list[memoryview]:
        """What a block is given: public tables, then its own rows."""
        return [self._shared, self._next(length)]

    def _next(self, length: int) -> memoryview:
        start, self._at = self._at, self._at + length
        return self._view[start : self._at]


class Shown:
    """What blocks print on synthetic data: kept from the first ones on, as much as a log may hold."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.kept = bytearray()

    def take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.reading, 1 << 16):
                self.kept += data[: LOG_KEPT - len(self.kept)]


class Schedule:
    """Slots one after the other; in each one block on every lane, which has its rows at the slot's beginning."""

    def __init__(self, found: list[lanes.Lane], asked: dict, numbers: int, shown: Shown | None) -> None:
        self._lanes, self._numbers, self._shown = found, numbers, shown
        self._seconds, self._rest, self._spare = asked["seconds"], asked["rest_seconds"], asked["spare_seconds"]

    def run(self, rows: Rows) -> list[float]:
        """Every slot begins when it has to, or, where the machine or a block's end was slow, later: it is never shorter
        for that. The rests of those that follow make up for it, and what is spare at the end: a block that is slow to
        go moves neither later slots for long nor the end."""
        found: list[float] = []
        due = time.monotonic()
        for first in range(0, len(rows.lengths), len(self._lanes)):
            wait(due)
            due += self._seconds + self._rest
            found += self._slot([rows.next(length) for length in rows.lengths[first : first + len(self._lanes)]])
        wait(due + self._spare)
        return found

    def _slot(self, contents: list[list[memoryview]]) -> list[float]:
        """The time of a slot is that of its blocks: it begins when the last of them has been forked."""
        printing = -1 if self._shown is None else self._shown.writing
        running = [(lane, *lane.begin(printing)) for lane, _ in zip(self._lanes, contents, strict=False)]
        until = time.monotonic() + self._seconds
        for lane, _, _ in running:
            lane.end(until)
        feed({feeding: rows for (_, feeding, _), rows in zip(running, contents, strict=True)}, until)
        wait(until)
        for lane, _, _ in running:
            lane.ended()
        if self._shown is not None:
            self._shown.take()
        return [number for _, _, answer in running for number in self._numbers_of(answer)]

    def _numbers_of(self, answer: int) -> tuple[float, ...]:
        """Exactly as many finite numbers as there must be, or none."""
        size = 8 * self._numbers
        with os.fdopen(answer, "rb") as source:
            content = source.read(size + 1)
        numbers = struct.unpack(f"<{self._numbers}d", content) if len(content) == size else ()
        return numbers if numbers and all(map(math.isfinite, numbers)) else (NOTHING,) * self._numbers


def wait(until: float) -> None:
    """A slot is over when its time is, whatever its blocks have done."""
    time.sleep(max(0.0, until - time.monotonic()))


def feed(contents: dict[int, list[memoryview]], until: float) -> None:
    """Each block's rows into its pipe, as it takes them, and no longer than its slot lasts."""
    left = {handle: [part for part in parts if part] for handle, parts in contents.items()}
    with selectors.DefaultSelector() as selector:
        for handle in left:
            os.set_blocking(handle, False)
            selector.register(handle, selectors.EVENT_WRITE)
        while left and (seconds := until - time.monotonic()) > 0:
            for key, _ in selector.select(seconds):
                left[key.fd] = rest_of(key.fd, left[key.fd])
                if not left[key.fd]:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    del left[key.fd]
    for handle in left:
        os.close(handle)


def rest_of(handle: int, parts: list[memoryview]) -> list[memoryview]:
    """What is left to write. A block that has closed its end wants no more."""
    if not parts:
        return []
    try:
        written = os.write(handle, parts[0][: 1 << 16])
    except BlockingIOError:
        return parts
    except BrokenPipeError:
        return []
    return [part for part in (parts[0][written:], *parts[1:]) if part]
