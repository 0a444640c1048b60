"""Rules on counts of people: small, empty and full cells, small totals; and those of the plan alone."""

from broker.disclosure.rules.rule_input import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    NON_ADDITIVE,
    POLICY_VERDICTS,
    RuleInput,
    RuleResult,
    finding,
)
from broker.domain.findings import Verdict
from broker.domain.plans.plan import Measure
from broker.policy.disclosure_rules import DisclosureRules


def small_cell(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F1: persons 1 to t-1 behind the cell, the count, or either side of a 0/1 statistic."""
    low = [n for n in _side_persons(rule_input) if 0 < n < profile.t]
    if not low:
        return None
    return finding(
        "F1", Verdict.SUPPRESS, "Fewer persons than the threshold stand behind this figure.", persons=min(low)
    )


def _side_persons(rule_input: RuleInput) -> list[int]:
    sides = [rule_input.cell_persons]
    if rule_input.measure in COUNTS | BINARY | NON_ADDITIVE:
        sides.append(rule_input.evidence.persons)
    if rule_input.measure in BINARY:
        sides.append(rule_input.evidence.rest)
    return sides


def zero_cell(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F2: nobody at all, which tells that each member of the group has another value."""
    verdict = POLICY_VERDICTS[profile.zeros]
    counted = COUNTS | MAGNITUDES | NON_ADDITIVE
    empty = rule_input.cell_persons == 0 or (rule_input.measure in counted and rule_input.evidence.persons == 0)
    return finding("F2", verdict, "Nobody stands behind this figure.") if empty and verdict else None


def full_cell(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F3: in a cell of people, everybody or nobody has the property."""
    verdict = POLICY_VERDICTS[profile.full]
    if rule_input.measure not in BINARY or rule_input.cell_persons == 0 or verdict is None:
        return None
    if rule_input.evidence.persons and rule_input.evidence.rest:
        return None
    sentence = "Everybody in this cell has the property, or nobody has."
    return finding("F3", verdict, sentence, ones=rule_input.evidence.persons, rest=rule_input.evidence.rest)


def small_margin(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F5: persons 1 to t-1 in a total; whoever finds one of them there learns all else that the table tells."""
    low = [n for n in _side_persons(rule_input) if 0 < n < profile.t]
    if not rule_input.margin or not low:
        return None
    sentence = "Fewer persons than the threshold are in this total."
    return finding("F5", Verdict.SUPPRESS, sentence, persons=min(low))


def distinct_values(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """A2: the contributors of a count of distinct values are the values: a person looks."""
    if rule_input.measure is not Measure.COUNT_DISTINCT:
        return None
    return finding("A2", Verdict.REVIEW, "A count of distinct values has no automatic verdict.")


def outside_list(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """A1: the argument is outside the closed list of the algebra, or the statistic always is."""
    always = "A deviation has no automatic verdict." if rule_input.measure is Measure.DEVIATION else None
    why = rule_input.needs_review or always
    return None if why is None else finding("A1", Verdict.REVIEW, why)
