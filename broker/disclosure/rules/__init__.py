"""The disclosure rules on one statistic in one cell, one module for each family. Contains no thresholds.

Rules across the cells of a table are in `table_findings` and `microdata`.
"""

import numpy as np

from broker.disclosure.rules import distribution, frequency, institution_rules, magnitude, percentage
from broker.disclosure.rules.frequency import PLAN_RULES
from broker.disclosure.rules.rule import Rule
from broker.disclosure.rules.rule_columns import RuleInputColumns
from broker.disclosure.rules.rule_input import RuleInput, p_percent_of
from broker.domain.findings import Finding
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.policy.disclosure_rules import DisclosureRules, Rounding

__all__ = [
    "PLAN_RULES",
    "RULES",
    "Rule",
    "RuleInput",
    "evidence_needs",
    "findings_of",
    "p_percent_of",
    "rules_for",
    "rules_to_evaluate",
]

RULES: tuple[Rule, ...] = (
    *frequency.RULES, *institution_rules.RULES, *magnitude.RULES, *percentage.RULES, *distribution.RULES, *PLAN_RULES,
)  # fmt: skip
"""In the order of their findings."""

_RULES_OF_MEASURE = {m: tuple(r for r in RULES if m in r.measures) for m in Measure}


def rules_for(measure: Measure) -> tuple[Rule, ...]:
    """The rules that judge a measure, in the order of `RULES`."""
    return _RULES_OF_MEASURE[measure]


def evidence_needs(profile: DisclosureRules) -> EvidenceNeeds:
    """The evidence that the rules of a profile need."""
    margins = [margin for rule in RULES if (margin := rule.margin(profile)) is not None]
    return EvidenceNeeds(
        profile.t,
        institutions=profile.protects_institutions,
        record_keys=profile.rounding is Rounding.CELL_KEY,
        joint_cells=profile.max_joint_cells,
        exact_persons=profile.full_share < 1,
        margin=max(margins, default=None),
        digits=profile.mean_digits,
    )


def findings_of(
    rule_input: RuleInput, profile: DisclosureRules, rules: tuple[Rule, ...] | None = None
) -> tuple[Finding, ...]:
    """The findings of all rules, or of `rules`, on one statistic in one cell."""
    measure = rule_input.measure
    applicable = rules_for(measure) if rules is None else [rule for rule in rules if measure in rule.measures]
    return tuple(found for rule in applicable if (found := rule.find(rule_input, profile)) is not None)


def rules_to_evaluate(columns: RuleInputColumns, profile: DisclosureRules, count: int) -> dict[int, tuple[Rule, ...]]:
    """For each of `count` cells (by number) the rules that may have a finding on it, in the order of `RULES`. Cells
    without such rules are absent. Plan rules are left out, because they say the same about every cell."""
    applicable = [r for r in rules_for(columns.statistic.measure) if r not in PLAN_RULES]
    pattern = np.zeros(count, np.int64)
    with np.errstate(all="ignore"):  # an overflow makes comparisons false, and prefilters then choose the cell
        for bit, rule in enumerate(applicable):
            pattern |= np.left_shift(np.asarray(rule.prefilter(columns, profile), np.int64), bit)
    at = np.flatnonzero(pattern)
    found = pattern[at].tolist()
    chosen = {bits: tuple(r for bit, r in enumerate(applicable) if bits >> bit & 1) for bits in set(found)}
    return {number: chosen[bits] for number, bits in zip(at.tolist(), found, strict=True)}
