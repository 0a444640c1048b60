"""Makes good what a crash left: lapsed leases, jobs the queue forgot, stray sandboxes, missing steps. Idempotent.

A job that cannot be made good (its content is gone, say) is told of and left: it stands in no other job's way.
"""

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

import structlog

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs import Job, JobState
from broker.domain.ledger.spends import Spend
from broker.domain.outputs import Output, OutputState
from broker.domain.people import SYSTEM
from broker.domain.ports import Reap, Store, WorkerPorts
from broker.worker.heartbeat import keeper
from broker.workflow.allot import allot
from broker.workflow.ending import end_job, end_lapsed
from broker.workflow.policies import policies_in_force
from broker.workflow.run import give_back
from broker.workflow.settle import is_to_compare
from broker.workflow.stopping import end_stopped
from broker.workflow.submit import hint

log = structlog.get_logger()

WAITING_LONG = frozenset({OutputState.WITHHELD, OutputState.WITHDRAWN})
"""A job with no other outputs waits until a person could have decided."""

LONGEST_REST = 20
"""Leases between two attempts at a comparison, at most."""

Found = TypeVar("Found", bound=object)


def reap(ports: WorkerPorts) -> int:
    """End attempts and comparisons whose worker is gone: first the sandbox, confirmed gone, then the job's state."""
    lapsed = ports.store.lapsed(ports.clock.now())
    return _each("reap", lapsed, lambda found: _reap(ports, found))


def _reap(ports: WorkerPorts, found: Reap) -> None:
    ports.sandbox.terminate(found.job, found.attempt)
    ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "lease.lapsed", found.job)])
    try:
        if ports.store.job(found.job).state is JobState.ASSESSING:
            end_lapsed(ports, found.job, found.attempt)
            return
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
    """Kill sandboxes that belong to no running attempt, of a job, a rehearsal or a public table. The list of running
    ones is read after the sandboxes are listed: an attempt is running in the store before its sandbox exists."""
    store = ports.store
    return ports.sandbox.sweep(lambda: store.alive() | store.rehearsals_alive() | store.public_tables_alive())


def settle_all(ports: WorkerPorts) -> int:
    """Take every step that waits for nobody and was not taken."""
    return _settle(ports, lambda job, outputs: True)


def settle_due(ports: WorkerPorts) -> int:
    """The same, looked for often: for jobs that wait for nothing but the end of their slot of time, and for those that
    people decided."""
    return _settle(ports, _is_due)


def _is_due(job: Job, outputs: list[Output]) -> bool:
    told = job.is_private or any(o.state not in WAITING_LONG for o in outputs)
    return told and not is_to_compare(job, outputs)


def compare_due(ports: WorkerPorts) -> int:
    """The same for jobs whose worker was lost before it had compared them."""
    return _settle(ports, is_to_compare)


def _settle(ports: WorkerPorts, wanted: Callable[[Job, list[Output]], bool]) -> int:
    """A comparison rests a while for the worker that ran the job, and again where it did not come to its end: each
    attempt counts as one at the run does, so that an engine that is away is not asked on and on."""
    found = ports.store.jobs_named(frozenset(ports.store.unsettled()))
    outputs = ports.store.outputs_of_jobs(frozenset(found))
    oldest_first = sorted(found.values(), key=lambda job: (job.created, job.ident))
    due = [job.ident for job in oldest_first if wanted(job, outputs.get(job.ident, []))]
    rested = [ident for ident in due if _has_rested_since(ports, found[ident], outputs.get(ident, []))]
    keep_alive = keeper(ports)
    return _each("settle", rested, lambda job: end_job(ports, job, keep_alive))


def _has_rested_since(ports: WorkerPorts, job: Job, outputs: list[Output]) -> bool:
    until = job.updated + min(max(job.attempt - 1, 1), LONGEST_REST) * ports.lease
    return ports.clock.now() >= until or not is_to_compare(job, outputs)


def settle_spends(ports: WorkerPorts) -> int:
    """End the spends of jobs that were never accepted, or ended while the ledger stood still. A job is accepted just
    after it has reserved: a lease later it is gone."""
    waiting = ports.store.unsettled_spends(ports.clock.now() - ports.lease)
    return _each("spends", waiting, lambda spend: _settle_spend(ports, spend))


def _settle_spend(ports: WorkerPorts, spend: Spend) -> None:
    end = spend.without_release
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
