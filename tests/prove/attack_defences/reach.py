"""What keeps texts that could single people out from leaving without a person, one defence at a time."""

# ruff: noqa: E501 - one defence a line reads as a table

from broker.query.selectivity.dependence import NONE
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
    of("conditions are in the grammar", edited(f"{PLAIN}._outside_of", "case ops.Filter(predicate=condition) | ops.Join(on=Call() | ColumnRef() as condition):", "case ops.Join(on=Call() as condition):"), "a condition on made rows"),
    of("conditions of a CASE in a condition are in the grammar", edited(f"{PLAIN}._of_condition", "for tested, _ in case.whens:", "for tested, _ in ():"), "a CASE on made rows in a condition"),
    of("made rows of a person are told apart by one variable", edited(f"{PLAIN}._outside_of", "all(map(self._is_of_alike_rows, read))", "True"), "persons of a union"),
    of("conditions of a person's own figures are in the grammar", edited(f"{PLAIN}._outside_of", "for scalar in chain(read, *(call.args for _, call in calls)):", "for scalar in ():"), "an own sum by made rows"),
    of("conditions in windows are in the grammar", edited(f"{PLAIN}._outside_of", "for scalar in (*window.function.args, *window.partition):", "for scalar in ():"), "an own window by made rows"),
    of("orders of windows choose rows", edited(f"{DEPENDENCES}._rows_by", "if window.function.op == \"row_number\":", "if False:"), "a row by conditions in turn"),
    of("orders of TOP choose rows", edited(f"{DEPENDENCES}._rows_by", "self._pick(relation, self._choices(order), ())", "pass"), "the first row by a condition"),
    of("only codes of records put a person's rows into groups", put(f"{REACH}.dependences.is_of_records", lambda _: True), "the first row by a condition"),
    of("an order asks for missing variables only", edited(f"{DEPENDENCES}.is_record_code", "case Case(whens=((Call(op=\"is_null\", args=(column,)), Literal()),), otherwise=Literal()):\n            return self.is_variable(column)", "case Case(whens=((Call(op=\"is_null\"), Literal()),), otherwise=Literal()):\n            return True"), "a row by missing own figures"),
    of("an order by own figures can choose", edited(f"{DEPENDENCES}._choices", "if one.chooses or one.adds or not isinstance(scalar, ColumnRef)", "if False"), "a row by conditions in turn"),
    of("a first row is one of a person's own", edited(f"{REACH}.branches:_has_own_rows", "return bool(keys) and all", "return bool(keys) or all"), "a first row of a computed part"),
    of("a flag in a branch is a condition", put(f"{REACH}.selectivity_check._with_flags_as_choices", lambda amount: amount), "a flag in a branch of an amount"),
    of("branches of a UNION hide no cells of each other", edited(f"{PLAIN}._is_of_separate_parts", "not any(may_equal", "any(True or may_equal"), "branches that hide each other's cells"),
    of("branches of a UNION that no key separates are alike", put(f"{REACH}.plain_statistics.PlainStatistics._is_alike", lambda *_: True), "a code that hides cells of itself"),
    of("missing values of branches hide no cells of each other", edited(f"{PLAIN}._is_of_separate_parts", "missing < 2", "True"), "missing codes that hide each other"),
    of("own counts tell how often a row is there", edited(f"{DEPENDENCES}._rows_by", "by | rows.number | self._of_rows(relation.child, rows)", "by | self._of_rows(relation.child, rows)"), "how often written rows repeat a row"),
    of("windows tell how often a row is there", edited(f"{DEPENDENCES}._rows_by", "by | rows.number | own)", "by | own)"), "a window over repeated rows"),
    of("outer sides repeat rows", edited(f"{DEPENDENCES}._join", "return replace(left, number=left.number | of_right.choosing())", "return left"), "how often written rows repeat a row"),
    of("groups are as many as there are keys", edited(f"{DEPENDENCES}._rows_by", "return replace(rows, number=by)", "return replace(rows, number=NONE)"), "how many different rows"),
    of("windows tell of their order", edited(f"{DEPENDENCES}._rows_by", "by |= united(self.of(scalar) for scalar, _ in window.order)", "pass"), "own ranks beside another variable"),
    of("whether a subquery has rows is a variable", edited(f"{DEPENDENCES}._rows_by", "inner.found | value | self._presence(sub)", "inner.found | value"), "EXISTS in arithmetic"),
    of("whether an outer side has rows is a variable", edited(f"{DEPENDENCES}._join", "of_right = (right | on).all | self._presence(join.right)", "of_right = (right | on).all"), "rows of another table in a key"),
    of("a condition is the same for each row of a person", edited(f"{DEPENDENCES}._is_condition", "self.is_of_row(case) and", ""), "a condition a written row for the least"),
    of("two conditions on the same variables are two", edited(f"{DEPENDENCES}._of_call", "self.spelled(self._symbols.expanded(call.args[0]))", "frozenset(found.names)"), "two conditions on the same variables"),
    of("conditions on written rows repeat rows", edited(f"{DEPENDENCES}._conditions", "found.choosing() if repeats else NONE", "NONE"), "rows that two conditions repeat"),
    of("how many rows there are is a variable", put(f"{REACH}.dependences.Dependences._of_rows", lambda *_: NONE), "how many rows there are"),
    of("how many rows a window has is a variable", edited(f"{DEPENDENCES}._rows_by", "own = self._of_rows(relation.child, rows)\n                self._add(window", "self._add(window"), "how many rows a window has"),
    of("the year of a chosen row is a variable", edited(f"{DEPENDENCES}._column", "if chosen else YEAR", "if False else YEAR"), "the year of the first row"),
    of("the number of a row tells of its order", edited(f"{DEPENDENCES}._rows_by", "by |= united(self.of(scalar) for scalar, _ in window.order)", "pass"), "own ranks beside another variable"),
    of("a year chooses between values", edited(f"{DEPENDENCES}._column", "found |= of_year if origin.scan in self._of_years else NONE", "pass"), "a year that hides cells by a CASE"),
    of("own figures are alike if they are the same", edited(f"{DEPENDENCES}.spelled", "if ident in self._symbols.origins else ident", ""), "own figures that hide cells"),
    of("branches of a UNION can have an outer side", edited(f"{REACH}.plain_statistics:_unions", "case ops.Join(left=left, how=ops.JoinHow.LEFT):\n            yield from _unions(left)", "case ops.Join(left=left, how=ops.JoinHow.LEFT):\n            pass"), "branches left of an outer side"),
    of("a variable of the same name hides no missing rows", edited(f"{REACH}.dependence:Dependence.names", "if len(found) == 1 for scan in found", "for scan in found"), "rows behind a variable of the same name"),
    of("an order by codes is by one of them", edited(f"{DEPENDENCES}.is_record_code", "len(self.of(scalar).names) < 2", "True"), "a row by a product of codes"),
    of("a missing value can hide a cell", edited(f"{REACH}.joined_values:may_equal", "return missing or bool(dependences.row_of(value.ident).names)", "return bool(dependences.row_of(value.ident).names)"), "missing values that hide a school"),
    of("keys of a table are no keys below a window", edited(f"{DEPENDENCES}._rows_by", "is_top = id(relation) in self._tops", "is_top = True"), "figures of rows with other keys"),
    of("the least of a condition is not the greatest", edited(f"{DEPENDENCES}._of_call", "repr((call.op, self.spelled", "repr(('', self.spelled"), "least and greatest of a condition"),
    of("branches of a key put people together", put(f"{REACH}.plain_statistics.joins_values", lambda *_: False), "a variable in a branch of a key"),
    of("a variable of an outer side may be missing", edited(f"{REACH}.joined_values:may_equal", "return missing or bool(dependences.row_of(value.ident).names)", "return missing"), "a chosen variable of an outer side"),
    of("a person who counts once has one condition", edited(f"{PLAIN}._of_value", "self._counts_persons and not self._dependences.is_of_row(case)", "False"), "a condition a year for persons that count once"),
    of("a year gives a person another condition", edited(f"{DEPENDENCES}.is_of_row", "and not o.is_year", ""), "a condition a year for persons that count once"),
    of("a sum does not add up what others choose", edited(f"{PLAIN}._of_amount", "if told.chooses and", "if False and"), "a sum of the least of made rows"),
    of("a CASE below an amount chooses", edited(f"{DEPENDENCES}._of_columns", "found.choosing() if has_choice(scalar) else found", "found"), "a sum of the least of made rows"),
    of("a key of several variables is no plain one", edited(f"{PLAIN}._of_value", "case _:\n            yield value", "case _:\n            yield from ()"), "arithmetic in a key"),
    of("conditions choose a written row", edited(f"{DEPENDENCES}._conditions", "if read & homes and read - homes]", "if False]"), "a condition on labels of pairs"),
    of("the conditions of an outer side are in its columns", edited(f"{DEPENDENCES}._join", "self._add_home(columns_made(join.right), of_right, id(join))", "pass"), "an outer side times a variable"),
    of("conditions below an outer side are in its columns", edited(f"{DEPENDENCES}._join", "of_right = (right | on).all | self._presence(join.right)", "of_right = on.found | self._presence(join.right)"), "own figures of an outer side with a condition"),
    of("branches of a UNION select together", edited(f"{DEPENDENCES}._union", "len(set(map(self._spelled_rows, parts))) > 1", "False"), "persons of a union"),
    of("a column of a UNION is those of its branches", edited(f"{DEPENDENCES}._union", "apart | united(found) | (presence if has_constant else NONE)", "apart"), "the greatest of a union"),
    of("own figures tell of their keys", edited(f"{DEPENDENCES}._rows_by", "is_top = id(relation) in self._tops\n            by = united(self.of(key) for _, key in keys if not self._is_of_person(key, is_top))", "is_top = True\n            by = NONE"), "own counts by another variable"),
    of("only a person's own figure is the same in all their rows", put(f"{REACH}.dependences.Dependences._is_of_person", lambda *_: True), "own counts by another variable"),
    of("windows tell of their parts", edited(f"{DEPENDENCES}._rows_by", "by = united(map(self.of, window.partition))", "by = NONE"), "a row before with the same code"),
    of("conditions of a subquery are part of its value", edited(f"{DEPENDENCES}._rows_by", "inner.found | value | self._presence(sub)", "value | self._presence(sub)"), "a subquery's row with a condition"),
    of("a subquery's value tells what its column does", edited(f"{DEPENDENCES}._rows_by", "inner.found | value | self._presence(sub)", "inner.found | self._presence(sub)"), "a subquery's row with a condition"),
    of("conditions in a key are branches", edited(f"{REACH}.selectivity_check:SelectivityCheck._of_branch", "(*table.keys, *_inner_scalars(table.relation))", "_inner_scalars(table.relation)"), "a key of conditions"),
    of("a condition that is neither true nor false is open", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "case found if found == ONLY_FALSE:", "case _:"), "a comparison with NULL"),
    of("there are rows that are not the first", edited(f"{REACH}.formula_builder:FormulaBuilder._leaf", "if self._is_first_row(named):", "if self._is_first_row(named):\n        return boolean_formulas.ALWAYS\n    if False:"), "rows that are not the first"),
    of("there are days between two others", edited(f"{REACH}.person_estimates:VariableConditions.breakpoints", "*after, *days, ", ""), "ranges of days in two rows"),
    of("whether a public row is found is a condition", edited(f"{REACH}.formula_builder:FormulaBuilder._equal", "return boolean_formulas.Leaf(named, True, read)", "return boolean_formulas.ALWAYS"), "a public key of an outer side"),
    of("a missing column of an outer side is its conditions", put(f"{REACH}.joined_values._is_missing_variable", lambda *_: True), "a missing column of an outer side"),
    of("a constant of an outer side is missing where it has no row", edited(f"{REACH}.formula_builder:FormulaBuilder.named", "if not self.symbols.is_outer(source_rows):", "if True:"), "a constant of an outer side"),
    of("what a person's own figures count is looked at", put(f"{REACH}.selectivity_check._inner_scalars", lambda _: iter(())), "whoever ever was one of a few"),
    of("figures are compared with each other", put(f"{REACH}.singling_out.SinglingOutJudge.flag_differences", lambda *_: iter(())), "two outputs a part apart"),
)  # fmt: skip
