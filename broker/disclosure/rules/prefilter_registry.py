"""Which rules must be evaluated on which cells of a table: each rule with its prefilter.

A screen decides nothing: what is found, and in which words, is the rule's alone, asked of one cell.
"""

import numpy as np

from broker.disclosure import rules
from broker.disclosure.rules import distribution, frequency, institution_rules, magnitude, percentage, prefilters
from broker.disclosure.rules.prefilters import Prefilter, RuleInputColumns
from broker.disclosure.rules.rule_input import Rule
from broker.policy.disclosure_rules import DisclosureRules

__all__ = ["PREFILTERS", "PROTECTED_VALUE_RULES", "RuleInputColumns", "cells_without_institutions", "rules_to_evaluate"]

PREFILTERS: dict[Rule, Prefilter] = {
    frequency.small_cell: prefilters.small_cell,
    frequency.zero_cell: prefilters.zero_cell,
    frequency.full_cell: prefilters.full_cell,
    frequency.small_margin: prefilters.small_margin,
    institution_rules.few_institutions: prefilters.few_institutions,
    institution_rules.full_institution: prefilters.full_institution,
    institution_rules.large_institution: prefilters.large_institution,
    magnitude.contributors: prefilters.contributors,
    magnitude.dominance: prefilters.dominance,
    magnitude.p_percent: prefilters.p_percent,
    magnitude.rows_of_one_person: prefilters.rows_of_one_person,
    magnitude.prior_posterior: prefilters.prior_posterior,
    magnitude.equivalent_p_percent: prefilters.equivalent_p_percent,
    magnitude.negatives: prefilters.negatives,
    magnitude.mean_as_sum: prefilters.files_only,
    magnitude.mean_reveals_count: prefilters.mean_reveals_count,
    magnitude.all_equal: prefilters.all_equal,
    percentage.both_sides: prefilters.both_sides,
    percentage.percentage_reveals_count: prefilters.percentage_reveals_count,
    percentage.other_cells: prefilters.files_only,
    distribution.few_between_quantiles: prefilters.few_between_quantiles,
    distribution.extreme_value: prefilters.extreme_value,
    distribution.common_value: prefilters.common_value,
    distribution.box_plot_ends: prefilters.files_only,
    distribution.few_degrees_of_freedom: prefilters.few_degrees_of_freedom,
    distribution.zero_deviation: prefilters.zero_deviation,
}
"""A rule that has none is asked of every cell; those of the plan alone (`PLAN_RULES`) say the same of each."""

PROTECTED_VALUE_RULES: frozenset[Rule] = frozenset(
    {magnitude.mean_reveals_count, percentage.percentage_reveals_count, distribution.zero_deviation}
)
"""Rules that look at what would be shown."""


def rules_to_evaluate(columns: RuleInputColumns, profile: DisclosureRules, count: int) -> dict[int, tuple[Rule, ...]]:
    """Of each cell, by its number, the rules that may have something to say of it, in the order of `RULES`."""
    applicable = [r for r in rules.rules_for(columns.statistic.measure) if r not in rules.PLAN_RULES]
    pattern = np.zeros(count, np.int64)
    with np.errstate(all="ignore"):  # what overflows tells nothing, and is asked
        for bit, rule in enumerate(applicable):
            found = PREFILTERS[rule](columns, profile) if rule in PREFILTERS else np.True_
            pattern |= np.left_shift(np.asarray(found, np.int64), bit)
    at = np.flatnonzero(pattern)
    found = pattern[at].tolist()
    chosen = {bits: tuple(r for bit, r in enumerate(applicable) if bits >> bit & 1) for bits in set(found)}
    return {number: chosen[bits] for number, bits in zip(at.tolist(), found, strict=True)}


def cells_without_institutions(columns: RuleInputColumns, profile: DisclosureRules) -> list[int]:
    """Cells whose institutions may have to be known and are not."""
    found: list[int] = np.flatnonzero(prefilters.uncounted_institutions(columns, profile)).tolist()
    return found
