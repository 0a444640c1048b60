"""A worker's part of a rehearsal: checked again, run in a sandbox on the project's synthetic NPD, judged, and kept for
its author. Nothing of real data is read here, and nothing is released, charged or remembered."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from broker.domain.asked_rehearsals import AskedRehearsal, RehearsalState, Step
from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Invalid, Unavailable, Unknown
from broker.domain.jobs import Kind
from broker.domain.people import SYSTEM
from broker.domain.ports import Rows, SyntheticData, WorkerPorts
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.workflow import cohorts
from broker.workflow.check import Checked, check_submission
from broker.workflow.ending import KeepAlive
from broker.workflow.failing import OVERTAKEN, Failed
from broker.workflow.policies import policies_in_force
from broker.workflow.rehearsal_document import output_document, script_outcome, shortened
from broker.workflow.rehearsals import noted
from broker.workflow.rehearse import Stage, rehearse
from broker.workflow.rehearse_script import ScriptStage, rehearse_script
from broker.workflow.stopping import is_stopped

CHANGED = "The policy or the project has changed since you asked: check the text again."
LOST = "Its worker was lost, again and again. Try it once more; if that is lost too, tell an administrator."


Lap = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One attempt with all that it runs under and on."""

    ports: WorkerPorts
    asked: AskedRehearsal
    project: Project
    checked: Checked
    policies: Policies
    data: SyntheticData

    @property
    def told(self) -> dict[str, int]:
        """What its author is told of the data."""
        first, last = self.data.years
        return {"pupils": self.data.pupils, "first": first, "last": last, "years": last - first + 1}


def run_rehearsal(ports: WorkerPorts, ident: str, keep_alive: KeepAlive) -> bool:
    """One attempt, to its end. False if somebody else has it, or it is not to be run. What is written after a
    cancellation or a lapsed lease is dropped."""
    try:
        asked = ports.store.asked_rehearsal(ident)
    except Unknown:
        return False
    with _turn(ports, asked) as ours:
        return ours and _leased(ports, ident, keep_alive)


def _turn(ports: WorkerPorts, asked: AskedRehearsal) -> AbstractContextManager[bool]:
    """A script holds its synthetic rows to its end. While a neighbour holds real ones it stays queued, and its author
    is told no more than that: it is offered again, and this worker goes on with something else."""
    if asked.submission.kind is not Kind.PYTHON:
        return nullcontext(True)
    return ports.sandbox.holding(asked.ident, asked.attempt + 1, Rows.SYNTHETIC, wait=False)


def _leased(ports: WorkerPorts, ident: str, keep_alive: KeepAlive) -> bool:
    now = ports.clock.now()
    asked = ports.store.lease_rehearsal(ident, now + ports.lease, now)
    if asked is None:
        return False
    try:
        with keep_alive(ident, asked.attempt):
            _attempt(ports, asked)
    except Conflict as conflict:
        if conflict.code not in OVERTAKEN:
            raise
        return False
    return True


def _attempt(ports: WorkerPorts, asked: AskedRehearsal) -> None:
    try:
        found = _rehearsed(ports, asked)
    except Invalid as problem:
        _end(ports, asked, RehearsalState.FAILED, _problem(problem.code, problem.message))
    except Failed as failed:
        sentence = "It did not come to its end when the broker read what the script left."
        _end(ports, asked, RehearsalState.FAILED, _problem(failed.code.value.replace("_", "-"), sentence))
    except (Unavailable, Unknown):
        give_back(ports, asked.ident, asked.attempt)
    except Breach:
        sentence = "What ran answered with something that the broker does not take. Tell an administrator."
        _end(ports, asked, RehearsalState.FAILED, _problem("bad-frames", sentence))
    else:
        _end(ports, asked, RehearsalState.DONE, found)


def give_back(ports: WorkerPorts, ident: str, attempt: int) -> None:
    """It waits for another attempt, a bounded number of times; then its author is told that it was lost."""
    now = ports.clock.now()
    if attempt < policies_in_force(ports.store).service.max_attempts:
        ports.store.give_back_rehearsal(ident, attempt, now)
        return
    lost = json.dumps(_problem("infrastructure", LOST))
    ports.store.fail_lapsed_rehearsal(ident, attempt, lost, now, [_ended(ports, ident, RehearsalState.FAILED)])


