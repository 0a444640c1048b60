"""One piece of work on a file in a process of its own, with a clock and its own memory: whatever a file does to its
reader ends that process and nothing else. Standard library only."""

import os
import resource
import select
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import launcher
import limits

LENGTH = struct.Struct(">Q")
PIECE = 1 << 20


@dataclass(frozen=True)
class Room:
    """Until when by the clock, how many seconds of a processor, and how many bytes of memory."""

    until: float
    seconds: int
    memory: int


def apart(channel: launcher.Channel, room: Room, work: Callable[[], bytes], most: int) -> bytes | None:
    """What `work` gives, of at most `most` bytes; None where it fails, has no room for it, or gives more."""
    reading, writing = os.pipe()
    if not os.fork():
        _do(channel, room, work, writing)
    os.close(writing)
    try:
        return _received(reading, most, room.until)
    finally:
        os.close(reading)
        limits.kill_all()


def _do(channel: launcher.Channel, room: Room, work: Callable[[], bytes], writing: int) -> None:
    """The child: it holds neither way to or from the broker, and never comes back."""
    try:
        channel.shut()
        limits.lower({resource.RLIMIT_AS: limits.own_size() + room.memory, resource.RLIMIT_CPU: room.seconds})
        made = work()
        view = memoryview(LENGTH.pack(len(made)) + made)
        while view:
            view = view[os.write(writing, view) :]
    finally:
        os._exit(0)


def _received(reading: int, most: int, until: float) -> bytes | None:
    """Its answer, whole: a length, then so many bytes."""
    found = bytearray()
    while len(found) <= LENGTH.size + most:
        if not select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
            return None
        piece = os.read(reading, PIECE)
        if not piece:
            break
        found += piece
    whole = len(found) >= LENGTH.size and LENGTH.unpack_from(found)[0] == len(found) - LENGTH.size <= most
    return bytes(found[LENGTH.size :]) if whole else None
