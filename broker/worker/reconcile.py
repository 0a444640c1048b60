"""Repairs what a crash left: lapsed leases, lost offers, stray sandboxes, unsettled spends. Does the work that is due
outside the slots. Idempotent."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import structlog

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.work_items import JOB_WORK, WorkItem, WorkKind
from broker.domain.ledger.spends import Spend
from broker.domain.ports import WorkerPorts
from broker.worker.lease_renewer import lease_renewer
from broker.workflow.administration.budget_allotment import allot
from broker.workflow.administration.emergency_stops import withdraw_stopped_jobs
from broker.workflow.administration.snapshot_erasures import VaultsInUse
from broker.workflow.job_scheduling import offer
from broker.workflow.policies_in_force import policies_if_any
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.work import give_back, work_on

log = structlog.get_logger()

Item = TypeVar("Item", bound=object)


def reap(ports: RunPorts) -> int:
    """End attempts whose worker is gone, and return how many."""
    return _repair_each("reap", ports.store.work_lapsed(ports.clock.now()), lambda item: _reap(ports, item))


def _reap(ports: RunPorts, item: WorkItem) -> None:
    # First the sandbox, until it is gone: two attempts must never run at once.
    ports.sandbox.terminate(item.subject, item.attempt)
    if item.kind in JOB_WORK:
        ports.store.record([AuditEvent(ports.clock.now(), SYSTEM.ident, "lease.lapsed", item.subject)])
    # The subject was withdrawn, or another process was faster.
    with suppress(Conflict):
        give_back(ports, item, rested=ports.lease)


def offer_waiting(ports: WorkerPorts) -> int:
    """Offer every run and rehearsal that waits and does not rest, because the queue may have lost it. Returns how
    many."""
    waiting = ports.store.work_due(frozenset({WorkKind.RUN, WorkKind.REHEARSAL}), ports.clock.now())
    for item in waiting:
        offer(ports, item)
    return len(waiting)


def end_all_stopped(ports: WorkerPorts) -> int:
    """Withdraw the jobs that a stop did not reach, because the process that stopped a project may have died in
    between."""
    return withdraw_stopped_jobs(ports)


def sweep(ports: WorkerPorts) -> int:
    """Kill sandboxes that belong to no attempt at any work. Returns how many."""
    # The attempts are read after the sandboxes are listed: an attempt is in the store before its sandbox exists.
    return ports.sandbox.sweep(lambda: frozenset((i.subject, i.attempt) for i in ports.store.work_leased()))


def release_due(ports: RunPorts) -> int:
    """Route, decide and release every job that only waited for the end of its time slot or for people. Runs often."""
    return _do_due(ports, WorkKind.RELEASE)


def compare_due(ports: RunPorts) -> int:
    """Compare the outputs of jobs whose slot did not get that far. The slot comes first: if it found its job compared
    by somebody else, it would be free before the comparison ends."""
    before = ports.clock.now() - ports.lease
    return _do_due(ports, WorkKind.COMPARE, lambda item: ports.store.job(item.subject).updated <= before)


def run_public_tables(ports: RunPorts) -> int:
    """Run every confirmed public table that does not rest. Returns how many."""
    return _do_due(ports, WorkKind.PUBLIC_TABLE)


def _do_due(ports: RunPorts, kind: WorkKind, wanted: Callable[[WorkItem], bool] = lambda item: True) -> int:
    """Do all `wanted` work of one kind that is due, outside the slots. Returns how many items."""
    renewer, worker = lease_renewer(ports), os.uname().nodename
    due = filter(wanted, ports.store.work_due(frozenset({kind}), ports.clock.now()))
    return _repair_each(kind.value, due, lambda item: work_on(ports, kind, item.subject, worker, renewer))


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
    policies = policies_if_any(ports.store)
    return 0 if policies is None else allot(ports, policies, SYSTEM.ident)


def remove_vaults(ports: WorkerPorts) -> int:
    """Remove vaults that no unfinished job names. A job names its vault before its last request for it."""
    return ports.vaults.remove_unused(VaultsInUse(ports.store))


def _repair_each(step: str, items: Iterable[Item], repair: Callable[[Item], object]) -> int:
    """Repair each item, and return how many were: an item for which `repair` returns False was not."""
    count = 0
    for item in items:
        try:
            count += repair(item) is not False
        except Exception as error:
            # One item that fails must not prevent the repair of the others.
            log.warning("reconcile", step=step, subject=str(item), error=type(error).__name__)
    return count


def drop_rehearsals(ports: WorkerPorts) -> int:
    """Remove rehearsals that are older than policy retains them, and return how many."""
    # If no policy is in force yet, nothing has been rehearsed.
    if (policies := policies_if_any(ports.store)) is None:
        return 0
    return ports.store.drop_rehearsals(ports.clock.now() - timedelta(days=policies.service.rehearsal_days))
