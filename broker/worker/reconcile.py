"""Makes good what a crash left: lapsed leases, jobs the queue forgot, stray sandboxes, missing steps. Idempotent.

A job that cannot be made good (its content is gone, say) is told of and left: it stands in no other job's way.
"""

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

import structlog

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.ledger.spends import Spend, SpendState
from broker.domain.people import SYSTEM
from broker.domain.ports import Reap, Store, WorkerPorts
from broker.workflow.allot import allot
from broker.workflow.policies import policies_in_force
from broker.workflow.run import give_back
from broker.workflow.settle import settle
from broker.workflow.stopping import end_stopped
from broker.workflow.submit import hint

log = structlog.get_logger()

Found = TypeVar("Found", bound=object)


def reap(ports: WorkerPorts) -> int:
    """End attempts whose worker is gone: first the sandbox, confirmed gone, then the job's state."""
    lapsed = ports.store.lapsed(ports.clock.now())
    return _each("reap", lapsed, lambda found: _reap(ports, found))


def _reap(ports: WorkerPorts, found: Reap) -> None:
    ports.sandbox.terminate(found.job, found.attempt)
    ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "lease.lapsed", found.job)])
    try:
        give_back(ports, found.job, found.attempt, policies_in_force(ports.store).service.max_attempts)
    except Conflict:
        return


def offer_waiting(ports: WorkerPorts) -> int:
    """Offer every queued job again: the queue may have lost it. One that was given back waits a while first, longer
    each time: an engine that is away for a minute must not use up all its attempts."""
    waiting = [
        (job, attempt) for job, attempt in ports.store.waiting() if attempt == 0 or _has_rested(ports, job, attempt)
    ]
    for job, attempt in waiting:
        hint(ports, job, attempt)
    return len(waiting)


def _has_rested(ports: WorkerPorts, job: str, attempt: int) -> bool:
    return ports.clock.now() >= ports.store.job(job).updated + attempt * ports.lease


def end_all_stopped(ports: WorkerPorts) -> int:
    """Withdraw what a stop did not come to: the process that stopped a project may have died in between."""
    return end_stopped(ports)


def sweep(ports: WorkerPorts) -> int:
    """Kill sandboxes that belong to no running attempt, of a job or of a rehearsal. The list of running ones
    is read after the sandboxes are listed: an attempt is running in the store before its sandbox exists."""
    return ports.sandbox.sweep(lambda: ports.store.alive() | ports.store.rehearsals_alive())


def settle_all(ports: WorkerPorts) -> int:
    """Take every step that waits for nobody and was not taken."""
    return _each("settle", ports.store.unsettled(), lambda job: settle(ports, job))


def settle_private(ports: WorkerPorts) -> int:
    """The same for private jobs alone, which wait for nothing but the end of their slot of time."""
    waiting = [job for job in ports.store.unsettled() if ports.store.job(job).is_private]
    return _each("settle", waiting, lambda job: settle(ports, job))


def settle_spends(ports: WorkerPorts) -> int:
    """End the spends of jobs that were never accepted, or ended while the ledger stood still. A job is accepted just
    after it has reserved: a lease later it is gone."""
    waiting = ports.store.unsettled_spends(ports.clock.now() - ports.lease)
    return _each("spends", waiting, lambda spend: _settle_spend(ports, spend))


def _settle_spend(ports: WorkerPorts, spend: Spend) -> None:
    end = SpendState.REFUNDED if spend.state is SpendState.RESERVED else SpendState.WITHHELD
    now, job = ports.clock.now(), spend.asked.job
    ports.store.settle_spend(job, end, now, [AuditEvent(now, SYSTEM.ident, f"spend.{end.value}", job)])


def allot_caps(ports: WorkerPorts) -> int:
    """Give the ledger the caps of the policy in force, where putting it in force did not come so far."""
    try:
        return allot(ports, policies_in_force(ports.store), SYSTEM.ident)
    except Unknown:
        return 0


class NamedVaults(Container[str]):
    """The vaults that unfinished jobs name at the moment of asking: a list read earlier would miss the job that has
    named a vault since."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, key: object) -> bool:
        return key in self._store.vaults_in_use()


def remove_vaults(ports: WorkerPorts) -> int:
    """Remove vaults that no unfinished job names. A job names its vault before it asks for it for the last time."""
    return ports.vaults.remove_unused(NamedVaults(ports.store))


def _each(step: str, found: Iterable[Found], make_good: Callable[[Found], None]) -> int:
    count = 0
    for one in found:
        try:
            make_good(one)
            count += 1
        except Exception as error:
            log.warning("reconcile", step=step, subject=str(one), error=type(error).__name__)
    return count
