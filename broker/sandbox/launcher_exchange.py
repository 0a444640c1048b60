"""Common to every sandbox: reads frames from a stream under a byte limit and a clock, up to the launcher's last word.
Independent of engines. Everything that a sandbox sends is untrusted until it is
checked here."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.domain.ports import SandboxEnd, SandboxLimits, SandboxRequest
from broker.sandbox import launcher_frames

START_SECONDS = 20
"""How long a sandbox may take to be ready, beyond the job's own time. The launcher's own clock is stricter."""

SPARE_BYTES = 1024 * 1024
"""Bytes for frames besides the job's output: ready, log, status, and the names in front of files' content."""


class Overrun(Exception):
    """The sandbox must be stopped now, with this end."""

    def __init__(self, end: SandboxEnd) -> None:
        super().__init__(end.value)
        self.end = end


def landlock_version(ready: bytes) -> int:
    """The version of Landlock that a ready launcher reports; 0 if the kernel has none."""
    try:
        document = json.loads(ready)
    except (ValueError, RecursionError) as fault:
        raise launcher_frames.FrameError("the first frame is not JSON") from fault
    version = document.get("landlock") if isinstance(document, dict) else None
    # Not isinstance: bool is an int.
    if type(version) is not int:
        raise launcher_frames.FrameError("the first frame does not state a Landlock version")
    return version


@dataclass
class LauncherExchange:
    """The frames of one sandbox as they arrive. Nothing may follow the status frame."""

    limits: SandboxLimits
    received: list[tuple[str, bytes]] = field(default_factory=list)
    last_word: SandboxEnd | None = None
    landlock: int | None = None
    byte_count: int = 0

    def __post_init__(self) -> None:
        count = self.limits.output_files + 16
        self._reader = launcher_frames.FrameReader(
            launcher_frames.OUTWARD, self.limits.output_bytes + SPARE_BYTES, count
        )

    def take(self, data: bytes) -> None:
        """Take bytes from the launcher's standard output. Raises Overrun for too many bytes and for anything that is
        not a frame."""
        self.byte_count += len(data)
        if self.byte_count > self.limits.output_bytes + 2 * SPARE_BYTES:
            raise Overrun(SandboxEnd.OUTPUT_LIMIT)
        try:
            for kind, payload in self._reader.feed(data):
                self._frame(kind, payload)
            # Whatever follows the status frame was not written by the launcher.
            if self.last_word is not None and self._reader.pending:
                raise launcher_frames.FrameError("bytes after the last frame")
        except launcher_frames.FrameError as fault:
            raise Overrun(SandboxEnd.BAD_FRAMES) from fault

    def _frame(self, kind: str, payload: bytes) -> None:
        if self.last_word is not None:
            raise launcher_frames.FrameError("a frame after the last frame")
        if kind == "status":
            self.last_word = end_word(payload)
        if kind != "ready":
            self.received.append((kind, payload))
        elif self.landlock is None:  # only the first: later ones could come from the job
            self.landlock = landlock_version(payload)

    def end(self) -> SandboxEnd:
        """How the job ended, once the stream has ended. Without a last word the launcher itself was killed."""
        if self.last_word is not None:
            return self.last_word
        return SandboxEnd.BAD_FRAMES if self._reader.pending else SandboxEnd.CRASHED

    def frames(self, end: SandboxEnd) -> tuple[tuple[str, bytes], ...]:
        """The frames that may be used: all but the log after a clean end, otherwise none."""
        return tuple(frame for frame in self.received if frame[0] != "log") if end is SandboxEnd.ENDED else ()

    def log(self) -> bytes:
        return b"".join(payload for kind, payload in self.received if kind == "log")


def end_word(payload: bytes) -> SandboxEnd:
    """The launcher's last word: a document with exactly one key and a word of the closed list. Raises FrameError
    otherwise."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise launcher_frames.FrameError("the last frame is not JSON") from fault
    word = document.get("word") if isinstance(document, dict) and len(document) == 1 else None
    if not isinstance(word, str) or word not in launcher_frames.WORDS:
        raise launcher_frames.FrameError("not a word of the closed list")
    return SandboxEnd(word)


Receive = Callable[[float], bytes | None]


def converse(
    request: SandboxRequest, exchange: LauncherExchange, send: Callable[[bytes], None], receive: Receive, began: float,
    *, last: bool = False,
) -> SandboxEnd:  # fmt: skip
    """Send the request's frames while reading, so that full buffers cannot block both sides. `began`: when the sandbox
    was started, by the monotonic clock."""
    frames = b"".join(launcher_frames.pack(kind, payload) for kind, payload in request.frames)
    threading.Thread(target=send, args=(frames,), daemon=True).start()
    until = began + request.limits.wall_seconds + START_SECONDS
    return run_exchange(receive, exchange, time.monotonic, until, last=last)


def run_exchange(
    receive: Receive, exchange: LauncherExchange, clock: Callable[[], float], until: float, *, last: bool = False
) -> SandboxEnd:
    """Take bytes until the stream ends or, if `last`, until the launcher's last word, which is enough if no other code
    can write. `receive(seconds)` returns b"" at the end and None if nothing came in time."""
    try:
        while True:
            left = until - clock()
            if left <= 0:  # the launcher's own clock should have ended it
                return SandboxEnd.TIME_LIMIT
            data = receive(left)
            if data == b"":
                return exchange.end()
            if data:
                exchange.take(data)
            if last and exchange.last_word is not None:
                return exchange.last_word
    except Overrun as over:
        return over.end
