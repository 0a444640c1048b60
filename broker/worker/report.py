"""What a worker tells administrators of itself: slots, sandboxes that wait, the self-test. Nothing is decided by it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.ports import WorkerPorts, WorkerReport
from broker.settings import Settings


@dataclass(slots=True)
class Said:
    """What is known of this worker by now; the self-test says its part from a thread of its own."""

    facts: dict[str, str] = field(default_factory=dict)

    def tested(self, missing: tuple[str, ...]) -> None:
        self.facts |= {"self-test": "failed" if missing else "passed", "missing": ", ".join(missing)}


def begun(settings: Settings) -> Said:
    test = "not needed: synthetic data" if settings.synthetic_only else "not finished yet"
    return Said({"runtime": settings.runtime, "slots": str(settings.slots), "self-test": test})


def report(ports: WorkerPorts, said: Said, slots: Mapping[int, subprocess.Popen[bytes]], warm: int | None) -> None:
    """Tell the store, so that pages need no worker."""
    alive = sum(1 for slot in slots.values() if slot.poll() is None)
    mine = {"slots alive": str(alive), "jobs running": str(len(ports.store.alive()))}
    pool = {} if warm is None else {"sandboxes ready": str(warm)}
    facts = tuple({**said.facts, **mine, **pool}.items())
    ports.store.report_worker(WorkerReport(os.uname().nodename, ports.clock.now(), facts))
