"""Defences of totals and their branches: the test of each fails where it is removed."""

# ruff: noqa: E501 - one defence a line reads as a table

from decimal import Decimal

from broker.query.analysis.aggregate_arguments import is_linear_value
from tests.attacks import test_branches_as_amounts as attacks
from tests.attacks.absence_town import Y
from tests.prove.defences import Defence, Removed, edited, nothing, put, together

HERE = attacks.__name__
CAUGHT = (AssertionError,)

CONSTANTS = "SUM(CASE WHEN {one} OR LA = 1 THEN 3000 ELSE 1 END)"
LISTED = ("SUM(OverallAbsence_6HalfTerms)", Y + " AND (OverallAbsence_6HalfTerms IN (1, 2, 3) OR {secret})")
FINE = edited("broker.disclosure.protected_means:mean_step", "return max(least,", "return min(least,")
"""The step of a mean would hide it, too."""
WHOLE = edited("broker.query.binder.aggregate_statistics:_branches", "if not statistics.in_parts:", "if True:")


def blind(old: str) -> Removed:
    """A reason to ask a person that is never found."""
    return edited("broker.query.analysis.known_amounts:KnownAmounts.review_reason", old, "if False:")


DEFENCES = (
    Defence("a total of constants is made of protected counts", together(WHOLE, FINE), "test_a_total_of_constants_is_one", HERE, (CONSTANTS,)),
    Defence("a branch is judged as an amount of its own", WHOLE, "test_a_branch_is_not_padded", HERE, ("npd-default",)),
    Defence("amounts stay open to conditions", blind("if not all(self._variables.leaves_open(c, amount, self._fixed) for c in conditions):"), "test_conditions_that_fix", HERE, LISTED),
    Defence("a code is no amount", blind("if any(o.variable.codes is not None or o.variable.register_key is not None for o in origins):"), "test_conditions_that_fix", HERE, ("SUM(LA)", Y)),
    Defence("a public number is no amount", blind("if any(not self._symbols.is_person(o.scan) for o in origins):"), "test_public_numbers", HERE),
    Defence("keys are conditions, too", edited("broker.query.analysis.known_amounts:KnownAmounts.__init__", "for c in _key_conditions(symbols.expanded(k))", "for c in ()"), "test_a_key_is_a_condition", HERE),
    Defence("an answer is asked what it depends on", put("broker.query.analysis.known_amounts.ConditionVariables._is_other", lambda *_: False), "test_other_words", HERE, (attacks.COUNTED_NONE,)),
    Defence("branches of a set operation do not choose by amounts", together(put("broker.query.analysis.known_amounts.ConditionVariables.chooses_in_union", lambda *_: False), put("broker.query.analysis.row_multiplicity._choice_texts", lambda *_: iter(()))), "test_branches_of_a_set_operation", HERE, ("Score", " AND Score < 3", "Days")),
    Defence("listed numbers are constants", put("broker.query.binder.group_binding.fixed_columns", lambda *_: {}), "test_amounts_that_a_filter_lists", HERE),
    Defence("numbers that a branch lists are constants", edited("broker.query.analysis.argument_branches:as_decision_tree", "**fixed_values(scalars.conjuncts_of(c))", ""), "test_amounts_that_a_filter_lists", HERE),
    Defence("rows of persons are counts", edited("broker.disclosure.protected_values:rounded_value", "case Measure.SUM if statistic.counts:", "case Measure.SUM if False:"), "test_rows_within", HERE),
    Defence("numbers that are made of rows ask a person", put("broker.query.binder.row_aggregation._row_counts", lambda *_: (False, False)), "test_other_numbers", HERE, ("COUNT(*) + 2",)),
    Defence("a written number is nobody's amount", put("broker.query.analysis.aggregate_arguments.is_amount", is_linear_value), "test_other_numbers", HERE, ("MAX(3000)",)),
    Defence("a step does not follow from one amount or from a constant", put("broker.disclosure.protected_means._usual_size", lambda _, evidence: Decimal(evidence.largest)), "test_a_constant_reveals", "tests.attacks.test_digits_as_carriers", ("AVG(1.0 * d.s + ({c}))", 90)),
    Defence("amounts are judged without what is added to all", put("broker.query.analysis.implied_statistics.without_constants", nothing), "test_added_constants", HERE),
)  # fmt: skip
