"""Which rules may have something to say of which cells of a table, looked at by column: the others need not be asked.

A screen decides nothing: what is found, and in which words, is the rule's alone, asked of one cell.
"""

import numpy as np

from broker.disclosure import rules
from broker.disclosure.rules import frequency, institutions, magnitude, percentage, position, shape
from broker.disclosure.rules.asking import Rule
from broker.disclosure.screens import amounts, counts, of_institutions
from broker.disclosure.screens.asking import Questions, Screen
from broker.policy.profiles import Profile

__all__ = ["OF_SHOWN", "SCREENS", "Questions", "may_be_uncounted", "rules_to_ask"]

SCREENS: dict[Rule, Screen] = {
    frequency.small_cell: counts.small_cell,
    frequency.zero_cell: counts.zero_cell,
    frequency.full_cell: counts.full_cell,
    frequency.small_margin: counts.small_margin,
    institutions.few_institutions: of_institutions.few_institutions,
    institutions.full_institution: of_institutions.full_institution,
    institutions.large_institution: of_institutions.large_institution,
    magnitude.contributors: amounts.contributors,
    magnitude.dominance: amounts.dominance,
    magnitude.p_percent: amounts.p_percent,
    magnitude.rows_of_one_person: counts.rows_of_one_person,
    magnitude.prior_posterior: amounts.prior_posterior,
    magnitude.equivalent_p_percent: amounts.equivalent_p_percent,
    magnitude.negatives: amounts.negatives,
    magnitude.mean_as_sum: counts.of_files,
    magnitude.mean_tells_count: amounts.mean_tells_count,
    magnitude.all_equal: amounts.all_equal,
    percentage.both_sides: counts.both_sides,
    percentage.percentage_tells_count: counts.percentage_tells_count,
    percentage.other_cells: counts.of_files,
    position.quantile_places: counts.quantile_places,
    position.extreme_value: counts.extreme_value,
    position.common_value: counts.of_a_mode,
    position.box_ends: counts.of_files,
    shape.few_degrees: counts.few_degrees,
    shape.no_deviation: counts.no_deviation,
}
"""A rule that has none is asked of every cell; those of the plan alone (`STATIC`) say the same of each."""

OF_SHOWN: frozenset[Rule] = frozenset(
    {magnitude.mean_tells_count, percentage.percentage_tells_count, shape.no_deviation}
)
"""Rules that look at what would be shown."""


def rules_to_ask(questions: Questions, profile: Profile, count: int) -> dict[int, tuple[Rule, ...]]:
    """Of each cell, by its number, the rules that may have something to say of it, in the order of `RULES`."""
    asked = [r for r in rules.rules_on(questions.statistic.measure) if r not in rules.STATIC]
    pattern = np.zeros(count, np.int64)
    with np.errstate(all="ignore"):  # what overflows tells nothing, and is asked
        for bit, rule in enumerate(asked):
            found = SCREENS[rule](questions, profile) if rule in SCREENS else np.True_
            pattern |= np.left_shift(np.asarray(found, np.int64), bit)
    at = np.flatnonzero(pattern)
    found = pattern[at].tolist()
    chosen = {bits: tuple(r for bit, r in enumerate(asked) if bits >> bit & 1) for bits in set(found)}
    return {number: chosen[bits] for number, bits in zip(at.tolist(), found, strict=True)}


def may_be_uncounted(questions: Questions, profile: Profile) -> list[int]:
    """Cells whose institutions may have to be known and are not."""
    found: list[int] = np.flatnonzero(of_institutions.uncounted(questions, profile)).tolist()
    return found
