"""Rules on institutions, where the profile protects them as it does people. A cell that is one institution's own by a
key of the table is judged by its people only."""

from decimal import Decimal

from broker.disclosure.rules.rule_input import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    POLICY_VERDICTS,
    RuleInput,
    RuleResult,
    decimal,
    exact,
    finding,
    is_too_close,
    p_percent_of,
)
from broker.domain.findings import Verdict
from broker.domain.plans.plan import Measure
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import absolute

INSTITUTION_TOTALS = COUNTS | BINARY | MAGNITUDES | {Measure.GAP}
"""Measures whose figure is a total over institutions."""


def few_institutions(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F6: too few institutions, where the profile protects them."""
    found = rule_input.institutions
    if not _is_protected(rule_input, profile) or found is None or not 0 < found < profile.min_institutions:
        return None
    return finding("F6", Verdict.SUPPRESS, "Too few institutions stand behind this figure.", institutions=found)


def full_institution(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """F3: one institution has (nearly) everybody of the cell, where the profile protects institutions."""
    verdict, largest, share = POLICY_VERDICTS[profile.full], rule_input.largest_institution, decimal(profile.full_share)
    if not _has_enough(rule_input, profile) or verdict is None or not largest or share is None:
        return None
    if largest < share * rule_input.cell_persons:
        return None
    sentence = "One institution has (nearly) everybody of this cell."
    return finding("F3", verdict, sentence, largest=largest, persons=rule_input.cell_persons)


def large_institution(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M3: what is left after the two largest institutions is under p percent of the largest."""
    p, e = p_percent_of(profile), rule_input.evidence
    if (
        not _has_enough(rule_input, profile)
        or p is None
        or e.institution_largest is None
        or rule_input.measure not in INSTITUTION_TOTALS
    ):
        return None
    largest = exact(e.institution_largest)
    second = largest if e.institution_second is None else exact(e.institution_second)
    if not is_too_close(largest, second, _institutions_total(rule_input), p):
        return None
    sentence = "The second institution could estimate the largest too closely."
    return finding(
        "M3", Verdict.SUPPRESS, sentence, largest=largest, second=second, total=_institutions_total(rule_input)
    )


def _institutions_total(rule_input: RuleInput) -> Decimal:
    """What the institutions' totals add up to. With negative amounts it is less than their sizes, and M3 the stricter;
    M7 sends such a figure to a person."""
    e = rule_input.evidence
    if rule_input.measure in MAGNITUDES:
        return Decimal(0 if e.total is None else absolute(e.total))
    return Decimal(e.persons if rule_input.measure is Measure.COUNT_PERSONS else e.rows)


def _is_protected(rule_input: RuleInput, profile: DisclosureRules) -> bool:
    return profile.protects_institutions and not rule_input.by_institution


def _has_enough(rule_input: RuleInput, profile: DisclosureRules) -> bool:
    """Where there are too few, that says it all."""
    return _is_protected(rule_input, profile) and few_institutions(rule_input, profile) is None
