"""The rules of disclosure control on one statistic in one cell, in one tuple; a module for each family, no thresholds.

What must be seen across the cells of a table is in `table_findings` and `microdata`; what is done about it, elsewhere.
"""

from broker.disclosure.rules.distribution import (
    box_plot_ends,
    common_value,
    extreme_value,
    few_between_quantiles,
    few_degrees_of_freedom,
    zero_deviation,
)
from broker.disclosure.rules.frequency import (
    distinct_values,
    full_cell,
    outside_list,
    small_cell,
    small_margin,
    zero_cell,
)
from broker.disclosure.rules.institution_rules import few_institutions, full_institution, large_institution
from broker.disclosure.rules.magnitude import (
    all_equal,
    contributors,
    dominance,
    equivalent_p_percent,
    mean_as_sum,
    mean_reveals_count,
    negatives,
    p_percent,
    prior_posterior,
    rows_of_one_person,
)
from broker.disclosure.rules.percentage import both_sides, other_cells, percentage_reveals_count
from broker.disclosure.rules.rule_input import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    NON_ADDITIVE,
    ROW_COUNTS,
    Rule,
    RuleInput,
    RuleResult,
    p_percent_of,
)
from broker.domain.findings import Finding
from broker.domain.plans.plan import Measure
from broker.policy.disclosure_rules import DisclosureRules

__all__ = [
    "BINARY",
    "COUNTS",
    "MAGNITUDES",
    "NON_ADDITIVE",
    "PLAN_RULES",
    "RULES",
    "Rule",
    "RuleInput",
    "RuleResult",
    "findings_of",
    "p_percent_of",
    "rules_for",
]  # fmt: skip

PLAN_RULES: tuple[Rule, ...] = (distinct_values, outside_list)
"""Rules that follow from the plan alone, whatever the data are."""

RULES: tuple[Rule, ...] = (
    small_cell, zero_cell, full_cell, small_margin,
    few_institutions, full_institution, large_institution,
    contributors, dominance, p_percent, rows_of_one_person, prior_posterior, equivalent_p_percent, negatives,
    mean_as_sum, mean_reveals_count, all_equal,
    both_sides, percentage_reveals_count, other_cells,
    few_between_quantiles, extreme_value, common_value, box_plot_ends,
    few_degrees_of_freedom, zero_deviation,
    *PLAN_RULES,
)  # fmt: skip
"""Each says in its docstring its id, then what it finds."""

_MEASURES_OF_RULE: dict[Rule, frozenset[Measure]] = {
    full_cell: BINARY, rows_of_one_person: ROW_COUNTS, contributors: MAGNITUDES | NON_ADDITIVE, dominance: MAGNITUDES,
    p_percent: MAGNITUDES, prior_posterior: MAGNITUDES, equivalent_p_percent: MAGNITUDES, negatives: MAGNITUDES,
    mean_as_sum: MAGNITUDES, mean_reveals_count: MAGNITUDES, all_equal: MAGNITUDES, both_sides: BINARY,
    percentage_reveals_count: BINARY, few_between_quantiles: NON_ADDITIVE, extreme_value: NON_ADDITIVE,
    common_value: NON_ADDITIVE,
    box_plot_ends: NON_ADDITIVE, few_degrees_of_freedom: NON_ADDITIVE, zero_deviation: NON_ADDITIVE,
}  # fmt: skip
"""Of other measures these rules say nothing: they need not be asked."""
_RULES_OF_MEASURE = {m: tuple(r for r in RULES if m in _MEASURES_OF_RULE.get(r, frozenset(Measure))) for m in Measure}


def rules_for(measure: Measure) -> tuple[Rule, ...]:
    """Those that may say something of it, in the order in which they speak."""
    return _RULES_OF_MEASURE[measure]


def findings_of(
    rule_input: RuleInput, profile: DisclosureRules, rules: tuple[Rule, ...] | None = None
) -> tuple[Finding, ...]:
    """Every rule's word on one statistic in one cell."""
    applicable = rules_for(rule_input.measure) if rules is None else rules
    return tuple(found for rule in applicable if (found := rule(rule_input, profile)) is not None)
