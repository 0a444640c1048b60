"""Every committed sample gets the verdict of its header, by the path of `broker check`."""

import re
from datetime import date

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from tests.samples import ROOT, samples

TODAY = date(2026, 11, 24)
HOSTILE = re.compile(r"^@@ (\w+) \| ([\w-]+) \|.*$", re.MULTILINE)


def hostile() -> list[tuple[str, str, str]]:
    """(id, verdict, text) of each hostile sample; generated ones are written out."""
    text = (ROOT / "tests" / "fixtures" / "hostile_sql.txt").read_text()
    parts = HOSTILE.split(text)[1:]
    found = []
    for ident, verdict, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        body = body.removeprefix("\n").rstrip("\n")
        made = eval(body.removeprefix("GEN:")) if body.startswith("GEN:") else body
        found.append((ident, verdict, made.decode("utf-8", "surrogateescape") if isinstance(made, bytes) else made))
    return found


def checked(policies: PolicySet, text: str, dialect: str, project: str) -> CheckedSubmission:
    owner = policies.project(project)
    assert owner is not None
    return check_submission(text, JobKind.SQL, dialect, owner, policies, TODAY)


def verdict_of(found: CheckedSubmission) -> str:
    assert all(r.code and r.message and r.advice for r in found.refusals)
    return "accept" if found.accepted else "refuse"


@pytest.mark.parametrize("one", [*samples(), *samples("more_queries.sql")], ids=lambda s: s[0])
def test_researchers_samples(policies: PolicySet, one: tuple[str, str, str, str]) -> None:
    _, dialect, expected, text = one
    found = checked(policies, text, dialect, "P0421")
    assert verdict_of(found) == expected, [(r.code, r.message) for r in found.refusals]


@pytest.mark.parametrize("one", hostile(), ids=lambda s: s[0])
def test_hostile_samples(policies: PolicySet, one: tuple[str, str, str]) -> None:
    """Those that may run may also be refused, by a rule that has a name."""
    _, verdict, text = one
    found = verdict_of(checked(policies, text, "duckdb", "FIXTURE"))
    if not verdict.startswith("RUN"):
        assert found.upper() == verdict
