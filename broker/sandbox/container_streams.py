"""The standard streams of one container, through the engine's attach call: bytes in, frames out. Starts and ends no
container."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import docker

STREAM_HEADER = struct.Struct(">BxxxI")
STDOUT = 1
PIECE = 1 << 16


@contextlib.contextmanager
def attached(engine: docker.APIClient, container: str, *, listening: bool = False) -> Iterator[socket.socket]:
    """The container's streams. Attach before it starts, so that none of its output is lost, or to a waiting one that
    has reported ready. `listening`: without standard input, which closes with the first client that holds it."""
    wanted = {"stdin": 0 if listening else 1, "stdout": 1, "stderr": 1, "stream": 1}
    opened = engine.attach_socket(container, params=wanted)
    stream = getattr(opened, "_sock", opened)  # the SDK wraps the socket, and holds the response as well
    response = getattr(opened, "_response", None)
    try:
        yield stream
    finally:
        for part in (response, opened, stream):
            if part is not None:
                part.close()


class ContainerStreams:
    """Splits the engine's combined stream: returns the bytes of standard output and discards standard error."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._held = bytearray()

    def send(self, request: bytes) -> None:
        with contextlib.suppress(OSError):  # the sandbox may be dead already: the reader reports that
            self._stream.sendall(request)
            self._stream.shutdown(socket.SHUT_WR)  # end of input for the launcher

    def receive(self, seconds: float) -> bytes | None:
        self._stream.settimeout(seconds)
        try:
            data = self._stream.recv(PIECE)
        except TimeoutError:
            return None
        if not data:
            return b""
        self._held += data
        return self._standard_output() or None

    def _standard_output(self) -> bytes:
        parts = []
        while len(self._held) >= STREAM_HEADER.size:
            which, length = STREAM_HEADER.unpack_from(self._held)
            if len(self._held) < STREAM_HEADER.size + length:  # the rest has not arrived yet
                break
            if which == STDOUT:
                parts.append(bytes(self._held[STREAM_HEADER.size : STREAM_HEADER.size + length]))
            del self._held[: STREAM_HEADER.size + length]
        return b"".join(parts)
