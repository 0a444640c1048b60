"""Does one item of work: leases it, hands it to the module of its kind, and gives it back when it could not be done."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.errors import Conflict, Unavailable, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.work_items import WorkItem, WorkKind, rest_of
from broker.workflow.pipeline.pipeline import compare_outputs, fail_exhausted_job, finish_job, run_job
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.rehearsal_run import fail_exhausted_rehearsal, rehearse
from broker.workflow.release_history.public_table_entry import enter_public_table
from broker.workflow.run_context import OVERTAKEN_CODES
from broker.workflow.timing_channel import time_slots_of

LeaseRenewal = Callable[[WorkItem], AbstractContextManager[None]]
"""Context manager that renews an item's lease while entered, and kills its sandbox if the lease is lost."""


LONGEST_REST = timedelta(minutes=10)
"""An item that waits for a moment is looked at again after so long."""


@dataclass(frozen=True, slots=True)
class WorkModule:
    """How one kind of work is done. `do`: does it, or returns until when it rests because something is left to do.
    `end_exhausted`: ends the subject of an item that was given back too often, and returns whether it was.
    `waits_for_repair`: an error is nothing that ends the subject, it waits until somebody has repaired the cause."""

    do: Callable[[RunPorts, WorkItem], datetime | None]
    end_exhausted: Callable[[RunPorts, WorkItem], bool] = lambda ports, item: False
    waits_for_repair: bool = False


MODULES: Mapping[WorkKind, WorkModule] = {
    WorkKind.RUN: WorkModule(run_job, fail_exhausted_job),
    WorkKind.COMPARE: WorkModule(compare_outputs, fail_exhausted_job),
    WorkKind.RELEASE: WorkModule(finish_job, fail_exhausted_job, waits_for_repair=True),
    WorkKind.REHEARSAL: WorkModule(rehearse, fail_exhausted_rehearsal),
    WorkKind.PUBLIC_TABLE: WorkModule(enter_public_table, waits_for_repair=True),
}


def work_on(ports: RunPorts, kind: WorkKind, subject: str, worker: str, renew_lease: LeaseRenewal) -> bool:
    """Do one item of work. Returns False if it is not due (any more), or somebody else has it.

    If the lease is lost, every later write raises Conflict("stale"). It is dropped here, because the attempt that took
    over records what happened.
    """
    now = ports.clock.now()
    started = AuditEvent(now, SYSTEM.ident, "job.started", subject, (("worker", worker),))
    events = [started] if kind is WorkKind.RUN else []
    item = ports.store.lease_work(kind, subject, worker, now + ports.lease, now, events)
    if item is None:
        return False
    try:
        with renew_lease(item):
            _do(ports, item)
    except Conflict as conflict:
        if conflict.code not in OVERTAKEN_CODES:
            raise
        return False
    return True


def _do(ports: RunPorts, item: WorkItem) -> None:
    module = MODULES[item.kind]
    try:
        rests_until = module.do(ports, item)
    # Infrastructure did not answer: another attempt may do better.
    except (Unavailable, Unknown):
        give_back(ports, item)
        return
    except Exception:
        # Otherwise the lease would lapse, and the item count as one whose worker died.
        if module.waits_for_repair:
            give_back(ports, item)
        raise
    if rests_until is not None:
        now = ports.clock.now()
        # A decision that came while the item was leased woke nobody, so no rest is long.
        ports.store.give_back(item, min(rests_until, now + LONGEST_REST), now)


def give_back(ports: RunPorts, item: WorkItem, rested: timedelta = timedelta(0)) -> None:
    """Let another attempt do the item after a rest, or end its subject after too many attempts. A run rests until the
    end of a time slot. `rested`: for how long nobody has worked on it."""
    if MODULES[item.kind].end_exhausted(ports, item):
        return
    now = ports.clock.now()
    rests_until = now + rest_of(item, ports.lease) - rested
    if item.kind is WorkKind.RUN:
        # A script may end its worker: when the next attempt begins must not show when.
        slots, job = time_slots_of(ports, policies_in_force(ports.store)), ports.store.job(item.subject)
        rests_until = slots.displayed_end(job, rests_until) or rests_until
    requeued = AuditEvent(now, SYSTEM.ident, "job.requeued", item.subject, (("attempt", str(item.attempt)),))
    events = [requeued] if item.kind is WorkKind.RUN else []
    ports.store.give_back(item, rests_until, now, events)
