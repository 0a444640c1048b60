"""How a person stands to a project, and the one way to reach a job or output: looked up, then permitted, or unknown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from broker.domain.errors import Unknown
from broker.domain.jobs import Job
from broker.domain.outputs import Output
from broker.domain.people import Person, Role
from broker.domain.permissions import Action, Relation, check_may
from broker.domain.ports import Ports
from broker.domain.projects import Project
from broker.policy.models import Policies, TableKind
from broker.workflow.policies import policies_in_force, policies_of


@dataclass(frozen=True, slots=True)
class Reached:
    """A job that the caller may act on, with its project and the policy in force."""

    job: Job
    project: Project
    policies: Policies


@dataclass(frozen=True, slots=True)
class ReachedOutput:
    output: Output
    job: Job
    project: Project
    policies: Policies


def project_or_unknown(policies: Policies, ident: str) -> Project:
    project = policies.project(ident)
    if project is None:
        raise Unknown("project", ident)
    return project


def project_of(ports: Ports, policies: Policies, job: Job) -> Project:
    """A job's project as policy has it today; as it was then, where policy has dropped it since."""
    today = policies.project(job.submission.project)
    return today or project_or_unknown(policies_of(ports.store, job.policy), job.submission.project)


def relation_of(ports: Ports, policies: Policies, person: Person, project: Project, job: Job | None) -> Relation:
    """`job` is the job in question, None where the question is of the project alone."""
    checks = Role.CHECKER in person.roles
    return Relation(
        member=person.ident in project.researchers,
        made_it=job is not None and person.ident == job.researcher,
        live_grant_on_same_data=_has_live_grant(policies, person, project, ports.clock.now().date()),
        checked_by_member=checks and _is_checked_by_member(ports, policies, person, project),
        was_member=checks and job is not None and _was_member(ports, person, job),
    )


RelationOf = Callable[[Job], Relation]


def relations(ports: Ports, person: Person, policies: Policies) -> RelationOf:
    """How a person stands to jobs, looked up once for all that are alike: for pages of many."""
    known: dict[tuple[object, ...], Relation] = {}

    def of(job: Job) -> Relation:
        alike = (job.submission.project, job.researcher == person.ident, job.policy, job.assessed_policy)
        if alike not in known:
            known[alike] = relation_of(ports, policies, person, project_of(ports, policies, job), job)
        return known[alike]

    return of


def _is_checked_by_member(ports: Ports, policies: Policies, person: Person, project: Project) -> bool:
    theirs = frozenset(p.ident for p in policies.projects if person.ident in p.researchers)
    return ports.store.has_voted_on_projects_of(project.researchers, person.ident, theirs)


def _was_member(ports: Ports, person: Person, job: Job) -> bool:
    """Whether the project named them when the job was accepted, or when it was assessed."""
    then = (policies_of(ports.store, fingerprint) for fingerprint in {job.policy, job.assessed_policy or job.policy})
    found = (policies.project(job.submission.project) for policies in then)
    return any(p is not None and person.ident in p.researchers for p in found)


def reach_project(ports: Ports, person: Person, action: Action, ident: str) -> tuple[Project, Policies]:
    """The project if the person may do this in it; else Unknown, whether or not it exists."""
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, ident)
    check_may(person, action, relation_of(ports, policies, person, project, None), None, "project", ident)
    return project, policies


def reach_job(ports: Ports, person: Person, action: Action, ident: str) -> Reached:
    policies = policies_in_force(ports.store)
    job = ports.store.job(ident)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_may(person, action, relation, job.state, "job", ident)
    return Reached(job, project, policies)


def reach_output(ports: Ports, person: Person, action: Action, ident: str) -> ReachedOutput:
    policies = policies_in_force(ports.store)
    output = ports.store.output(ident)
    job = ports.store.job(output.job)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_may(person, action, relation, output.state, "output", ident)
    return ReachedOutput(output, job, project, policies)


def _has_live_grant(policies: Policies, person: Person, project: Project, today: date) -> bool:
    """A live project of theirs holds a grant on a person table that this project is granted too."""
    people_tables = {t.full_name for t in policies.catalogue.tables if t.kind is TableKind.PERSON}
    shared = project.tables & people_tables
    return any(
        person.ident in other.researchers and other.is_live(today) and other.tables & shared
        for other in policies.projects
    )
