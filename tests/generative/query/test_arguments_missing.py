"""Every function that the parser knows, with none to four arguments wherever a function can stand: a verdict each time,
whatever the parser makes of a call that lacks an argument. The everyday suite takes some of the functions."""

from datetime import date
from itertools import product
from random import Random

import pytest
from sqlglot import Dialect

from broker.domain.jobs.job import JobKind
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import check_submission
from tests.proof_size import report_figures, seed, size

PLACES = {
    "a value": "SELECT {call} AS k, COUNT(*) AS n FROM npd.absence AS a GROUP BY {call}",
    "a condition": "SELECT COUNT(*) AS n FROM npd.absence AS a WHERE {call} > 1",
    "a statistic": "SELECT LA, {call} AS n FROM npd.absence AS a GROUP BY LA",
    "an ordered set": "SELECT LA, {call} WITHIN GROUP (ORDER BY URN) AS n FROM npd.absence AS a GROUP BY LA",
    "a window": "SELECT LA, COUNT(*) AS n, {call} OVER (ORDER BY COUNT(*)) AS r FROM npd.absence AS a GROUP BY LA",
    "rows": "SELECT COUNT(*) AS n FROM npd.absence AS a, LATERAL (SELECT {call} OVER (ORDER BY LA) AS r) AS x",
}
ARGUMENTS = ("", "LA", "*", "NULL", "DISTINCT LA", "LA, 2", "LA, 'x', 3", "1, LA, 2, 3", "(SELECT 1)")


def names(dialect: str) -> list[str]:
    every = sorted(Dialect.get_or_raise(dialect).parser_class.FUNCTIONS)
    return Random(seed()).sample(every, min(size("CALLS", 20), len(every)))


@pytest.mark.parametrize(("dialect", "place"), list(product(SQL_DIALECTS, PLACES)))
def test_a_call_that_lacks_an_argument_is_a_refusal_and_no_fault(policies: PolicySet, dialect: str, place: str) -> None:
    project = policies.project("P0421")
    assert project is not None
    for name, arguments in product(names(dialect), ARGUMENTS):
        text = PLACES[place].format(call=f"{name}({arguments})")
        checked = check_submission(text, JobKind.SQL, dialect, project, policies, date(2026, 11, 24))
        assert checked.accepted or checked.refusals, text
    report_figures("calls", {"functions": len(names(dialect)), "places": len(PLACES), "arguments": len(ARGUMENTS)})
