"""Renews a lease while an attempt runs, and kills the attempt's sandbox if the lease is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from broker.domain.jobs.job import JobState
from broker.domain.ports import WorkerPorts
from broker.workflow.pipeline.job_completion import LeaseRenewal

log = structlog.get_logger()

RENEWALS_PER_LEASE = 6
"""Renewals in the life of one lease. Five may fail."""

CHECK_SECONDS = 1.0
"""Between two renewals, the renewer checks this often whether the attempt still runs, so that a stop kills it within a
second."""


LeaseCheck = Callable[[WorkerPorts, str, int, bool], bool]
"""Whether an attempt still runs here. The last argument says whether to renew its lease too."""


def job_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return a `LeaseRenewal` that renews several times in the life of a lease.

    If the store does not answer, it tries again, because the lease may still hold. If the job was withdrawn, another
    attempt took over, or the lease has lapsed, it kills the sandbox at once.
    """

    return _lease_renewer(ports, _holds_job_lease)


def rehearsal_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return the same for a rehearsal. A cancelled one is killed at once."""
    return _lease_renewer(ports, _holds_rehearsal_lease)


def public_table_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return the same for a public table's recipe."""
    return _lease_renewer(ports, _holds_public_table_lease)


def _lease_renewer(ports: WorkerPorts, holds_lease: LeaseCheck) -> LeaseRenewal:
    @contextmanager
    def renewing(job: str, attempt: int) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=_renew, args=(ports, job, attempt, done, holds_lease), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            # So that no renewal comes after the attempt has ended.
            thread.join()

    return renewing


def _renew(ports: WorkerPorts, job: str, attempt: int, done: threading.Event, holds_lease: LeaseCheck) -> None:
    interval = ports.lease.total_seconds() / RENEWALS_PER_LEASE
    # Most rounds only read, so that renewals do not write every second.
    checks = max(1, round(interval / CHECK_SECONDS))
    beat = 0
    while not done.wait(interval / checks):
        beat += 1
        try:
            if not holds_lease(ports, job, attempt, beat % checks == 0):
                # The lease is lost for good: what the sandbox still computes nobody may use.
                ports.sandbox.terminate(job, attempt)
                return
        # Whatever fails, go on: a sandbox that nobody watches would be worse.
        except Exception as error:
            log.warning("heartbeat", job=job, error=type(error).__name__)


def _holds_job_lease(ports: WorkerPorts, job: str, attempt: int, renew: bool) -> bool:
    if not renew:
        found = ports.store.job(job)
        return found.state in {JobState.RUNNING, JobState.ASSESSING} and found.attempt == attempt
    now = ports.clock.now()
    return ports.store.renew(job, attempt, now + ports.lease, now)


def _holds_rehearsal_lease(ports: WorkerPorts, rehearsal: str, attempt: int, renew: bool) -> bool:
    if not renew:
        return (rehearsal, attempt) in ports.store.rehearsals_alive()
    now = ports.clock.now()
    return ports.store.renew_rehearsal(rehearsal, attempt, now + ports.lease, now)


def _holds_public_table_lease(ports: WorkerPorts, ident: str, attempt: int, renew: bool) -> bool:
    if not renew:
        return (ident, attempt) in ports.store.public_tables_alive()
    now = ports.clock.now()
    return ports.store.renew_public_table(ident, attempt, now + ports.lease, now)
