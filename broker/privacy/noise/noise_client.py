"""The broker's side of the noise process: starts it, keeps it running, sends requests, and raises one constant message
if it does not answer. It holds exact answers only while sending them."""

import contextlib
import os
import selectors
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from broker.domain.errors import Breach, Unavailable
from broker.privacy.mechanisms import MechanismBundle, Threshold
from broker.privacy.noise import noise_protocol

ROOT = Path(__file__).resolve().parents[3]
COMMAND = (sys.executable, "-E", "-s", "-m", "broker.privacy.noise.noise_server")
CHUNK_BYTES = 1 << 20
NO_ANSWER = "The noise process does not answer: nothing was drawn that anyone has seen."


@dataclass(frozen=True, slots=True)
class MechanismAnswer:
    """Noisy answers of one mechanism. `keys`, for a threshold: the positions of the released keys, ascending."""

    values: Sequence[int]
    keys: Sequence[int] | None = None


class NoiseClient:
    """Sends requests to one process, one at a time. The process starts at the first request and is used until `close`
    or a failure.

    Raises Unavailable if it ended or did not answer within `seconds`; the next request starts another process. The
    charge stands, and because nothing was released, noise may be drawn again under it. Raises Breach if the process
    refused a request that the broker itself wrote.
    """

    def __init__(self, seconds: float | Callable[[], float], command: Sequence[str] = COMMAND) -> None:
        """`seconds` may be a function that is called at each request, because policy can change while the process
        runs."""
        self._seconds: Callable[[], float] = seconds if callable(seconds) else lambda: seconds
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def warm(self) -> None:
        """Start the process before it is needed."""
        with self._running():
            pass

    def close(self) -> None:
        with self._lock:
            self._stop()

    def draw(self, bundle: MechanismBundle, exact: Sequence[Sequence[int]]) -> tuple[MechanismAnswer, ...]:
        """Noisy answers, one for each mechanism in order.

        `exact` has for each mechanism: its vector; the scores of all cells one after another; or the counts by key,
        where the position is the key. All are 64-bit integers: sums are saturated where they are computed.
        """
        frame = noise_protocol.encode_frame(
            noise_protocol.NoiseFrame(
                noise_protocol.NoiseFrameKind.DRAW,
                noise_protocol.bundle_to_text(bundle),
                tuple(_request_arrays(bundle, exact)),
            )
        )
        with self._running() as (process, deadline):
            _send(process, frame, deadline)
            answer = _receive(process, deadline)
            if answer.kind not in (noise_protocol.NoiseFrameKind.DRAWN, noise_protocol.NoiseFrameKind.FAILED):
                raise noise_protocol.BadNoiseFrame
        if answer.kind is noise_protocol.NoiseFrameKind.FAILED:
            raise Breach("The noise process refused the broker's request.")
        return tuple(_noisy_answers(bundle, answer.arrays))

    @contextlib.contextmanager
    def _running(self) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
        """The process, and the time at which it must have answered. Stops it if it does not answer as it must."""
        with self._lock:
            deadline = time.monotonic() + self._seconds()
            try:
                yield self._started(deadline), deadline
            except (noise_protocol.BadNoiseFrame, OSError, TimeoutError, EOFError) as error:
                self._stop()
                raise Unavailable(NO_ANSWER) from error

    def _started(self, deadline: float) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        # An empty environment, so that no path, seed or switch of the broker or of OpenDP reaches the process.
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if _receive(self._process, deadline).kind is not noise_protocol.NoiseFrameKind.READY:
            raise noise_protocol.BadNoiseFrame
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # No signal that it could handle: it may hold exact answers.
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _request_arrays(bundle: MechanismBundle, exact: Sequence[Sequence[int]]) -> list["array[int]"]:
    found = []
    for mechanism, answers in zip(bundle.mechanisms, exact, strict=True):
        if isinstance(mechanism, Threshold):
            # Keys are positions: their values never reach the noise process.
            found.append(noise_protocol.integer_array(range(len(answers))))
        found.append(noise_protocol.integer_array(answers))
    return found


def _noisy_answers(bundle: MechanismBundle, arrays: Sequence["array[int]"]) -> list[MechanismAnswer]:
    left = list(arrays)
    found = []
    for mechanism in bundle.mechanisms:
        keys = left.pop(0) if isinstance(mechanism, Threshold) else None
        found.append(MechanismAnswer(left.pop(0), keys))
    return found


def _send(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    """Send all data, or raise TimeoutError: a process that does not read must not block the caller."""
    assert process.stdin is not None
    descriptor, view = process.stdin.fileno(), memoryview(data)
    os.set_blocking(descriptor, False)  # so that `_wait` can enforce the deadline
    while view:
        _wait(descriptor, selectors.EVENT_WRITE, deadline)
        view = view[os.write(descriptor, view[:CHUNK_BYTES]) :]


def _receive(process: subprocess.Popen[bytes], deadline: float) -> noise_protocol.NoiseFrame:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()

    def take(length: int) -> bytes:
        parts = []
        while length:
            _wait(descriptor, selectors.EVENT_READ, deadline)
            chunk = os.read(descriptor, min(length, CHUNK_BYTES))
            if not chunk:
                raise EOFError
            parts.append(chunk)
            length -= len(chunk)
        return b"".join(parts)

    return noise_protocol.read_frame(take)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if not selector.select(max(deadline - time.monotonic(), 0)):
            raise TimeoutError
