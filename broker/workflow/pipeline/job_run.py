"""Stage sandbox, one attempt: lease, second check under today's policy, vault, sandbox; then stage assess."""

from collections.abc import Sequence

from broker.domain.errors import Breach, Conflict, Unavailable, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FailureCode, Job, JobState
from broker.domain.ports import Lease, WorkerPorts
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.recent_plans import remember_plan
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.job_scheduling import WorkerSlot, next_job, recently_begun
from broker.workflow.pipeline.executors import JobAttempt, executor_of
from broker.workflow.pipeline.job_assessment import assess, assess_without_outputs, only_saves_definitions
from broker.workflow.pipeline.job_completion import LeaseRenewal, check_lease, complete_job, fail_job
from broker.workflow.pipeline.output_routing import needs_comparison
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import OVERTAKEN_CODES, Failed
from broker.workflow.submission.save_definition import saved_at_submission
from broker.workflow.timing_channel import reads_nothing, time_slots_of


def run_job(ports: RunPorts, job: str, worker: str, renew_lease: LeaseRenewal) -> bool:
    """Run one attempt of a job and complete it. Returns False if somebody else has the job or it must not run; then
    only the remaining steps of a job that has run are done.

    If the lease is lost, every later write raises Conflict("stale"). It is dropped here, because the attempt that took
    over records what happened.
    """
    now = ports.clock.now()
    started = AuditEvent(now, SYSTEM.ident, "job.started", job, (("worker", worker),))
    lease = ports.store.lease(job, worker, now + ports.lease, now, [started])
    if lease is None:
        complete_job(ports, job, renew_lease)
        return False
    try:
        with renew_lease(job, lease.attempt):
            _run_attempt(ports, lease)
        complete_job(ports, job, renew_lease)
    except Exception as error:
        _hold_slot(ports, ports.store.job(job))
        if isinstance(error, Conflict) and error.code in OVERTAKEN_CODES:
            return False
        raise
    ended = ports.store.job(job)
    # The worker stays busy to the end of the job's time slot: a waiting job that starts earlier would reveal when this
    # one ended.
    _hold_slot(ports, ended)
    if not needs_comparison(ended, ports.store.outputs_of(job)):  # one comparison is enough of a slot's time
        complete_job(ports, job, renew_lease)
    return True


def run_next_job(ports: RunPorts, slot: WorkerSlot, worker: str, renew_lease: LeaseRenewal) -> bool:
    """Run the job whose turn it is. Returns False if no job waits for this slot.

    If several workers choose the same job, the lease decides. The others choose again by the store's new state.
    """
    policies, passed = policies_in_force(ports.store), set[str]()
    while (job := next_job(ports, policies, slot, passed)) is not None:
        if run_job(ports, job, worker, renew_lease):
            return True
        if ports.store.job(job).state is JobState.QUEUED:
            passed.add(job)  # stopped, or given back
    return False


def _hold_slot(ports: WorkerPorts, job: Job) -> None:
    if not reads_nothing(job, ports.store.outputs_of(job.ident)):
        _wait_for(ports, [job])


def resume_hold(ports: WorkerPorts, worker: str) -> None:
    """Finish the hold of this slot's last job. A worker calls this first, because its process may have been killed
    while it ran or held something, even by a script."""
    try:
        begun = recently_begun(ports, policies_in_force(ports.store))
    except Unknown:
        return  # a broker that is being set up
    _wait_for(ports, [job for job in begun if job.worker == worker])


def _wait_for(ports: WorkerPorts, begun: Sequence[Job]) -> None:
    slots, now = time_slots_of(ports, policies_in_force(ports.store)), ports.clock.now()
    for until in (slots.displayed_end(job, now) for job in begun):
        if until is not None:
            ports.clock.wait_until(until)


def _run_attempt(ports: RunPorts, lease: Lease) -> None:
    policies = policies_in_force(ports.store)
    try:
        attempt = _recheck(ports, lease, policies)
        if only_saves_definitions(attempt.checked):
            assess_without_outputs(ports, lease, policies)
        else:
            executor = executor_of(attempt.checked)
            context = executor.open_vault(attempt)
            executed = executor.execute(context)
            assess(ports, lease, context, executed, executor.draft(context, executed))
    except Failed as failed:
        # Raises if the sandbox died because the lease had lapsed; only otherwise has the job failed.
        check_lease(ports, lease.job.ident, lease.attempt)
        fail_job(ports, lease.job.ident, lease.attempt, failed.code)
    except (Unavailable, Unknown):
        give_back_job(ports, lease.job.ident, lease.attempt, policies.service.max_attempts)
    except Breach:
        fail_job(ports, lease.job.ident, lease.attempt, FailureCode.BAD_FRAMES)


def _recheck(ports: RunPorts, lease: Lease, policies: PolicySet) -> JobAttempt:
    """Check the canonical text again under today's policy. Raises Failed if it is refused now or its plan has
    changed."""
    job, submission = lease.job, lease.job.submission
    project = policies.project(submission.project)
    if project is None:
        raise Failed(FailureCode.POLICY_CHANGED)
    today = ports.clock.now().date()
    saved = saved_at_submission(ports, job)
    checked = check_submission(job.canonical, submission.kind, submission.dialect, project, policies, today, saved)
    if not checked.accepted:
        raise Failed(FailureCode.POLICY_CHANGED)
    # The outputs must come from the plan that was accepted.
    if checked.plan_hash != job.plan_hash:
        # Under the same policy only a new version of the broker can plan the text differently.
        changed = policies.fingerprint != job.policy
        raise Failed(FailureCode.POLICY_CHANGED if changed else FailureCode.PLAN_CHANGED)
    if checked.plan is not None:
        remember_plan(checked.plan.hash, checked.plan)
    return JobAttempt(ports, lease, policies, project, checked)


def give_back_job(ports: WorkerPorts, job: str, attempt: int, max_attempts: int) -> None:
    """Return the job to the queue because infrastructure did not answer; after policy's number of attempts it fails."""
    if attempt >= max_attempts:
        fail_job(ports, job, attempt, FailureCode.INFRASTRUCTURE)
        return
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.requeued", job, (("attempt", str(attempt)),))
    ports.store.advance(job, attempt, JobState.RUNNING, JobState.QUEUED, now, [event])
