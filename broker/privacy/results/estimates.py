"""Statistics of one cell from its noisy coordinates, each with an interval. Every formula is linear in the coordinates,
or a quotient or square of such; nothing else is known of the cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from broker.privacy.blocks import Block
from broker.privacy.results.answers import Coordinates
from broker.privacy.results.intervals import Interval, Noise, around, half_width, of_quotient, spread, whole_half_width
from broker.privacy.tables import Ask, Statistic

Weights = tuple[float, ...]


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


def estimate(s: Statistic, of: Coordinates, cell: int, level: float, beside: Coordinates | None = None) -> Estimate:
    """One statistic of one cell; `beside` has the denominator of a RATIO."""
    match s.ask:
        case Ask.ROWS | Ask.PERSONS:
            return counted(of, cell, rows_weights(of.block), level)
        case Ask.VALUES:
            return counted(of, cell, count_weights(of.block), level)
        case Ask.SUM:
            return _sum(of, cell, level)
        case Ask.MEAN:
            return _mean(of, cell, level)
        case Ask.VARIANCE:
            return _variance(of, cell, level, s.whole)
        case Ask.RATIO if beside is not None:
            return _ratio(of, beside, cell, level)
        case Ask.HISTOGRAM:
            return _histogram(of, cell, level)
    return _quantile(of, cell, level)


def count_weights(block: Block) -> Weights:
    """Of the rows that the block is of: coordinates share out a whole."""
    return (1 / block.whole,) * (block.width - block.missing) + (0.0,) * block.missing


def rows_weights(block: Block) -> Weights:
    """Of all rows, those without an argument too."""
    return (1 / block.whole,) * block.width


def sum_weights(block: Block) -> Weights:
    """Of the sum of x in its own units: the j-th Bernstein coefficient of x is low + width * j / degree."""
    clamp, degree = block.cut, block.degree
    at = (clamp.low + clamp.width * j / degree for j in range(degree + 1))
    return tuple(a / block.whole / clamp.scale for a in at) + (0.0,) * block.missing


def counted(of: Coordinates, cell: int, weights: Weights, level: float) -> Estimate:
    """A count as it comes out: it is not cut at 0, so that margins add up and averages stay unbiased."""
    value, noise = _linear(of, cell, weights)
    single = of.whole and of.block.whole == 1 and sum(w != 0 for w in weights) == 1
    half = whole_half_width(noise, level) if single else half_width(noise, level)
    interval = around(value, half, low=0.0)
    return Estimate(value, interval)


def _linear(of: Coordinates, cell: int, weights: Weights) -> tuple[float, Noise]:
    values = of.cell(cell)
    return sum(w * v for w, v in zip(weights, values, strict=True)), _noise(of, weights)


def _noise(of: Coordinates, weights: Weights) -> Noise:
    return spread([(w, of.noise) for w in weights])


def _sum(of: Coordinates, cell: int, level: float) -> Estimate:
    value, noise = _linear(of, cell, sum_weights(of.block))
    return Estimate(value, around(value, half_width(noise, level)))


def _quotient(of: Coordinates, cell: int) -> tuple[float, Weights, Weights]:
    """Count, and weights of the count and of the sum of x less the middle of the clamp (which has the least noise)."""
    clamp = of.block.cut
    count, total = count_weights(of.block), sum_weights(of.block)
    middle = (clamp.low + clamp.high) / 2 / clamp.scale
    return _linear(of, cell, count)[0], count, tuple(t - middle * c for t, c in zip(total, count, strict=True))


def _mean(of: Coordinates, cell: int, level: float) -> Estimate:
    """Middle + (centred sum) / max(count, 1), cut to the clamp; the interval is that of the quotient of the bounded
    values."""
    clamp = of.block.cut
    low, high = clamp.low / clamp.scale, clamp.high / clamp.scale
    middle = (low + high) / 2
    count, of_count, centred = _quotient(of, cell)
    above = _linear(of, cell, centred)[0]
    value = min(max(middle + above / max(count, 1.0), low), high)

    def allowed(m: float) -> float:
        return half_width(
            _noise(of, tuple(c - (m - middle) * n for c, n in zip(centred, of_count, strict=True))), level
        )

    return Estimate(value, of_quotient(value, lambda m: above - (m - middle) * count, allowed, low, high))


def _variance(of: Coordinates, cell: int, level: float, whole: bool) -> Estimate:
    """Of t = (x - low) / width: mean of squares less square of the mean, in the clamp's units squared.

    The interval is first order in the noise: good where the count is large beside it.
    """
    clamp, block = of.block.cut, of.block
    unit, most = (clamp.width / clamp.scale) ** 2, (clamp.width / clamp.scale) ** 2 / 4
    gap = (0.0,) * block.missing
    first, second = (0.0, 0.5 / block.whole, 1 / block.whole, *gap), (0.0, 0.0, 1 / block.whole, *gap)
    count = _linear(of, cell, count_weights(block))[0]
    if count <= 1:
        return UNKNOWN
    mean, square = (_linear(of, cell, w)[0] / count for w in (first, second))
    factor = unit if whole else unit * count / (count - 1)
    most = most if whole else most * count / (count - 1)
    value = min(max(factor * (square - mean**2), 0.0), most)
    parts = zip(first, second, count_weights(block), strict=True)
    slopes = tuple(factor * (b - square * n - 2 * mean * (a - mean * n)) / count for a, b, n in parts)
    return Estimate(value, around(value, half_width(_noise(of, slopes), level), 0.0, most))


def _ratio(of: Coordinates, beside: Coordinates, cell: int, level: float) -> Estimate:
    """Sum by sum. Where the denominator cannot be told from 0, neither can the ratio be bounded."""
    above, _ = _linear(of, cell, sum_weights(of.block))
    below, noise = _linear(beside, cell, sum_weights(beside.block))
    if abs(below) <= half_width(noise, level):
        return UNKNOWN
    value = above / below
    terms = [(w / below, of.noise) for w in sum_weights(of.block)]
    terms += [(-value * w / below, beside.noise) for w in sum_weights(beside.block)]
    return Estimate(value, around(value, half_width(spread(terms), level)))


def _histogram(of: Coordinates, cell: int, level: float) -> Estimate:
    width = of.block.width - of.block.missing
    units: Sequence[Weights] = [tuple(float(i == j) for j in range(of.block.width)) for i in range(width)]
    bins = tuple(counted(of, cell, u, level) for u in units)
    total = counted(of, cell, count_weights(of.block), level)
    return Estimate(total.value, total.interval, bins)


def ranks_off(block: Block, choice: Noise, level: float) -> float:
    """How many rows too far the chosen point's rank may be, beside the best candidate's: a score worse than the best by
    scale * ln(k / (1 - level)) has at most the rest of the probability (McSherry, Talwar 2007; permute-and-flip is no
    worse: McKenna, Sheldon 2020)."""
    return choice.deviation * log(block.width / (1 - level)) / block.of.denominator


def _quantile(of: Coordinates, cell: int, level: float) -> Estimate:
    block = of.block
    value = block.points[of.chosen[cell]] / block.cut.scale
    return Estimate(value, Interval(None, None), ranks=ranks_off(block, of.noise, level))
