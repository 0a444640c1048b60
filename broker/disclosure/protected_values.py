"""Protected values of statistics, by conventional or cell-key rounding. Takes no decisions."""

from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from broker.disclosure.cell_key_noise import CellKeyNoise
from broker.disclosure.protected_means import (
    deviation_digits,
    deviation_factor,
    deviation_of_number,
    deviation_step,
    moment_digits,
    protected_mean,
    released_mean,
)
from broker.disclosure.rounded_counts import (
    NO_CELL,
    CellSize,
    ProtectRows,
    count_ones,
    error_of_rows,
    round_count,
    round_rows,
    rows_each,
)
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import RATIOS, Contribution, Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import Value
from broker.domain.rounding_grid import COMPARED_DIGITS, nearest
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from broker.postprocessing.exact_arithmetic import Number, as_number, rounded
from broker.postprocessing.max_errors import digits_within, error_of_operation


def rounded_value(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None = None, cell: CellSize = NO_CELL,
) -> Value:  # fmt: skip
    """The released value of a statistic under conventional rounding, before the post-aggregation. `close_count`: the
    count to use for a sum or share that leaves out fewer than t persons of it; None: its own. `cell`: the size of its
    cell."""
    growth, persons = statistic.growth, evidence.persons
    match statistic.measure:
        case Measure.COUNT_PERSONS:
            # An aligned one may count rows, and is shown as these are.
            return None if evidence.value is None else round_rows(int(as_number(evidence.value)), persons, profile)
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            return None if evidence.value is None else round_rows(evidence.rows, persons, profile, growth)
        case Measure.COUNT_DISTINCT | Measure.GAP:
            return round_count(evidence.value, profile)
        case Measure.ONES:
            return None if evidence.value is None else round_rows(count_ones(evidence), persons, profile, growth)
        case Measure.SHARE:
            return _share(statistic, evidence, profile, close_count, cell, _rounding(profile))
        case Measure.MEAN:
            mean = released_mean(statistic, evidence, profile, cell)
            return _truncated(mean) if statistic.truncated and mean is not None else mean
        case Measure.QUANTILE:
            return _quantile(statistic, evidence, profile)
        case Measure.DEVIATION:
            return _deviation(statistic, evidence, profile, cell)
        case Measure.MOMENT:
            digits = moment_digits(evidence, profile)
            return None if digits is None else rounded(Decimal(as_number(evidence.value)), digits)
        case Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return evidence.value
        case Measure.SUM if statistic.counts:
            return None if evidence.total is None else round_rows(count_ones(evidence), persons, profile, growth)
        case Measure.SUM:
            mean = released_mean(statistic, evidence, profile, cell)
            count = summed_rows(statistic, evidence, close_count, cell, profile)
            return None if mean is None else rounded(mean * count, profile.sum_digits)


def _rounding(profile: DisclosureRules) -> ProtectRows:
    return lambda rows, persons, _, growth: round_rows(rows, persons, profile, growth)


def summed_rows(
    statistic: PlannedStatistic, evidence: StatisticEvidence, close_count: StatisticEvidence | None, cell: CellSize,
    profile: DisclosureRules,
) -> int:  # fmt: skip
    """The released number of rows of a sum, rounded as that of its cell. How many persons have a value is not known,
    because persons with a total of 0 are not counted; whether all rows of the cell have one must change nothing."""
    if close_count is not None:
        return round_rows(close_count.rows, close_count.persons, profile, statistic.growth)
    return round_rows(evidence.rows, cell.persons, profile, statistic.growth, cell)


def _share(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize, protect: ProtectRows,
) -> Value:  # fmt: skip
    """Protected ones divided by the protected count, with the digits of a percentage."""
    part, whole = share_parts(statistic, evidence, close_count, cell, protect)
    if not whole:
        return None
    share = min(Decimal(1), Decimal(part) / Decimal(whole))
    if statistic.truncated:
        return _truncated(share)
    return rounded(share, share_digits(error_of_share(statistic, evidence, profile, close_count, cell), profile))


def share_digits(error: Number | None, profile: DisclosureRules) -> int:
    """The decimal places of a share with this error: those of a percentage, as far as they have a meaning."""
    digits = profile.percent_digits + 2
    return min(digits, digits_within(error)) if error else digits


def error_of_share(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize,
) -> Number | None:  # fmt: skip
    """How far a share may be from the exact one, before its digits are limited. None: not known, as for noise, whose
    largest change is secret."""
    if profile.rounding is not Rounding.CONVENTIONAL:
        return None
    parts = share_parts(statistic, evidence, close_count, cell, _rounding(profile))
    both = close_count or replace(
        evidence, rows=count_ones(evidence) + evidence.rest_rows, persons=persons_of_both(evidence, cell)
    )
    errors = [
        error_of_rows(rows, persons, profile, statistic.growth)
        for rows, persons in ((count_ones(evidence), evidence.persons), (both.rows, both.persons))
    ]
    if not parts[1]:
        return None
    share = Decimal(parts[0]) / Decimal(parts[1])
    found, furthest = error_of_operation("divide", parts, errors, share), max(share, 1 - share)
    return furthest if found is None else min(found, furthest)


