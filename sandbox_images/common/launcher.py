"""Process 1 of a sandbox: takes one job in frames, has it done, and answers in frames. Standard library only.

It is the trusted side: what the job prints, leaves or dies of reaches the broker only through here, capped. It says
nothing of its own but the closed words of `frames.WORDS`. It imports nothing of the broker.
"""

import json
import os
import threading

import frames
import narrowing

JOB_LIMIT = 80 * 1024 * 1024
"""What comes in: a job, and the rows that a script has handed over with it. (Of blocks' rows policy says how many.)"""
FRAMES = 3
"""How many come in at most: a job, a program, rows."""


class Done(Exception):
    """The job has ended, with a word of the closed list."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Channel:
    """Frames in on standard input, frames out on what was standard output; both are then closed to everyone else."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.set_inheritable(self._out, False)
        self._lock = threading.Lock()
        self._reader: frames.FrameReader | None = None
        self._held: list[tuple[str, bytes]] = []
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (1, 2):
            os.dup2(null, handle)
        os.close(null)

    def receive(self, count: int, most: int | None = None, *, last: bool = True) -> list[tuple[str, bytes]]:
        """The next `count` frames, of at most `most` bytes where it is said, else of `JOB_LIMIT` with all before them;
        after the last ones standard input is gone. Not a byte of what follows them is read: it may be rows, and this
        process may fork before it asks for them."""
        if self._reader is None or most is not None:
            self._reader = frames.FrameReader(frames.INWARD, JOB_LIMIT if most is None else most, FRAMES)
        while len(self._held) < count:
            data = os.read(0, min(self._reader.lacks, 1 << 20))
            if not data:
                raise frames.FrameError("the broker stopped in the middle of a frame")
            self._held += self._reader.feed(data)
        found, self._held = self._held[:count], self._held[count:]
        if last:
            self._end_input()
        return found

    def _end_input(self) -> None:
        if self._held or (self._reader is not None and self._reader.pending):
            raise frames.FrameError("more than was agreed")
        shut_input()

    def ready(self, image: str) -> None:
        """Say that all is loaded and nothing read, and whether the kernel can narrow what a job will see."""
        self.send("ready", json.dumps({"image": image, "landlock": narrowing.landlock_version()}).encode())

    def send(self, kind: str, payload: bytes) -> None:
        with self._lock:
            self._write(frames.pack(kind, payload))

    def last(self, word: str) -> None:
        """Say how it ended and be gone: no frame may follow. Never waits long for a frame that is being written."""
        if self._lock.acquire(timeout=2):
            self._write(frames.pack("status", json.dumps({"word": word}).encode()))
        os._exit(0)

    def shut(self) -> None:
        """For a child: it must hold neither way, to the broker or from it."""
        os.close(self._out)
        shut_input()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]


def shut_input() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def watch(channel: Channel, seconds: float) -> None:
    """The clock inside: at its end the launcher says so and exits, which ends everything in the sandbox."""
    timer = threading.Timer(seconds, channel.last, args=("time_limit",))
    timer.daemon = True
    timer.start()


def job_of(payload: bytes) -> dict:
    """The job frame comes from the broker; a wrong one is a fault of ours, not of the job."""
    job = json.loads(payload)
    for table in job["tables"]:
        for path in table["paths"]:
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError("A table's path leaves the mount.")
    return job


def job_and_rows(payload: bytes) -> tuple[dict, bytes]:
    """A job frame of trusted code: JSON in one line, then, where a script has handed rows over, their bytes."""
    head, _, rows = payload.partition(b"\n")
    return job_of(head), rows
