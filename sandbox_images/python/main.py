"""The `python` image: runs a researcher's script in a child process and collects what it left. Trusts nothing of it.

The child may crash, exit, fork and print: all of it is over before the first file is looked at.
"""

import contextlib
import os
import resource
import selectors
import signal
import struct
import time

import blocks
import collect
import launcher
import limits
import narrowing
import npd
import pandas as pd  # noqa: F401  imported before the job comes, so that a waiting sandbox has it ready
import pyarrow  # noqa: F401  as above
import script
import sealing

LOG_KEPT = 64 * 1024
MEMORY_EXIT = 83
LIBRARIES = 2 << 30


def wait(child: int, printed: int, settings: dict) -> tuple[str, bytes]:
    """Read what the child prints until it ends or a limit is met: the word, and the beginning of the print."""
    end = time.monotonic() + settings["wall_seconds"]
    kept, total, pause = bytearray(), 0, 0.02
    with selectors.DefaultSelector() as selector:
        selector.register(printed, selectors.EVENT_READ)
        while True:
            if time.monotonic() >= end:
                return "time_limit", bytes(kept)
            if selector.select(timeout=pause):
                data = os.read(printed, 1 << 16)
                total += len(data)
                kept += data[: LOG_KEPT - len(kept)]
                if not data:
                    selector.unregister(printed)
                    pause = 0.002  # nobody prints any more: it is about to end
            if total > settings["output_bytes"]:
                return "output_limit", bytes(kept)
            done = ended(child)
            if done is not None:
                drain(printed, kept)
                return done, bytes(kept)


def drain(printed: int, kept: bytearray) -> None:
    """What is still in the pipe, without waiting for grandchildren that hold it open."""
    os.set_blocking(printed, False)
    while len(kept) < LOG_KEPT:
        try:
            data = os.read(printed, LOG_KEPT - len(kept))
        except BlockingIOError:
            return
        if not data:
            return
        kept += data


def ended(child: int) -> str | None:
    """How the child ended, or None. Orphans that were handed to us are reaped on the way."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == child:
            return word_of(os.waitstatus_to_exitcode(status))


def word_of(code: int) -> str:
    if code == 0:
        return "ended"
    return {MEMORY_EXIT: "memory_limit", -signal.SIGXCPU: "time_limit", -signal.SIGXFSZ: "output_limit"}.get(
        code, "crashed"
    )


class Child:
    """The process that will be the job: forked while the sandbox waits, so that no job waits for the fork. It holds no
    way to the broker and knows nothing of a job until it is told."""

    def __init__(self, channel: launcher.Channel) -> None:
        tasks = limits.own_tasks()
        told, self._tell = os.pipe()
        self.printed, printing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            be_child(channel, told, printing, tasks)
        os.close(told)
        os.close(printing)

    def dismiss(self) -> None:
        """It is not wanted: what comes instead forks for itself."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def begin(self, job: bytes, program: bytes) -> None:
        """Tell it its job. A child that is dead already says so by its end."""
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._tell, "wb") as way:
            way.write(struct.pack(">QQ", len(job), len(program)) + job + program)


def be_child(channel: launcher.Channel, told: int, printing: int, tasks: int) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        channel.shut()
        os.setsid()
        warm_up()
        with os.fdopen(told, "rb") as way:
            job, program = (way.read(length) for length in struct.unpack(">QQ", way.read(16)))
        for handle in (1, 2):
            os.dup2(printing, handle)
        os.closerange(3, 256)
        sealing.unseal()
        code = be_job(launcher.job_of(job), program, tasks)
    except MemoryError:
        code = MEMORY_EXIT
    finally:
        os._exit(code)


def warm_up() -> None:
    """DuckDB's default connection, while nobody waits for it. On one thread: the kernel narrows what a thread sees, and
    those that the job's settings ask for come of the narrowed one. (Blocks, forked by hundreds, do without it.)"""
    import duckdb

    duckdb.set_default_connection(duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0}))
    duckdb.sql("SELECT 1").fetchall()


def be_job(job: dict, program: bytes, tasks: int) -> int:
    narrowing.narrow(job)
    limits.limit(job["settings"], tasks, LIBRARIES)
    npd._prepare(job["tables"], job["settings"], bool(job.get("preview")))
    return script.run(program)


def run(channel: launcher.Channel, child: Child, payload: bytes, program: bytes) -> str:
    job = launcher.job_of(payload)
    child.begin(payload, program)
    word, log = wait(child.pid, child.printed, job["settings"])
    limits.kill_all()
    files: list[tuple[str, bytes]] = []
    if word == "ended":
        try:
            files = collect.gather("/out", frozenset(job["allowed"]), job["settings"])
        except launcher.Done as done:
            word = done.word
        except Exception:  # whatever a job has left there, it ends in a word
            word = "crashed"
    for name, content in files:
        channel.send("file", collect.payload(name, content))
    channel.send("log", log)
    return word


def main() -> None:
    sealing.seal()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = launcher.Channel()
    child = Child(channel)
    channel.ready("python")
    (_, job), (_, program) = channel.receive(2, last=False)
    asked = launcher.job_of(job)
    if asked["kind"] == "blocks":
        child.dismiss()
        channel.last(in_blocks(channel, asked, program))
    channel.receive(0)
    channel.last(run(channel, child, job, program))


def in_blocks(channel: launcher.Channel, job: dict, program: bytes) -> str:
    """Whatever goes wrong here goes wrong in the launcher, not in a block: it is the broker's fault, and says
    nothing."""
    try:
        return blocks.run(channel, job, program)
    except BaseException:
        return "engine_error"
    finally:
        limits.kill_all()


if __name__ == "__main__":
    main()
