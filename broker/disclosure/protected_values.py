"""Protected values of statistics, by conventional or cell-key rounding. Takes no decisions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from broker.disclosure.cell_key_noise import CellKeyNoise
from broker.disclosure.rules.percentage import least_count_shown_as
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import RATIOS, Contribution, Measure
from broker.domain.plans.plan import ORDINARY_ROWS, DeviationForm, PlannedStatistic, RowGrowth
from broker.domain.plans.scalars import Value
from broker.domain.release_history import CountShift
from broker.domain.rounding_grid import COMPARED_DIGITS, first_step, nearest
from broker.evidence.amount_bounds import AmountBounds, amount_bounds
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from broker.postprocessing.exact_arithmetic import Number, absolute, as_number, nearest_multiple, rounded


@dataclass(frozen=True, slots=True)
class CellSize:
    """The rows and distinct persons of a cell."""

    rows: int
    persons: int

    @property
    def rows_each(self) -> int:
        """How many rows a person has, rounded."""
        return max(1, (2 * self.rows + self.persons) // (2 * self.persons)) if self.persons else 1


NO_CELL = CellSize(0, 0)


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
            mean = _mean(statistic, evidence, profile, cell)
            return _truncated(mean) if statistic.truncated and mean is not None else mean
        case Measure.QUANTILE:
            return _quantile(evidence, profile)
        case Measure.DEVIATION:
            return _deviation(statistic, evidence, profile)
        case Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return evidence.value
        case Measure.SUM if statistic.counts:
            return None if evidence.total is None else round_rows(count_ones(evidence), persons, profile, growth)
        case Measure.SUM:
            mean = _mean(statistic, evidence, profile, cell)
            count = _summed_rows(statistic, evidence, close_count, cell, profile)
            return None if mean is None else rounded(mean * count, profile.sum_digits)


def round_count(value: Value, profile: DisclosureRules) -> int | None:
    """Round half up to the profile's base. The base never depends on the data."""
    base = profile.round_base
    return None if value is None else nearest_multiple(int(as_number(value)), base)


def round_rows(rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth = ORDINARY_ROWS) -> int:
    """Round a count of rows to a multiple that a person of ordinary rows crosses as seldom as the base of a count of
    persons (`rows_step`). Five rows for everybody, rounded to five, would reveal the exact number of persons.

    Where few persons have further rows, these are rounded as if they were alone: persons who are added beside them
    change nothing. If each person has one row, or `persons` is not known to be fewer, the result is the rounded count.
    Rule M3 deals with rows that are mostly one person's.
    """
    shown = round_count(persons := min(rows, persons), profile) or 0
    if profile.round_base == 1 or not shown:
        return round_count(rows, profile) or 0
    step, each = rows_step(rows, persons, profile, growth), CellSize(rows, persons).rows_each
    if growth.largest(each) > each:
        of_all = growth.evenly(each) * persons
        found = nearest_multiple(of_all, step) + nearest_multiple(rows - of_all, step)
    elif each > 1:
        found = nearest_multiple(rows, step)
    else:
        return nearest_multiple(rows * shown, step * persons) // persons
    return max(step, found)  # persons never show as 0


ProtectRows = Callable[[int, int, int | None, RowGrowth], int]
"""Gives the released number of rows of so many persons, with the sum of their record keys."""


def _rounding(profile: DisclosureRules) -> ProtectRows:
    return lambda rows, persons, _, growth: round_rows(rows, persons, profile, growth)


def rows_step(rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth = ORDINARY_ROWS) -> int:
    """The multiple to which a number of rows is rounded: the base times the ordinary rows of a person, as the error of
    rounded persons is. Few persons whose rows joins multiply hardly change these, so their growth counts, too."""
    return profile.round_base * growth.largest(CellSize(rows, persons).rows_each)


