"""What the queue may call: two functions that take ids. Everything else comes from the store, whose turn it is, too."""

from dataclasses import dataclass

from broker.domain.jobs.job import JobKind
from broker.worker.lease_renewer import job_lease_renewer, rehearsal_lease_renewer
from broker.worker.reconcile import offer_waiting
from broker.workflow.job_scheduling import Lane
from broker.workflow.pipeline.job_run import resume_hold, run_next_job
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.rehearsal_run import run_rehearsal as rehearse


@dataclass(frozen=True, slots=True)
class _WorkerSlot:
    ports: RunPorts
    name: str
    lane: Lane


_slot: dict[str, _WorkerSlot] = {}


def set_up_slot(ports: RunPorts, name: str, lane: Lane | None = None) -> None:
    """Give this process its adapters, its name and its lane, once, before it takes work. A process before it under the
    same name may have left a slot of time unfinished: it waits for the end of that."""
    _slot["this"] = _WorkerSlot(ports, name, lane or Lane())
    resume_hold(ports, name)


def run_job(job: str, attempt: int) -> bool:
    """Run the job whose turn it is, whichever was offered. Jobs that have run already are ended beside the slots: how
    long their comparison takes would tell whoever waits."""
    this = _slot["this"]
    ran = run_next_job(this.ports, this.lane, this.name, job_lease_renewer(this.ports))
    if ran:
        offer_waiting(this.ports)  # at once: what was offered meanwhile may have been taken for this one
    return ran


def run_rehearsal(rehearsal: str, attempt: int) -> bool:
    """A job whose turn it is, where one waits; else this rehearsal, or in a slot that takes no scripts one of SQL."""
    this = _slot["this"]
    if run_job(rehearsal, attempt):
        return True
    kind = this.ports.store.requested_rehearsal(rehearsal).submission.kind
    if kind is JobKind.PYTHON and not this.lane.takes_scripts(policies_in_force(this.ports.store)):
        return False
    return rehearse(this.ports, rehearsal, rehearsal_lease_renewer(this.ports))
