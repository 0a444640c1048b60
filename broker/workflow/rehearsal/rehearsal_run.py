"""The worker's part of a rehearsal: check again, run on the project's synthetic NPD, judge and store."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from broker.domain.errors import Breach, Conflict, Invalid, Unavailable, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep, RequestedRehearsal
from broker.domain.ports import DataKind, SyntheticData, WorkerPorts
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.administration.emergency_stops import is_stopped
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.pipeline.job_completion import LeaseRenewal
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.query_rehearsal import rehearse_query
from broker.workflow.rehearsal.rehearsal_document import output_document, script_outcome, shorten_document
from broker.workflow.rehearsal.rehearsal_requests import check_notes
from broker.workflow.rehearsal.script_rehearsal import rehearse_script
from broker.workflow.run_context import OVERTAKEN_CODES, Failed, RunContext
from broker.workflow.submission import save_definition

POLICY_CHANGED = "The policy or the project has changed since you requested this rehearsal. Check the text again."
WORKER_LOST = (
    "The worker stopped several times during this rehearsal. Try again. If it happens again, tell an administrator."
)


def run_rehearsal(ports: RunPorts, ident: str, renew_lease: LeaseRenewal) -> bool:
    """Run one attempt to its end. Returns False if somebody else has it or it must not run. Writes after a
    cancellation or a lapsed lease are dropped."""
    try:
        rehearsal = ports.store.requested_rehearsal(ident)
    except Unknown:
        return False
    # Before the lease: a rehearsal that has to wait must not look as if it had begun.
    with _hold_synthetic_rows(ports, rehearsal) as ours:
        return ours and _run_leased(ports, ident, renew_lease)


def _hold_synthetic_rows(ports: RunPorts, rehearsal: RequestedRehearsal) -> AbstractContextManager[bool]:
    """Return a context that holds the script's synthetic rows until it ends; its value is False while a neighbour
    holds real rows.

    Then the rehearsal stays queued, which is all that its author sees. It is offered again, and this worker goes on
    with something else.
    """
    if rehearsal.submission.kind is not JobKind.PYTHON:
        return nullcontext(True)
    # The lease that follows counts the attempt up by one.
    return ports.sandbox.holding(rehearsal.ident, rehearsal.attempt + 1, DataKind.SYNTHETIC, wait=False)


def _run_leased(ports: RunPorts, ident: str, renew_lease: LeaseRenewal) -> bool:
    now = ports.clock.now()
    rehearsal = ports.store.lease_rehearsal(ident, now + ports.lease, now)
    if rehearsal is None:
        return False
    try:
        with renew_lease(ident, rehearsal.attempt):
            _attempt(ports, rehearsal)
    except Conflict as conflict:
        if conflict.code not in OVERTAKEN_CODES:
            raise
        return False
    return True


def _attempt(ports: RunPorts, rehearsal: RequestedRehearsal) -> None:
    try:
        found = _run_document(ports, rehearsal)
    except Invalid as problem:
        _end_rehearsal(ports, rehearsal, RehearsalState.FAILED, _problem_document(problem.code, problem.message))
    except Failed as failed:
        sentence = "The broker could not finish reading the files of the script."
        _end_rehearsal(
            ports, rehearsal, RehearsalState.FAILED, _problem_document(failed.code.value.replace("_", "-"), sentence)
        )
    except (Unavailable, Unknown):
        give_back_rehearsal(ports, rehearsal.ident, rehearsal.attempt)
    except Breach:
        sentence = "The sandbox gave an answer that the broker does not accept. Tell an administrator."
        _end_rehearsal(ports, rehearsal, RehearsalState.FAILED, _problem_document("bad-frames", sentence))
    else:
        _end_rehearsal(ports, rehearsal, RehearsalState.DONE, found)


def give_back_rehearsal(ports: WorkerPorts, ident: str, attempt: int) -> None:
    """Return a rehearsal to the queue for another attempt. After policy's number of attempts it fails, and its author
    reads why."""
    now = ports.clock.now()
    if attempt < policies_in_force(ports.store).service.max_attempts:
        ports.store.give_back_rehearsal(ident, attempt, now)
        return
    lost = json.dumps(_problem_document("infrastructure", WORKER_LOST))
    ports.store.fail_lapsed_rehearsal(ident, attempt, lost, now, [_ended_event(ports, ident, RehearsalState.FAILED)])


def _run_document(ports: RunPorts, rehearsal: RequestedRehearsal) -> dict[str, Any]:
    policies = policies_in_force(ports.store)
    project, checked = _recheck(ports, rehearsal, policies)
    # Rehearsals have smaller limits than jobs.
    short = replace(policies, service=policies.service.for_rehearsals)
    data = _synthetic_data(ports, rehearsal, project)

    def on_step(part: str) -> None:
        if part == "run":
            ports.store.note_step(rehearsal.ident, rehearsal.attempt, RehearsalStep.JUDGING)

    ports.store.note_step(rehearsal.ident, rehearsal.attempt, RehearsalStep.RUNNING)
    context = RunContext(
        ports, data.vaults, rehearsal.ident, rehearsal.attempt, data.vault, checked, project, short, on_step=on_step
    )
    if checked.kind is JobKind.PYTHON:
        found = script_outcome(rehearse_script(context))
    else:
        found = {"outputs": [output_document(o) for o in rehearse_query(context)]}
    document = check_notes(checked) | found | {"data": _data_facts(data)}
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


def _synthetic_data(ports: RunPorts, rehearsal: RequestedRehearsal, project: ResearchProject) -> SyntheticData:
    """Return the project's synthetic data. Raises Breach, before anything is read, if they are not synthetic."""
    if ports.synthetic is None:
        raise Unavailable("This worker has no synthetic data.")

    def note_making(about: int) -> None:
        ports.store.note_step(rehearsal.ident, rehearsal.attempt, RehearsalStep.MAKING, about)

    data = ports.synthetic.for_rehearsal(project.ident, note_making)
    if not data.vault.synthetic:
        raise Breach("A rehearsal was offered real data.")
    return data


def _end_rehearsal(
    ports: RunPorts, rehearsal: RequestedRehearsal, state: RehearsalState, found: dict[str, Any]
) -> None:
    """Store the outcome. The store refuses it once the lease is lost: then the reaper killed the sandbox, and the text
    has not failed."""
    now, event = ports.clock.now(), _ended_event(ports, rehearsal.ident, state)
    ports.store.end_rehearsal(rehearsal.ident, rehearsal.attempt, state, json.dumps(found), now, [event])


def _ended_event(ports: WorkerPorts, ident: str, state: RehearsalState) -> AuditEvent:
    return AuditEvent(ports.clock.now(), SYSTEM.ident, "rehearsal.ended", ident, (("state", state.value),))


def _problem_document(code: str, message: str) -> dict[str, Any]:
    return {"problem": {"code": code, "message": message[:4000]}}