def rows_each(statistic: PlannedStatistic, cell: CellSize) -> int:
    """How many rows of one person a mean allows for. Its step follows from a large contribution, three times the usual
    one, and so allows for one table more than a count does."""
    return max(cell.rows_each, statistic.growth.largest(cell.rows_each) // 2)


def _summed_rows(
    statistic: PlannedStatistic, evidence: StatisticEvidence, close_count: StatisticEvidence | None, cell: CellSize,
    profile: DisclosureRules,
) -> int:  # fmt: skip
    """The released number of rows of a sum: as that of its count, or else to the base times the rows of a person of the
    cell. How many persons have a row is not known, because persons with a total of 0 are not counted."""
    if close_count is not None:
        return round_rows(close_count.rows, close_count.persons, profile, statistic.growth)
    if evidence.rows == cell.rows:
        return round_rows(cell.rows, cell.persons, profile, statistic.growth)
    step = 1 if profile.round_base == 1 else rows_step(cell.rows, cell.persons, profile, statistic.growth)
    return nearest_multiple(evidence.rows, step)


def count_ones(evidence: StatisticEvidence) -> int:
    """The number of rows in which a 0/1 argument is 1."""
    return int(as_number(evidence.total)) if evidence.total is not None else evidence.rows


def _share(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules,
    close_count: StatisticEvidence | None, cell: CellSize, protect: ProtectRows,
) -> Value:  # fmt: skip
    """Protected ones divided by the protected count, with the digits of a percentage."""
    ones, growth = count_ones(evidence), statistic.growth
    part = protect(ones, evidence.persons, evidence.cell_key, growth)
    if close_count is None:
        whole = protect(ones + evidence.rest_rows, persons_of_both(evidence, cell), evidence.whole_key, growth)
    else:
        whole = protect(close_count.rows, close_count.persons, close_count.cell_key, growth)
    if not whole:
        return None
    share = min(Decimal(1), Decimal(part) / Decimal(whole))
    return _truncated(share) if statistic.truncated else rounded(share, profile.percent_digits + 2)


def persons_of_both(evidence: StatisticEvidence, cell: CellSize) -> int:
    """The persons of a share. Who has rows on both sides counts once where the cell has no others."""
    both = evidence.persons + evidence.rest
    return min(both, cell.persons) if cell.persons else both


def _mean(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Number | None:
    """The mean with limited digits, from its sum if that is known, because the value may be truncated already."""
    if not evidence.rows or (evidence.value is None and evidence.total is None):
        return None
    # From the total: the value may be truncated already.
    if evidence.total is not None:
        exact = Decimal(as_number(evidence.total)) / Decimal(evidence.rows)
    else:
        exact = Decimal(as_number(evidence.value))
    return protected_mean(exact, statistic, evidence, profile, rows_each(statistic, cell))


def protected_mean(
    exact: Decimal, statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, each: int
) -> Number:
    """Round the mean of the number itself, then scale it as written. Otherwise a written factor would choose where the
    edges of rounding are, and several factors would narrow a mean down."""
    factor, offset = statistic.scale
    step = mean_step(statistic, evidence, profile, each)
    units = ((exact - offset) / factor / step).to_integral_value(ROUND_HALF_UP)
    return rounded(units * step * factor + offset, min(_most_digits(evidence, profile), 1 - (step * factor).adjusted()))


def _quantile(evidence: StatisticEvidence, profile: DisclosureRules) -> Number | None:
    """Round to the smallest step at which enough persons have a value shown as the same."""
    if not evidence.rows or evidence.value is None:
        return None
    least = -3 * profile.mean_digits
    number = max(least, least if evidence.step_number is None else evidence.step_number)
    compared = rounded(as_number(evidence.value), COMPARED_DIGITS)
    return rounded(nearest(Decimal(compared), number), -(number // 3))


def _deviation(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> Number | None:
    """The deviation with the digits of a mean."""
    if not evidence.rows or evidence.value is None:
        return None
    return rounded(Decimal(as_number(evidence.value)), _deviation_digits(statistic, evidence, profile))


def mean_step(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, rows_each: int = 1
) -> Decimal:
    """The multiple to which a mean is rounded, in units of its number without a written factor: 1, 2 or 5 times a power
    of ten.

    It follows from what one person can change. By half the base of counts times a large contribution, a person who is
    half a spread from the mean moves it across an edge as seldom as a count of one person moves. By half a contribution
    at the bounds of the catalogue, nobody moves it by more than two steps. A person with several rows moves it by all
    of them, and a person's total has the bounds of their rows together.
    """
    least = Decimal(1).scaleb(-_most_digits(evidence, profile))
    n = Decimal(max(1, round_count(evidence.rows, profile) or 0))
    spread, usual = _spread(amount_bounds(statistic)), _usual_size(statistic, evidence)
    # the bounds of a total are an estimate, so they make no step finer
    of_row = spread if statistic.bounds is not None else None
    large = min((size for size in (of_row, usual) if size is not None), default=Decimal(0))
    return max(least, first_step(max(profile.round_base * large, spread or Decimal(0)) / 2 * rows_each / n))


def _spread(bounds: AmountBounds | None) -> Decimal | None:
    return None if bounds is None else bounds[1] - bounds[0]


def least_error_of_sum(bounds: AmountBounds, ordinary: float, profile: DisclosureRules) -> float:
    """How far the released sum of a cell of t rows or more may be from the exact one, at least: half a step of its mean
    (`mean_step`) times its rows. `ordinary`: a lower bound of the mean size of an amount."""
    spread = float(bounds[1] - bounds[0])
    large = min(spread, LARGE_FACTOR * ordinary)
    # The share of the rounded rows that are there: least in a cell of t rows whose number is rounded up.
    there = profile.t / (profile.t + profile.round_base / 2)
    return there * max(profile.round_base * large, spread) / 4


def _most_digits(evidence: StatisticEvidence, profile: DisclosureRules) -> int:
    """The profile's digits of a mean, as far as they allow every count that is shown as the same: a whole total over
    ten rows has a mean with one digit, and two digits would reveal the number of rows."""
    if profile.round_base == 1:
        return profile.mean_digits
    return min(profile.mean_digits, Decimal(least_count_shown_as(evidence.rows, profile)).adjusted())


def _usual_size(statistic: PlannedStatistic, evidence: StatisticEvidence) -> Decimal | None:
    """A size of the number itself that is large compared with all others, and hardly depends on any one of them; the
    largest contribution only as a last resort. A written offset must not change it: each would choose another step."""
    factor, offset = statistic.scale
    if evidence.total is not None and evidence.rows and offset:
        return LARGE_FACTOR * abs((Decimal(as_number(evidence.total)) / evidence.rows - offset) / factor)
    if evidence.sizes is not None and evidence.rows:
        return LARGE_FACTOR * Decimal(as_number(evidence.sizes)) / evidence.rows / abs(factor)
    return None if evidence.largest is None else Decimal(absolute(evidence.largest)) / abs(factor)


def _deviation_digits(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> int:
    """Digits of a deviation: those of the profile, and none finer than the first digit that a large contribution
    changes. Finer digits would carry single contributions."""
    most = _most_digits(evidence, profile)
    large = _large_contribution(statistic, evidence)
    if not large:
        return most
    if isinstance(statistic.form, DeviationForm) and statistic.form.is_variance:
        large = large * large  # the change of a variance by one contribution
    moved = Decimal(large) / Decimal(max(1, round_count(evidence.rows, profile) or 0))
    return min(most, -moved.adjusted())


LARGE_FACTOR = 3
"""A contribution of this many times the mean size is large."""


def _large_contribution(statistic: PlannedStatistic, evidence: StatisticEvidence) -> Number:
    """The bound of the catalogue, or else a size that is large compared with all others. The largest actual
    contribution is used only as a last resort: anyone who adds a constant until a digit disappears could read it."""
    known: list[Number] = [absolute(b) for b in statistic.bounds or () if b is not None]
    if known:
        return max(known)
    if evidence.sizes is not None and evidence.rows:
        return LARGE_FACTOR * Decimal(as_number(evidence.sizes)) / evidence.rows
    return 0 if evidence.largest is None else absolute(evidence.largest)


def _truncated(value: Number) -> int:
    return int(Decimal(value).to_integral_value(rounding=ROUND_DOWN))


def empty_evidence(measure: Measure) -> StatisticEvidence:
    """The evidence of a listed cell in which nobody was found."""
    counts = measure.traits.contribution in (Contribution.ROW, Contribution.PRESENCE)
    return StatisticEvidence(0 if counts else None, 0, 0)


def shifted(statistic: PlannedStatistic, evidence: StatisticEvidence, shift: CountShift) -> StatisticEvidence:
    """The evidence with a few persons more or less in one of its counts or in its sum. Quantiles and deviations stay,
    and a mean without its sum: their released values hardly depend on the count."""
    rows, persons = evidence.rows + shift.rows, evidence.persons + shift.persons
    match statistic.measure:
        case Measure.SUM | Measure.MEAN if shift.total is not None:
            summed = None if evidence.total is None else as_number(evidence.total) + shift.total
            sizes = None if evidence.sizes is None else as_number(evidence.sizes) + (shift.sizes or 0)
            return replace(evidence, total=summed, sizes=sizes, rows=rows)
        case Measure.SUM if not statistic.counts:
            return evidence  # who has a value in a sum, or meets a condition of it, is not shown
        case Measure.COUNT_PERSONS | Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            value = None if evidence.value is None else int(as_number(evidence.value)) + shift.rows
            return replace(evidence, value=value, rows=rows, persons=persons)
        case Measure.SHARE if shift.amount.endswith("_given"):
            return replace(evidence, rest=evidence.rest + shift.persons, rest_rows=evidence.rest_rows + shift.rows)
        case Measure.ONES | Measure.SHARE | Measure.SUM:
            # The whole stays: it is moved by itself.
            rest = {"rest": evidence.rest - shift.persons, "rest_rows": evidence.rest_rows - shift.rows}
            total = None if evidence.total is None else as_number(evidence.total) + shift.rows
            return replace(evidence, total=total, rows=rows, persons=persons, **rest)
    return evidence


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
        case Measure.QUANTILE | Measure.DEVIATION | Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
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
