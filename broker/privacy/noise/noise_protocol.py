"""Messages to and from the noise process: hashed frames of integer arrays, and mechanisms as text. Both are read
strictly."""

import hashlib
import json
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.sensitivity import Sensitivity

MECHANISM_KINDS: dict[str, type[Mechanism]] = {"additive": Additive, "selection": Selection, "threshold": Threshold}
MECHANISM_NAMES = {kind: name for name, kind in MECHANISM_KINDS.items()}


def bundle_to_text(bundle: MechanismBundle) -> str:
    """One JSON document. Equal bundles give equal texts, and scales are written so that they are read back exactly."""
    parts = [{"is": MECHANISM_NAMES[type(m)], **asdict(m)} for m in bundle.mechanisms]
    document = {"accounting": bundle.accounting, "delta": bundle.delta, "mechanisms": parts}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def bundle_from_text(text: str) -> MechanismBundle:
    """Read a bundle. Raises ValueError, KeyError or TypeError for anything that `bundle_to_text` does not write."""
    document = json.loads(text)
    # Strict: an unknown part could change what is drawn.
    if set(document) != {"accounting", "delta", "mechanisms"}:
        raise ValueError("these are not the parts of a bundle")
    return MechanismBundle(
        Accounting(document["accounting"]),
        tuple(_described_mechanism(m) for m in document["mechanisms"]),
        _real_number(document["delta"]),
    )


def _described_mechanism(description: dict[str, Any]) -> Mechanism:
    fields = dict(description)
    kind = MECHANISM_KINDS[fields.pop("is")]
    fields["family"] = NoiseFamily(fields["family"])
    fields["scale"] = _real_number(fields["scale"])
    if kind is Selection:
        steps = tuple(_natural_number(s) for s in fields["steps"])
        return Selection(
            **{**fields, "steps": steps, "points": _natural_number(fields["points"]), "keys": _position(fields["keys"])}
        )
    fields["bounds"] = Sensitivity(**{k: _natural_number(v) for k, v in fields["bounds"].items()})
    if kind is Threshold:
        return Threshold(**{**fields, "threshold": _natural_number(fields["threshold"])})
    return Additive(**{**fields, "width": _natural_number(fields["width"]), "keys": _position(fields["keys"])})


def _position(value: object) -> int | None:
    return None if value is None else _natural_number(value)


def _natural_number(value: object) -> int:
    if type(value) is not int or value < 0:  # not isinstance: bool is an int
        raise ValueError("this is no whole number")
    return value


def _real_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this is no number")
    return float(value)


FRAME_HEADER = struct.Struct(">4sBQ32s")
"""Magic bytes, kind, length of the body, SHA-256 of kind and body."""
MAGIC = b"NPN1"
MAX_BODY_BYTES = 2**31
"""The largest body in bytes: a frame that claims more is invalid."""
ARRAY_COUNT = struct.Struct(">I")
ITEM_LENGTH = struct.Struct(">Q")


class NoiseFrameKind(IntEnum):
    """The process sends READY, DRAWN and FAILED; the broker sends DRAW."""

    READY = 1
    DRAW = 2
    DRAWN = 3
    FAILED = 4


FRAME_KINDS = frozenset(int(kind) for kind in NoiseFrameKind)


class BadNoiseFrame(Exception):
    """Bytes that are not a frame. Says nothing about the bytes, because they could hold values."""


@dataclass(frozen=True, slots=True)
class NoiseFrame:
    """A kind, a text whose format depends on the kind (JSON, or a word), and arrays of 64-bit integers."""

    kind: NoiseFrameKind
    text: str = ""
    arrays: tuple["array[int]", ...] = ()


def encode_frame(frame: NoiseFrame) -> bytes:
    text = frame.text.encode()
    parts = [ARRAY_COUNT.pack(len(frame.arrays)), ITEM_LENGTH.pack(len(text)), text]
    for numbers in frame.arrays:
        parts += [ITEM_LENGTH.pack(len(numbers)), numbers.tobytes()]
    body = b"".join(parts)
    if len(body) > MAX_BODY_BYTES:
        raise BadNoiseFrame
    return FRAME_HEADER.pack(MAGIC, frame.kind, len(body), _digest(frame.kind, body)) + body


def _digest(kind: int, body: bytes) -> bytes:
    return hashlib.sha256(bytes([kind]) + body).digest()


def read_frame(take: Callable[[int], bytes]) -> NoiseFrame:
    """Read the next frame. `take(n)` returns exactly n bytes or raises. Raises BadNoiseFrame if the bytes are not a
    frame."""
    head = take(FRAME_HEADER.size)
    if len(head) != FRAME_HEADER.size:
        raise BadNoiseFrame
    magic, kind, length, digest = FRAME_HEADER.unpack(head)
    # Checked before the body is read, which a false length could make huge.
    if magic != MAGIC or kind not in FRAME_KINDS or length > MAX_BODY_BYTES:
        raise BadNoiseFrame
    body = take(length)
    if len(body) != length or _digest(kind, body) != digest:
        raise BadNoiseFrame
    return _decoded_frame(NoiseFrameKind(kind), body)


def _decoded_frame(kind: NoiseFrameKind, body: bytes) -> NoiseFrame:
    try:
        (count,), offset = ARRAY_COUNT.unpack_from(body), ARRAY_COUNT.size
        text, offset = _item(body, offset, 1)
        arrays = []
        for _ in range(count):
            numbers, offset = _item(body, offset, 8)
            arrays.append(array("q", numbers))
        decoded = text.decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise BadNoiseFrame from error
    # Bytes after the last array mean that the frame is not ours.
    if offset != len(body):
        raise BadNoiseFrame
    return NoiseFrame(kind, decoded, tuple(arrays))


def _item(body: bytes, offset: int, size: int) -> tuple[bytes, int]:
    (length,) = ITEM_LENGTH.unpack_from(body, offset)
    start, end = offset + ITEM_LENGTH.size, offset + ITEM_LENGTH.size + length * size
    if end > len(body):
        raise BadNoiseFrame
    return body[start:end], end


def integer_array(values: Sequence[int]) -> "array[int]":
    """An array of 64-bit integers. Raises BadNoiseFrame for any other value."""
    if any(type(v) is not int for v in values):
        raise BadNoiseFrame
    try:
        return array("q", values)  # signed 64-bit
    except OverflowError as error:
        raise BadNoiseFrame from error
