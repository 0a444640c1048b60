"""What goes between the broker and the noise process: length- and hash-framed words with arrays of integers. Both sides
read strictly: what is not exactly a frame is an error, never guessed at."""

import hashlib
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

HEAD = struct.Struct(">4sBQ32s")
"""Magic, kind, length of the body, SHA-256 of kind and body."""
MAGIC = b"NPN1"
LONGEST = 2**31
"""Bytes of one body: a frame that claims more is none."""
COUNT = struct.Struct(">I")
ITEM = struct.Struct(">Q")


class Kind(IntEnum):
    """READY, DRAWN and FAILED come from the process, DRAW goes to it."""

    READY = 1
    DRAW = 2
    DRAWN = 3
    FAILED = 4


KINDS = frozenset(int(kind) for kind in Kind)


class BadFrame(Exception):
    """Bytes that are no frame. Says nothing of what they were."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A kind, a text of its own form (JSON, or a word), and arrays of i64."""

    kind: Kind
    text: str = ""
    arrays: tuple["array[int]", ...] = ()


def encode(frame: Frame) -> bytes:
    text = frame.text.encode()
    parts = [COUNT.pack(len(frame.arrays)), ITEM.pack(len(text)), text]
    for numbers in frame.arrays:
        parts += [ITEM.pack(len(numbers)), numbers.tobytes()]
    body = b"".join(parts)
    if len(body) > LONGEST:
        raise BadFrame
    return HEAD.pack(MAGIC, frame.kind, len(body), _digest(frame.kind, body)) + body


def _digest(kind: int, body: bytes) -> bytes:
    return hashlib.sha256(bytes([kind]) + body).digest()


def read(take: Callable[[int], bytes]) -> Frame:
    """The next frame; `take(n)` gives exactly n bytes or raises."""
    head = take(HEAD.size)
    if len(head) != HEAD.size:
        raise BadFrame
    magic, kind, length, digest = HEAD.unpack(head)
    if magic != MAGIC or kind not in KINDS or length > LONGEST:
        raise BadFrame
    body = take(length)
    if len(body) != length or _digest(kind, body) != digest:
        raise BadFrame
    return _decoded(Kind(kind), body)


def _decoded(kind: Kind, body: bytes) -> Frame:
    try:
        (count,), at = COUNT.unpack_from(body), COUNT.size
        text, at = _piece(body, at, 1)
        arrays = []
        for _ in range(count):
            numbers, at = _piece(body, at, 8)
            arrays.append(array("q", numbers))
        decoded = text.decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise BadFrame from error
    if at != len(body):
        raise BadFrame
    return Frame(kind, decoded, tuple(arrays))


def _piece(body: bytes, at: int, size: int) -> tuple[bytes, int]:
    (length,) = ITEM.unpack_from(body, at)
    start, end = at + ITEM.size, at + ITEM.size + length * size
    if end > len(body):
        raise BadFrame
    return body[start:end], end


def integers(values: Sequence[int]) -> "array[int]":
    """An array of i64; BadFrame for what is no 64-bit integer."""
    if any(type(v) is not int for v in values):
        raise BadFrame
    try:
        return array("q", values)
    except OverflowError as error:
        raise BadFrame from error
