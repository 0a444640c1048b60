"""What one slot of a worker does: the run whose turn it is, a rehearsal if none waits, and nothing until the end of a
job's time slot."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from broker.domain.errors import Unknown
from broker.domain.jobs.job import Job, JobKind, JobState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import DataKind, WorkerPorts
from broker.workflow.job_scheduling import WorkerSlot, next_job, recently_begun
from broker.workflow.policies_in_force import policies_if_any, policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.timing_channel import reads_nothing, time_slots_of
from broker.workflow.work import LeaseRenewal, work_on


def run_next_job(ports: RunPorts, slot: WorkerSlot, worker: str, renew_lease: LeaseRenewal) -> bool:
    """Run the job whose turn it is. Returns False if no job waits for this slot.

    If several workers choose the same job, the lease decides. The others choose again by the store's new state.
    """
    policies, passed = policies_in_force(ports.store), set[str]()
    while (job := next_job(ports, policies, slot, passed)) is not None:
        if run_whole_slot(ports, job, worker, renew_lease):
            return True
        if ports.store.job(job).state is JobState.QUEUED:
            passed.add(job)  # stopped, or given back
    return False


def run_whole_slot(ports: RunPorts, job: str, worker: str, renew_lease: LeaseRenewal) -> bool:
    """Run a job, compare it, and stay busy to the end of its time slot: a waiting job that starts earlier would reveal
    when this one ended. So would a script on synthetic rows that starts earlier elsewhere on the machine, so real rows
    are held as long. Then finish the job, if that waits for nobody. Returns False if the job must not run, or somebody
    else has it."""
    attempts, ran = ports.store.job(job).attempt, False
    try:
        with ports.sandbox.holding_to_slot_end(partial(_slot_end, ports, job)):
            ran = work_on(ports, WorkKind.RUN, job, worker, renew_lease)
            # Not what another slot ran: this one would be busy as long as the comparison really takes.
            if ran:
                work_on(ports, WorkKind.COMPARE, job, worker, renew_lease)
    finally:
        found = ports.store.job(job)
        # Also an attempt that failed or lost its lease took its time.
        if (
            found.worker == worker
            and found.attempt > attempts
            and not reads_nothing(found, ports.store.outputs_of(job))
        ):
            _wait_for(ports, [found])
    if ran:
        work_on(ports, WorkKind.RELEASE, job, worker, renew_lease)
    return ran


def resume_hold(ports: WorkerPorts, worker: str) -> None:
    """Finish the hold of this slot's last job. A worker calls this first, because its process may have been killed
    while it ran or held something, even by a script."""
    if (policies := policies_if_any(ports.store)) is not None:
        _wait_for(ports, [job for job in recently_begun(ports, policies) if job.worker == worker])


def _slot_end(ports: WorkerPorts, job: str) -> datetime:
    """Return the end of the time slot in which a job ended, or in which it runs now."""
    now = ports.clock.now()
    return time_slots_of(ports, policies_in_force(ports.store)).displayed_end(ports.store.job(job), now) or now


def _wait_for(ports: WorkerPorts, begun: Sequence[Job]) -> None:
    slots, now = time_slots_of(ports, policies_in_force(ports.store)), ports.clock.now()
    for until in (slots.displayed_end(job, now) for job in begun):
        if until is not None:
            ports.clock.wait_until(until)


def run_rehearsal(ports: RunPorts, ident: str, worker: str, slot: WorkerSlot, renew_lease: LeaseRenewal) -> bool:
    """Run one attempt at a rehearsal. Returns False if the slot does not take it, it must not run, or somebody else has
    it.

    A script first has to hold synthetic rows. While a neighbour holds real ones, the rehearsal stays queued, which is
    all that its author sees: one that has to wait must not look as if it had begun.
    """
    try:
        rehearsal = ports.store.requested_rehearsal(ident)
    except Unknown:
        return False
    if rehearsal.submission.kind is not JobKind.PYTHON:
        return work_on(ports, WorkKind.REHEARSAL, ident, worker, renew_lease)
    if not slot.takes_scripts(policies_in_force(ports.store)):
        return False
    # The lease that follows counts the attempt up by one.
    with ports.sandbox.holding(ident, rehearsal.attempt + 1, DataKind.SYNTHETIC, wait=False) as ours:
        return ours and work_on(ports, WorkKind.REHEARSAL, ident, worker, renew_lease)
