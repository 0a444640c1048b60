"""Makes good what a crash left: lapsed leases, jobs the queue forgot, stray sandboxes, missing steps. Idempotent."""

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.people import SYSTEM
from broker.domain.ports import WorkerPorts
from broker.workflow.policies import policies_in_force
from broker.workflow.run import give_back
from broker.workflow.settle import settle
from broker.workflow.submit import hint


def reap(ports: WorkerPorts) -> int:
    """End attempts whose worker is gone: first the sandbox, confirmed gone, then the job's state."""
    lapsed = ports.store.lapsed(ports.clock.now())
    for found in lapsed:
        ports.sandbox.terminate(found.job, found.attempt)
        ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "lease.lapsed", found.job)])
        try:
            give_back(ports, found.job, found.attempt, policies_in_force(ports.store).service.max_attempts)
        except Conflict:
            continue
    return len(lapsed)


def offer_waiting(ports: WorkerPorts) -> int:
    """Offer every queued job again: the queue may have lost it."""
    waiting = ports.store.waiting()
    for job, attempt in waiting:
        hint(ports, job, attempt)
    return len(waiting)


def sweep(ports: WorkerPorts) -> int:
    """Kill sandboxes that belong to no running attempt. The list of running ones is read after the sandboxes are
    listed: an attempt is running in the store before its sandbox exists."""
    return ports.sandbox.sweep(ports.store.alive)


def settle_all(ports: WorkerPorts) -> None:
    """Take every step that waits for nobody and was not taken."""
    for job in ports.store.unsettled():
        settle(ports, job)
