"""Repairs what a crash left: lapsed leases, lost jobs and rehearsals, stray sandboxes, missing steps, public tables.
Idempotent."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import structlog

from broker.domain.errors import Conflict, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.ledger.spends import Spend
from broker.domain.ports import LapsedLease, WorkerPorts
from broker.domain.public_tables import PublicTable
from broker.worker.lease_renewer import job_lease_renewer, public_table_lease_renewer
from broker.workflow.administration.budget_allotment import allot
from broker.workflow.administration.emergency_stops import withdraw_stopped_jobs
from broker.workflow.administration.snapshot_erasures import VaultsInUse
from broker.workflow.job_scheduling import offer_job
from broker.workflow.pipeline.job_completion import complete_job, end_lapsed_comparison
from broker.workflow.pipeline.job_run import give_back_job
from broker.workflow.pipeline.output_routing import needs_comparison
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.rehearsal.rehearsal_requests import offer_rehearsal
from broker.workflow.rehearsal.rehearsal_run import give_back_rehearsal
from broker.workflow.release_history.public_table_entry import enter_public_table

log = structlog.get_logger()

WAITING_FOR_PEOPLE = frozenset({OutputState.WITHHELD, OutputState.WITHDRAWN})
"""States of outputs of a job that waits until a person could have decided, if it has no others."""

MAX_REST = 20
"""Most leases between two attempts at a comparison or a public table."""

Item = TypeVar("Item", bound=object)


def reap(ports: WorkerPorts) -> int:
    """End attempts and comparisons whose worker is gone, and return how many."""
    lapsed = ports.store.lapsed(ports.clock.now())
    return _repair_each("reap", lapsed, lambda found: _reap(ports, found))


def _reap(ports: WorkerPorts, lapsed: LapsedLease) -> None:
    # First the sandbox, until it is gone: two attempts must never run at once.
    ports.sandbox.terminate(lapsed.job, lapsed.attempt)
    ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "lease.lapsed", lapsed.job)])
    try:
        # An assessing job has its outputs already: only its comparison begins again.
        if ports.store.job(lapsed.job).state is JobState.ASSESSING:
            end_lapsed_comparison(ports, lapsed.job, lapsed.attempt)
            return
        give_back_job(ports, lapsed.job, lapsed.attempt, policies_in_force(ports.store).service.max_attempts)
    # Another process was faster.
    except Conflict:
        return


def offer_waiting(ports: WorkerPorts) -> int:
    """Offer every queued job again, because the queue may have lost it. Returns how many.

    A job that was given back waits first, longer each time, so that an engine that is away for a minute does not use
    up all attempts.
    """
    waiting = [
        (job, attempt) for job, attempt in ports.store.waiting() if attempt == 0 or _has_rested(ports, job, attempt)
    ]
    for job, attempt in waiting:
        offer_job(ports, job, attempt)
    return len(waiting)


def _has_rested(ports: WorkerPorts, job: str, attempt: int) -> bool:
    return ports.clock.now() >= ports.store.job(job).updated + attempt * ports.lease


def end_all_stopped(ports: WorkerPorts) -> int:
    """Withdraw the jobs that a stop did not reach, because the process that stopped a project may have died in
    between."""
    return withdraw_stopped_jobs(ports)


def sweep(ports: WorkerPorts) -> int:
    """Kill sandboxes that belong to no running attempt of a job, rehearsal or public table. Returns how many."""
    store = ports.store
    # The running attempts are read after the sandboxes are listed: an attempt is in the store before its sandbox
    # exists.
    return ports.sandbox.sweep(lambda: store.alive() | store.rehearsals_alive() | store.public_tables_alive())


def settle_all(ports: WorkerPorts) -> int:
    """Take every missing step that needs no person."""
    return _settle(ports, lambda job, outputs: True)


def settle_due(ports: WorkerPorts) -> int:
    """Take the steps of jobs that only wait for the end of their time slot, and of those that people have decided.
    Runs often."""
    return _settle(ports, _is_due)


def _is_due(job: Job, outputs: list[Output]) -> bool:
    decided = job.is_private or any(o.state not in WAITING_FOR_PEOPLE for o in outputs)
    return decided and not needs_comparison(job, outputs)


def compare_due(ports: WorkerPorts) -> int:
    """Take the steps of jobs whose worker was lost before it had compared them."""
    return _settle(ports, needs_comparison)


def _settle(ports: WorkerPorts, wanted: Callable[[Job, list[Output]], bool]) -> int:
    """Complete the wanted jobs and return how many.

    A comparison rests first, to leave time for the worker that ran the job, and again after each attempt that did not
    end, so that an engine that is away is not called again and again.
    """
    found = ports.store.jobs_named(frozenset(ports.store.unsettled()))
    outputs = ports.store.outputs_of_jobs(frozenset(found))
    oldest_first = sorted(found.values(), key=lambda job: (job.created, job.ident))
    due = [job.ident for job in oldest_first if wanted(job, outputs.get(job.ident, []))]
    rested = [ident for ident in due if _has_rested_since(ports, found[ident], outputs.get(ident, []))]
    renewer = job_lease_renewer(ports)
    return _repair_each("settle", rested, lambda job: complete_job(ports, job, renewer))


def _has_rested_since(ports: WorkerPorts, job: Job, outputs: list[Output]) -> bool:
    # The first attempt was the run, so it does not count.
    until = job.updated + min(max(job.attempt - 1, 1), MAX_REST) * ports.lease
    return ports.clock.now() >= until or not needs_comparison(job, outputs)


def settle_spends(ports: WorkerPorts) -> int:
    """Settle the spends of jobs that were never accepted, or that ended while the ledger accepted nothing."""
    # A job is accepted just after its reservation: a lease later it never will be.
    waiting = ports.store.unsettled_spends(ports.clock.now() - ports.lease)
    return _repair_each("spends", waiting, lambda spend: _settle_spend(ports, spend))


def _settle_spend(ports: WorkerPorts, spend: Spend) -> None:
    end = spend.state_without_release
    now, job = ports.clock.now(), spend.request.job
    ports.store.settle_spend(job, end, now, [AuditEvent(now, SYSTEM.ident, f"spend.{end.value}", job)])


def allot_caps(ports: WorkerPorts) -> int:
    """Give the ledger the caps of the policy in force, if putting it in force did not get that far."""
    try:
        return allot(ports, policies_in_force(ports.store), SYSTEM.ident)
    except Unknown:
        return 0


def remove_vaults(ports: WorkerPorts) -> int:
    """Remove vaults that no unfinished job names. A job names its vault before its last request for it."""
    return ports.vaults.remove_unused(VaultsInUse(ports.store))


def _repair_each(step: str, items: Iterable[Item], repair: Callable[[Item], None]) -> int:
    count = 0
    for item in items:
        try:
            repair(item)
            count += 1
        except Exception as error:
            # One item that fails must not prevent the repair of the others.
            log.warning("reconcile", step=step, subject=str(item), error=type(error).__name__)
    return count


def run_public_tables(ports: WorkerPorts) -> int:
    """Run every confirmed public table that no longer rests, and return how many were entered."""
    return sum(_run_public_table(ports, table) for table in ports.store.public_tables_to_run(ports.clock.now()))


def _run_public_table(ports: WorkerPorts, table: PublicTable) -> bool:
    """Run one public table. Returns whether it was entered."""
    now = ports.clock.now()
    attempt = ports.store.lease_public_table(table.ident, now + ports.lease, now)
    if attempt is None:
        return False
    # The earlier attempt's worker is gone; its sandbox must be gone too.
    if attempt > 1:
        ports.sandbox.terminate(table.ident, attempt - 1)
    try:
        with public_table_lease_renewer(ports)(table.ident, attempt):
            enter_public_table(ports, table.ident, attempt)
    except Exception as error:
        # The lease is lost: the attempt that took over goes on.
        if isinstance(error, Conflict) and error.code == "stale":
            return False
        log.warning("public table", subject=table.ident, error=type(error).__name__)
        rests_until = ports.clock.now() + min(attempt, MAX_REST) * ports.lease
        ports.store.rest_public_table(table.ident, attempt, rests_until)
        return False
    return True


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
