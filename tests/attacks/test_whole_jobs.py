"""No accepted job ends in an error: two outputs over one relation, with branches, linked tables and repeated keys, from
text to verdict. PROOF_JOBS is their number, PROOF_SEED the first seed."""

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from broker.disclosure.judge_job import judge_job
from tests.attacks.evidence_by_removal import put
from tests.attacks.evidence_shapes import PERSONS, job, world
from tests.generative.query.proof_size import seed, size, tell
from tests.spec.query.query_kit import compiled, database

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spec" / "disclosure"))

from job_kit import PROFILE, evidence_from  # isort: skip - the line above says where it stands

JOBS = size("JOBS", 120)
RULES = replace(PROFILE, t=2, round_base=5)
"""Worlds have six persons: some of the cells are shown."""

pytestmark = pytest.mark.long


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
    tell("whole_jobs", {"jobs": JOBS, "failed": len(failed), **ended, "operators": len(operators)})
    assert not failed, failed[0]
    assert ended["judged"] > 0.8 * JOBS
    assert len(operators) > 0.8 * len(PERSONS) or "PROOF_JOBS" not in os.environ
