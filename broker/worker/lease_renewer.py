"""Renews a lease while an attempt runs, and kills the attempt's sandbox if the lease is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from broker.domain.jobs.work_items import WorkItem
from broker.domain.ports import WorkerPorts
from broker.workflow.work import LeaseRenewal

log = structlog.get_logger()

RENEWALS_PER_LEASE = 6
"""Renewals in the life of one lease. Five may fail."""

CHECK_SECONDS = 1.0
"""Between two renewals, the renewer checks this often whether the attempt still runs, so that a stop kills it within a
second."""


def lease_renewer(ports: WorkerPorts) -> LeaseRenewal:
    """Return a `LeaseRenewal` that renews several times in the life of a lease.

    If the store does not answer, it tries again, because the lease may still hold. If the subject was withdrawn or
    cancelled, another attempt took over, or the lease has lapsed, it kills the sandbox at once.
    """

    @contextmanager
    def renewing(item: WorkItem) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=_renew, args=(ports, item, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            # So that no renewal comes after the attempt has ended.
            thread.join()

    return renewing


def _renew(ports: WorkerPorts, item: WorkItem, done: threading.Event) -> None:
    interval = ports.lease.total_seconds() / RENEWALS_PER_LEASE
    # Most rounds only read, so that renewals do not write every second.
    checks = max(1, round(interval / CHECK_SECONDS))
    beat = 0
    while not done.wait(interval / checks):
        beat += 1
        try:
            if not _holds_lease(ports, item, renews=beat % checks == 0):
                # The lease is lost for good: what the sandbox still computes nobody may use.
                ports.sandbox.terminate(item.subject, item.attempt)
                return
        # Whatever fails, go on: a sandbox that nobody watches would be worse.
        except Exception as error:
            log.warning("heartbeat", subject=item.subject, error=type(error).__name__)


def _holds_lease(ports: WorkerPorts, item: WorkItem, *, renews: bool) -> bool:
    now = ports.clock.now()
    return ports.store.renew_work(item, now + ports.lease, now) if renews else ports.store.works_on(item)
