"""Computes the statistics of all cells of a grouping set from their noisy coordinates, each with a confidence
interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from broker.privacy.block_layout import Block, BlockReading
from broker.privacy.private_tables import PrivateMeasure, PrivateStatistic
from broker.privacy.results import noise_intervals
from broker.privacy.results.noisy_answers import NoisyCoordinates

Weights = tuple[float, ...]


def count_weights(block: Block) -> Weights:
    """Weights for the count of the block's own rows: the coordinates of a row add up to a constant."""
    return (1 / block.row_total,) * (block.width - block.missing) + (0.0,) * block.missing


def row_weights(block: Block) -> Weights:
    """Weights for the count of all rows, including those without an argument."""
    return (1 / block.row_total,) * block.width


def statistic_row_weights(s: PrivateStatistic, block: Block) -> Weights:
    """Weights for the count of the rows that a statistic covers."""
    return row_weights(block) if s.measure in (PrivateMeasure.ROWS, PrivateMeasure.PERSONS) else count_weights(block)


def sum_weights(block: Block) -> Weights:
    """Weights for the sum of x in its own units: the j-th Bernstein coefficient of x is low + width * j / degree."""
    clamp, degree = block.required_clamp, block.degree
    at = (clamp.low + clamp.width * j / degree for j in range(degree + 1))
    return tuple(a / block.row_total / clamp.scale for a in at) + (0.0,) * block.missing


def statistic_weights(s: PrivateStatistic, block: Block) -> Weights:
    """Weights for a count or a sum itself."""
    return sum_weights(block) if s.measure is PrivateMeasure.SUM else statistic_row_weights(s, block)


def rank_error(block: Block, choice: noise_intervals.NoiseMoments, level: float) -> float:
    """How many rows the chosen point's rank may be off, compared with the best candidate: the probability of a score
    worse than the best by scale * ln(k / (1 - level)) is at most 1 - level (McSherry, Talwar 2007; permute-and-flip is
    no worse: McKenna, Sheldon 2020)."""
    return choice.deviation * log(block.width / (1 - level)) / block.required_fraction.denominator


@dataclass(frozen=True, slots=True)
class LinearStatistic:
    """A count or a sum: weights for the coordinates of its block."""

    coordinates: NoisyCoordinates
    weights: Weights

    @property
    def values(self) -> noise_intervals.Floats:
        return self.coordinates.combined(self.weights)


def ratio_with_interval(
    over: LinearStatistic, under: LinearStatistic, level: float
) -> tuple[noise_intervals.Floats, noise_intervals.Floats, noise_intervals.Floats]:
    """Values and ends (three arrays, one entry for each cell); NaN where the denominator cannot be distinguished from
    0, because then there is no bound.

    The interval has all m for which |over - m under| is within the half width z of its own noise (Fieller 1954), with z
    taken at the ratio itself: (b^2 - z^2 Vb) m^2 - 2 (a b - z^2 C) m + (a^2 - z^2 Va) <= 0.
    """
    numerator, denominator = over.values, np.where(under.values == 0, np.nan, under.values)
    values = numerator / denominator
    first, second, noise = _shared_weights(over, under)
    pivots = first[None, :] - np.where(np.isfinite(values), values, 0.0)[:, None] * second[None, :]
    deviations = np.sqrt((pivots**2).sum(axis=1))
    reach = (noise_intervals.half_widths(pivots, noise, level) / np.where(deviations > 0, deviations, 1.0)) ** 2
    lead = denominator**2 - reach * (second @ second)
    half = numerator * denominator - reach * (first @ second)
    root = np.sqrt(np.maximum(half**2 - lead * (numerator**2 - reach * (first @ first)), 0.0))
    # Otherwise the interval is unbounded.
    lead = np.where(lead > 0, lead, np.nan)
    return np.where(lead > 0, values, np.nan), (half - root) / lead, (half + root) / lead


def _shared_weights(
    over: LinearStatistic, under: LinearStatistic
) -> tuple[noise_intervals.Floats, noise_intervals.Floats, noise_intervals.NoiseMoments]:
    """Weights of both parts on the same coordinates of unit noise: those of their one block, or of two blocks
    together."""
    one, other = over.coordinates.noise, under.coordinates.noise
    noise = noise_intervals.NoiseMoments(1.0, max(one.excess, other.excess))  # the larger kurtosis of both
    if over.coordinates is under.coordinates:
        return np.array(over.weights) * one.deviation, np.array(under.weights) * one.deviation, noise
    # Two blocks have independent noise: their coordinates are put side by side.
    first = np.array([*over.weights, *(0.0 for _ in under.weights)]) * one.deviation
    second = np.array([*(0.0 for _ in over.weights), *under.weights]) * other.deviation
    return first, second, noise


@dataclass(frozen=True, slots=True)
class EstimateColumn:
    """One statistic of all cells of a grouping set, in units of the variable: values and ends of intervals, NaN where
    there is none. `ranks`, for a quantile: the number of rows that may lie between it and the true one."""

    values: noise_intervals.Floats
    low: noise_intervals.Floats
    high: noise_intervals.Floats
    ranks: float | None = None


def estimate_column(reading: BlockReading, blocks: Sequence[NoisyCoordinates], level: float) -> EstimateColumn:
    if reading.parts is None:
        return statistic_column(reading.statistic, blocks[reading.block], level)
    over, under = (
        LinearStatistic(blocks[part.block], statistic_weights(part.statistic, blocks[part.block].block))
        for part in reading.parts
    )
    return EstimateColumn(*ratio_with_interval(over, under, level))


