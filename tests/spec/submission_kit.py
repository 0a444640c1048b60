"""The whole check of a text, as `broker check` does it: by the policies of the examples, for a project of theirs."""

from datetime import date

from broker.domain.jobs.job import JobKind
from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from tests.policy_sets import EXAMPLE_POLICIES

POLICIES = load_policies(EXAMPLE_POLICIES)
TODAY = date(2026, 11, 24)


def project(ident: str = "P0421", policies: PolicySet = POLICIES) -> ResearchProject:
    found = policies.project(ident)
    assert found is not None
    return found


def checked(
    text: str, dialect: str = "tsql", ident: str = "P0421", policies: PolicySet = POLICIES
) -> CheckedSubmission:
    return check_submission(text, JobKind.SQL, dialect, project(ident, policies), policies, TODAY)
