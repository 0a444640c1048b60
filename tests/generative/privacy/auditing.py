"""An audit from below: what two neighbouring exact answers tell apart in many drawn noise vectors, at least.

For an event E the data give frequencies; Chernoff's bound makes them bounds of probabilities at a family-wise
confidence, and log((P[E] - delta) / Q[E]) is then a loss that surely occurs. It must never be above what is charged.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import inf, log
from typing import Any

import numpy as np

from broker.privacy.measurements import measurement
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, Selection, Threshold
from tests.proof_size import report_figures

Sample = Any
"""Outcomes of one mechanism in many runs: an array with a row a run where they are vectors, else a list."""
Event = Callable[[Sample], int]
"""How many outcomes of a sample are in it."""
CONFIDENCE = 1e-9
"""Family-wise: the chance that any of all events of all mechanisms is judged too high."""
SIDE_BY_SIDE, KEYS = 50, 4
"""Copies of an answer in one run; most keys of an answer by keys."""
MOST_EVENTS = 10_000
"""More than all events of all audits together, both ways."""


LOOKED: Counter[str] = Counter()
"""How many events this process has looked at, both ways."""


def report_events(name: str) -> None:
    """For the proof, which adds up those of all files; how few they must be is looked at with each audit."""
    report_figures(name, {"events": LOOKED["events"], "confidence": CONFIDENCE, "shared_among": MOST_EVENTS})


def outcomes(bundle: MechanismBundle, exact: Any, times: int) -> Sample:
    """So many noise vectors of the job's own measurement, of one mechanism."""
    if isinstance(bundle.mechanisms[0], Additive):
        return vectors(bundle, [exact], times)
    made = measurement(bundle)
    return [made((exact,))[0] for _ in range(times)]


def vectors(bundle: MechanismBundle, answers: Sequence[Any], times: int) -> Sample:
    """So many answers of all mechanisms together, a row each: noisy coordinates, chosen places, and 1 for each key that
    leaves. In each of the separate runs noise is drawn on several copies of the answers side by side: every coordinate,
    cell and key has noise of its own, and a run costs more than its noise."""
    assert not bundle.delta, "what is turned from rho is drawn in another order"
    made, pairs = measurement(bundle), list(zip(bundle.mechanisms, answers, strict=True))
    tiled = tuple(_copies(m, v) for m, v in pairs)
    runs = (made(tiled) for _ in range(-(-times // SIDE_BY_SIDE)))
    found = [np.hstack([_rows(m, v, drawn) for (m, v), drawn in zip(pairs, run, strict=True)]) for run in runs]
    return np.concatenate(found)[:times]


def _copies(mechanism: Mechanism, answer: Any) -> Any:
    """Of keys, the same counts under other names; of scores, cell by cell."""
    if isinstance(mechanism, Threshold):
        names = range(SIDE_BY_SIDE)
        return {place * KEYS + key: count for place in names for key, count in answer.items()}
    if isinstance(mechanism, Selection):
        return [answer[i : i + mechanism.points] for i in range(0, len(answer), mechanism.points)] * SIDE_BY_SIDE
    return list(answer) * SIDE_BY_SIDE


def _rows(mechanism: Mechanism, answer: Any, drawn: Any) -> Any:
    if isinstance(mechanism, Threshold):
        left = np.zeros((SIDE_BY_SIDE, KEYS), dtype=int)
        left[[k // KEYS for k in drawn], [k % KEYS for k in drawn]] = 1
        return left
    return np.array(drawn).reshape(SIDE_BY_SIDE, -1)


def divergence(p: float, q: float) -> float:
    """Of two coins."""
    first = p * log(p / q) if p > 0 else 0.0
    return first + ((1 - p) * log((1 - p) / (1 - q)) if p < 1 else 0.0)


def least(hits: int, times: int) -> float:
    """A probability that the true one is not below, but for the confidence's share."""
    p, low, high = hits / times, 0.0, hits / times
    room = log(2 * MOST_EVENTS / CONFIDENCE) / times
    for _ in range(60):
        middle = (low + high) / 2
        inside = middle > 0 and divergence(p, middle) <= room
        low, high = (low, middle) if inside else (middle, high)
    return low


def most(hits: int, times: int) -> float:
    return 1 - least(times - hits, times)


def audit(one: Sample, other: Sample, events: Sequence[Event], *deltas: float) -> list[float]:
    """For each delta (0 if none is given) the surest loss over the events, both ways: a person added, one removed."""
    counts = [(event(one), event(other)) for event in events]
    pairs = [pair for a, b in counts for pair in ((a, b), (b, a))]
    LOOKED["events"] += len(pairs)
    assert LOOKED["events"] <= MOST_EVENTS, "the confidence is shared among fewer"
    bounds = [(least(a, len(one)), most(b, len(other))) for a, b in pairs]
    return [max((log((p - delta) / q) for p, q in bounds if p > delta), default=-inf) for delta in deltas or (0.0,)]


def half_spaces(x: Sequence[int], y: Sequence[int], pilot: Sample) -> list[Event]:
    """Half spaces and their opposites, cut where a pilot sample has its tenths: across the change of each coordinate
    and of the whole."""
    change = np.array(y) - np.array(x)
    signs = np.sign(change)
    ways = [signs, change, *(np.where(np.arange(len(x)) == i, signs, 0) for i in range(len(x)) if signs[i])]
    events = []
    for weights in ways:
        for cut in np.quantile(pilot @ weights, np.arange(1, 10) / 10, method="lower"):
            events += [_at_least(weights, cut), _at_least(-weights, 1 - cut)]
    return events


def _at_least(weights: Any, cut: float) -> Event:
    return lambda sample: int(np.count_nonzero(sample @ weights >= cut))


def orthants(x: Sequence[int], y: Sequence[int]) -> list[Event]:
    """Everything on the far side of one answer, or of the other, in each coordinate: there Laplace tells most."""
    signs = np.sign(np.array(y) - np.array(x))
    return [_orthant(way * signs, np.array(point)) for way in (1, -1) for point in (x, y)]


def _orthant(signs: Any, point: Any) -> Event:
    return lambda sample: int(np.count_nonzero(np.all(signs * (sample - point) >= 0, axis=1)))


def is_value(value: object) -> Event:
    return lambda sample: sum(outcome == value for outcome in sample)


def has_key(key: int) -> Event:
    return lambda sample: sum(key in outcome for outcome in sample)


def in_place(place: int, value: int) -> Event:
    """Of rows: one coordinate is this."""
    return lambda sample: int(np.count_nonzero(sample[:, place] == value))
