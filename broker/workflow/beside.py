"""Exact releases beside private ones: what may not leave so, and what the ledger lists beside its claim. No spend."""

from broker.domain.errors import Refused
from broker.domain.jobs import Job
from broker.domain.ledger.budgets import Aside, Beside
from broker.domain.ledger.refusals import check_exact_release
from broker.domain.ports import Ports
from broker.policy.allotments import promised_tables
from broker.policy.models import Policies
from broker.policy.tables import TableKind
from broker.workflow.check import check_submission
from broker.workflow.cohorts import saved_then
from broker.workflow.policies import policies_of
from broker.workflow.relations import project_or_unknown


def tables_of(ports: Ports, job: Job) -> frozenset[str]:
    """The tables that a job reads, as its text was accepted."""
    policies = policies_of(ports.store, job.policy)
    project = project_or_unknown(policies, job.submission.project)
    s = job.submission
    day, saved = job.created.date(), saved_then(ports, job)
    return frozenset(u.table for u in check_submission(s.text, s.kind, s.dialect, project, policies, day, saved).uses)


def may_leave(ports: Ports, job: Job, policies: Policies) -> bool:
    """False for an exact job about data sets that policy has since kept to differential privacy."""
    if not policies.privacy.only_private or job.is_private:
        return True
    try:
        check_exact_release(tables_of(ports, job), policies.privacy.only_private)
    except Refused:
        return False
    return True


def asides_of(ports: Ports, job: Job, release: str, policies: Policies) -> list[Aside]:
    """What a release puts beside the claim about each promised data set that the job reads: itself, where it is exact,
    and the public tables that its figures were made with."""
    read = tables_of(ports, job)
    datasets = sorted(read & promised_tables(policies))
    public = [name for name in sorted(read) if _is_public(name, policies)]
    known = [Aside(Beside.PUBLIC, name, dataset) for name in public for dataset in datasets]
    if job.is_private:
        return known
    snapshot = job.snapshot or ""
    return known + [Aside(Beside.EXACT, release, d, job.submission.project, snapshot) for d in datasets]


def _is_public(name: str, policies: Policies) -> bool:
    table = policies.catalogue.find(name)
    return table is not None and table.kind is TableKind.PUBLIC
