"""How scripts did: the trace of the synthetic run for its author, and what checkers read of those that met real rows
and came to nothing: text and print. Who reads one says so, and may tell its author why."""

import json
from dataclasses import dataclass
from typing import Any

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.jobs import Job, JobState
from broker.domain.people import Person, Role
from broker.domain.permissions import Action, may
from broker.domain.plain_text import plain
from broker.domain.ports import Ports
from broker.domain.ports.records import AuditWanted
from broker.domain.rehearsals import Rehearsal
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import reach_job, relations
from broker.workflow.settle import settle

LONGEST = 1000

RULES: dict[str, str] = {
    "small-groups": "Groups are too small: merge categories or years.",
    "too-much-hidden": "So much of it had to be hidden that nothing is left: ask for fewer or larger groups.",
    "nothing-declared": "It left no output that its header declares.",
    "not-readable": "What it left is not of a type that may leave.",
    "row-level": "What it left shows single persons.",
    "ask-us": "Please talk to the output checkers.",
}
"""What a checker may tell of a script that left nothing usable: free words could say what the rules hide."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`passed` on the synthetic NPD, and what the script printed there; `told` is a checker's word on what it did on
    real data, if one has been given."""

    passed: bool | None
    document: dict[str, Any] | None
    told: str | None


@dataclass(frozen=True, slots=True)
class ToRead:
    """A script for a checker: what it printed on real data, and whether what is told of it is one of `RULES`."""

    job: Job
    log: bytes
    by_rule: bool
    told: str | None


def trace(ports: Ports, person: Person, job_ident: str) -> Trace:
    """For whoever may read the job's text: everything in it comes of that text and of synthetic data."""
    reach_job(ports, person, Action.VIEW_TEXT, job_ident)
    rehearsal = ports.store.rehearsal(job_ident)
    if rehearsal is None:
        return Trace(None, None, None)
    if rehearsal.trace is None or not _is_told(rehearsal, ports):
        return Trace(None, None, rehearsal.reason)
    return Trace(rehearsal.passed, json.loads(ports.shelf.get("staff", rehearsal.trace)), rehearsal.reason)


def _is_told(rehearsal: Rehearsal, ports: Ports) -> bool:
    return rehearsal.trace_from is None or rehearsal.trace_from <= ports.clock.now()


def waiting(ports: Ports, person: Person) -> list[Job]:
    """Scripts that met real rows, came to nothing or left what could not be used, and that nobody has read; oldest
    first."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "")
    idents = ports.store.scripts_to_read()
    found = ports.store.jobs_named(frozenset(idents))
    relation = relations(ports, person, policies_in_force(ports.store))
    every = (found[ident] for ident in idents)
    return [j for j in every if may(person, Action.READ_SCRIPT, relation(j), j.state)]


def script(ports: Ports, person: Person, job_ident: str) -> ToRead:
    """For a checker who is independent of the project; the look is audited."""
    job, rehearsal = _reached(ports, person, job_ident)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "failure.viewed", job_ident)])
    log = b"" if rehearsal.log is None else ports.shelf.get("staff", rehearsal.log)
    return ToRead(job, log, _by_rule(job, rehearsal), rehearsal.reason)


def failure(ports: Ports, person: Person, job_ident: str) -> bytes:
    """What the script printed on real data, without what would move a terminal's cursor."""
    return plain(script(ports, person, job_ident).log.decode("utf-8", "replace")).encode()


def read(ports: Ports, person: Person, job_ident: str) -> None:
    """Say that one has read its text and print: it leaves the list, and no longer counts among its project's unread
    scripts. Conflict("not-looked-at") where one has not opened them."""
    _reached(ports, person, job_ident)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    ports.store.read_script(job_ident, person.ident, now, [AuditEvent(now, person.ident, "script.read", job_ident)])


def tell(ports: Ports, person: Person, job_ident: str, reason: str) -> None:
    """Tell the researchers, once, why nothing came of their script: by words without figures where it failed or left
    what could not be used, else by the code of one of `RULES`. Who tells has read it."""
    job, rehearsal = _reached(ports, person, job_ident)
    if job.state is JobState.WITHDRAWN:
        raise Conflict("wrong-state", "It was withdrawn: there is nothing to tell.")
    sentence = _rule(reason) if _by_rule(job, rehearsal) else _words(reason)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    codes = (("rule", reason),) if _by_rule(job, rehearsal) else ()
    event = AuditEvent(now, person.ident, "failure.told", job_ident, codes)
    ports.store.tell_failure(job_ident, person.ident, sentence, now, [event])
    settle(ports, job_ident)


def _by_rule(job: Job, rehearsal: Rehearsal) -> bool:
    return job.state is not JobState.FAILED and not rehearsal.problems


def _rule(reason: str) -> str:
    if reason not in RULES:
        raise Invalid("reason", f"The reason must be one of {', '.join(RULES)}.", "/reason")
    return RULES[reason]


def _words(reason: str) -> str:
    if not reason.strip() or len(reason) > LONGEST or not reason.isprintable():
        raise Invalid("reason", f"Say in one line of at most {LONGEST} characters why it failed.", "/reason")
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason: it has no figures.", "/reason")
    return reason


def _check_opened(ports: Ports, person: Person, job_ident: str) -> None:
    own = AuditWanted(subject=job_ident, actor=person.ident, action="failure.viewed", limit=1)
    if not ports.store.search_audit(own):
        raise Conflict("not-looked-at", "Open the script's text and print first.")


def _reached(ports: Ports, person: Person, job_ident: str) -> tuple[Job, Rehearsal]:
    """A script that met real rows and that came to an end; whatever else it is answers like nothing."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    found = ports.store.rehearsal(job_ident)
    allowed = may(person, Action.READ_SCRIPT, reached.relation, reached.job.state)
    if found is None or found.met is None or not allowed:
        raise Unknown("failure", job_ident)
    return reached.job, found
