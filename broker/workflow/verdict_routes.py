"""Where an output goes by the verdict of the rules, policy's votes and the quotas. Pure."""

from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet


def route_of(
    verdict: Verdict, can_leave: bool, project: ResearchProject, policies: PolicySet, small_jobs: int,
    changed_jobs: int = 0,
) -> OutputState:  # fmt: skip
    """Return where an assessed output goes: by the rules' verdict, policy's votes, and the quotas on small populations
    and on jobs that the release history changed. `can_leave`: it has bytes that could be released."""
    beyond = small_jobs > policies.disclosure_rules(project.profile).small_quota or changed_jobs > policies.memory.quota
    by_person = project.votes > 0 or beyond
    # Where people review what passed, they also review what the rules refuse, so that their decisions do not show
    # which is which. Elsewhere it is withheld.
    if verdict is Verdict.REFUSE:
        return OutputState.IN_REVIEW if by_person and can_leave else OutputState.WITHHELD
    return OutputState.IN_REVIEW if by_person or verdict is Verdict.REVIEW else OutputState.APPROVED
