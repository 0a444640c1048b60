"""The last steps of a job, done by a worker: compare, route, decide, release. Idempotent and crash-safe."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from broker.domain.errors import Breach, Conflict, Unavailable, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FailureCode, Job, JobState
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.ports import WorkerPorts
from broker.domain.ports.store_records import AuditFilter
from broker.workflow.pipeline.job_release import release_job
from broker.workflow.pipeline.output_routing import LOST_RACE_CODES, needs_comparison, route_job_once
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.release_history.job_comparison import compare_job
from broker.workflow.release_history.release_recording import HistoryMoved
from broker.workflow.run_context import Failed

LAPSES_PER_ATTEMPT = 2
"""Multiplied by the attempts that policy allows, this is how many workers may die at a job, in its run or its
comparison. Without the limit, a job whose comparison kills every worker would never end."""

LeaseRenewal = Callable[[str, int], AbstractContextManager[None]]
"""Context manager that renews the lease of (job, attempt) while entered, and kills the sandbox if the lease is lost."""

MAX_ROUNDS = 20
"""Others may release during a comparison. Each time, only what they released is compared again."""


def complete_job(ports: WorkerPorts, job_ident: str, renew_lease: LeaseRenewal) -> None:
    """Do every step of a job that needs no person. Returns quietly if another worker was faster."""
    try:
        for _ in range(MAX_ROUNDS):
            job = ports.store.job(job_ident)
            if not route_job_once(ports, job) or not _worker_step(ports, job, renew_lease):
                return
    except Conflict as conflict:
        if conflict.code not in LOST_RACE_CODES | {"already-running"}:
            raise


def _worker_step(ports: WorkerPorts, job: Job, renew_lease: LeaseRenewal) -> bool:
    """Do the next step that only a worker does. Returns whether there may be more to do."""
    outputs = ports.store.outputs_of(job.ident)
    if needs_comparison(job, outputs):
        return _compare_outputs(ports, job, [o for o in outputs if o.state is OutputState.ASSESSED], renew_lease)
    approved = [o for o in outputs if o.state is OutputState.APPROVED]
    try:
        release_job(ports, job)
    except HistoryMoved as moved:
        # Outputs that the new releases do not affect need not be compared again.
        clean = frozenset(o.ident for o in approved) - {o.ident for o in moved.outputs}
        return _compare_outputs(ports, job, approved, renew_lease, clean)
    except Conflict as conflict:
        if conflict.code != "memory-moved":
            raise
        return True  # others released just now: compare with these, then try again
    return False


def _compare_outputs(
    ports: WorkerPorts, job: Job, outputs: list[Output], renew_lease: LeaseRenewal, clean: frozenset[str] = frozenset()
) -> bool:
    now = ports.clock.now()
    attempt = ports.store.lease_comparison(job.ident, now + ports.lease)
    # Another worker compares the job now.
    if attempt is None:
        return False
    try:
        with renew_lease(job.ident, attempt):
            compare_job(ports, ports.store.job(job.ident), attempt, outputs, clean)
    except Failed as failed:
        _fail_comparison(ports, job, attempt, failed.code)
    # The sandbox's frames cannot be trusted, so nothing of the job is.
    except Breach:
        _fail_comparison(ports, job, attempt, FailureCode.BAD_FRAMES)
    # Infrastructure did not answer: another worker compares later.
    except (Unavailable, Unknown):
        ports.store.end_comparison(job.ident, attempt)
        return False
    return True


def _fail_comparison(ports: WorkerPorts, job: Job, attempt: int, code: FailureCode) -> None:
    """Fail a job whose outputs cannot be compared: they never leave. Raises Conflict("stale") if the lease has lapsed,
    because that is not the job's fault."""
    check_lease(ports, job.ident, attempt)
    fail_job(ports, job.ident, attempt, code, JobState.ASSESSING)


def check_lease(ports: WorkerPorts, job: str, attempt: int) -> None:
    """Raises Conflict("stale") if the lease is lost. Then the reaper killed the sandbox, and the job has not failed."""
    now = ports.clock.now()
    if not ports.store.renew(job, attempt, now + ports.lease, now):
        raise Conflict("stale", f"The lease on job {job!r} is lost.")


def fail_job(
    ports: WorkerPorts, job: str, attempt: int, code: FailureCode, before: JobState = JobState.RUNNING
) -> None:
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.failed", job, (("code", code.value),))
    ports.store.advance(job, attempt, before, JobState.FAILED, now, [event], failure=code)


def end_lapsed_comparison(ports: WorkerPorts, job_ident: str, attempt: int) -> None:
    """End the comparison of a worker that is gone with its sandbox, so that another begins again; after too many, fail
    the job."""
    most = LAPSES_PER_ATTEMPT * policies_in_force(ports.store).service.max_attempts
    # The audit log has the lapses of all attempts, in the run and in the comparison.
    lapses = ports.store.search_audit(AuditFilter(subject=job_ident, action="lease.lapsed", limit=most))
    if len(lapses) < most:
        ports.store.end_comparison(job_ident, attempt)
        return
    fail_job(ports, job_ident, attempt, FailureCode.INFRASTRUCTURE, JobState.ASSESSING)
