"""Renews a lease while an attempt runs, and kills the attempt's sandbox if the lease is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

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


Runs = Callable[[str, int], bool]
"""Whether the store has this attempt of a job, rehearsal or public table as running."""
Renew = Callable[[str, int, datetime, datetime], bool]
"""Renews an attempt's lease until a time, now. Returns False if the lease is lost."""


def job_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return a `LeaseRenewal` that renews several times in the life of a lease.

    If the store does not answer, it tries again, because the lease may still hold. If the job was withdrawn, another
    attempt took over, or the lease has lapsed, it kills the sandbox at once.
    """

    def runs(job: str, attempt: int) -> bool:
        found = ports.store.job(job)
        return found.state in {JobState.RUNNING, JobState.ASSESSING} and found.attempt == attempt

    return _lease_renewer(ports, runs, ports.store.renew)


def rehearsal_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return the same for a rehearsal. A cancelled one is killed at once."""
    store = ports.store
    return _lease_renewer(ports, lambda *attempt: attempt in store.rehearsals_alive(), store.renew_rehearsal)


def public_table_lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return the same for a public table's recipe."""
    store = ports.store
    return _lease_renewer(ports, lambda *attempt: attempt in store.public_tables_alive(), store.renew_public_table)


def _lease_renewer(ports: WorkerPorts, runs: Runs, renew: Renew) -> LeaseRenewal:
    def holds_lease(job: str, attempt: int, *, renews: bool) -> bool:
        now = ports.clock.now()
        return renew(job, attempt, now + ports.lease, now) if renews else runs(job, attempt)

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


def _renew(ports: WorkerPorts, job: str, attempt: int, done: threading.Event, holds_lease: Callable[..., bool]) -> None:
    interval = ports.lease.total_seconds() / RENEWALS_PER_LEASE
    # Most rounds only read, so that renewals do not write every second.
    checks = max(1, round(interval / CHECK_SECONDS))
    beat = 0
    while not done.wait(interval / checks):
        beat += 1
        try:
            if not holds_lease(job, attempt, renews=beat % checks == 0):
                # The lease is lost for good: what the sandbox still computes nobody may use.
                ports.sandbox.terminate(job, attempt)
                return
        # Whatever fails, go on: a sandbox that nobody watches would be worse.
        except Exception as error:
            log.warning("heartbeat", job=job, error=type(error).__name__)
