"""Rules on percentages and on figures of two cells, and what digits reveal about the count behind a mean or share."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from broker.disclosure.rules.frequency import few_persons_rule
from broker.disclosure.rules.rule import Rule, RuleEntry
from broker.disclosure.rules.rule_columns import ANY_CELL, NO_CELL, CellMask, RuleInputColumns
from broker.disclosure.rules.rule_input import RuleInput, RuleResult, exact
from broker.domain.findings import Verdict
from broker.domain.plans.measure import BINARY, RATIOS
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import nearest_multiple

P1 = RuleEntry(
    "P1", "The part, the remainder and the whole of a share pass the rules like counts.", ("t",), acro_check="threshold"
)
P2 = RuleEntry(
    "P2", "The digits of a share do not reveal a count under the threshold.", ("t", "percent_digits", "round_base")
)


def least_count_shown_as(rows: int, profile: DisclosureRules) -> int:
    """The smallest count of at least t that is rounded to the same value as `rows`."""
    return max(profile.t, nearest_multiple(rows, profile.round_base) - profile.round_base // 2)


def counts_shown_as(rows: int, profile: DisclosureRules) -> range:
    """All counts of at least t that are rounded to the same value as `rows`."""
    end = nearest_multiple(rows, profile.round_base) + (profile.round_base + 1) // 2
    return range(least_count_shown_as(rows, profile), end)


def allows_all_counts(mean: Decimal, least: int) -> bool:
    """Whether a mean with these digits is possible for every count of at least `least` rows: their means then lie close
    enough together."""
    return _last_digit_unit(mean) * least >= 1


def has_whole_total(mean: Decimal, count: int) -> bool:
    """Whether some whole total over `count` rows has a mean that is written like this. Values are never finer than
    integers."""
    half = _last_digit_unit(mean) / 2
    return _ceiling(count * (mean - half)) < count * (mean + half) or _ceiling(count * mean) == count * mean


def parts_shown_as(share: Decimal, count: int, digits: int) -> tuple[int, int]:
    """The smallest and the largest part of `count` whose share is written like this, with `digits` decimal places."""
    half = Decimal(1).scaleb(-digits) / 2
    most = _ceiling(count * (share + half)) - 1
    return max(0, _ceiling(count * (share - half))), min(count, int(most))


def _last_digit_unit(value: Decimal) -> Decimal:
    """The unit of a released figure's last digit, at most 1. A whole number may be rounded more coarsely, which reveals
    less."""
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal(1)


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def whole_rows(part: Decimal, count: int) -> int:
    """The number of whole rows in a part of `count` rows."""
    return int((part * count).to_integral_value(rounding=ROUND_FLOOR))


both_sides = few_persons_rule(P1, "One side of this share has fewer persons than the threshold.", BINARY & RATIOS)


def _find_percentage_reveals_count(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Somebody who knows the exact whole learns from the digits of a percentage that a side has 1 to t-1 rows."""
    e = rule_input.evidence
    whole = e.rows + e.rest_rows
    # With rounding, the whole is not known exactly.
    if rule_input.protected is None or profile.round_base > 1 or not whole:
        return None
    least, most = parts_shown_as(exact(rule_input.protected), whole, profile.percent_digits + 2)
    small = range(1, profile.t)
    # Every part that is written so is small, or every rest is.
    if not (least in small and most in small) and not (whole - least in small and whole - most in small):
        return None
    return P2.finding(Verdict.SUPPRESS, "The digits of this percentage reveal a small count.", least=least, most=most)


def _percentage_reveals_count_cells(_: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    """The prefilter does not know the released value, so it chooses every share, unless counts are rounded."""
    return NO_CELL if profile.round_base > 1 else ANY_CELL


percentage_reveals_count = Rule(
    P2, _find_percentage_reveals_count, _percentage_reveals_count_cells, BINARY & RATIOS, reads_protected=True
)


RULES = (both_sides, percentage_reveals_count)
