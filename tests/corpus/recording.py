"""The broker's answer to a submission: accepted or not, codes and places of refusals, need for a review, stored hashes,
and the released figures of jobs over the little world. No words: they may change.

`python -m tests.corpus.recording` records the corpus anew.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from broker.disclosure.judge_job import judge_job
from broker.disclosure.records.released_tables import released_csv
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.private_jobs.private_forecast import forecast_of_text
from broker.workflow.private_jobs.private_request import PrivateQuery
from tests.attacks.evidence_by_removal import put
from tests.attacks.evidence_shapes import world
from tests.corpus.submissions import OWN, TESTS, Submitted, submissions
from tests.policy_sets import TEST_POLICIES
from tests.spec.query.query_kit import compiled, database

sys.path.insert(0, str(TESTS / "spec" / "disclosure"))

from job_kit import PROFILE, evidence_from  # isort: skip - the line above says where it stands

RECORDED = Path(__file__).with_name("recorded.json")
TODAY = date(2026, 11, 2)
RULES = replace(PROFILE, t=2, round_base=5)
"""Worlds have six persons: some of the cells are shown."""


def answers() -> Iterator[tuple[str, Any]]:
    policies, con = load_policies(TEST_POLICIES), database({})
    for number, one in enumerate(submissions()):
        yield f"{number:03} {one.name}", _figures(one, con) if one.project == OWN else _checked(one, policies)


def _checked(one: Submitted, policies: PolicySet) -> dict[str, Any]:
    project = policies.project(one.project)
    assert project is not None
    found = check_submission(one.text, one.kind, one.dialect, project, policies, TODAY)
    told: dict[str, Any] = {"accepted": found.accepted, "person": bool(found.review), "private": found.is_private}
    told["refusals"] = [[r.code, r.line, r.column] for r in found.refusals]
    if found.accepted:
        told["plan"] = found.plan_hash
    if found.private is not None:
        told["question"] = sha256(found.private.bounds.encode()).hexdigest()
    if isinstance(found.private, PrivateQuery):
        told["forecast"] = forecast_of_text(found.private, policies.service, None, "")
    return told


def _figures(one: Submitted, con: Any) -> dict[str, Any]:
    found = compiled(one.text, one.dialect)
    told: dict[str, Any] = {
        "person": bool(found.review),
        "refusals": [[r.code, r.line, r.column] for r in found.refusals],
    }
    if found.plan is not None:
        told["plan"] = found.plan.hash
        put(con, world(int(one.name.split()[1])))
        judged = judge_job(found.plan, evidence_from(found.plan, con, RULES), RULES)
        told["leaves"] = [[a.verdict.value, released_csv(a).decode()] for a in judged]
        told["findings"] = [sorted({f.rule for f in a.findings}) for a in judged]
    return told


def written(found: Mapping[str, Any]) -> str:
    """One submission a line, so that a difference is one line."""
    return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, default=str)}" for k, v in found.items()) + "\n}\n"


if __name__ == "__main__":
    RECORDED.write_text(written(dict(answers())))
