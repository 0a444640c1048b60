"""The noise process: reads a bundle and exact answers, draws with OpenDP, writes noisy answers; nothing else. It has no
seed, no file, no network, and says why it failed in a word of a closed list, never in a text that could hold a value.

Arrays of a request, by mechanism: Additive, the vector; Selection, the scores of all cells one after another;
Threshold, keys and counts. Arrays of the answer: the noisy vector; the chosen positions; the keys that leave and their
counts, in ascending order of keys, since the order of OpenDP's map must not carry anything.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from broker.privacy.measurements import draw
from broker.privacy.mechanisms import Additive, Bundle, Mechanism, Selection, Threshold
from broker.privacy.noise.described import from_text
from broker.privacy.noise.frames import BadFrame, Frame, Kind, encode, integers, read

UNREADABLE, NOT_DRAWN = "unreadable", "not-drawn"


class Ended(Exception):
    """The other side has closed: the ordinary end."""


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer requests until the source ends. A request that cannot be read ends the process: its place is lost."""

    def take(length: int) -> bytes:
        found = source.read(length)
        if not found and length:
            raise Ended
        if len(found) != length:
            raise BadFrame
        return found

    _write(target, Frame(Kind.READY))
    while True:
        try:
            frame = read(take)
        except Ended:
            return
        except BadFrame:
            _write(target, Frame(Kind.FAILED, UNREADABLE))
            return
        _write(target, answer(frame))


def answer(frame: Frame) -> Frame:
    """The noisy answers to one request."""
    try:
        bundle, exact = _request(frame)
    except Exception:  # the request's own fault: nothing of it is repeated
        return Frame(Kind.FAILED, UNREADABLE)
    try:
        drawn = draw(bundle, exact)
        noisy = [a for m, found in zip(bundle.mechanisms, drawn, strict=True) for a in _told(m, found)]
    except Exception:  # whatever it says, it may say it of a value
        return Frame(Kind.FAILED, NOT_DRAWN)
    return Frame(Kind.DRAWN, "", tuple(noisy))


def _request(frame: Frame) -> tuple[Bundle, tuple[Any, ...]]:
    if frame.kind is not Kind.DRAW:
        raise BadFrame
    bundle = from_text(frame.text)
    exact = tuple(_exact(bundle, frame.arrays))
    for mechanism, answers in zip(bundle.mechanisms, exact, strict=True):
        _fits(mechanism, answers, exact)
    return bundle, exact


def _fits(mechanism: Mechanism, answers: Any, exact: tuple[Any, ...]) -> None:
    """Cells of keys are as many as there are keys, and the keys their positions."""
    if isinstance(mechanism, Threshold):
        if set(answers) != set(range(len(answers))):
            raise BadFrame
    elif mechanism.keys is not None:
        width = mechanism.width if isinstance(mechanism, Additive) else 1
        if len(answers) != width * len(exact[mechanism.keys]):
            raise BadFrame


def _exact(bundle: Bundle, arrays: Sequence["array[int]"]) -> Iterator[Any]:
    """The answers in the form that the measurement takes."""
    left = iter(arrays)
    for mechanism in bundle.mechanisms:
        numbers = next(left, None)
        if numbers is None:
            raise BadFrame
        if isinstance(mechanism, Threshold):
            counts = next(left, None)
            if counts is None or len(counts) != len(numbers) or len(set(numbers)) != len(numbers):
                raise BadFrame
            yield dict(zip(numbers, counts, strict=True))
        elif isinstance(mechanism, Selection):
            if mechanism.points < 1 or len(numbers) % mechanism.points:
                raise BadFrame
            yield [list(numbers[i : i + mechanism.points]) for i in range(0, len(numbers), mechanism.points)]
        else:
            yield list(numbers)
    if next(left, None) is not None:
        raise BadFrame


def _told(mechanism: Mechanism, found: Any) -> list["array[int]"]:
    if isinstance(mechanism, Threshold):
        keys = sorted(found)
        return [integers(keys), integers([found[k] for k in keys])]
    return [integers([int(v) for v in found])]


def _write(target: BinaryIO, frame: Frame) -> None:
    target.write(encode(frame))
    target.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