def statistic_column(s: PrivateStatistic, coordinates: NoisyCoordinates, level: float) -> EstimateColumn:
    """The column of a statistic that is not a ratio."""
    match s.measure:
        case PrivateMeasure.ROWS | PrivateMeasure.PERSONS | PrivateMeasure.VALUES:
            return _count_column(coordinates, statistic_row_weights(s, coordinates.block), level)
        case PrivateMeasure.SUM:
            weights = sum_weights(coordinates.block)
            noise = _combination_noise(coordinates, weights)
            return _symmetric_interval(coordinates.combined(weights), noise_intervals.half_width(noise, level))
        case PrivateMeasure.MEAN:
            return _mean_column(coordinates, level)
        case PrivateMeasure.VARIANCE:
            return _variance_column(coordinates, level, s.of_population)
        case PrivateMeasure.QUANTILE:
            return _quantile_column(coordinates, level)
        case PrivateMeasure.RATIO:
            raise ValueError("A ratio is estimated from its parts.")


def _combination_noise(coordinates: NoisyCoordinates, weights: Weights) -> noise_intervals.NoiseMoments:
    return noise_intervals.combined_noise([(w, coordinates.noise) for w in weights])


def _symmetric_interval(
    values: noise_intervals.Floats, half: float | noise_intervals.Floats, low: float = -np.inf
) -> EstimateColumn:
    """Values with the same half width on both sides, but no end below the lowest possible value."""
    return EstimateColumn(values, np.clip(values - half, low, np.inf), np.clip(values + half, low, np.inf))


def _count_column(coordinates: NoisyCoordinates, weights: Weights, level: float) -> EstimateColumn:
    """A count as measured: it is not clamped at 0, so that margins add up and averages stay unbiased."""
    # One coordinate with integer noise: its interval has integer ends.
    single = coordinates.is_integer and coordinates.block.row_total == 1 and sum(w != 0 for w in weights) == 1
    noise = _combination_noise(coordinates, weights)
    half = noise_intervals.integer_half_width(noise, level) if single else noise_intervals.half_width(noise, level)
    return _symmetric_interval(coordinates.combined(weights), half, low=0.0)


def _mean_column(coordinates: NoisyCoordinates, level: float) -> EstimateColumn:
    """Middle + (centred sum) / max(count, 1), clamped. The interval is that of the quotient of the bounded values. (A
    sum centred on the middle of its clamp has the least noise.)"""
    clamp, count_vector = coordinates.block.required_clamp, np.array(count_weights(coordinates.block))
    low, high = clamp.low / clamp.scale, clamp.high / clamp.scale
    middle = (low + high) / 2
    centred = np.array(sum_weights(coordinates.block)) - middle * count_vector
    count, centred_sum = coordinates.matrix() @ count_vector, coordinates.matrix() @ centred
    values = np.clip(middle + centred_sum / np.maximum(count, 1.0), low, high)  # a noisy count may be 0 or less

    def over(m: noise_intervals.Floats) -> noise_intervals.Floats:
        pivot = centred[:, None] - count_vector[:, None] * (m - middle)[None, :]
        half = noise_intervals.half_widths(pivot.T, coordinates.noise, level)
        return np.asarray(np.abs(centred_sum - (m - middle) * count) - half, dtype=np.float64)

    return EstimateColumn(values, *noise_intervals.quotient_interval(values, over, low, high))


def _variance_column(coordinates: NoisyCoordinates, level: float, of_population: bool) -> EstimateColumn:
    """With t = (x - low) / width: mean of squares less square of the mean, in the clamp's units squared.

    The interval is a first-order approximation in the noise: good if the count is large compared with the noise.
    """
    clamp, block = coordinates.block.required_clamp, coordinates.block
    unit, gap = (clamp.width / clamp.scale) ** 2, (0.0,) * block.missing
    count_vector = np.array(count_weights(block))
    first, second = (np.array((*w, *gap)) / block.row_total for w in ((0.0, 0.5, 1.0), (0.0, 0.0, 1.0)))
    count = coordinates.matrix() @ count_vector
    count = np.where(count > 1, count, np.nan)  # too few rows for a variance
    mean, square = (coordinates.matrix() @ w / count for w in (first, second))
    factor = np.full_like(count, unit) if of_population else unit * count / (count - 1)
    # The largest variance within a clamp: half at each end.
    values = np.clip(factor * (square - mean**2), 0.0, factor / 4)
    slopes = second - square[:, None] * count_vector - 2 * mean[:, None] * (first - mean[:, None] * count_vector)
    half = noise_intervals.half_widths(slopes * (factor / count)[:, None], coordinates.noise, level)
    return EstimateColumn(values, np.clip(values - half, 0.0, factor / 4), np.clip(values + half, 0.0, factor / 4))


def _quantile_column(coordinates: NoisyCoordinates, level: float) -> EstimateColumn:
    """The chosen points. They have no interval; only the error of their rank is known."""
    block = coordinates.block
    values = np.array([block.points[c] / block.required_clamp.scale for c in coordinates.chosen], dtype=np.float64)
    none = np.full_like(values, np.nan)
    return EstimateColumn(values, none, none, ranks=rank_error(block, coordinates.noise, level))
