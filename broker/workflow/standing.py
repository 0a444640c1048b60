"""How a person stands to projects, jobs and kept definitions: what is looked up for it, once however many they are.

Facts only; `domain.permissions` says what follows from them.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

from broker.domain.jobs import Job
from broker.domain.people import Person, Role
from broker.domain.permissions import Relation
from broker.domain.ports import Ports
from broker.domain.projects import Project
from broker.domain.saved import SavedEntry
from broker.policy.models import Policies
from broker.policy.tables import TableKind
from broker.workflow.policies import policies_of


@dataclass
class Standing:
    """Of one person, under one policy, within one request: what it has looked up does not grow old."""

    ports: Ports
    policies: Policies
    person: Person
    _then: dict[str, Policies] = field(default_factory=dict)

    @property
    def checks(self) -> bool:
        return Role.CHECKER in self.person.roles

    def to(self, project: Project, job: Job | None) -> Relation:
        """`job` is the job in question, None where the question is of the project alone."""
        return Relation(
            member=self.person.ident in project.researchers,
            made_it=job is not None and self.person.ident == job.researcher,
            live_grant_on_same_data=self._has_live_grant(project),
            checked_by_member=self.checks and not project.researchers.isdisjoint(self._checked_by),
            was_member=self.checks and job is not None and self._was_member(job),
        )

    def to_entry(self, project: Project, entry: SavedEntry) -> Relation:
        """To a definition: as to a job of the project that they may have sent."""
        was = self.checks and self._was_named(entry.project, entry.policy)
        return replace(self.to(project, None), made_it=self.person.ident == entry.by, was_member=was)

    def then(self, fingerprint: str) -> Policies:
        if fingerprint not in self._then:
            self._then[fingerprint] = policies_of(self.ports.store, fingerprint)
        return self._then[fingerprint]

    @cached_property
    def _checked_by(self) -> frozenset[str]:
        theirs = frozenset(p.ident for p in self.policies.projects if self.person.ident in p.researchers)
        return self.ports.store.voters_on_projects_of(self.person.ident, theirs)

    def _was_member(self, job: Job) -> bool:
        """Whether the project named them when the job was accepted, or when it was assessed."""
        project = job.submission.project
        return any(self._was_named(project, then) for then in {job.policy, job.assessed_policy or job.policy})

    def _was_named(self, project: str, fingerprint: str) -> bool:
        then = self.then(fingerprint).project(project)
        return then is not None and self.person.ident in then.researchers

    def _has_live_grant(self, project: Project) -> bool:
        """A live project of theirs holds a grant on a person table that this project is granted too."""
        people_tables = {t.full_name for t in self.policies.catalogue.tables if t.kind is TableKind.PERSON}
        shared, today = project.tables & people_tables, self.ports.clock.now().date()
        return any(
            self.person.ident in other.researchers and other.is_live(today) and other.tables & shared
            for other in self.policies.projects
        )
