"""Keeps a lease alive while an attempt runs, and kills its sandbox when the lease is lost. Nothing else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from broker.domain.jobs.job import JobState
from broker.domain.ports import WorkerPorts
from broker.workflow.pipeline.job_completion import LeaseRenewal

log = structlog.get_logger()

RENEWALS_PER_LEASE = 6
"""Renewals in the life of one lease: five may be missed."""

CHECK_SECONDS = 1.0
"""Between two renewals it is only looked whether the attempt still runs, so that a stop kills it within a second."""


LeaseCheck = Callable[[WorkerPorts, str, int, bool], bool]
"""Whether an attempt still runs here; with the last argument, its lease is renewed."""


def job_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """A `KeepAlive` that renews several times in the life of a lease.

    A store that does not answer is asked again: the lease may still hold. A job that was withdrawn, that another
    attempt took over, or whose lease has lapsed, is lost: its sandbox is killed at once. Whatever else goes wrong,
    the heart goes on: a sandbox that nobody watches would be the worst of it.
    """

    return _lease_renewer(ports, _holds_job_lease)


def rehearsal_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """The same for a rehearsal: one that is cancelled is killed at once."""
    return _lease_renewer(ports, _holds_rehearsal_lease)


def public_table_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """The same for a public table's recipe."""
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
            thread.join()

    return renewing


def _renew(ports: WorkerPorts, job: str, attempt: int, done: threading.Event, holds_lease: LeaseCheck) -> None:
    interval = ports.lease.total_seconds() / RENEWALS_PER_LEASE
    checks = max(1, round(interval / CHECK_SECONDS))
    beat = 0
    while not done.wait(interval / checks):
        beat += 1
        try:
            if not holds_lease(ports, job, attempt, beat % checks == 0):
                ports.sandbox.terminate(job, attempt)
                return
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
