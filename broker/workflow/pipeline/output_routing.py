"""Stage route: routes assessed outputs (review, approved, withheld) and decides jobs. Idempotent.

It runs after each vote and as a worker's stage, so the next call completes what a crash interrupted.
"""

from datetime import datetime

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import DECIDED_STATES, Job, JobState, Output, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import Ports
from broker.workflow.access import project_of
from broker.workflow.policies_in_force import policies_in_force, policies_of, rules_unchanged
from broker.workflow.timing_channel import end_hidden_until, reads_nothing, withheld_hidden_until
from broker.workflow.verdict_routes import route_of

LOST_RACE_CODES = frozenset({"stale", "already-released", "memory-moved", "not-decided", "stopped"})
"""Conflict codes of a caller whom others overtook, even by a withdrawal or a stop: nothing of the caller's was
written."""


def route_after_decision(ports: Ports, job_ident: str) -> None:
    """Route a job after somebody decided about it, and let a worker go on at once. Returns quietly if another caller
    was faster."""
    try:
        route(ports, job_ident)
    except Conflict as conflict:
        if conflict.code not in LOST_RACE_CODES:
            raise
    ports.store.wake(WorkKind.RELEASE, job_ident)


def route(ports: Ports, job_ident: str) -> Job | datetime | None:
    """Stage: route the compared outputs of a job, and decide the job if nothing is to be released. Returns the job if
    it can be released now, when to look at it again if that waits, and None if it is finished."""
    job, now = ports.store.job(job_ident), ports.clock.now()
    if job.state is JobState.DECIDED:
        return job if _is_any_approved(ports.store.outputs_of(job.ident)) else None
    if job.state is not JobState.ASSESSING:
        return None
    policies, outputs = policies_in_force(ports.store), ports.store.outputs_of(job.ident)
    hidden_until = None if reads_nothing(job, outputs) else end_hidden_until(ports, policies, job, now)
    # Before its time slot ends, nothing of a private job may change. Uncompared tables must not be routed: the route
    # depends on what the comparison hides.
    if (hidden_until is not None and job.is_private) or ports.store.needs_comparison(job.ident):
        return hidden_until or now
    _route_outputs(ports, job)
    outputs = ports.store.outputs_of(job.ident)
    if hidden_until is not None and not ports.store.voted(frozenset(o.ident for o in outputs)):
        return hidden_until  # automatic routing now would reveal how long the job took
    # A withheld output must look undecided for a while, so the whole job does.
    withheld_until = withheld_hidden_until(ports, policies_of(ports.store, job.policy), job, outputs)
    if withheld_until is not None or not all(o.state in DECIDED_STATES for o in outputs):
        return withheld_until or now
    if _is_any_approved(outputs):
        return job
    event = AuditEvent(now, SYSTEM.ident, "job.decided", job.ident)
    ports.store.advance(job.ident, job.attempt, JobState.ASSESSING, JobState.DECIDED, now, [event])
    return None


def _is_any_approved(outputs: list[Output]) -> bool:
    return any(o.state is OutputState.APPROVED for o in outputs)


def _route_outputs(ports: Ports, job: Job) -> None:
    policies = policies_in_force(ports.store)
    project = project_of(ports, policies, job)
    stands = rules_unchanged(ports.store, job, policies) and project.is_live(ports.clock.now().date())
    for output in ports.store.outputs_of(job.ident):
        if output.state is OutputState.ASSESSED:
            small, changed = ports.store.small_jobs(project.ident), ports.store.history_changed_jobs(project.ident)
            can_leave = output.release_hash is not None
            # Nothing leaves automatically if the rules have changed since the assessment or the project has ended.
            held = OutputState.IN_REVIEW if can_leave else OutputState.WITHHELD
            after = route_of(output.verdict, can_leave, project, policies, small, changed) if stands else held
            now = ports.clock.now()
            event = AuditEvent(now, SYSTEM.ident, f"output.{after.value}", output.ident, (("job", job.ident),))
            ports.store.move_output(output.ident, OutputState.ASSESSED, after, now, [event])
