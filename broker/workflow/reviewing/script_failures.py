"""How scripts ended: the trace of the synthetic run for the author, and what checkers read and report."""

import json
from dataclasses import dataclass
from typing import Any

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, Role, is_permitted
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.rehearsals import ScriptRehearsal
from broker.domain.plain_text import terminal_text
from broker.domain.ports import Ports
from broker.domain.ports.store_records import AuditFilter
from broker.workflow.access import reach_job, relation_lookup
from broker.workflow.pipeline.output_routing import route_after_decision
from broker.workflow.policies_in_force import policies_in_force

MAX_REASON_LENGTH = 1000

SCRIPT_REASONS: dict[str, str] = {
    "small-groups": "Groups are too small: merge categories or years.",
    "too-much-hidden": "So many figures had to be hidden that nothing is left: use fewer or larger groups.",
    "nothing-declared": "The script wrote none of the outputs that its header declares.",
    "not-readable": "The files of the script have a type that cannot be released.",
    "row-level": "The files of the script show individual persons.",
    "ask-us": "Contact the output checkers.",
}
"""Reasons that a checker may report for a script that left nothing usable. Free text could disclose what the rules
hide."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`passed`: on the synthetic NPD. `document`: what the script printed there. `told`: a checker's report on what it
    did on real data, if there is one."""

    passed: bool | None
    document: dict[str, Any] | None
    told: str | None


@dataclass(frozen=True, slots=True)
class ScriptToRead:
    """A script for a checker. `log`: what it printed on real data. `by_rule`: the report must be one of
    `SCRIPT_REASONS`."""

    job: Job
    log: bytes
    by_rule: bool
    reported: str | None


def view_trace(ports: Ports, person: Person, job_ident: str) -> Trace:
    """Return the trace, for people who may read the job's text: it comes from that text and synthetic data only."""
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
    """Return the scripts that ran on real rows and failed or left nothing usable, and that nobody has read, oldest
    first. Raises Unknown for others than checkers."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "")
    idents = ports.store.scripts_to_read()
    found = ports.store.jobs_named(frozenset(idents))
    relation = relation_lookup(ports, person, policies_in_force(ports.store))
    every = (found[ident] for ident in idents)
    return [j for j in every if is_permitted(person, Action.READ_SCRIPT, relation(j), j.state)]


def view_script(ports: Ports, person: Person, job_ident: str) -> ScriptToRead:
    """Return a script for a checker who is independent of the project. The view is audited."""
    job, rehearsal = _reach_script(ports, person, job_ident)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "failure.viewed", job_ident)])
    log = b"" if rehearsal.log is None else ports.content_store.get("staff", rehearsal.log)
    return ScriptToRead(job, log, _by_rule(job, rehearsal), rehearsal.reason)


def view_print(ports: Ports, person: Person, job_ident: str) -> bytes:
    """Return what the script printed on real data, without control characters that move a terminal's cursor."""
    return terminal_text(view_script(ports, person, job_ident).log.decode("utf-8", "replace")).encode()


def mark_read(ports: Ports, person: Person, job_ident: str) -> None:
    """Record that the checker has read the script and its print. It leaves the list and no longer counts as unread.

    Raises Conflict("not-looked-at") if the checker has not opened them.
    """
    _reach_script(ports, person, job_ident)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    ports.store.read_script(job_ident, person.ident, now, [AuditEvent(now, person.ident, "script.read", job_ident)])


def report_reason(ports: Ports, person: Person, job_ident: str, reason: str) -> None:
    """Report to the researchers, once, why their script gave nothing. This counts as having read it.

    If the script failed or left unusable files, the reason is free text without figures; otherwise it is a code of
    `SCRIPT_REASONS`.
    """
    job, rehearsal = _reach_script(ports, person, job_ident)
    if job.state is JobState.WITHDRAWN:
        raise Conflict("wrong-state", "The job was withdrawn, so there is no message to send.")
    # Where the rules hid everything, free text could say what they hide.
    sentence = _reason_sentence(reason) if _by_rule(job, rehearsal) else _check_reason(reason)
    _check_opened(ports, person, job_ident)
    now = ports.clock.now()
    codes = (("rule", reason),) if _by_rule(job, rehearsal) else ()
    event = AuditEvent(now, person.ident, "failure.told", job_ident, codes)
    ports.store.disclose_failure(job_ident, person.ident, sentence, now, [event])
    # The report ends the time in which a withheld output must look undecided.
    route_after_decision(ports, job_ident)


def _by_rule(job: Job, rehearsal: ScriptRehearsal) -> bool:
    return job.state is not JobState.FAILED and not rehearsal.problems


def _reason_sentence(reason: str) -> str:
    if reason not in SCRIPT_REASONS:
        raise Invalid("reason", f"Choose one of these reasons: {', '.join(SCRIPT_REASONS)}.", "/reason")
    return SCRIPT_REASONS[reason]


def _check_reason(reason: str) -> str:
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH or not reason.isprintable():
        raise Invalid(
            "reason", f"Say why the script failed, in one line of at most {MAX_REASON_LENGTH} characters.", "/reason"
        )
    # A figure in the reason would leave without any rule having judged it.
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason, so do not include figures.", "/reason")
    return reason


def _check_opened(ports: Ports, person: Person, job_ident: str) -> None:
    own = AuditFilter(subject=job_ident, actor=person.ident, action="failure.viewed", limit=1)
    if not ports.store.search_audit(own):
        raise Conflict("not-looked-at", "Open the script and what it printed first.")


def _reach_script(ports: Ports, person: Person, job_ident: str) -> tuple[Job, ScriptRehearsal]:
    """Return a script that ran on real rows and has ended. Raises Unknown for every other job."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    found = ports.store.rehearsal(job_ident)
    allowed = is_permitted(person, Action.READ_SCRIPT, reached.relation, reached.job.state)
    # A script that never ran on real rows has nothing that only checkers may read.
    if found is None or found.met is None or not allowed:
        raise Unknown("failure", job_ident)
    return reached.job, found
