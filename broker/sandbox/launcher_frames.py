"""Frames between broker and launcher, with length and hash. Standard library only; this module trusts neither side.

Broker and images use this one file, so they cannot disagree: `sandbox_images/common/frames.py` is a link to it, and
the build of an image copies it. A frame has a header of 45 bytes and the payload. The header has MAGIC (4 bytes), the
kind (1 byte), the length of the payload (8 bytes, big endian), and SHA-256 over kind byte and payload (32 bytes).
"""

import hashlib
import hmac
import struct

MAGIC = b"NPF1"
HEADER = struct.Struct(">4sBQ32s")

KINDS = {"ready": 1, "job": 2, "program": 3, "table": 4, "file": 5, "log": 6, "status": 7, "rows": 8}
NAMES = {code: kind for kind, code in KINDS.items()}

INWARD = frozenset({"job", "program", "rows"})
OUTWARD = frozenset({"ready", "table", "file", "log", "status"})

WORDS = frozenset({"ended", "crashed", "time_limit", "memory_limit", "output_limit", "engine_error"})
"""Words by which a launcher may report how a job ended. Only the broker itself reports `bad_frames`."""

SMALL = 4096
"""Most bytes in the payload of a small kind."""
SMALL_KINDS = frozenset({"ready", "status"})
"""Kinds whose payload is one or two words. A longer payload of such a kind is a FrameError."""


class FrameError(Exception):
    """The bytes are not frames that may come. The message never quotes them, because they are untrusted."""


def digest(kind: int, payload: bytes) -> bytes:
    """Return SHA-256 (32 bytes) over kind byte and payload. The kind is included, so that nobody can pass a payload
    off as another kind."""
    return hashlib.sha256(bytes([kind]) + payload).digest()


def pack(kind: str, payload: bytes) -> bytes:
    """Return one frame, header and payload. Raises FrameError for an unknown kind, or if the payload of a small kind
    has more than SMALL bytes."""
    if kind not in KINDS:
        raise FrameError("unknown kind")
    if kind in SMALL_KINDS and len(payload) > SMALL:
        raise FrameError("payload too long for its kind")
    code = KINDS[kind]
    return HEADER.pack(MAGIC, code, len(payload), digest(code, payload)) + payload


class FrameReader:
    """Reads frames from bytes that come in pieces of any size.

    `kinds` are the kinds that may come, `count` is the most frames, and `limit` the most bytes of all payloads
    together. After the first fault every call raises FrameError: nobody can know where the next frame begins.
    """

    def __init__(self, kinds: frozenset[str], limit: int, count: int) -> None:
        self._kinds, self._limit, self._count = kinds, limit, count
        self._buffer = bytearray()
        self._dead = False

    @property
    def pending(self) -> bool:
        """Whether the reader has the beginning of a frame but not its end."""
        return bool(self._buffer)

    @property
    def lacks(self) -> int:
        """Number of bytes, at least 1, to the end of the present header or payload. A caller who reads no more than
        that reads nothing of the next frame. Raises FrameError for a header that may not come."""
        if len(self._buffer) < HEADER.size:
            return HEADER.size - len(self._buffer)
        return max(1, HEADER.size + self._header()[2] - len(self._buffer))

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Return the frames that `data` completes, each as (kind, payload), in order. Raises FrameError for bytes that
        are no frames, for a wrong hash, and for more frames or bytes than agreed."""
        if self._dead:
            raise FrameError("the reader has failed before")
        self._buffer += data
        try:
            return list(self._complete())
        except FrameError:
            self._dead = True
            self._buffer.clear()
            raise

    def _complete(self) -> "list[tuple[str, bytes]]":
        found = []
        while len(self._buffer) >= HEADER.size:
            kind, code, length, expected = self._header()
            if len(self._buffer) < HEADER.size + length:
                break
            payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
            if not hmac.compare_digest(digest(code, payload), expected):
                raise FrameError("wrong hash")
            del self._buffer[: HEADER.size + length]
            self._limit -= length
            self._count -= 1
            found.append((kind, payload))
        return found

    def _header(self) -> tuple[str, int, int, bytes]:
        magic, code, length, expected = HEADER.unpack_from(self._buffer)
        kind = NAMES.get(code)
        if magic != MAGIC or kind is None or kind not in self._kinds:
            raise FrameError("not a frame that may come here")
        if self._count <= 0 or length > self._limit or (kind in SMALL_KINDS and length > SMALL):
            raise FrameError("more than was agreed")
        return kind, code, length, expected
