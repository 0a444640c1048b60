"""An estimate as the figure that a query asks for: its type, its form, and digits as fine as the noise lets them be. It
knows estimates only, so it costs nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10, sqrt, trunc

from broker.domain.plans import Deviation, Measure, Statistic
from broker.domain.scalars import Value
from broker.privacy.results.estimates import Estimate

MOST_DIGITS = 9
Form = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its interval. All None: it cannot be told. The ends are None where the figure has no interval."""

    value: Value
    low: Value = None
    high: Value = None


UNTOLD = Figure(None)


def figure(statistic: Statistic, found: Estimate) -> Figure:
    if found.value is None:
        return UNTOLD
    form = _form(statistic)
    ends = found.interval.low, found.interval.high
    value, low, high = (None if v is None else form(v) for v in (found.value, *ends))
    assert value is not None
    if statistic.truncated or statistic.type.is_whole:
        # The figure without noise is whole, and so it lies within whole ends.
        return Figure(_whole(statistic, value), _end(low, floor), _end(high, ceil))
    return _fine(value, low, high)


def of_ratio(found: Estimate) -> Figure:
    """The value itself is computed from its two figures, as they are shown."""
    return UNTOLD if found.value is None else _fine(found.value, found.interval.low, found.interval.high)


def _fine(value: float, low: float | None, high: float | None) -> Figure:
    if low is None and high is None:
        return Figure(Decimal(repr(value)))  # a candidate, as it stands in its list
    digits = _digits(low, high)
    return Figure(_decimal(value, digits, round), _decimal(low, digits, floor), _decimal(high, digits, ceil))


def _form(statistic: Statistic) -> Form:
    """Deviations are measured as variances; what grows with the estimate keeps the interval."""
    form = statistic.form
    if statistic.measure is Measure.DEVIATION and isinstance(form, Deviation) and not form.squared:
        return lambda v: sqrt(max(v, 0.0))
    return float


def _whole(statistic: Statistic, value: float) -> int:
    return trunc(value) if statistic.truncated else round(value)


def _end(value: float | None, towards: Callable[[float], int]) -> int | None:
    return None if value is None else towards(value)


def _digits(low: float | None, high: float | None) -> int:
    """One more than the first digit that the noise moves."""
    half = 0.0 if low is None or high is None else (high - low) / 2
    return MOST_DIGITS if half <= 0 else max(0, min(MOST_DIGITS, 1 - floor(log10(half))))


def _decimal(value: float | None, digits: int, towards: Callable[[Decimal], int]) -> Decimal | None:
    """Rounded to so many digits; ends outwards."""
    return None if value is None else Decimal(towards(Decimal(repr(value)).scaleb(digits))).scaleb(-digits)
