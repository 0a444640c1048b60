"""What the broker answers to the example of a code: its advice is printed, so that no second text can differ."""

from datetime import date
from functools import cache
from pathlib import Path

from broker.domain.errors import Refusal
from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import check_submission
from docs.generator.refusal_codes.refusal_code import RefusalCode

TEST_POLICIES = Path(__file__).parents[3] / "tests" / "policies"
"""All example policies, and a project whose approval has ended."""
TODAY = date(2026, 11, 24)


@cache
def _policies() -> PolicySet:
    return load_policies(TEST_POLICIES)


def refusals_of(code: RefusalCode) -> tuple[Refusal, ...]:
    """Every refusal of the example of a code; none without an example."""
    if code.example is None:
        return ()
    project = _policies().project(code.project)
    assert project is not None
    kind = JobKind.PYTHON if code.dialect == "python" else JobKind.SQL
    return tuple(check_submission(code.example, kind, code.dialect, project, _policies(), TODAY).refusals)


def advice_of(code: RefusalCode) -> str:
    """What to do about a code: what the broker advises for its example, or what the table states without one."""
    given = dict.fromkeys(r.advice for r in refusals_of(code) if r.code == code.code)
    return code.advice or " ".join(given)