def share_parts(
    statistic: PlannedStatistic, evidence: StatisticEvidence, close_count: StatisticEvidence | None, cell: CellSize,
    protect: ProtectRows,
) -> tuple[int, int]:  # fmt: skip
    """The protected ones and the protected count of a share."""
    ones, growth = count_ones(evidence), statistic.growth
    part = protect(ones, evidence.persons, evidence.cell_key, growth)
    if close_count is not None:
        return part, protect(close_count.rows, close_count.persons, close_count.cell_key, growth)
    return part, protect(ones + evidence.rest_rows, persons_of_both(evidence, cell), evidence.whole_key, growth)


def persons_of_both(evidence: StatisticEvidence, cell: CellSize) -> int:
    """The persons of a share. Who has rows on both sides counts once where the cell has no others."""
    both = evidence.persons + evidence.rest
    return min(both, cell.persons) if cell.persons else both


def _quantile(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> Number | None:
    """Round to the smallest step at which enough persons have a value shown as the same."""
    if not evidence.rows or evidence.value is None:
        return None
    number = quantile_step_number(statistic, evidence, profile)
    compared = rounded(as_number(evidence.value), COMPARED_DIGITS)
    return rounded(nearest(Decimal(compared), number), -(number // 3))


def quantile_step_number(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> int:
    least = -3 * statistic.quantile_digits(profile.mean_digits)
    return max(least, least if evidence.step_number is None else evidence.step_number)


def _deviation(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Number | None:
    """The deviation rounded to its step: of the number itself, then scaled as written, as a mean is. Without bounds, it
    has the digits of a mean."""
    number = deviation_of_number(statistic, evidence)
    if number is None:
        return None
    step_of_number = deviation_step(statistic, evidence, profile, rows_each(statistic, cell))
    if step_of_number is None:
        return rounded(Decimal(as_number(evidence.value)), deviation_digits(statistic, evidence, profile))
    factor = deviation_factor(statistic)
    units = (number / step_of_number).to_integral_value(ROUND_HALF_UP)
    return rounded(units * step_of_number * factor, 1 - (step_of_number * factor).adjusted())


def _truncated(value: Number) -> int:
    return int(Decimal(value).to_integral_value(rounding=ROUND_DOWN))


def empty_evidence(measure: Measure) -> StatisticEvidence:
    """The evidence of a listed cell in which nobody was found."""
    counts = measure.traits.contribution in (Contribution.ROW, Contribution.PRESENCE)
    return StatisticEvidence(0 if counts else None, 0, 0)


def protected_value(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize = NO_CELL,
) -> Value:  # fmt: skip
    """The released value of a statistic. `close_count`: the evidence of the count to use as its base, if the statistic
    leaves out fewer than t persons of it; None: its own. `cell`: the size of its cell."""
    if profile.rounding is Rounding.CONVENTIONAL:
        return rounded_value(statistic, evidence, profile, close_count, cell)
    noise = CellKeyNoise(profile)
    match statistic.measure:
        case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT:
            return noise.of_persons(int(as_number(evidence.value or 0)), evidence)
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES | Measure.GAP:
            return _changed_rows(statistic, evidence, noise)
        case Measure.ONES:
            return None if evidence.value is None else _changed_ones(statistic, evidence, noise)
        case Measure.SUM if statistic.counts:
            return None if evidence.total is None else _changed_ones(statistic, evidence, noise)
        case Measure.SHARE:
            share = _share(statistic, evidence, profile, close_count, cell, noise.of_rows)
            return None if evidence.value is None else share
        case Measure.SUM | Measure.MEAN:
            return _changed_amount(statistic, evidence, noise, close_count, cell)
        case Measure.QUANTILE | Measure.DEVIATION | Measure.MOMENT | Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return rounded_value(statistic, evidence, profile)  # these have no count to perturb


def _changed_ones(statistic: PlannedStatistic, evidence: StatisticEvidence, noise: CellKeyNoise) -> int:
    return noise.of_rows(count_ones(evidence), evidence.persons, evidence.cell_key, statistic.growth)


def _changed_rows(statistic: PlannedStatistic, evidence: StatisticEvidence, noise: CellKeyNoise) -> int:
    return noise.of_rows(evidence.rows, evidence.persons, evidence.cell_key, statistic.growth)


def _changed_amount(
    statistic: PlannedStatistic, evidence: StatisticEvidence, noise: CellKeyNoise,
    close_count: StatisticEvidence | None, cell: CellSize,
) -> Value:  # fmt: skip
    """M8: a mean is its total divided by the perturbed count, because an exact mean with a perturbed count would reveal
    the count. A sum is the shown mean times the shown count."""
    rows = _changed_rows(statistic, evidence, noise)
    if evidence.total is None or not rows:
        return None
    exact = Decimal(as_number(evidence.total)) / Decimal(rows)
    mean = protected_mean(exact, statistic, evidence, noise.profile, rows_each(statistic, cell))
    if statistic.measure in RATIOS:
        return _truncated(mean) if statistic.truncated else mean
    count = rows if close_count is None else _changed_rows(statistic, close_count, noise)
    return rounded(mean * count, noise.profile.sum_digits)
