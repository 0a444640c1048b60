"""No accepted job ends in an error: two outputs over one relation, with branches, linked tables and repeated keys, from
text to verdict. PROOF_JOBS is their number, PROOF_SEED the first seed."""

import os
from collections import Counter
from dataclasses import replace

import pytest

from broker.disclosure.judge_job import judge_job
from tests.attacks.evidence_by_removal import put
from tests.attacks.evidence_shapes import PERSONS, job, world
from tests.proof_size import report_figures, seed, size
from tests.spec.disclosure.job_kit import PROFILE, evidence_from
from tests.spec.query.query_kit import compiled, database

JOBS = size("JOBS", 120)
RULES = replace(PROFILE, t=2, round_base=5)
"""Worlds have six persons: some of the cells are shown."""

pytestmark = pytest.mark.long


LAS = "(SELECT LA AS la FROM ref.las)"
FOUND = {
    "what is computed on the empty side of a join inside an empty side": f"""
        SELECT t.la AS k, COUNT(*) AS n
        FROM (SELECT q.la, b.k, b.x
              FROM {LAS} AS q LEFT JOIN (SELECT Key AS k, Wave + 1 AS la, Days AS x FROM b) AS b ON b.la = q.la) AS t
        RIGHT JOIN {LAS} AS r ON t.la = r.la AND t.x > 2
        GROUP BY ROLLUP (t.la)"""
}
"""Jobs that once ended in an error."""


@pytest.mark.parametrize("job_found", FOUND)
def test_a_job_that_was_found_is_judged(job_found: str) -> None:
    con, plan = database({}), compiled(FOUND[job_found], "duckdb").plan
    assert plan is not None
    put(con, world(1))
    assert judge_job(plan, evidence_from(plan, con, RULES), RULES)


def test_every_accepted_job_is_judged() -> None:
    con, ended, operators = database({}), Counter[str](), set[str]()
    failed: list[tuple[int, str, str]] = []
    for number in range(seed(), seed() + JOBS):
        one = job(number)
        plan = compiled(one.text, one.dialect).plan
        if plan is None:
            ended["refused"] += 1
            continue
        put(con, world(number))
        try:
            judge_job(plan, evidence_from(plan, con, RULES), RULES)
        except Exception as error:  # whatever it is, it is a finding
            failed.append((number, one.text, repr(error)))
            continue
        ended["judged"] += 1
        operators |= set(one.operators)
    report_figures("whole_jobs", {"jobs": JOBS, "failed": len(failed), **ended, "operators": len(operators)})
    assert not failed, failed[0]
    assert ended["judged"] > 0.8 * JOBS
    assert len(operators) > 0.8 * len(PERSONS) or "PROOF_JOBS" not in os.environ
