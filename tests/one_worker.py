"""A worker of one process for tests: no thread renews its leases."""

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.workflow import slot_work
from broker.workflow.job_scheduling import WorkerSlot
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.work import work_on


def unwatched(item: WorkItem) -> AbstractContextManager[None]:
    return nullcontext()


def run_job(ports: RunPorts, job: str, worker: str = "w1") -> bool:
    """Run a job as a slot does: with its comparison, its hold, and what follows without people."""
    return slot_work.run_whole_slot(ports, job, worker, unwatched)


def run_rehearsal(ports: RunPorts, rehearsal: str) -> bool:
    return slot_work.run_rehearsal(ports, rehearsal, "w1", WorkerSlot(), unwatched)


def lease(ports: RunPorts, kind: WorkKind, subject: str, until: timedelta | None = None) -> WorkItem:
    """The lease of a worker that does nothing."""
    now = ports.clock.now()
    item = ports.store.lease_work(kind, subject, "w1", now + (until or ports.lease), now)
    assert item is not None
    return item


def due(ports: RunPorts, *kinds: WorkKind) -> list[WorkItem]:
    """What is due, or will be after a rest."""
    return ports.store.work_due(frozenset(kinds), ports.clock.now() + timedelta(days=30))


def complete_job(ports: RunPorts, job: str) -> None:
    """Do every step of a job that has run and needs no person."""
    for kind in (WorkKind.COMPARE, WorkKind.RELEASE):
        work_on(ports, kind, job, "w1", unwatched)
