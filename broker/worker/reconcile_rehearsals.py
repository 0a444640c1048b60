"""Repairs what a crash left of rehearsals: lapsed leases, those that the queue lost, old ones. Idempotent."""

from datetime import timedelta

from broker.domain.errors import Conflict, Unknown
from broker.domain.ports import WorkerPorts
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.rehearsal.rehearsal_requests import offer_rehearsal
from broker.workflow.rehearsal.rehearsal_run import give_back_rehearsal


def reap_rehearsals(ports: WorkerPorts) -> int:
    """Give back the rehearsals of workers that are gone, and return how many."""
    lapsed = ports.store.rehearsals_lapsed(ports.clock.now())
    for ident, attempt in lapsed:
        # First the sandbox, until it is gone: two attempts must never run at once.
        ports.sandbox.terminate(ident, attempt)
        try:
            give_back_rehearsal(ports, ident, attempt)
        # It was cancelled, or another process was faster.
        except Conflict:
            continue
    return len(lapsed)


def offer_rehearsals(ports: WorkerPorts) -> int:
    """Offer each waiting rehearsal again. One that was given back rests first, longer each time."""
    now = ports.clock.now()
    waiting = [r for r in ports.store.rehearsals_waiting() if now >= r.updated + r.attempt * ports.lease]
    for found in waiting:
        offer_rehearsal(ports, found.ident, found.attempt)
    return len(waiting)


def drop_rehearsals(ports: WorkerPorts) -> int:
    """Remove rehearsals that are older than policy retains them, and return how many."""
    try:
        days = policies_in_force(ports.store).service.rehearsal_days
    # No policy is in force yet, so nothing has been rehearsed.
    except Unknown:
        return 0
    return ports.store.drop_rehearsals(ports.clock.now() - timedelta(days=days))
