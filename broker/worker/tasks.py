"""Functions that the queue may call. They take ids; everything else comes from the store, even which
job's turn it is."""

from dataclasses import dataclass

from broker.domain.jobs.job import JobKind
from broker.worker.lease_renewer import job_lease_renewer, rehearsal_lease_renewer
from broker.worker.reconcile import offer_waiting
from broker.workflow.job_scheduling import WorkerSlot
from broker.workflow.pipeline.job_run import resume_hold, run_next_job
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.rehearsal_run import run_rehearsal as rehearse


@dataclass(frozen=True, slots=True)
class _SlotProcess:
    ports: RunPorts
    name: str
    slot: WorkerSlot


_process: dict[str, _SlotProcess] = {}


def set_up_slot(ports: RunPorts, name: str, slot: WorkerSlot | None = None) -> None:
    """Give this process its adapters, name and slot, once, before it takes work.

    An earlier process with the same name may have left a time slot unfinished: this one waits for its end.
    """
    _process["this"] = _SlotProcess(ports, name, slot or WorkerSlot())
    resume_hold(ports, name)


def run_job(job: str, attempt: int) -> bool:
    """Run the job whose turn it is, whichever was offered. Returns whether one ran.

    Jobs that have already run are completed outside the slots: otherwise a waiting job would show how long their
    comparison takes.
    """
    this = _process["this"]
    ran = run_next_job(this.ports, this.slot, this.name, job_lease_renewer(this.ports))
    if ran:
        offer_waiting(this.ports)  # at once: an offer that came meanwhile may have been used up for this job
    return ran


def run_rehearsal(rehearsal: str, attempt: int) -> bool:
    """Run the job whose turn it is, if one waits; otherwise this rehearsal. A slot that takes no scripts rehearses SQL
    only."""
    this = _process["this"]
    # Jobs come before rehearsals.
    if run_job(rehearsal, attempt):
        return True
    kind = this.ports.store.requested_rehearsal(rehearsal).submission.kind
    # The reconciler offers it again, to another slot.
    if kind is JobKind.PYTHON and not this.slot.takes_scripts(policies_in_force(this.ports.store)):
        return False
    return rehearse(this.ports, rehearsal, rehearsal_lease_renewer(this.ports))
