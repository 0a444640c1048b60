"""The blocks' answers as the exact vector that is measured: clamped to their ranges, in whole steps, or as the
scores of candidates. What it gives goes to the noise process and nowhere else."""

import numpy as np
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.privacy.aggregate.made import STEPS, Aggregate
from broker.python_jobs.private.asks import Estimator, Range

Floats = NDArray[np.float64]


def answers_of(content: bytes, made: Aggregate) -> Floats:
    """A row for each block. Breach if these are not as many numbers as were asked for."""
    if len(content) != 8 * made.asks.blocks * made.numbers:
        raise Breach("The sandbox returned other answers than one of each block.")
    return np.frombuffer(content, "<f8").reshape(made.asks.blocks, made.numbers)


def vector(made: Aggregate, answers: Floats) -> list[int]:
    """In the order of the ranges."""
    columns = [clamped(answers[:, n], r) for n, r in enumerate(made.asks.ranges)]
    if made.asks.estimator is Estimator.MEDIAN:
        return [score for c, r in zip(columns, made.asks.ranges, strict=True) for score in _scores(c, points(made, r))]
    return [int(_steps(c, r).sum()) for c, r in zip(columns, made.asks.ranges, strict=True)]


def clamped(answers: Floats, within: Range) -> Floats:
    """A block without an answer has the middle, and so has one whose answer is no number: constants of the line."""
    known = np.where(np.isfinite(answers), answers, within.middle)
    return np.asarray(np.clip(known, float(within.low), float(within.high)), dtype=np.float64)


def points(made: Aggregate, within: Range) -> Floats:
    """The candidates of a median: evenly over the range, both ends among them."""
    return np.linspace(float(within.low), float(within.high), made.candidates)


def _steps(answers: Floats, within: Range) -> NDArray[np.int64]:
    """Each block's answer by itself, so that one block moves its own step and no other."""
    share = (answers - float(within.low)) / within.width
    return np.clip(np.rint(share * STEPS), 0, STEPS).astype(np.int64)


def _scores(answers: Floats, candidates: Floats) -> list[int]:
    """|answers below - answers above| of each candidate."""
    ordered = np.sort(answers)
    below = np.searchsorted(ordered, candidates, side="left")
    above = len(ordered) - np.searchsorted(ordered, candidates, side="right")
    found: list[int] = np.abs(below - above).tolist()
    return found
