"""What the queue may call: two functions that take ids. Everything else comes from the store."""

from broker.worker.heartbeat import keeper, rehearsal_keeper
from broker.workflow.private.ports import RunPorts
from broker.workflow.run import run_job as run
from broker.workflow.run_rehearsal import run_rehearsal as rehearse

_slot: dict[str, tuple[RunPorts, str]] = {}


def equip(ports: RunPorts, name: str) -> None:
    """Give this process its adapters and its name, once, before it takes work."""
    _slot["this"] = (ports, name)


def run_job(job: str, attempt: int) -> bool:
    """Run one attempt of a job. `attempt` only tells deliveries apart: the store's lease decides who runs."""
    ports, name = _slot["this"]
    return run(ports, job, name, keeper(ports))


def run_rehearsal(rehearsal: str, attempt: int) -> bool:
    """The same for a rehearsal."""
    ports, _ = _slot["this"]
    return rehearse(ports, rehearsal, rehearsal_keeper(ports))
