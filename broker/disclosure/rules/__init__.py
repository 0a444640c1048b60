"""The rules of disclosure control on one statistic in one cell, in one tuple; a module for each family, no thresholds.

What must be seen across the cells of a table is in `full_rows` and `across_cells`; what is done about it, elsewhere.
"""

from broker.disclosure.rules.algebra import distinct_values, outside_list
from broker.disclosure.rules.asking import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    PLACES,
    ROWS,
    Answer,
    Question,
    Rule,
    p_percent_of,
)
from broker.disclosure.rules.frequency import full_cell, small_cell, small_margin, zero_cell
from broker.disclosure.rules.institutions import few_institutions, full_institution, large_institution
from broker.disclosure.rules.magnitude import (
    all_equal,
    contributors,
    dominance,
    equivalent_p_percent,
    mean_as_sum,
    mean_tells_count,
    negatives,
    p_percent,
    prior_posterior,
    rows_of_one_person,
)
from broker.disclosure.rules.percentage import both_sides, other_cells, percentage_tells_count
from broker.disclosure.rules.position import box_ends, common_value, extreme_value, quantile_places
from broker.disclosure.rules.shape import few_degrees, no_deviation
from broker.domain.findings import Finding
from broker.domain.plans import Measure
from broker.policy.profiles import Profile

__all__ = [
    "BINARY", "COUNTS", "MAGNITUDES", "PLACES", "RULES", "STATIC", "Answer", "Question", "Rule",
    "findings_of", "p_percent_of", "rules_on",
]  # fmt: skip

STATIC: tuple[Rule, ...] = (distinct_values, outside_list)
"""Rules that follow from the plan alone, whatever the data are."""

RULES: tuple[Rule, ...] = (
    small_cell, zero_cell, full_cell, small_margin,
    few_institutions, full_institution, large_institution,
    contributors, dominance, p_percent, rows_of_one_person, prior_posterior, equivalent_p_percent, negatives,
    mean_as_sum, mean_tells_count, all_equal,
    both_sides, percentage_tells_count, other_cells,
    quantile_places, extreme_value, common_value, box_ends,
    few_degrees, no_deviation,
    *STATIC,
)  # fmt: skip
"""Each says in its docstring its id, then what it finds."""

_OF: dict[Rule, frozenset[Measure]] = {
    full_cell: BINARY, rows_of_one_person: ROWS, contributors: MAGNITUDES | PLACES, dominance: MAGNITUDES,
    p_percent: MAGNITUDES, prior_posterior: MAGNITUDES, equivalent_p_percent: MAGNITUDES, negatives: MAGNITUDES,
    mean_as_sum: MAGNITUDES, mean_tells_count: MAGNITUDES, all_equal: MAGNITUDES, both_sides: BINARY,
    percentage_tells_count: BINARY, quantile_places: PLACES, extreme_value: PLACES, common_value: PLACES,
    box_ends: PLACES, few_degrees: PLACES, no_deviation: PLACES,
}  # fmt: skip
"""Of other measures these rules say nothing: they need not be asked."""
_OF_MEASURE = {m: tuple(r for r in RULES if m in _OF.get(r, frozenset(Measure))) for m in Measure}


def rules_on(measure: Measure) -> tuple[Rule, ...]:
    """Those that may say something of it, in the order in which they speak."""
    return _OF_MEASURE[measure]


def findings_of(ask: Question, profile: Profile, rules: tuple[Rule, ...] | None = None) -> tuple[Finding, ...]:
    """Every rule's word on one statistic in one cell."""
    asked = rules_on(ask.measure) if rules is None else rules
    return tuple(found for rule in asked if (found := rule(ask, profile)) is not None)
