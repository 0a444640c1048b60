"""The noise process: reads a bundle and exact answers, draws with OpenDP, and writes noisy answers. It has no seed, no
file and no network. It reports a failure with a word of a closed list, never with a text that could hold a value.

Arrays of a request, by mechanism. Additive: the vector. Selection: the scores of all cells one after another.
Threshold: keys and counts. Arrays of the answer: the noisy vector; the chosen positions; the released keys and their
counts, in ascending order of keys, because the order of OpenDP's map must not carry any information.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from broker.privacy.measurements import draw
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, Selection, Threshold
from broker.privacy.noise import noise_protocol

UNREADABLE, NOT_DRAWN = "unreadable", "not-drawn"


class StreamClosed(Exception):
    """The other side has closed the stream: the normal end."""


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer requests until the source ends. A request that cannot be read ends the process, because the start of the
    next one is unknown."""

    def take(length: int) -> bytes:
        found = source.read(length)
        if not found and length:
            raise StreamClosed
        if len(found) != length:
            raise noise_protocol.BadNoiseFrame
        return found

    _write_frame(target, noise_protocol.NoiseFrame(noise_protocol.NoiseFrameKind.READY))  # OpenDP is loaded now
    while True:
        try:
            frame = noise_protocol.read_frame(take)
        except StreamClosed:
            return
        except noise_protocol.BadNoiseFrame:
            _write_frame(target, noise_protocol.NoiseFrame(noise_protocol.NoiseFrameKind.FAILED, UNREADABLE))
            return
        _write_frame(target, answer_request(frame))


def answer_request(frame: noise_protocol.NoiseFrame) -> noise_protocol.NoiseFrame:
    """The noisy answers to one request, or FAILED."""
    try:
        bundle, exact = _read_request(frame)
    except Exception:  # an invalid request: the answer repeats nothing of it
        return noise_protocol.NoiseFrame(noise_protocol.NoiseFrameKind.FAILED, UNREADABLE)
    try:
        drawn = draw(bundle, exact)
        noisy = [a for m, found in zip(bundle.mechanisms, drawn, strict=True) for a in _answer_arrays(m, found)]
    except Exception:  # its message could contain a value
        return noise_protocol.NoiseFrame(noise_protocol.NoiseFrameKind.FAILED, NOT_DRAWN)
    return noise_protocol.NoiseFrame(noise_protocol.NoiseFrameKind.DRAWN, "", tuple(noisy))


def _read_request(frame: noise_protocol.NoiseFrame) -> tuple[MechanismBundle, tuple[Any, ...]]:
    if frame.kind is not noise_protocol.NoiseFrameKind.DRAW:
        raise noise_protocol.BadNoiseFrame
    bundle = noise_protocol.bundle_from_text(frame.text)
    exact = tuple(_exact_answers(bundle, frame.arrays))
    for mechanism, answers in zip(bundle.mechanisms, exact, strict=True):
        _check_fit(mechanism, answers, exact)
    return bundle, exact


def _check_fit(mechanism: Mechanism, answers: Any, exact: tuple[Any, ...]) -> None:
    """Check that there are as many cells as keys, and that the keys are their positions."""
    if isinstance(mechanism, Threshold):
        if set(answers) != set(range(len(answers))):
            raise noise_protocol.BadNoiseFrame
    elif mechanism.keys is not None:
        width = mechanism.width if isinstance(mechanism, Additive) else 1
        if len(answers) != width * len(exact[mechanism.keys]):
            raise noise_protocol.BadNoiseFrame


def _exact_answers(bundle: MechanismBundle, arrays: Sequence["array[int]"]) -> Iterator[Any]:
    """The answers in the form that the measurement takes."""
    left = iter(arrays)
    for mechanism in bundle.mechanisms:
        numbers = next(left, None)
        if numbers is None:
            raise noise_protocol.BadNoiseFrame
        if isinstance(mechanism, Threshold):
            counts = next(left, None)
            if counts is None or len(counts) != len(numbers) or len(set(numbers)) != len(numbers):
                raise noise_protocol.BadNoiseFrame
            yield dict(zip(numbers, counts, strict=True))
        elif isinstance(mechanism, Selection):
            if mechanism.points < 1 or len(numbers) % mechanism.points:
                raise noise_protocol.BadNoiseFrame
            yield [list(numbers[i : i + mechanism.points]) for i in range(0, len(numbers), mechanism.points)]
        else:
            yield list(numbers)
    if next(left, None) is not None:
        raise noise_protocol.BadNoiseFrame


def _answer_arrays(mechanism: Mechanism, noisy: Any) -> list["array[int]"]:
    if isinstance(mechanism, Threshold):
        keys = sorted(noisy)
        return [noise_protocol.integer_array(keys), noise_protocol.integer_array([noisy[k] for k in keys])]
    return [noise_protocol.integer_array([int(v) for v in noisy])]


def _write_frame(target: BinaryIO, frame: noise_protocol.NoiseFrame) -> None:
    target.write(noise_protocol.encode_frame(frame))
    target.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
