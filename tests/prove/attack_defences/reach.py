"""What keeps texts that could single people out from leaving without a person, one defence at a time."""

# ruff: noqa: E501 - one defence a line reads as a table

from broker.query.selectivity.person_estimates import PersonEstimate, share_of
from tests.prove.defences import Defence, edited, put

REACH = "broker.query.selectivity"
PLAIN, DEPENDENCES = f"{REACH}.plain_statistics:PlainStatistics", f"{REACH}.dependences:Dependences"
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
    of("a year is no alternative to other conditions", put(f"{REACH}.boolean_formulas.mixes_years", lambda _: False), "A8 years as a weight"),
    of("branches of a UNION with other conditions are combined", put(f"{REACH}.selectivity_check._have_different_conditions", lambda *_: False), "A8 years by branches of a UNION"),
    of("what only tells of a variable has no size", put(f"{REACH}.person_estimates._is_on", lambda *_: True), "by rows of outer sides"),
    of("outer sides are looked at", edited(f"{REACH}.branches:outer_branches", "for inner in branch.outer_branches:", "for inner in ():"), "more rows for a few"),
    of("people for whom an outer side has no row are looked at", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_branch", "yield from small or self._judge.flag_branch([], _as_one(inner_formulas), around, None, both)", "yield from small"), "more rows for all but a few"),
    of("EXISTS asks what its rows meet", edited(f"{REACH}.formula_builder:FormulaBuilder._exists", "if read:", "if False:"), "EXISTS of a few"),
    of("what is counted is in the grammar", edited(f"{PLAIN}.outside", "(*table.keys, *table.counted)", "table.keys"), "different values of several variables"),
    of("keys are in the grammar", edited(f"{PLAIN}.outside", "(*table.keys, *table.counted)", "table.counted"), "the greatest of made rows"),
    of("amounts are in the grammar", edited(f"{PLAIN}.outside", "for scalar in table.arguments", "for scalar in ()"), "packed by a person's own aggregate"),
    of("a total over branches of a UNION is one table", edited(f"{PLAIN}._is_of_separate_parts", "table.shared_keys", "table.keys"), "persons of branches in a total"),
    of("conditions are in the grammar", edited(f"{PLAIN}._of_operator", "case ops.Filter(predicate=condition) | ops.Join(on=Call() | ColumnRef() as condition):", "case ops.Join(on=Call() as condition):"), "a condition on made rows"),
    of("conditions of a CASE in a condition are in the grammar", edited(f"{PLAIN}._of_condition", "for tested, _ in case.whens:", "for tested, _ in ():"), "a CASE on made rows in a condition"),
    of("made rows of a person are told apart by one variable", edited(f"{PLAIN}._of_operator", "any(self._reads_union(key) for key in read)", "False"), "rows that are equal to written ones"),
    of("conditions of a person's own figures are in the grammar", edited(f"{PLAIN}._of_operator", "for scalar in chain(read, *(call.args for _, call in calls)):", "for scalar in ():"), "an own sum by made rows"),
    of("conditions in windows are in the grammar", edited(f"{PLAIN}._of_operator", "for scalar in (*window.function.args, *window.partition):", "for scalar in ():"), "an own window by made rows"),
    of("orders of windows choose no rows by conditions", edited(f"{PLAIN}._of_operator", "yield from self._of_order([scalar for scalar, _ in window.order])", "yield from ()"), "a row by conditions in turn"),
    of("orders of TOP choose no rows by conditions", edited(f"{PLAIN}._of_operator", "yield from self._of_order([scalar for scalar, _ in order])", "yield from ()"), "the first row by a condition"),
    of("only codes of records put a person's rows into groups", edited(f"{PLAIN}._of_order", "(chooses and not self._is_record_code(scalar))", "False"), "the first row by a condition"),
    of("branches of a key put people together", put(f"{REACH}.plain_statistics.joins_values", lambda *_: False), "a variable in a branch of a key"),
    of("a variable of an outer side may be missing", edited(f"{REACH}.joined_values:_may_equal", "return bool(dependences.row_of(value.ident).variables)", "return False"), "a chosen variable of an outer side"),
    of("persons of several branches count once", edited(f"{PLAIN}._is_of_separate_parts", "if not table.counts_persons:", "if True:"), "persons of branches"),
    of("written rows that conditions choose are no separate tables", edited(f"{PLAIN}._is_of_separate_parts", "self._dependences.row_of(ident).variables", "()"), "labels of pairs"),
    of("a person who counts once has one condition", edited(f"{PLAIN}._of_value", "self._counts_persons and not self._dependences.is_of_row(case)", "False"), "a condition a written row"),
    of("a year gives a person another condition", edited(f"{DEPENDENCES}.is_of_row", "and not origin.is_year", ""), "a condition a year for persons that count once"),
    of("a sum does not add up what others choose", edited(f"{PLAIN}._of_amount", "if told.chooses and len(told.variables) > 1:", "if False:"), "a sum of the least of made rows"),
    of("a CASE below an amount chooses", edited(f"{DEPENDENCES}._computed", "found.chooses or (bool(found.variables) and _is_choice(scalar))", "found.chooses"), "a sum of the least of made rows"),
    of("a key of several variables is no plain one", edited(f"{PLAIN}._of_value", "case _:\n            yield value", "case _:\n            yield from ()"), "arithmetic in a key"),
    of("conditions choose a written row", edited(f"{DEPENDENCES}._conditions", "if read & homes and read - homes:", "if False:"), "labels of pairs"),
    of("the conditions of an outer side are in its columns", edited(f"{DEPENDENCES}._join", "self._add_home(_homes(join.right), (right | on).found)", "pass"), "an outer side times a variable"),
    of("conditions below an outer side are in its columns", edited(f"{DEPENDENCES}._join", "self._add_home(_homes(join.right), (right | on).found)", "self._add_home(_homes(join.right), on.found)"), "own figures of an outer side with a condition"),
    of("branches of a UNION select together", edited(f"{DEPENDENCES}._union", "any(part.conditions != parts[0].conditions for part in parts)", "False"), "persons of a union"),
    of("a column of a UNION is those of its branches", edited(f"{DEPENDENCES}._union", "apart | united(map(self._of_column, own))", "apart"), "the greatest of a union"),
    of("own figures tell of their keys", edited(f"{DEPENDENCES}._rows", "self._add(ident, by | self._of_call(call))", "self._add(ident, self._of_call(call))"), "own counts by another variable"),
    of("only a person's own figure is the same in all their rows", put(f"{REACH}.dependences.Dependences._is_of_person", lambda *_: True), "own counts by another variable"),
    of("windows tell of their parts", edited(f"{DEPENDENCES}._rows", "united(map(self.of, window.partition))", "NONE"), "a row before with the same code"),
    of("conditions of a subquery are part of its value", edited(f"{DEPENDENCES}._rows", "Dependence((inner.found | value).variables, chooses=True)", "Dependence(value.variables, chooses=True)"), "a filter in a subquery"),
    of("a subquery's value tells what its column does", edited(f"{DEPENDENCES}._rows", "Dependence((inner.found | value).variables, chooses=True)", "Dependence(inner.found.variables, chooses=True)"), "a subquery in a subquery"),
    of("conditions in a key are branches", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_branch", "*table.keys, ", ""), "a key of conditions"),
    of("a condition that is neither true nor false is open", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "case found if found == ONLY_FALSE:", "case _:"), "a comparison with NULL"),
    of("there are rows that are not the first", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "if self._is_first_row(named):", "if self._is_first_row(named):\n        return boolean_formulas.ALWAYS\n    if False:"), "rows that are not the first"),
    of("there are days between two others", edited(f"{REACH}.person_estimates:VariableConditions.breakpoints", "*after, *days, ", ""), "ranges of days in two rows"),
    of("whether a public row is found is a condition", edited(f"{REACH}.formula_builder:FormulaBuilder._equal", "return boolean_formulas.Leaf(named, True, read)", "return boolean_formulas.ALWAYS"), "a public key of an outer side"),
    of("a missing column of an outer side is its conditions", put(f"{REACH}.joined_values._is_missing_variable", lambda *_: True), "a missing column of an outer side"),
    of("a constant of an outer side is missing where it has no row", edited(f"{REACH}.formula_builder:FormulaBuilder.named", "if not self.symbols.is_outer(source_rows):", "if True:"), "a constant of an outer side"),
    of("what a person's own figures count is looked at", put(f"{REACH}.selectivity_check._inner_scalars", lambda _: iter(())), "whoever ever was one of a few"),
    of("figures are compared with each other", put(f"{REACH}.singling_out.SinglingOutJudge.flag_differences", lambda *_: iter(())), "two outputs a part apart"),
)  # fmt: skip
