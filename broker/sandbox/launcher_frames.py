"""The wire between broker and launcher: length and hash frames. Standard library only; nothing here trusts its peer.

This one file is both sides: the image build copies it beside the launcher (`sandbox_images/common/frames.py` is a
link to it), so broker and images cannot disagree. A frame is MAGIC, a kind byte, the payload's length (8 bytes, big
endian), SHA-256 over kind byte and payload, then the payload.
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
"""All that a launcher may say about how a job ended; `bad_frames` is the broker's word alone."""

SMALL = 4096
SMALL_KINDS = frozenset({"ready", "status"})
"""Kinds whose payload is a word or two: anything longer is no frame of ours."""


class FrameError(Exception):
    """The bytes are not frames of this wire. The message never quotes them: they are untrusted."""


def digest(kind: int, payload: bytes) -> bytes:
    """The kind is hashed too, so that a payload cannot be passed off as another kind."""
    return hashlib.sha256(bytes([kind]) + payload).digest()


def pack(kind: str, payload: bytes) -> bytes:
    """One frame as bytes."""
    if kind not in KINDS:
        raise FrameError("unknown kind")
    if kind in SMALL_KINDS and len(payload) > SMALL:
        raise FrameError("payload too long for its kind")
    code = KINDS[kind]
    return HEADER.pack(MAGIC, code, len(payload), digest(code, payload)) + payload


class FrameReader:
    """Takes bytes in pieces of any size and gives complete, checked frames; holds at most `limit` bytes in all.

    `kinds` are those that may come, `count` is how many. The first fault raises FrameError and the reader is dead:
    nothing after it can be trusted to be where it seems to be.
    """

    def __init__(self, kinds: frozenset[str], limit: int, count: int) -> None:
        self._kinds, self._limit, self._count = kinds, limit, count
        self._buffer = bytearray()
        self._dead = False

    @property
    def pending(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    @property
    def lacks(self) -> int:
        """How many bytes may be read with none of them another frame's: to the end of a header, or of a payload."""
        if len(self._buffer) < HEADER.size:
            return HEADER.size - len(self._buffer)
        return max(1, HEADER.size + self._header()[2] - len(self._buffer))

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
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
