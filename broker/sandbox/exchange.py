"""What is common to every sandbox: frames out of a stream under a byte cap and a clock, and the launcher's last word.

Pure but for the clock it is given; knows no engine. All that a sandbox says is untrusted until it is checked here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.domain.ports import Limits, SandboxEnd, SandboxRequest
from broker.sandbox import frames

START_SECONDS = 20
"""How long a sandbox may take to be ready, beyond the job's own time; the launcher's clock is the near one."""

SPARE_BYTES = 1024 * 1024
"""Frames beside the job's output: ready, log, status, and the name in front of a file's content."""


class Overrun(Exception):
    """The sandbox must be stopped now, and this is how it ended."""

    def __init__(self, end: SandboxEnd) -> None:
        super().__init__(end.value)
        self.end = end


def abi_of(ready: bytes) -> int:
    """What a launcher that is ready has said of Landlock: its version, 0 where the kernel has none."""
    try:
        said = json.loads(ready)
    except (ValueError, RecursionError) as fault:
        raise frames.FrameError("the first frame is not JSON") from fault
    version = said.get("landlock") if isinstance(said, dict) else None
    if type(version) is not int:
        raise frames.FrameError("the first frame tells of no Landlock")
    return version


def inward(request: SandboxRequest) -> bytes:
    """The request's frames as bytes."""
    return b"".join(frames.pack(kind, payload) for kind, payload in request.frames)


def deadline(limits: Limits) -> float:
    return float(limits.wall_seconds + START_SECONDS)


@dataclass
class Exchange:
    """The frames of one sandbox as they come. After the status frame nothing may follow."""

    limits: Limits
    found: list[tuple[str, bytes]] = field(default_factory=list)
    word: SandboxEnd | None = None
    landlock: int | None = None
    taken: int = 0

    def __post_init__(self) -> None:
        count = self.limits.output_files + 16
        self._reader = frames.Reader(frames.OUTWARD, self.limits.output_bytes + SPARE_BYTES, count)

    def take(self, data: bytes) -> None:
        """Bytes from the launcher's standard output. Raises Overrun for too many and for anything that is no frame."""
        self.taken += len(data)
        if self.taken > self.limits.output_bytes + 2 * SPARE_BYTES:
            raise Overrun(SandboxEnd.OUTPUT_LIMIT)
        try:
            for kind, payload in self._reader.feed(data):
                self._frame(kind, payload)
            if self.word is not None and self._reader.pending:
                raise frames.FrameError("bytes after the last frame")
        except frames.FrameError as fault:
            raise Overrun(SandboxEnd.BAD_FRAMES) from fault

    def _frame(self, kind: str, payload: bytes) -> None:
        if self.word is not None:
            raise frames.FrameError("a frame after the last frame")
        if kind == "status":
            self.word = word_of(payload)
        if kind != "ready":
            self.found.append((kind, payload))
        elif self.landlock is None:
            self.landlock = abi_of(payload)

    def end(self) -> SandboxEnd:
        """How it ended, once the stream has: without a last word the launcher itself was killed."""
        if self.word is not None:
            return self.word
        return SandboxEnd.BAD_FRAMES if self._reader.pending else SandboxEnd.CRASHED

    def frames(self, end: SandboxEnd) -> tuple[tuple[str, bytes], ...]:
        """What may be used: everything after a clean end, nothing otherwise."""
        return tuple(frame for frame in self.found if frame[0] != "log") if end is SandboxEnd.ENDED else ()

    def log(self) -> bytes:
        return b"".join(payload for kind, payload in self.found if kind == "log")


def word_of(payload: bytes) -> SandboxEnd:
    """The launcher's word: exactly one key, exactly one of the closed list."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise frames.FrameError("the last frame is not JSON") from fault
    word = said.get("word") if isinstance(said, dict) and len(said) == 1 else None
    if not isinstance(word, str) or word not in frames.WORDS:
        raise frames.FrameError("not a word of the closed list")
    return SandboxEnd(word)


Receive = Callable[[float], bytes | None]


def drive(
    receive: Receive, exchange: Exchange, clock: Callable[[], float], until: float, *, last: bool = False
) -> SandboxEnd:
    """Take bytes until the stream ends, or (`last`) until the launcher's last word, which is enough where nobody else
    can speak. `receive(seconds)` gives b"" at the end and None when nothing came in time."""
    try:
        while True:
            left = until - clock()
            if left <= 0:
                return SandboxEnd.TIME_LIMIT
            data = receive(left)
            if data == b"":
                return exchange.end()
            if data:
                exchange.take(data)
            if last and exchange.word is not None:
                return exchange.word
    except Overrun as over:
        return over.end
