"""How scripts did: the trace of the synthetic run for its author, and a checker's look at a failure on real data."""

import json
from dataclasses import dataclass
from typing import Any

from broker.domain.audit import AuditEvent
from broker.domain.errors import Invalid, Unknown
from broker.domain.jobs import Job
from broker.domain.outputs import OutputState
from broker.domain.people import Person, Role
from broker.domain.permissions import Action, may
from broker.domain.plain_text import plain
from broker.domain.ports import Ports
from broker.domain.rehearsals import Rehearsal
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import project_of, reach_job, relation_of, relations

LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Trace:
    """`passed` on the synthetic NPD, and what the script printed there; `told` is a checker's word on its failure on
    real data, if one has been given."""

    passed: bool | None
    document: dict[str, Any] | None
    told: str | None


def trace(ports: Ports, person: Person, job_ident: str) -> Trace:
    """For whoever may read the job's text: everything in it comes of that text and of synthetic data."""
    _, rehearsal = _reached(ports, person, job_ident, Action.VIEW_TEXT)
    if rehearsal is None:
        return Trace(None, None, None)
    document = None if rehearsal.trace is None else json.loads(ports.shelf.get("staff", rehearsal.trace))
    return Trace(rehearsal.passed, document, rehearsal.reason)


def waiting(ports: Ports, person: Person) -> list[Job]:
    """Jobs that failed here or left what could not be used, and of which nobody has told anything; oldest first."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "failures")
    policies = policies_in_force(ports.store)
    idents = ports.store.failures_to_look_at()
    found, relation = ports.store.jobs_named(frozenset(idents)), relations(ports, person, policies)
    every = (found[ident] for ident in idents)
    return [j for j in every if may(person, Action.VIEW_EVIDENCE, relation(j), OutputState.IN_REVIEW)]


def _may_look(ports: Ports, person: Person, job: Job, policies: Any) -> bool:
    relation = relation_of(ports, policies, person, project_of(ports, policies, job), job)
    return may(person, Action.VIEW_EVIDENCE, relation, OutputState.IN_REVIEW)


def failure(ports: Ports, person: Person, job_ident: str) -> bytes:
    """What the script printed on real data, without what would move a terminal's cursor, for a checker who may see
    evidence of the project; the look is audited."""
    job, rehearsal = _reached(ports, person, job_ident, Action.VIEW_JOB)
    if rehearsal is None or rehearsal.log is None or not _may_look(ports, person, job, policies_in_force(ports.store)):
        raise Unknown("failure", job_ident)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "failure.viewed", job_ident)])
    return plain(ports.shelf.get("staff", rehearsal.log).decode("utf-8", "replace")).encode()


def tell(ports: Ports, person: Person, job_ident: str, reason: str) -> None:
    """Tell the researchers why their script failed on real data, once, in words without figures."""
    job, rehearsal = _reached(ports, person, job_ident, Action.VIEW_JOB)
    if rehearsal is None or rehearsal.log is None or not _may_look(ports, person, job, policies_in_force(ports.store)):
        raise Unknown("failure", job_ident)
    if not reason.strip() or len(reason) > LONGEST or not reason.isprintable():
        raise Invalid("reason", f"Say in one line of at most {LONGEST} characters why it failed.", "/reason")
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason: it has no figures.", "/reason")
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "failure.told", job_ident)
    ports.store.tell_failure(job_ident, person.ident, reason, now, [event])


def _reached(ports: Ports, person: Person, job_ident: str, action: Action) -> tuple[Job, Rehearsal | None]:
    return reach_job(ports, person, action, job_ident).job, ports.store.rehearsal(job_ident)
