"""What a project keeps: what a job may read of it, what a job keeps, listing and dropping. A definition is judged where
it is read, never here."""

from collections.abc import Sequence
from datetime import datetime

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.idents import new_ident
from broker.domain.jobs import Job
from broker.domain.people import Person
from broker.domain.permissions import Action, check_may
from broker.domain.plans import Kept
from broker.domain.ports import Ports, WorkerPorts
from broker.domain.saved import LISTED, READABLE, SCHEMA, Cohort, Saved, SavedEntry, SavedState, digest_of
from broker.policy.models import Policies
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import project_or_unknown, relation_of


def readable(ports: Ports, project: str) -> list[SavedEntry]:
    """What jobs of a project may read now."""
    return ports.store.saved(project, READABLE)


def saved_of(entries: Sequence[SavedEntry]) -> Saved:
    return Saved(tuple(e.definition for e in entries))


def saved_then(ports: Ports | WorkerPorts, job: Job) -> Saved:
    """What a job read when it was accepted, whatever has become of it since: the plan must come out the same."""
    if not job.read_saved:
        return Saved()
    every = frozenset(SavedState)
    return saved_of(ports.store.saved(job.submission.project, every, frozenset(job.read_saved)))


def entries_of(job: Job, kept: Sequence[Kept]) -> list[SavedEntry]:
    """What an accepted job keeps, as the store holds it."""
    return [
        SavedEntry(
            ident=new_ident(),
            project=job.submission.project,
            definition=Cohort(k.name, k.dialect, k.text, k.columns),
            about=job.submission.title,
            by=job.researcher,
            created=job.created,
            policy=job.policy,
            state=SavedState.KEPT,
        )
        for k in kept
    ]


def check_room(entries: Sequence[SavedEntry], names: Sequence[str], policies: Policies) -> None:
    """A project keeps a bounded number of things; one that takes a name that is there needs no room."""
    most = policies.service.max_saved
    if len({e.name.casefold() for e in entries} | {n.casefold() for n in names}) > most and names:
        raise Conflict("too-many-saved", f"The project keeps {most} cohorts and lookups: drop one first.")


def told(entry: SavedEntry, person: Person, action: str, now: datetime) -> AuditEvent:
    """The audit log names a definition by ids and its hash, never by its words."""
    codes = (("project", entry.project), ("sha256", digest_of(entry.definition)))
    return AuditEvent(now, person.ident, action, entry.ident, codes)


def listed(ports: Ports, person: Person, project: str) -> list[SavedEntry]:
    """What a project keeps and has asked for, for its researchers and its checkers."""
    policies = policies_in_force(ports.store)
    found = project_or_unknown(policies, project)
    relation = relation_of(ports, policies, person, found, None)
    check_may(person, Action.VIEW_SAVED, relation, SavedState.KEPT, "project", project)
    return ports.store.saved(project, LISTED)


def drop(ports: Ports, person: Person, project: str, name: str) -> None:
    """Drop what a name means, and what waits under it. Jobs that were accepted have what they read then."""
    bare = name[len(SCHEMA) + 1 :] if name.casefold().startswith(f"{SCHEMA}.") else name
    entries = [e for e in listed(ports, person, project) if e.name.casefold() == bare.casefold()]
    policies = policies_in_force(ports.store)
    relation = relation_of(ports, policies, person, project_or_unknown(policies, project), None)
    check_may(person, Action.DROP_SAVED, relation, SavedState.KEPT, "project", project)
    if not entries:
        raise Unknown("kept definition", f"{SCHEMA}.{bare}")
    now = ports.clock.now()
    for entry in entries:
        event = told(entry, person, "saved.dropped", now)
        ports.store.move_saved(entry.ident, entry.state, SavedState.DROPPED, [event])
