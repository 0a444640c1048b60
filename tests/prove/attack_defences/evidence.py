"""Each defence of evidence that is exact, and of texts that run, how it is taken out, and the test that must fail then.

`python -m tests.prove.attack_defences.evidence` tries all of them and prints what was not caught.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import json
from functools import partial

from broker.domain.errors import Breach
from tests.prove.defences import Defence as Listed, edited, put, run

ROWS, PLANS = "tests.attacks.test_public_rows_in_a_place", "tests.attacks.test_private_plans"
CAUGHT = (AssertionError, Breach, ValueError)
Defence = partial(Listed, module=ROWS)
STANDING, PEOPLE = "broker.query.sql.replacement_rows", "broker.query.sql.person_evidence"
GATHERED = "test_what_would_be_without_a_person"
COUNT = "SELECT l.LA, COUNT(*) AS n FROM ref.las l LEFT JOIN a ON a.LA = l.LA GROUP BY l.LA"
PREPARED = """\
    request = _prepare_request(context, private) if isinstance(private, private_request.PrivateQuery) else None
"""
CHARGED = "    if spend.request.job == context.subject:\n        spend = _charge(ports, context.subject)\n"
NEVER = "AVG(1.0 * CASE WHEN Flag = 1 THEN NULL END)"

DEFENCES = (
    Defence("what would take a person's place counts against them", put(f"{PEOPLE}.replacement_rows", lambda _: None), "test_only_who_moves", given=(COUNT, "1: 2 by 2, 2: 1 by 0, 3: 1 by 0")),
    Defence("people who are alone with a public row cover nobody", put(f"{PEOPLE}.replacement_rows", lambda _: None), "test_people_who_are_alone"),
    Defence("whoever would bring a row into a cell stands behind it", put(f"{PEOPLE}.HAS_ROWS", '"rows" > 0'), "test_evidence_counts_whoever", given=("SELECT a.Sex, COUNT(*) AS n FROM ref.las l LEFT JOIN a ON a.LA = l.LA GROUP BY a.Sex", "")),
    Defence("only a public row's last person is taken for alone", edited(f"{STANDING}:_ReplacementBuilder._replacing_last_person", "scalars.same_person(first, last),", ""), "test_only_who_moves", given=(COUNT, "1: 2 by 2, 2: 1 by 0, 3: 1 by 0")),
    Defence("under DISTINCT a row comes only where none is like it", edited(f"{STANDING}:_ReplacementBuilder._distinct", 'ops.Filter(stands, scalars.truth_call("not", scalars.ColumnRef(there, scalars.ScalarType.TRUTH)))', "stands"), "test_only_who_moves", given=("SELECT COUNT(*) AS n FROM (SELECT DISTINCT a.Key, l.Region FROM ref.las l LEFT JOIN a ON a.LA = l.LA) d", ": 4 by 3")),
    Defence("rows of each person are not gathered from rows of nobody", edited(f"{STANDING}:_ReplacementBuilder._distinct", "raise UnsupportedReplacement", "return None"), GATHERED, given=("rows of each person",)),
    Defence("nor are they numbered", edited(f"{STANDING}:_windowed", "if not all(w.shared for w in window.columns):", "if False:"), GATHERED, given=("a window of each person",)),
    Defence("nor matched with each other", edited(f"{STANDING}:_ReplacementBuilder._apply", "raise UnsupportedReplacement", "pass"), GATHERED, given=("public rows matched with each other",)),
    Defence("nor kept again", edited(f"{STANDING}:_ReplacementBuilder._join", "raise UnsupportedReplacement", "pass"), GATHERED, given=("kept again",)),
    Defence("what is never there has a type", edited("broker.query.sql.generator:scalar_sql", "possible_values(scalar, {}, {}) == ONLY_NULL", "False"), "test_a_value_that_is_always", given=(NEVER,)),
    Defence("a private question is planned before it is charged", edited("broker.workflow.private_jobs.private_answers:answer", f"{PREPARED}{CHARGED}", f"{CHARGED}{PREPARED}"), "test_what_no_engine_runs", module=PLANS),
)  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(DEFENCES, CAUGHT), indent=2))
