"""Statistics of all cells of a grouping set from their noisy coordinates, each with an interval. Every formula is
linear in the coordinates, or a quotient or square of such; nothing else is known of a cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.privacy.layout import Reading
from broker.privacy.results.answers import Coordinates
from broker.privacy.results.intervals import Noise, half_width, half_widths, of_quotient, spread, whole_half_width
from broker.privacy.results.ratios import Linear, ratio
from broker.privacy.results.weights import Weights, count_weights, own_weights, ranks_off, sum_weights, weights_of
from broker.privacy.tables import Ask, Statistic

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends in the units of the value; None: no bound on that side can be told."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number told: its value and interval in units of the variable. None: it cannot be told (nothing to divide by).

    `bins`: the bins of a histogram. `ranks`: of a quantile, as many rows may lie between it and the true one.
    """

    value: float | None
    interval: Interval
    bins: tuple["Estimate", ...] = ()
    ranks: float | None = None


UNKNOWN = Estimate(None, Interval(None, None))


@dataclass(frozen=True, slots=True)
class Column:
    """One statistic of all cells of a grouping set: values and ends of intervals, not a number where there is none."""

    values: Floats
    low: Floats
    high: Floats
    bins: tuple["Column", ...] = ()
    ranks: float | None = None

    def estimates(self) -> list[Estimate]:
        """By cell, in order."""
        bins = list(zip(*(b.estimates() for b in self.bins), strict=True)) or [()] * len(self.values)
        found = zip(*(_told(numbers) for numbers in (self.values, self.low, self.high)), bins, strict=True)
        return [
            UNKNOWN if value is None else Estimate(value, Interval(low, high), parts, self.ranks)
            for value, low, high, parts in found
        ]


def _told(numbers: Floats) -> list[float | None]:
    return [None if n != n else n for n in numbers.tolist()]


def column_of(reading: Reading, blocks: Sequence[Coordinates], level: float) -> Column:
    if reading.parts is None:
        return column(reading.statistic, blocks[reading.block], level)
    over, under = (
        Linear(blocks[part.block], own_weights(part.statistic, blocks[part.block].block)) for part in reading.parts
    )
    return Column(*ratio(over, under, level))


def column(s: Statistic, of: Coordinates, level: float) -> Column:
    """One statistic that is no ratio."""
    match s.ask:
        case Ask.ROWS | Ask.PERSONS | Ask.VALUES:
            return _counted(of, weights_of(s, of.block), level)
        case Ask.SUM:
            weights = sum_weights(of.block)
            return _around(_linear(of, weights), half_width(_noise(of, weights), level))
        case Ask.MEAN:
            return _mean(of, level)
        case Ask.VARIANCE:
            return _variance(of, level, s.whole)
        case Ask.HISTOGRAM:
            return _histogram(of, level)
    return _quantile(of, level)


def _linear(of: Coordinates, weights: Weights) -> Floats:
    return np.asarray(of.matrix() @ np.array(weights), dtype=np.float64)


def _noise(of: Coordinates, weights: Weights) -> Noise:
    return spread([(w, of.noise) for w in weights])


def _around(values: Floats, half: float | Floats, low: float = -np.inf, high: float = np.inf) -> Column:
    """Values and as much on both sides, within what is possible at all."""
    return Column(values, np.clip(values - half, low, high), np.clip(values + half, low, high))


def _counted(of: Coordinates, weights: Weights, level: float) -> Column:
    """A count as it comes out: it is not cut at 0, so that margins add up and averages stay unbiased."""
    single = of.whole and of.block.whole == 1 and sum(w != 0 for w in weights) == 1
    noise = _noise(of, weights)
    return _around(
        _linear(of, weights), whole_half_width(noise, level) if single else half_width(noise, level), low=0.0
    )


def _mean(of: Coordinates, level: float) -> Column:
    """Middle + (centred sum) / max(count, 1), cut to the clamp; the interval is that of the quotient of the bounded
    values. (Less the middle of its clamp, a sum has the least noise.)"""
    clamp, of_count = of.block.cut, np.array(count_weights(of.block))
    low, high = clamp.low / clamp.scale, clamp.high / clamp.scale
    middle = (low + high) / 2
    centred = np.array(sum_weights(of.block)) - middle * of_count
    count, above = of.matrix() @ of_count, of.matrix() @ centred
    values = np.clip(middle + above / np.maximum(count, 1.0), low, high)

    def over(m: Floats) -> Floats:
        pivot = centred[:, None] - of_count[:, None] * (m - middle)[None, :]
        half = half_widths(pivot.T, of.noise, level)
        return np.asarray(np.abs(above - (m - middle) * count) - half, dtype=np.float64)

    return Column(values, *of_quotient(values, over, low, high))


def _variance(of: Coordinates, level: float, whole: bool) -> Column:
    """Of t = (x - low) / width: mean of squares less square of the mean, in the clamp's units squared.

    The interval is first order in the noise: good where the count is large beside it.
    """
    clamp, block = of.block.cut, of.block
    unit, gap = (clamp.width / clamp.scale) ** 2, (0.0,) * block.missing
    of_count = np.array(count_weights(block))
    first, second = (np.array((*w, *gap)) / block.whole for w in ((0.0, 0.5, 1.0), (0.0, 0.0, 1.0)))
    count = of.matrix() @ of_count
    count = np.where(count > 1, count, np.nan)
    mean, square = (of.matrix() @ w / count for w in (first, second))
    factor = np.full_like(count, unit) if whole else unit * count / (count - 1)
    values = np.clip(factor * (square - mean**2), 0.0, factor / 4)
    slopes = second - square[:, None] * of_count - 2 * mean[:, None] * (first - mean[:, None] * of_count)
    half = half_widths(slopes * (factor / count)[:, None], of.noise, level)
    return Column(values, np.clip(values - half, 0.0, factor / 4), np.clip(values + half, 0.0, factor / 4))


def _histogram(of: Coordinates, level: float) -> Column:
    width = of.block.width - of.block.missing
    units = [tuple(float(i == j) for j in range(of.block.width)) for i in range(width)]
    total = _counted(of, count_weights(of.block), level)
    return Column(total.values, total.low, total.high, tuple(_counted(of, u, level) for u in units))


def _quantile(of: Coordinates, level: float) -> Column:
    """The chosen points; there is no interval but that of the rank."""
    block = of.block
    values = np.array([block.points[c] / block.cut.scale for c in of.chosen], dtype=np.float64)
    none = np.full_like(values, np.nan)
    return Column(values, none, none, ranks=ranks_off(block, of.noise, level))
