"""Lanes: warm processes without any person's row, each on a processor of its own, that fork one block after the
other. The launcher tells a lane when to begin and until when; it holds the rows and hands them over by a
descriptor, after the fork. Runs no line of a script itself: importing the libraries that a script names is all
that it does for it."""

import contextlib
import gc
import importlib
import os
import signal
import socket
import struct
import time

import apart
import block
import large_pages
import launcher
import limits
import numpy
import pyarrow as pa
from npd.blocks import numbers_of, tables_of

BEGIN, END, DONE = b"b", b"e", b"d"
UNTIL = struct.Struct("=d")
SETTLES = 30
"""Times after which the interpreter has put its quick forms into the code that it runs."""
SETTLED = 60.0
"""Seconds that a lane may take to answer: it does almost nothing."""


class Lane:
    """The launcher's side of one lane."""

    def __init__(self, way: socket.socket) -> None:
        self._way = way
        way.settimeout(SETTLED)

    def begin(self, printing: int) -> tuple[int, int]:
        """Fork the next block: where its rows go in, and where its answer comes out."""
        rows, feeding = os.pipe()
        answer, writing = os.pipe()
        handed = [rows, writing, *([printing] if printing >= 0 else [])]
        socket.send_fds(self._way, [BEGIN], handed)
        for handle in (rows, writing):
            os.close(handle)
        self._settled()
        return feeding, answer

    def end(self, until: float) -> None:
        """Have the block killed then, with all that it has started, by the lane's own clock and processor: told at its
        end, it would live on while one beside it is slow to go."""
        self._way.sendall(END + UNTIL.pack(until))

    def ended(self) -> None:
        """All of that is gone when this returns."""
        self._settled()

    def _settled(self) -> None:
        if self._way.recv(1) != DONE:
            raise SystemExit("A lane has gone.")


def opened(channel: launcher.Channel, kind: block.Kind, modules: list[str], cpus: list[int]) -> list[Lane]:
    """One lane for each processor. Forked before any row has come in, from a process that has imported the
    libraries."""
    ways = [socket.socketpair() for _ in cpus]
    if os.fork() == 0:
        with contextlib.suppress(BaseException):
            channel.shut()
            for ours, _ in ways:
                ours.close()
            warm(modules)
            _fork_lanes(kind, [theirs for _, theirs in ways], cpus)
        os._exit(0)
    for _, theirs in ways:
        theirs.close()
    lanes = [Lane(ours) for ours, _ in ways]
    for lane in lanes:
        lane._settled()
    return lanes


def _fork_lanes(kind: block.Kind, ways: list[socket.socket], cpus: list[int]) -> None:
    """A block's address space is counted from what the libraries have taken of it, up to what the sandbox has room
    for: a block can put memory of its own in their place."""
    libraries = min(limits.own_size(), kind.settings["library_bytes"])
    kind.settings["address_bytes"] = libraries + kind.settings["memory_bytes"]
    for way, cpu in zip(ways, cpus, strict=True):
        if os.fork() == 0:
            for other in ways:
                if other is not way:
                    other.close()
            with contextlib.suppress(BaseException):
                serve(kind, way, apart.enter_lane(cpu))
            os._exit(0)


def warm(modules: list[str]) -> None:
    """Import what the script will. What cannot be imported fails in the block, where its author sees why at home."""
    pa.set_cpu_count(1)
    for name in modules:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    exercise()
    gc.collect()
    gc.freeze()
    large_pages.join()


def exercise() -> None:
    """What every block does first, done until the interpreter has learned it: libraries load the rest of themselves,
    and code that has settled is not written to any more, so that blocks share its pages."""
    made = pa.table({"whole": [1, None], "number": [1.0, 2.0], "text": ["a", None]})
    content = packed(made)
    for _ in range(SETTLES):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        frame = tables_of(("a.b",), block.received(reading))["b"]
        columns = numpy.column_stack([numpy.ones(len(frame)), frame["number"]])
        found, *_ = numpy.linalg.lstsq(columns, frame["number"].to_numpy(), rcond=None)
        numbers_of(found, 2)


def packed(table: pa.Table) -> bytes:
    """As rows come."""
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    content = target.getvalue().to_pybytes()
    return block.LENGTH.pack(len(content)) + content


def serve(kind: block.Kind, way: socket.socket, own: int) -> None:
    """A lane's whole life: ends with the launcher."""
    apart.next_processes(own)
    kind.settings["threads"] = apart.counted_apart()
    way.sendall(DONE)
    child = 0
    while True:
        message, handles, _, _ = socket.recv_fds(way, 1, 3)
        if message == BEGIN:
            apart.next_processes(own)
            child = os.fork()
            if child == 0:
                block.live(kind, *handles[:2], handles[2] if len(handles) > 2 else -1)
            for handle in handles:
                os.close(handle)
        elif message == END:
            (until,) = UNTIL.unpack(way.recv(UNTIL.size, socket.MSG_WAITALL))
            time.sleep(max(0.0, until - time.monotonic()))
            os.kill(child, signal.SIGKILL)  # process 1 of its namespace: everything in it goes with it
            os.waitpid(child, 0)
        else:
            return
        way.sendall(DONE)
