"""Evidence of quantiles, deviations, extremes and modes from a cell's values and how often each is there. No rules."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from broker.disclosure.files.tabulation import Wanted
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure, Needs
from broker.domain.scalars import Value
from broker.postprocessing.evaluate import WIDE, Number, rounded, size


class Tally(NamedTuple):
    """A value, the rows that have it, and their distinct persons."""

    value: Any
    rows: int
    persons: int


def place_evidence(
    wanted: Wanted, tally: Sequence[Tally], persons: int, most: int, needs: Needs | None
) -> StatisticEvidence:
    """Of a cell in which `persons` have a value, at most `most` of them each."""
    if not tally:
        return StatisticEvidence(None, 0, 0)
    found, rows = sorted(tally), sum(t.rows for t in tally)
    match wanted.measure:
        case Measure.LOWEST | Measure.HIGHEST:
            at = found[0 if wanted.measure is Measure.LOWEST else -1]
            return StatisticEvidence(at.value, rows, persons, ties=at.persons)
        case Measure.MODE:
            at = max(found, key=lambda t: t.rows)
            return StatisticEvidence(at.value, rows, persons, ties=at.persons)
        case Measure.DEVIATION:
            largest = max(size(found[0].value), size(found[-1].value))
            return StatisticEvidence(_deviation(found, rows), rows, persons, largest=largest)
        case _:
            value = _quantile(found, rows, wanted.fraction or Decimal(0))
            fits = None if needs is None else _bin(value, found, rows, persons, most, needs)
            return StatisticEvidence(_short(value), rows, persons, largest=most, bin=fits)


def _short(value: Decimal) -> Value:
    return int(value) if value == value.to_integral_value() else value.normalize(WIDE)


def _quantile(found: Sequence[Tally], rows: int, fraction: Decimal) -> Decimal:
    """Between the two values around it, in proportion, as SQL's PERCENTILE_CONT has it."""
    place = (rows - 1) * fraction
    below = int(place)
    ends = list(accumulate(t.rows for t in found))
    low, high = (Decimal(found[bisect_right(ends, min(i, rows - 1))].value) for i in (below, below + 1))
    return low + (high - low) * (place - below)


def _deviation(found: Sequence[Tally], rows: int) -> Value:
    """Of a sample; of one row there is none."""
    if rows < 2:
        return None
    total = sum((Decimal(t.value) * t.rows for t in found), Decimal(0))
    squares = sum((Decimal(t.value) ** 2 * t.rows for t in found), Decimal(0))
    return (max(Decimal(0), squares - total * total / rows) / (rows - 1)).sqrt()


def _bin(value: Decimal, found: Sequence[Tally], rows: int, persons: int, most: int, needs: Needs) -> int | None:
    """The least power of ten, from the digits that may be shown, at which `least` persons are surely shown the same.

    A person with several rows in reach is counted once: there are at least as many as the rows and values in
    reach need, if nobody has more than `most`, and as cannot be elsewhere.
    """
    values = [Decimal(t.value) for t in found]
    of_rows = [0, *accumulate(t.rows for t in found)]
    of_persons = [0, *accumulate(t.persons for t in found)]
    furthest = max(abs(values[0]), abs(values[-1]), abs(value))
    exponent = -needs.digits
    while True:
        first, last = _reach(values, rounded(value, -exponent), exponent)
        inside = of_rows[last] - of_rows[first]
        there = max(-(-inside // most), -(-(of_persons[last] - of_persons[first]) // most), persons - (rows - inside))
        if there >= needs.least:
            return exponent
        if Decimal(1).scaleb(exponent) / 2 > furthest:
            return None
        exponent += 1


def _reach(values: Sequence[Decimal], shown: Number, exponent: int) -> tuple[int, int]:
    """Which of the sorted values are rounded (half away from zero) to what is shown: first to before last."""
    half = Decimal(1).scaleb(exponent) / 2
    low, high = Decimal(shown) - half, Decimal(shown) + half
    first = bisect_left(values, low) if shown > 0 else bisect_right(values, low)
    return first, bisect_right(values, high) if shown < 0 else bisect_left(values, high)
