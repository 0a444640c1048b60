"""What the queue may call: one function that takes ids. Everything else comes from the store."""

from broker.worker.heartbeat import keeper
from broker.workflow.private.ports import RunPorts
from broker.workflow.run import run_job as run

_slot: dict[str, tuple[RunPorts, str]] = {}


def equip(ports: RunPorts, name: str) -> None:
    """Give this process its adapters and its name, once, before it takes work."""
    _slot["this"] = (ports, name)


def run_job(job: str, attempt: int) -> bool:
    """Run one attempt of a job. `attempt` only tells deliveries apart: the store's lease decides who runs."""
    ports, name = _slot["this"]
    return run(ports, job, name, keeper(ports))
