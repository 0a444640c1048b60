"""What the queue may call. It takes ids; everything else comes from the store, even which job's turn it is."""

from broker.domain.jobs.work_items import WorkKind
from broker.worker.lease_renewer import lease_renewer
from broker.worker.reconcile import offer_waiting
from broker.workflow.job_scheduling import WorkerSlot
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.slot_work import resume_hold, run_next_job, run_rehearsal

_process: dict[str, tuple[RunPorts, str, WorkerSlot]] = {}


def set_up_slot(ports: RunPorts, name: str, slot: WorkerSlot) -> None:
    """Give this process its adapters, name and slot, once, before it takes work.

    An earlier process with the same name may have left a time slot unfinished: this one waits for its end.
    """
    _process["this"] = ports, name, slot
    resume_hold(ports, name)


def work(kind: str, subject: str, attempt: int) -> bool:
    """Run the job whose turn it is, whichever was offered; if none waits, an offered rehearsal. Returns whether
    anything ran.

    Jobs that have already run are compared and released outside the slots: otherwise a waiting job would show how long
    their comparison takes.
    """
    ports, name, slot = _process["this"]
    renewer = lease_renewer(ports)
    if run_next_job(ports, slot, name, renewer):
        offer_waiting(ports)  # at once: an offer that came meanwhile may have been used up for this job
        return True
    # A slot that takes no scripts leaves them to another one: the reconciler offers them again.
    return WorkKind(kind) is WorkKind.REHEARSAL and run_rehearsal(ports, subject, name, slot, renewer)
