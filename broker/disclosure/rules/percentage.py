"""Rules on percentages and two cells, and what digits reveal about the count behind a mean or share."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from broker.disclosure.rules.rule import Rule, RuleEntry
from broker.disclosure.rules.rule_columns import ANY_CELL, NO_CELL, CellMask, RuleInputColumns, is_few
from broker.disclosure.rules.rule_input import RuleInput, RuleResult, exact
from broker.domain.findings import Verdict
from broker.domain.plans.plan import Measure
from broker.policy.disclosure_rules import DisclosureRules

P1 = RuleEntry("P1", "A share's part, its rest and its whole pass as counts do.", ("t",), acro_check="threshold")
P2 = RuleEntry(
    "P2", "The digits of a share do not tell a count under the threshold.", ("t", "percent_digits", "round_base")
)


def least_count_shown_as(rows: int, profile: DisclosureRules) -> int:
    """The least count, of those that may be shown, that is rounded to the same as `rows`."""
    base = profile.round_base
    shown = (2 * rows + base) // (2 * base) * base
    return max(profile.t, shown - base // 2)


def counts_shown_as(rows: int, profile: DisclosureRules) -> range:
    """All of them, as far as they are at least t."""
    base = profile.round_base
    shown = (2 * rows + base) // (2 * base) * base
    return range(least_count_shown_as(rows, profile), shown + (base + 1) // 2)


def allows_all_counts(mean: Decimal, least: int) -> bool:
    """Whether the means of any `least` or more rows lie so close that one is written so, however many rows they are."""
    return _last_digit_unit(mean) * least >= 1


def has_whole_total(mean: Decimal, count: int) -> bool:
    """Whether a whole total over `count` rows has a mean that is written so: values can be no coarser than ones."""
    half = _last_digit_unit(mean) / 2
    return _ceiling(count * (mean - half)) < count * (mean + half) or _ceiling(count * mean) == count * mean


def parts_shown_as(share: Decimal, count: int, digits: int) -> tuple[int, int]:
    """The least and the most of `count` whose share is written so, with `digits` after the point."""
    half = Decimal(1).scaleb(-digits) / 2
    most = _ceiling(count * (share + half)) - 1
    return max(0, _ceiling(count * (share - half))), min(count, int(most))


def _last_digit_unit(value: Decimal) -> Decimal:
    """What the last digit of a released figure stands for; a whole number may be rounded further, which tells less."""
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal(1)


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def whole_rows(part: Decimal, count: int) -> int:
    """Whole rows in a part of `count` rows."""
    return int((part * count).to_integral_value(rounding=ROUND_FLOOR))


def _find_both_sides(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Of a share, the part, the rest or the whole has 1 to t-1 persons."""
    e = rule_input.evidence
    low = [n for n in (e.persons, e.rest, rule_input.cell_persons) if 0 < n < profile.t]
    if rule_input.measure is not Measure.SHARE or not low:
        return None
    sentence = "Fewer persons than the threshold stand on a side of this share."
    return P1.finding(Verdict.SUPPRESS, sentence, persons=min(low))


def _both_sides_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if columns.statistic.measure is not Measure.SHARE:
        return NO_CELL
    sides = (columns["persons"], columns["rest"], columns.cells("persons").floats)
    return is_few(sides[0], profile.t) | is_few(sides[1], profile.t) | is_few(sides[2], profile.t)


both_sides = Rule(P1, _find_both_sides, _both_sides_cells, frozenset({Measure.SHARE}))


def _find_percentage_reveals_count(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Whoever knows the whole exactly learns from the digits of a percentage that a side has 1 to t-1 rows."""
    e = rule_input.evidence
    whole = e.rows + e.rest_rows
    if rule_input.measure is not Measure.SHARE or rule_input.protected is None or profile.round_base > 1 or not whole:
        return None
    least, most = parts_shown_as(exact(rule_input.protected), whole, profile.percent_digits + 2)
    small = range(1, profile.t)
    if not (least in small and most in small) and not (whole - least in small and whole - most in small):
        return None
    return P2.finding(Verdict.SUPPRESS, "The digits of this percentage tell a small count.", least=least, most=most)


def _percentage_reveals_count_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    """What would be shown is not known here, and counts that are not rounded are told by it anyhow."""
    return NO_CELL if columns.statistic.measure is not Measure.SHARE or profile.round_base > 1 else ANY_CELL


percentage_reveals_count = Rule(
    P2,
    _find_percentage_reveals_count,
    _percentage_reveals_count_cells,
    frozenset({Measure.SHARE}),
    reads_protected=True,
)


RULES = (both_sides, percentage_reveals_count)
