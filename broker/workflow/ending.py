"""The end of a job as a worker brings it about: compare with memory, route, decide, release. Idempotent, and crash-safe
by a lease: whatever is left half-way is taken up by the next worker."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Unavailable, Unknown
from broker.domain.jobs import FailureCode, Job, JobState
from broker.domain.outputs import Output, OutputState
from broker.domain.people import SYSTEM
from broker.domain.ports import WorkerPorts
from broker.domain.ports.records import AuditWanted
from broker.workflow.failing import Failed
from broker.workflow.policies import policies_in_force
from broker.workflow.release import release_job
from broker.workflow.release_history.releasing import Moved
from broker.workflow.release_history.stage import compare_job
from broker.workflow.settle import LOST, is_to_compare, settle_here

LAPSES = 2
"""Of attempts that policy allows, so many times as many workers may die at a job, at its run or as it is compared:
else a job whose comparison ends every worker would never end."""

KeepAlive = Callable[[str, int], AbstractContextManager[None]]
"""While entered, renews the lease of (job, attempt), and kills the sandbox when the lease is lost."""

ROUNDS = 20
"""Others release meanwhile; each time that they do, only what they released is compared again."""


def end_job(ports: WorkerPorts, job_ident: str, keep_alive: KeepAlive) -> None:
    """Do every step of a job that waits for nobody. Losing a race to another worker is fine."""
    try:
        for _ in range(ROUNDS):
            job = ports.store.job(job_ident)
            if not settle_here(ports, job) or not _step(ports, job, keep_alive):
                return
    except Conflict as conflict:
        if conflict.code not in LOST | {"already-running"}:
            raise


def _step(ports: WorkerPorts, job: Job, keep_alive: KeepAlive) -> bool:
    """What only a worker does; whether there can be more to do."""
    outputs = ports.store.outputs_of(job.ident)
    if is_to_compare(job, outputs):
        return _compare(ports, job, [o for o in outputs if o.state is OutputState.ASSESSED], keep_alive)
    approved = [o for o in outputs if o.state is OutputState.APPROVED]
    try:
        release_job(ports, job)
    except Moved as moved:
        clean = frozenset(o.ident for o in approved) - {o.ident for o in moved.outputs}
        return _compare(ports, job, approved, keep_alive, clean)
    except Conflict as conflict:
        if conflict.code != "memory-moved":
            raise
        return True
    return False


def _compare(
    ports: WorkerPorts,
    job: Job,
    outputs: list[Output],
    keep_alive: KeepAlive,
    clean: frozenset[str] = frozenset(),
) -> bool:
    now = ports.clock.now()
    attempt = ports.store.lease_comparison(job.ident, now + ports.lease)
    if attempt is None:
        return False
    try:
        with keep_alive(job.ident, attempt):
            compare_job(ports, ports.store.job(job.ident), attempt, outputs, clean)
    except Failed as failed:
        _fail(ports, job, attempt, failed.code)
    except Breach:
        _fail(ports, job, attempt, FailureCode.BAD_FRAMES)
    except (Unavailable, Unknown):
        ports.store.end_comparison(job.ident, attempt)
        return False
    return True


def _fail(ports: WorkerPorts, job: Job, attempt: int, code: FailureCode) -> None:
    """Outputs that cannot be compared never leave. A lease that has lapsed was no fault of the job."""
    now = ports.clock.now()
    if not ports.store.renew(job.ident, attempt, now + ports.lease, now):
        raise Conflict("stale", f"The lease on job {job.ident!r} is lost.")
    event = AuditEvent(now, SYSTEM.ident, "job.failed", job.ident, (("code", code.value),))
    ports.store.advance(job.ident, attempt, JobState.ASSESSING, JobState.FAILED, now, [event], failure=code)


def end_lapsed(ports: WorkerPorts, job_ident: str, attempt: int) -> None:
    """The worker that compared is gone, and its sandbox too: another one begins again, so many times."""
    most = LAPSES * policies_in_force(ports.store).service.max_attempts
    lapses = ports.store.search_audit(AuditWanted(subject=job_ident, action="lease.lapsed", limit=most))
    if len(lapses) < most:
        ports.store.end_comparison(job_ident, attempt)
        return
    now, code = ports.clock.now(), FailureCode.INFRASTRUCTURE
    event = AuditEvent(now, SYSTEM.ident, "job.failed", job_ident, (("code", code.value),))
    ports.store.advance(job_ident, attempt, JobState.ASSESSING, JobState.FAILED, now, [event], failure=code)
