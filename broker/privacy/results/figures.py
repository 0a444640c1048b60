"""Estimates as the figures that a query asks for: their type, their form, and digits as fine as the noise lets them be.
It knows estimates only, so it costs nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from math import ceil, floor, trunc

import numpy as np

from broker.domain.plans import Deviation, Measure, Statistic
from broker.domain.scalars import Value
from broker.privacy.results.estimates import Column, Floats

MOST_DIGITS = 9
STEPS = [Decimal(1).scaleb(-digits) for digits in range(MOST_DIGITS + 1)]
WIDE = Context(prec=400)
"""Floats have no more digits than these."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one statistic by cell, with the ends of their intervals. No value: it cannot be told. No end: the
    figure has no interval."""

    values: Sequence[Value]
    low: Sequence[Value]
    high: Sequence[Value]


def figures(statistic: Statistic, found: Column) -> Figures:
    """In the order of the cells."""
    form = _form(statistic)
    value, low, high = (form(numbers) for numbers in (found.values, found.low, found.high))
    if statistic.truncated or statistic.type.is_whole:
        # The figure without noise is whole, and so it lies within whole ends.
        nearest: Callable[[float], int] = trunc if statistic.truncated else round
        return Figures(_whole(value, nearest), _whole(low, floor), _whole(high, ceil))
    return _fine(value, low, high)


def of_ratio(found: Column) -> Figures:
    """The value itself is computed from its two figures, as they are shown."""
    return _fine(found.values, found.low, found.high)


def _fine(value: Floats, low: Floats, high: Floats) -> Figures:
    steps = _steps(low, high)
    return Figures(
        _decimals(value, steps, ROUND_HALF_EVEN),
        _decimals(low, steps, ROUND_FLOOR),
        _decimals(high, steps, ROUND_CEILING),
    )


def _form(statistic: Statistic) -> Callable[[Floats], Floats]:
    """Deviations are measured as variances; what grows with the estimate keeps the interval."""
    form = statistic.form
    if statistic.measure is Measure.DEVIATION and isinstance(form, Deviation) and not form.squared:
        return lambda numbers: np.sqrt(np.maximum(numbers, 0.0))
    return lambda numbers: numbers


def _whole(numbers: Floats, towards: Callable[[float], int]) -> list[Value]:
    return [None if n != n else towards(n) for n in numbers.tolist()]


def _steps(low: Floats, high: Floats) -> list[Decimal | None]:
    """One digit more than the first one that the noise moves; None: a candidate, as it stands in its list."""
    half = (high - low) / 2
    known = half > 0
    digits = np.where(known, 1 - np.floor(np.log10(np.where(known, half, 1.0))), MOST_DIGITS)
    clipped = np.clip(digits, 0, MOST_DIGITS).astype(np.int64).tolist()
    return [None if h != h else STEPS[d] for h, d in zip(half.tolist(), clipped, strict=True)]


def _decimals(numbers: Floats, steps: list[Decimal | None], rounding: str) -> list[Value]:
    """Rounded to such steps; ends outwards. (No zero has a sign.)"""
    found = (
        None if n != n else Decimal(repr(n)) if step is None else Decimal(repr(n)).quantize(step, rounding, WIDE)
        for n, step in zip(numbers.tolist(), steps, strict=True)
    )
    return [abs(d) if d is not None and not d else d for d in found]
