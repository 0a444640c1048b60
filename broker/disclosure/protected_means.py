"""Means under either rounding, the steps that they are rounded to, and the digits of means and deviations. Takes no
decisions."""

from decimal import ROUND_HALF_UP, Decimal

from broker.disclosure.rounded_counts import CellSize, round_count, rows_each
from broker.disclosure.rules.percentage import least_count_shown_as
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import DeviationForm, PlannedStatistic
from broker.domain.rounding_grid import digits_of_width, first_step
from broker.evidence.amount_bounds import AmountBounds, amount_bounds
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import Number, absolute, as_number, rounded


def released_mean(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Number | None:
    """The mean with limited digits, from its sum if that is known, because the value may be truncated already."""
    exact = _exact_mean(evidence)
    return None if exact is None else protected_mean(exact, statistic, evidence, profile, rows_each(statistic, cell))


def _exact_mean(evidence: StatisticEvidence) -> Decimal | None:
    if not evidence.rows or (evidence.value is None and evidence.total is None):
        return None
    if evidence.total is not None:
        return Decimal(as_number(evidence.total)) / Decimal(evidence.rows)
    return Decimal(as_number(evidence.value))


def mean_of_units(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize
) -> Decimal | None:
    """The protected mean of the number itself, in units of its last decimal place: what a mean of whole numbers is."""
    exact = _exact_mean(evidence)
    if exact is None:
        return None
    step = mean_step(statistic, evidence, profile, rows_each(statistic, cell))
    return Decimal(_protected_number(exact, step, statistic, evidence, profile)).scaleb(statistic.decimals)


def protected_mean(
    exact: Decimal, statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, each: int
) -> Number:
    """Round the mean of the number itself, then scale it as written. Otherwise a written factor would choose where the
    edges of rounding are, and several factors would narrow a mean down."""
    factor, offset = statistic.scale
    step = mean_step(statistic, evidence, profile, each)
    number = _protected_number(exact, step, statistic, evidence, profile)
    return rounded(number * factor + offset, scaled_mean_digits(step, statistic, evidence, profile))


def _protected_number(
    exact: Decimal, step: Decimal, statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules
) -> Number:
    factor, offset = statistic.scale
    units = ((exact - offset) / factor / step).to_integral_value(ROUND_HALF_UP)
    return rounded(units * step, _most_digits(statistic, evidence, profile))


def scaled_mean_digits(
    step: Decimal, statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules
) -> int:
    """The decimal places of a mean that is a multiple of the step, with its written factor and constant."""
    factor, _ = statistic.scale
    return min(_most_digits(statistic, evidence, profile) - factor.adjusted(), 1 - (step * factor).adjusted())


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
    least = Decimal(1).scaleb(-_most_digits(statistic, evidence, profile))
    n = Decimal(max(1, round_count(evidence.rows, profile) or 0))
    spread, usual = spread_of(amount_bounds(statistic)), _usual_size(statistic, evidence)
    # the bounds of a total are an estimate, so they make no step finer
    of_row = spread if statistic.bounds is not None else None
    large = min((size for size in (of_row, usual) if size is not None), default=Decimal(0))
    return max(least, first_step(max(profile.round_base * large, spread or Decimal(0)) / 2 * rows_each / n))


def spread_of(bounds: AmountBounds | None) -> Decimal | None:
    return None if bounds is None else bounds[1] - bounds[0]


def _most_digits(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> int:
    """The digits of a mean of the number itself, whatever its written factor."""
    most = digits_of_width(statistic.own_width, profile.mean_digits)
    return _digits_of_counts(most, statistic, evidence, profile)


def _digits_of_counts(
    most: int, statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules
) -> int:
    """So many digits, as far as they allow every count that is shown as the same: a whole total over ten rows has a
    mean with one digit, and two digits would reveal the number of rows."""
    if profile.round_base == 1:
        return most
    return min(most, Decimal(least_count_shown_as(evidence.rows, profile)).adjusted() + statistic.decimals)


def _usual_size(statistic: PlannedStatistic, evidence: StatisticEvidence) -> Decimal | None:
    """A size of the number itself that is large compared with all others, and hardly depends on any one of them; the
    largest contribution only as a last resort. A written offset must not change it: each would choose another step."""
    factor, offset = statistic.scale
    if evidence.total is not None and evidence.rows and offset:
        return LARGE_FACTOR * abs((Decimal(as_number(evidence.total)) / evidence.rows - offset) / factor)
    if evidence.sizes is not None and evidence.rows:
        return LARGE_FACTOR * Decimal(as_number(evidence.sizes)) / evidence.rows / abs(factor)
    return None if evidence.largest is None else Decimal(absolute(evidence.largest)) / abs(factor)


def deviation_digits(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> int:
    """Digits of a deviation: those of the profile, and none finer than the first digit that a large contribution
    changes. Finer digits would carry single contributions."""
    width, large = statistic.width, _large_contribution(statistic, evidence)
    if isinstance(statistic.form, DeviationForm) and statistic.form.is_variance:
        # the range of squares, and the change of a variance by one contribution
        width, large = None if width is None else width * width, large * large
    most = _digits_of_counts(digits_of_width(width, profile.mean_digits), statistic, evidence, profile)
    if not large:
        return most
    moved = Decimal(large) / Decimal(max(1, round_count(evidence.rows, profile) or 0))
    return min(most, -moved.adjusted())


def deviation_step(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, rows_each: int = 1
) -> Decimal | None:
    """The multiple to which a deviation or a variance is rounded, in units of its number without a written factor; None
    if the catalogue does not bound the number.

    A variance is a mean of squared distances, so its step is that of a mean (`mean_step`) of contributions between 0
    and the square of the spread, of which three times the deviation is a large distance. A change of a variance moves
    the deviation by half of it over the deviation: the derivative of the square root."""
    spread, value = spread_of(amount_bounds(statistic)), deviation_of_number(statistic, evidence)
    if spread is None or value is None:
        return None
    variance = value if _is_variance(statistic) else value * value
    large = min(spread * spread, LARGE_FACTOR * LARGE_FACTOR * variance)
    n = Decimal(max(1, round_count(evidence.rows, profile) or 0))
    moved = max(profile.round_base * large, spread * spread) / 2 * rows_each / n
    if not _is_variance(statistic):
        moved = moved / (2 * value) if value else spread
    least = Decimal(1).scaleb(-_most_digits(statistic, evidence, profile))
    return max(least, first_step(moved))


def deviation_of_number(statistic: PlannedStatistic, evidence: StatisticEvidence) -> Decimal | None:
    """The exact deviation or variance of the number without its written factor."""
    if not evidence.rows or evidence.value is None:
        return None
    return Decimal(as_number(evidence.value)) / deviation_factor(statistic)


def deviation_factor(statistic: PlannedStatistic) -> Decimal:
    """What a written factor multiplies a deviation or a variance by."""
    factor, _ = statistic.scale
    return factor * factor if _is_variance(statistic) else abs(factor)


def _is_variance(statistic: PlannedStatistic) -> bool:
    return isinstance(statistic.form, DeviationForm) and statistic.form.is_variance


MOST_MOMENT_DIGITS = 3


def moment_digits(evidence: StatisticEvidence, profile: DisclosureRules) -> int | None:
    """Digits after the point of a statistic of two variables: as many significant ones as one person among the rows
    hardly moves, at most three. None without a value."""
    if evidence.value is None or not evidence.rows:
        return None
    value, rows = Decimal(as_number(evidence.value)), Decimal(max(1, round_count(evidence.rows, profile) or 0))
    significant = max(1, min(MOST_MOMENT_DIGITS, rows.adjusted()))
    return significant - 1 - (value.adjusted() if value else 0)


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
