"""How a person stands to a project, and the one way to reach a job or output: looked up, then permitted, or unknown."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.domain.errors import Unknown
from broker.domain.jobs import Job, JobState
from broker.domain.outputs import Output
from broker.domain.people import Person
from broker.domain.permissions import Action, Relation, check_may
from broker.domain.ports import Ports
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.workflow.policies import policies_in_force, policies_of
from broker.workflow.standing import Standing


@dataclass(frozen=True, slots=True)
class Reached:
    """A job that the caller may act on, with its project, the policy in force, and how the caller stands to it."""

    job: Job
    project: Project
    policies: Policies
    relation: Relation


@dataclass(frozen=True, slots=True)
class ReachedOutput:
    output: Output
    job: Job
    project: Project
    policies: Policies
    relation: Relation


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
    return Standing(ports, policies, person).to(project, job)


RelationOf = Callable[[Job], Relation]


def relations(ports: Ports, person: Person, policies: Policies) -> RelationOf:
    """How a person stands to jobs, for pages of many: what is alike is looked up once."""
    standing = Standing(ports, policies, person)
    known: dict[tuple[object, ...], Relation] = {}

    def of(job: Job) -> Relation:
        alike = (job.submission.project, job.researcher == person.ident, job.policy, job.assessed_policy)
        if alike not in known:
            project = policies.project(job.submission.project)
            known[alike] = standing.to(project or _then(standing, job), job)
        return known[alike]

    return of


def _then(standing: Standing, job: Job) -> Project:
    """The project of a job that policy has dropped since."""
    return project_or_unknown(standing.then(job.policy), job.submission.project)


def reach_project(ports: Ports, person: Person, action: Action, ident: str) -> tuple[Project, Policies]:
    """The project if the person may do this in it; else Unknown, whether or not it exists."""
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, ident)
    check_may(person, action, relation_of(ports, policies, person, project, None), None, "project", ident)
    return project, policies


def reach_job(ports: Ports, person: Person, action: Action, ident: str, told: JobState | None = None) -> Reached:
    """The job if the person may do this with it in its state, or in the one that it is told to be in."""
    policies = policies_in_force(ports.store)
    job = ports.store.job(ident)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_may(person, action, relation, told or job.state, "job", ident)
    return Reached(job, project, policies, relation)


def reach_output(ports: Ports, person: Person, action: Action, ident: str) -> ReachedOutput:
    policies = policies_in_force(ports.store)
    output = ports.store.output(ident)
    job = ports.store.job(output.job)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_may(person, action, relation, output.state, "output", ident)
    return ReachedOutput(output, job, project, policies, relation)
