"""What keeps texts that could single people out from leaving without a person, one defence at a time."""

# ruff: noqa: E501 - one defence a line reads as a table

from broker.query.selectivity.person_estimates import PersonEstimate, share_of
from tests.prove.defences import Defence, edited, put

REACH = "broker.query.selectivity"
TESTS = "tests.attacks.test_reach"
SINGLES_OUT = "test_a_part_that_singles_out_goes_to_a_person"
CAUGHT = (AssertionError,)
ANYBODY = PersonEstimate(1e9, known=True)


def of(what: str, removed: object, attack: str) -> Defence:
    return Defence(what, removed, SINGLES_OUT, TESTS, (attack, "npd-default"))  # type: ignore[arg-type]


DEFENCES = (
    Defence("a part of the text is a finding that a person looks at", edited("broker.disclosure.judge_job:_plan_findings", "judging.planned.small_parts", "()"), "test_no_output_of_such_a_text_leaves", TESTS),
    Defence("a part is marked where it stands", edited(f"{REACH}.singling_out:_sources_of", "found += _sources_of(term, taken) if taken else [one.source]", "found.append(one.source)"), "test_the_part_is_marked", TESTS),
    of("without a size nobody is known to be there", put(f"{REACH}.person_estimates.UNKNOWN_ESTIMATE", ANYBODY), "A3 a total of constants"),
    of("alternatives are looked at one by one", edited(f"{REACH}.boolean_formulas:terms", "return found if len(found) <= MOST_TERMS else None", "return [{}]"), "unions that meet in one"),
    of("branches are looked at", put(f"{REACH}.singling_out.SinglingOutJudge.flag_branch", lambda *_: iter(())), "A2 a padded branch"),
    of("what is left out of the others is looked at", put(f"{REACH}.singling_out.SinglingOutJudge._left_out", lambda *_: None), "all but codes that few have"),
    of("what alternatives leave out is looked at", put(f"{REACH}.singling_out.SinglingOutJudge._alternatives", lambda *_: iter(())), "all but one, of sizes that are known"),
    of("the rest of a CASE is a branch", edited(f"{REACH}.branches:value_branches", "yield ValueBranch(met, before, whens[0][0])", "pass"), "the rest of a CASE"),
    of("of listed values the rarest counts", put(f"{REACH}.person_estimates.rarest_share", share_of), "a code that few have"),
    of("what is counted combines no variables", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_table", "*table.counted, *_inner_counted(table.relation)", ""), "different values of several variables"),
    of("a year is no alternative to other conditions", put(f"{REACH}.boolean_formulas.mixes_years", lambda _: False), "A8 years as a weight"),
    of("branches of a UNION with other conditions are combined", put(f"{REACH}.selectivity_check._have_different_conditions", lambda *_: False), "A8 years by branches of a UNION"),
    of("what only tells of a variable has no size", put(f"{REACH}.person_estimates._is_on", lambda *_: True), "by rows of outer sides"),
    of("outer sides are looked at", edited(f"{REACH}.branches:inner_branches", "*branch.outer_branches,", "*(),"), "by an outer side"),
    of("people for whom an outer side has no row are looked at", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_branch", "yield from small or self._judge.flag_branch([], _as_one(inner_formulas), around, None, both)", "yield from small"), "people for whom a public table on an outer side has none"),
    of("subqueries that give a value are looked at", edited(f"{REACH}.branches:inner_branches", "sorted(branch.scalar_subqueries)", "()"), "by a subquery's figure"),
    of("EXISTS asks what its rows meet", edited(f"{REACH}.formula_builder:FormulaBuilder._exists", "if read:", "if False:"), "A3 by EXISTS"),
    of("a value of several variables is all of them", put(f"{REACH}.formula_builder.FormulaBuilder._combined_variables", lambda *_: frozenset()), "packed by a person's own aggregate"),
    of("a key that computes with several variables is looked at", put(f"{REACH}.formula_builder.FormulaBuilder.combines_variables", lambda *_: False), "arithmetic in a key"),
    of("conditions in a key are branches", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_branch", "*table.keys, ", ""), "a key of conditions"),
    of("branches of a key put people together", put(f"{REACH}.selectivity_check.joins_values", lambda *_: False), "a variable in a branch of a key"),
    of("what a key is computed from is looked at", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_table", "*rows.of(v).expressions", ""), "a variable in a branch of own rows"),
    of("rows of a person that combine variables are looked at", put(f"{REACH}.selectivity_check._combined_rows", lambda *_: ()), "the greatest of made rows"),
    of("what chooses rows of a person is looked at", put(f"{REACH}.combined_rows.CombinedRows.chosen_rows", lambda _: ()), "different made rows"),
    of("an outer side in a key is its conditions", edited(f"{REACH}.combined_rows:CombinedRows._readings", "scans <= symbols.nullable", "False"), "an outer side times a variable"),
    of("a condition that is neither true nor false is open", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "case found if found == ONLY_FALSE:", "case _:"), "a comparison with NULL"),
    of("there are rows that are not the first", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "if self._is_first_row(named):", "if self._is_first_row(named):\n        return boolean_formulas.ALWAYS\n    if False:"), "rows that are not the first"),
    of("there are days between two others", edited(f"{REACH}.person_estimates:VariableConditions.breakpoints", "*after, *days, ", ""), "ranges of days in two rows"),
    of("whether a public row is found is a condition", edited(f"{REACH}.formula_builder:FormulaBuilder._equal", "return boolean_formulas.Leaf(named, True, read)", "return boolean_formulas.ALWAYS"), "a public key of an outer side"),
    of("branches of a UNION select together", put(f"{REACH}.selectivity_check._combined_branches", lambda *_: ()), "persons of a union"),
    of("a missing column of an outer side is its conditions", put(f"{REACH}.joined_values._is_missing_variable", lambda *_: True), "a missing column of an outer side"),
    of("conditions of a subquery are part of its value", put(f"{REACH}.combined_rows._conditions", lambda _: ()), "a filter in a subquery"),
    of("a constant of an outer side is missing where it has no row", edited(f"{REACH}.formula_builder:FormulaBuilder.named", "if not self.symbols.is_outer(source_rows):", "if True:"), "a constant of an outer side"),
    of("what orders a person's rows is looked at", put(f"{REACH}.selectivity_check._inner_scalars", lambda _: iter(())), "by a person's own rank"),
    of("figures are compared with each other", put(f"{REACH}.singling_out.SinglingOutJudge.flag_differences", lambda *_: iter(())), "two outputs a part apart"),
)  # fmt: skip
