"""How far rounding moves a protected figure, at most. It follows from the released figure and its step, and is released
with it. Takes no decisions."""

from decimal import Decimal
from math import ceil

from broker.disclosure.protected_means import (
    LARGE_FACTOR,
    deviation_digits,
    deviation_factor,
    deviation_step,
    mean_step,
    moment_digits,
    released_mean,
    scaled_mean_digits,
)
from broker.disclosure.protected_values import error_of_share, quantile_step_number, share_digits, summed_rows
from broker.disclosure.rounded_counts import NO_CELL, CellSize, count_ones, error_of_rows, rows_each
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.rounding_grid import step
from broker.evidence.amount_bounds import AmountBounds
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from broker.postprocessing.exact_arithmetic import Number, absolute


def rounding_error(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize = NO_CELL,
) -> Number | None:  # fmt: skip
    """The largest error of the figure that `protected_value` gives for the same arguments. It does not include persons
    whom a count leaves out or includes to match another one (`close_count` and shifts). None: not known, as for noise,
    whose largest change is secret."""
    if profile.rounding is not Rounding.CONVENTIONAL:
        return None
    match statistic.measure:
        case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT | Measure.GAP:
            return profile.round_base // 2
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            return error_of_rows(evidence.rows, evidence.persons, profile, statistic.growth)
        case Measure.SUM if not statistic.counts:
            return _error_of_sum(statistic, evidence, profile, close_count, cell)
        case Measure.ONES | Measure.SUM:
            return error_of_rows(count_ones(evidence), evidence.persons, profile, statistic.growth)
        case Measure.SHARE:
            return _error_of_share(statistic, evidence, profile, close_count, cell)
        case Measure.MEAN:
            error = _error_of_mean(statistic, evidence, profile, cell)
            return ceil(error) if statistic.truncated else error
        case Measure.QUANTILE:
            return step(quantile_step_number(statistic, evidence, profile)) / 2
        case Measure.DEVIATION:
            found = deviation_step(statistic, evidence, profile, rows_each(statistic, cell))
            if found is None:
                return _half_unit(deviation_digits(statistic, evidence, profile))
            return found * deviation_factor(statistic) / 2
        case Measure.MOMENT:
            digits = moment_digits(evidence, profile)
            return None if digits is None else _half_unit(digits)
        case Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return 0


def _half_unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits) / 2


def _error_of_share(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize,
) -> Number | None:  # fmt: skip
    if statistic.truncated:
        return 1
    error = error_of_share(statistic, evidence, profile, close_count, cell)
    return None if error is None else error + _half_unit(share_digits(error, profile))


def _error_of_mean(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Decimal:
    """Half a step, times the written factor; and half a digit if the factor or the constant has finer ones."""
    factor, offset = statistic.scale
    of_number = mean_step(statistic, evidence, profile, rows_each(statistic, cell))
    scaled, half = of_number * abs(factor), _half_unit(scaled_mean_digits(of_number, statistic, evidence, profile))
    return scaled / 2 + (half if scaled % (2 * half) or offset % (2 * half) else 0)


def _error_of_sum(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize,
) -> Number | None:  # fmt: skip
    """A sum is its mean times its rows, and both are rounded."""
    mean = released_mean(statistic, evidence, profile, cell)
    if mean is None:
        return None
    rows, of_mean = (
        summed_rows(statistic, evidence, close_count, cell, profile),
        _error_of_mean(statistic, evidence, profile, cell),
    )
    # Whether all rows have a value, or all but a few, must not change the error.
    sizes = [cell, CellSize(close_count.rows, close_count.persons)] if close_count is not None else [cell]
    of_rows = max(error_of_rows(size.rows, size.persons, profile, statistic.growth) for size in sizes)
    return absolute(mean) * of_rows + of_mean * (rows + of_rows) + _half_unit(profile.sum_digits)


def least_error_of_sum(bounds: AmountBounds, ordinary: float, profile: DisclosureRules) -> float:
    """How far the released sum of a cell of t rows or more may be from the exact one, at least: half a step of its mean
    (`mean_step`) times its rows. `ordinary`: a lower bound of the mean size of an amount."""
    spread = float(bounds[1] - bounds[0])
    large = min(spread, LARGE_FACTOR * ordinary)
    # The share of the rounded rows that are there: least in a cell of t rows whose number is rounded up.
    there = profile.t / (profile.t + profile.round_base / 2)
    return there * max(profile.round_base * large, spread) / 4
