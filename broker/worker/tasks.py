"""What the queue may call: two functions that take ids. Everything else comes from the store, whose turn it is, too."""

from dataclasses import dataclass

from broker.domain.jobs import Kind
from broker.worker.heartbeat import keeper, rehearsal_keeper
from broker.worker.reconcile import offer_waiting
from broker.workflow.policies import policies_in_force
from broker.workflow.private.ports import RunPorts
from broker.workflow.run import hold_again, run_next
from broker.workflow.run_rehearsal import run_rehearsal as rehearse
from broker.workflow.turns import Lane


@dataclass(frozen=True, slots=True)
class _Slot:
    ports: RunPorts
    name: str
    lane: Lane


_slot: dict[str, _Slot] = {}


def equip(ports: RunPorts, name: str, lane: Lane | None = None) -> None:
    """Give this process its adapters, its name and its lane, once, before it takes work. A process before it under the
    same name may have left a slot of time unfinished: it waits for the end of that."""
    _slot["this"] = _Slot(ports, name, lane or Lane())
    hold_again(ports, name)


def run_job(job: str, attempt: int) -> bool:
    """Run the job whose turn it is, whichever was offered. Jobs that have run already are ended beside the slots: how
    long their comparison takes would tell whoever waits."""
    this = _slot["this"]
    ran = run_next(this.ports, this.lane, this.name, keeper(this.ports))
    if ran:
        offer_waiting(this.ports)  # at once: what was offered meanwhile may have been taken for this one
    return ran


def run_rehearsal(rehearsal: str, attempt: int) -> bool:
    """A job whose turn it is, where one waits; else this rehearsal, or in a slot that takes no scripts one of SQL."""
    this = _slot["this"]
    if run_job(rehearsal, attempt):
        return True
    kind = this.ports.store.asked_rehearsal(rehearsal).submission.kind
    if kind is Kind.PYTHON and not this.lane.takes_scripts(policies_in_force(this.ports.store)):
        return False
    return rehearse(this.ports, rehearsal, rehearsal_keeper(this.ports))