def _rehearsed(ports: WorkerPorts, asked: AskedRehearsal) -> dict[str, Any]:
    policies = policies_in_force(ports.store)
    project, checked = _check_again(ports, asked, policies)
    short = replace(policies, service=policies.service.of_rehearsals)
    prepared = _Prepared(ports, asked, project, checked, short, _data(ports, asked, project))

    def lap(part: str) -> None:
        if part == "run":
            ports.store.note_step(asked.ident, asked.attempt, Step.JUDGING)

    ports.store.note_step(asked.ident, asked.attempt, Step.RUNNING)
    run = _script if asked.submission.kind is Kind.PYTHON else _sql
    found = noted(checked) | run(prepared, lap) | {"data": prepared.told}
    return shortened(found, policies.service.rehearsal_rows, policies.service.rehearsal_bytes)


def _check_again(ports: WorkerPorts, asked: AskedRehearsal, policies: Policies) -> tuple[Project, Checked]:
    """Under the policy of the day, with what the project keeps today."""
    sent, person = asked.submission, ports.store.person(asked.person)
    project = policies.project(sent.project)
    if project is None or asked.person not in project.researchers or not person.active:
        raise Invalid("policy-changed", CHANGED)
    if is_stopped(ports, project.ident, asked.person):
        raise Invalid("stopped", "An administrator has stopped this project. Ask them why.")
    saved = cohorts.saved_of(cohorts.readable(ports, project.ident))
    today = ports.clock.now().date()
    checked = check_submission(sent.text, sent.kind, sent.dialect, project, policies, today, saved)
    if not checked.accepted or checked.private is not None:
        raise Invalid("policy-changed", CHANGED)
    return project, checked


def _data(ports: WorkerPorts, asked: AskedRehearsal, project: Project) -> SyntheticData:
    """Raises Breach before anything is read where they are not synthetic."""
    if ports.synthetic is None:
        raise Unavailable("This worker has no synthetic data.")

    def making(about: int) -> None:
        ports.store.note_step(asked.ident, asked.attempt, Step.MAKING, about)

    data = ports.synthetic.for_rehearsal(project.ident, making)
    if not data.vault.synthetic:
        raise Breach("A rehearsal was offered real data.")
    return data


def _sql(one: _Prepared, lap: Lap) -> dict[str, Any]:
    ports, asked, data = one.ports, one.asked, one.data
    if one.checked.plan is None:
        raise Breach("An accepted SQL text has no plan.")
    stage = Stage(ports.engine, data.vaults, ports.sandbox, data.vault.snapshot, job=asked.ident, attempt=asked.attempt)
    return {"outputs": [output_document(o) for o in rehearse(one.checked.plan, one.project, one.policies, stage, lap)]}


def _script(one: _Prepared, lap: Lap) -> dict[str, Any]:
    ports, asked, data = one.ports, one.asked, one.data
    stage = ScriptStage(
        data.vaults, data.vault.snapshot, ports.sandbox, ports.handed, ports.collector, asked.ident, asked.attempt
    )
    return script_outcome(rehearse_script(one.checked, one.project, one.policies, stage, lap))


def _end(ports: WorkerPorts, asked: AskedRehearsal, state: RehearsalState, found: dict[str, Any]) -> None:
    """Refused by the store once the lease is lost: a sandbox that the reaper killed is no failure of the text."""
    now, event = ports.clock.now(), _ended(ports, asked.ident, state)
    ports.store.end_rehearsal(asked.ident, asked.attempt, state, json.dumps(found), now, [event])


def _ended(ports: WorkerPorts, ident: str, state: RehearsalState) -> AuditEvent:
    return AuditEvent(ports.clock.now(), SYSTEM.ident, "rehearsal.ended", ident, (("state", state.value),))


def _problem(code: str, message: str) -> dict[str, Any]:
    return {"problem": {"code": code, "message": message[:4000]}}
