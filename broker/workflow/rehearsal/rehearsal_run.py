"""The worker's part of a rehearsal: check again, run on the project's synthetic NPD, judge and store."""

import json
from dataclasses import replace
from typing import Any

from broker.domain.errors import Breach, Invalid, Unavailable
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep, RequestedRehearsal
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ports import SyntheticData, WorkerPorts
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.administration.emergency_stops import is_stopped
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.rehearsal_document import rehearsed_document, shorten_document
from broker.workflow.rehearsal.rehearsal_requests import check_notes
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.submission import save_definition

POLICY_CHANGED = "The policy or the project has changed since you requested this rehearsal. Check the text again."
WORKER_LOST = (
    "The worker stopped several times during this rehearsal. Try again. If it happens again, tell an administrator."
)


def rehearse(ports: RunPorts, item: WorkItem) -> None:
    """Run one attempt to its end. What it writes after a cancellation is dropped."""
    rehearsal = ports.store.requested_rehearsal(item.subject)
    try:
        found, state = _run_document(ports, rehearsal, item), RehearsalState.DONE
    except Invalid as problem:
        found, state = _problem_document(problem.code, problem.message), RehearsalState.FAILED
    except Failed as failed:
        sentence = "The broker could not finish reading the files of the script."
        found, state = _problem_document(failed.code.value.replace("_", "-"), sentence), RehearsalState.FAILED
    except Breach:
        sentence = "The sandbox gave an answer that the broker does not accept. Tell an administrator."
        found, state = _problem_document("bad-frames", sentence), RehearsalState.FAILED
    _end_rehearsal(ports, item, state, found)


def fail_exhausted_rehearsal(ports: WorkerPorts, item: WorkItem) -> bool:
    """Fail a rehearsal that was given back as often as policy allows, and tell its author why. Returns whether it
    was."""
    if item.attempt < policies_in_force(ports.store).service.max_attempts:
        return False
    _end_rehearsal(ports, item, RehearsalState.FAILED, _problem_document("infrastructure", WORKER_LOST), lapsed=True)
    return True


def _run_document(ports: RunPorts, rehearsal: RequestedRehearsal, item: WorkItem) -> dict[str, Any]:
    policies = policies_in_force(ports.store)
    project, checked = _recheck(ports, rehearsal, policies)
    # Rehearsals have smaller limits than jobs.
    short = replace(policies, service=policies.service.for_rehearsals)
    if ports.synthetic is None:
        raise Unavailable("This worker has no synthetic data.")

    def note_making(about: int) -> None:
        ports.store.note_step(item, RehearsalStep.MAKING, about)

    def progress(what: str, done: int, total: int) -> None:
        if what == "assess":
            ports.store.note_step(item, RehearsalStep.JUDGING)

    data = ports.synthetic.for_project(project.ident, policies.service.rehearsal_pupils, note_making)
    context = RunContext(
        ports, data.vaults, item.subject, item.attempt, data.vault, checked, project, short, progress=progress
    )
    ports.store.note_step(item, RehearsalStep.RUNNING)
    document = check_notes(checked) | rehearsed_document(context) | {"data": _data_facts(data)}
    return shorten_document(document, policies.service.rehearsal_rows, policies.service.rehearsal_bytes)


def _data_facts(data: SyntheticData) -> dict[str, int]:
    """Return what the author sees about the data."""
    first, last = data.years
    return {"pupils": data.pupils, "first": first, "last": last, "years": last - first + 1}


def _recheck(
    ports: RunPorts, rehearsal: RequestedRehearsal, policies: PolicySet
) -> tuple[ResearchProject, CheckedSubmission]:
    """Check the text again under today's policy, with the project's saved definitions of today. Raises Invalid."""
    sent, person = rehearsal.submission, ports.store.person(rehearsal.person)
    project = policies.project(sent.project)
    if project is None or rehearsal.person not in project.researchers or not person.active:
        raise Invalid("policy-changed", POLICY_CHANGED)
    if is_stopped(ports, project.ident, rehearsal.person):
        raise Invalid("stopped", "An administrator has stopped this project. Ask an administrator for the reason.")
    saved = save_definition.saved_of(save_definition.readable_definitions(ports, project.ident))
    today = ports.clock.now().date()
    checked = check_submission(sent.text, sent.kind, sent.dialect, project, policies, today, saved)
    # A private text needs no run, so one that is private only now was accepted under another policy.
    if not checked.accepted or checked.private is not None:
        raise Invalid("policy-changed", POLICY_CHANGED)
    return project, checked


def _end_rehearsal(
    ports: WorkerPorts, item: WorkItem, state: RehearsalState, found: dict[str, Any], *, lapsed: bool = False
) -> None:
    """Store the outcome. Unless `lapsed`, the store refuses it once the lease is lost: then the reaper killed the
    sandbox, and the text has not failed."""
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "rehearsal.ended", item.subject, (("state", state.value),))
    ports.store.end_rehearsal(item, state, json.dumps(found), now, [event], lapsed=lapsed)


def _problem_document(code: str, message: str) -> dict[str, Any]:
    return {"problem": {"code": code, "message": message[:4000]}}
