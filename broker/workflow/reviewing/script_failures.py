"""How scripts ended: the trace of the synthetic run for the author, and what checkers read and report."""

import json
from dataclasses import dataclass
from typing import Any

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.identity.permissions import Action, is_permitted
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.rehearsals import ScriptRehearsal
from broker.domain.plain_text import terminal_text
from broker.domain.ports import Ports
from broker.domain.ports.store_records import AuditFilter
from broker.workflow.access import reach_job, relation_lookup
from broker.workflow.pipeline.output_routing import route_job
from broker.workflow.policies_in_force import policies_in_force

MAX_REASON_LENGTH = 1000

SCRIPT_REASONS: dict[str, str] = {
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
class ScriptToRead:
    """A script for a checker: what it printed on real data, and whether what is told of it is one of `RULES`."""

    job: Job
    log: bytes
    by_rule: bool
    reported: str | None


def view_trace(ports: Ports, person: Person, job_ident: str) -> Trace:
    """For whoever may read the job's text: everything in it comes of that text and of synthetic data."""
    reach_job(ports, person, Action.VIEW_TEXT, job_ident)
    rehearsal = ports.store.rehearsal(job_ident)
    if rehearsal is None:
        return Trace(None, None, None)
    if rehearsal.trace is None or not _is_disclosed(rehearsal, ports):
        return Trace(None, None, rehearsal.reason)
    return Trace(rehearsal.passed, json.loads(ports.content_store.get("staff", rehearsal.trace)), rehearsal.reason)


def _is_disclosed(rehearsal: ScriptRehearsal, ports: Ports) -> bool:
    return rehearsal.trace_from is None or rehearsal.trace_from <= ports.clock.now()


def scripts_waiting(ports: Ports, person: Person) -> list[Job]:
    """Scripts that met real rows, came to nothing or left what could not be used, and that nobody has read; oldest
    first."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "")
    idents = ports.store.scripts_to_read()
    found = ports.store.jobs_named(frozenset(idents))
    relation = relation_lookup(ports, person, policies_in_force(ports.store))
    every = (found[ident] for ident in idents)
    return [j for j in every if is_permitted(person, Action.READ_SCRIPT, relation(j), j.state)]


def view_script(ports: Ports, person: Person, job_ident: str) -> ScriptToRead:
    """For a checker who is independent of the project; the look is audited."""
    job, rehearsal = _reach_script(ports, person, job_ident)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "failure.viewed", job_ident)])
    log = b"" if rehearsal.log is None else ports.content_store.get("staff", rehearsal.log)
    return ScriptToRead(job, log, _by_rule(job, rehearsal), rehearsal.reason)


def view_print(ports: Ports, person: Person, job_ident: str) -> bytes:
    """What the script printed on real data, without what would move a terminal's cursor."""
    return terminal_text(view_script(ports, person, job_ident).log.decode("utf-8", "replace")).encode()


def mark_read(ports: Ports, person: Person, job_ident: str) -> None:
    """Say that one has read its text and print: it leaves the list, and no longer counts among its project's unread
    scripts. Conflict("not-looked-at") where one has not opened them."""
    _reach_script(ports, person, job_ident)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    ports.store.read_script(job_ident, person.ident, now, [AuditEvent(now, person.ident, "script.read", job_ident)])


def report_reason(ports: Ports, person: Person, job_ident: str, reason: str) -> None:
    """Tell the researchers, once, why nothing came of their script: by words without figures where it failed or left
    what could not be used, else by the code of one of `RULES`. Who tells has read it."""
    job, rehearsal = _reach_script(ports, person, job_ident)
    if job.state is JobState.WITHDRAWN:
        raise Conflict("wrong-state", "It was withdrawn: there is nothing to tell.")
    sentence = _reason_sentence(reason) if _by_rule(job, rehearsal) else _check_reason(reason)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    codes = (("rule", reason),) if _by_rule(job, rehearsal) else ()
    event = AuditEvent(now, person.ident, "failure.told", job_ident, codes)
    ports.store.disclose_failure(job_ident, person.ident, sentence, now, [event])
    route_job(ports, job_ident)


def _by_rule(job: Job, rehearsal: ScriptRehearsal) -> bool:
    return job.state is not JobState.FAILED and not rehearsal.problems


def _reason_sentence(reason: str) -> str:
    if reason not in SCRIPT_REASONS:
        raise Invalid("reason", f"The reason must be one of {', '.join(SCRIPT_REASONS)}.", "/reason")
    return SCRIPT_REASONS[reason]


def _check_reason(reason: str) -> str:
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH or not reason.isprintable():
        raise Invalid("reason", f"Say in one line of at most {MAX_REASON_LENGTH} characters why it failed.", "/reason")
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason: it has no figures.", "/reason")
    return reason


def _check_opened(ports: Ports, person: Person, job_ident: str) -> None:
    own = AuditFilter(subject=job_ident, actor=person.ident, action="failure.viewed", limit=1)
    if not ports.store.search_audit(own):
        raise Conflict("not-looked-at", "Open the script's text and print first.")


def _reach_script(ports: Ports, person: Person, job_ident: str) -> tuple[Job, ScriptRehearsal]:
    """A script that met real rows and that came to an end; whatever else it is answers like nothing."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    found = ports.store.rehearsal(job_ident)
    allowed = is_permitted(person, Action.READ_SCRIPT, reached.relation, reached.job.state)
    if found is None or found.met is None or not allowed:
        raise Unknown("failure", job_ident)
    return reached.job, found
