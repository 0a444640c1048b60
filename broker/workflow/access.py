"""A person's relation to a project, and the only way to reach a job or output: permitted, or Unknown."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from broker.domain.errors import Unknown
from broker.domain.identity.people import Action, Person, ProjectRelation, Role, SubjectState, check_permission
from broker.domain.jobs.job import Job, JobState, Output
from broker.domain.ports import Ports
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import SavedEntry
from broker.policy.data_catalogue import TableKind
from broker.policy.policy_set import PolicySet
from broker.workflow.policies_in_force import policies_in_force, policies_of


@dataclass
class PersonRelations:
    """Relations of one person under one policy set. Create one for each request: it caches what it has read."""

    ports: Ports
    policies: PolicySet
    person: Person
    _policies_by_fingerprint: dict[str, PolicySet] = field(default_factory=dict)

    @property
    def is_checker(self) -> bool:
        return Role.CHECKER in self.person.roles

    def to_project(self, project: ResearchProject, job: Job | None) -> ProjectRelation:
        """Return the person's relation to the project. `job` is the job that the question is about; None if it is
        about the project alone."""
        return ProjectRelation(
            member=self.person.ident in project.researchers,
            submitted_job=job is not None and self.person.ident == job.researcher,
            live_grant_on_same_data=self._has_live_grant(project),
            checked_by_member=self.is_checker and not project.researchers.isdisjoint(self._checked_by),
            was_member=self.is_checker and job is not None and self._was_member(job),
        )

    def to_entry(self, project: ResearchProject, entry: SavedEntry) -> ProjectRelation:
        """Return the relation to a saved definition. It equals the relation to a job of the project that the
        definition's author submitted."""
        was = self.is_checker and self._was_named(entry.project, entry.policy)
        return replace(self.to_project(project, None), submitted_job=self.person.ident == entry.by, was_member=was)

    def policies_at(self, fingerprint: str) -> PolicySet:
        if fingerprint not in self._policies_by_fingerprint:
            self._policies_by_fingerprint[fingerprint] = policies_of(self.ports.store, fingerprint)
        return self._policies_by_fingerprint[fingerprint]

    @cached_property
    def _checked_by(self) -> frozenset[str]:
        theirs = frozenset(p.ident for p in self.policies.projects if self.person.ident in p.researchers)
        return self.ports.store.voters_on_projects_of(self.person.ident, theirs)

    def _was_member(self, job: Job) -> bool:
        """Whether the project named this person when the job was accepted or when it was assessed."""
        project = job.submission.project
        return any(self._was_named(project, then) for then in {job.policy, job.assessed_policy or job.policy})

    def _was_named(self, project: str, fingerprint: str) -> bool:
        then = self.policies_at(fingerprint).project(project)
        return then is not None and self.person.ident in then.researchers

    def _has_live_grant(self, project: ResearchProject) -> bool:
        """Whether a live project of this person has a grant on a person table that this project is granted too."""
        # Only shared data about persons make a checker partial, not public tables.
        people_tables = {t.full_name for t in self.policies.catalogue.tables if t.kind is TableKind.PERSON}
        shared, today = project.tables & people_tables, self.ports.clock.now().date()
        return any(
            self.person.ident in other.researchers and other.is_live(today) and other.tables & shared
            for other in self.policies.projects
        )


@dataclass(frozen=True, slots=True)
class ReachedJob:
    """A job that the caller may act on, with its project, the policy set in force, and the caller's relation to it."""

    job: Job
    project: ResearchProject
    policies: PolicySet
    relation: ProjectRelation


@dataclass(frozen=True, slots=True)
class ReachedOutput(ReachedJob):
    output: Output


def project_or_unknown(policies: PolicySet, ident: str) -> ResearchProject:
    project = policies.project(ident)
    if project is None:
        raise Unknown("project", ident)
    return project


def project_of(ports: Ports, policies: PolicySet, job: Job) -> ResearchProject:
    """Return a job's project under today's policy. If policy has dropped the project since, return it as it was when
    the job was accepted."""
    today = policies.project(job.submission.project)
    return today or project_or_unknown(policies_of(ports.store, job.policy), job.submission.project)


def relation_of(
    ports: Ports, policies: PolicySet, person: Person, project: ResearchProject, job: Job | None
) -> ProjectRelation:
    """Return the person's relation to the project. `job` is the job that the question is about; None if it is about
    the project alone."""
    return PersonRelations(ports, policies, person).to_project(project, job)


RelationLookup = Callable[[Job], ProjectRelation]


def relation_lookup(ports: Ports, person: Person, policies: PolicySet) -> RelationLookup:
    """Return a function from jobs to the person's relations, for pages with many jobs. Jobs with equal inputs are
    looked up once."""
    person_relations = PersonRelations(ports, policies, person)
    known: dict[tuple[object, ...], ProjectRelation] = {}

    def of(job: Job) -> ProjectRelation:
        # All that `to_project` reads of a job: jobs that agree in these share one relation.
        alike = (job.submission.project, job.researcher == person.ident, job.policy, job.assessed_policy)
        if alike not in known:
            known[alike] = person_relations.to_project(project_of(ports, policies, job), job)
        return known[alike]

    return of


def reach_project(
    ports: Ports, person: Person, action: Action, ident: str, state: SubjectState = None
) -> tuple[ResearchProject, PolicySet]:
    """Return the project and the policy set in force if the person may do this in the project, with what is in that
    state there.

    Raises Unknown otherwise, whether or not the project exists.
    """
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, ident)
    check_permission(person, action, relation_of(ports, policies, person, project, None), state, "project", ident)
    return project, policies


def reach_job(
    ports: Ports, person: Person, action: Action, ident: str, displayed_state: JobState | None = None
) -> ReachedJob:
    """Return the job if the person may do this with it in its state, or in `displayed_state` where the person sees
    another one."""
    policies = policies_in_force(ports.store)
    job = ports.store.job(ident)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_permission(person, action, relation, displayed_state or job.state, "job", ident)
    return ReachedJob(job, project, policies, relation)


def reach_output(ports: Ports, person: Person, action: Action, ident: str) -> ReachedOutput:
    policies = policies_in_force(ports.store)
    output = ports.store.output(ident)
    job = ports.store.job(output.job)
    project = project_of(ports, policies, job)
    relation = relation_of(ports, policies, person, project, job)
    check_permission(person, action, relation, output.state, "output", ident)
    return ReachedOutput(job, project, policies, relation, output)
