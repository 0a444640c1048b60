"""A worker that does all work that is due, as fast as it can, until it is killed. Its sandbox and engine are those of
the workflow's tests; store, files and clock are real. The seed decides the order of the kinds of work in each round.

`python -m tests.integration.storage.killable_worker URL FOLDER SEED`"""

import random
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from broker.domain.jobs.work_items import WorkKind
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.storage.content_store import FolderContentStore
from broker.storage.private_files import write_whole
from broker.storage.sql_store import open_store
from broker.storage.system_clock import SystemClock
from broker.worker import reconcile
from broker.workflow.job_scheduling import WorkerSlot
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.slot_work import run_next_job
from tests.one_worker import run_rehearsal, unwatched
from tests.unit.workflow.conftest import opened

LEASE = timedelta(seconds=0.4)


class HastyClock(SystemClock):
    """Nobody measures how long a job takes: a slot is free at once."""

    def wait_until(self, moment: datetime) -> None: ...


def worker_ports(url: str, folder: Path) -> RunPorts:
    fakes = next(opened(folder / "fakes", None)).ports
    fakes.store.close()
    history = replace(fakes.release_history, files=EncryptedMemberFiles(folder / "members", b"k" * 32, write_whole))
    shelf = FolderContentStore(folder / "outputs")
    more = {"clock": HastyClock(), "lease": LEASE, "release_history": history, "content_store": shelf}
    return replace(fakes, store=open_store(url), **more)


def work_once(ports: RunPorts, order: random.Random) -> None:
    """One round of everything that a worker and its supervisor do."""
    steps = [reconcile.reap, run_jobs, reconcile.compare_due, reconcile.release_due, run_rehearsals]
    for step in order.sample(steps, len(steps)):
        step(ports)


def run_jobs(ports: RunPorts) -> None:
    while run_next_job(ports, WorkerSlot(), "w", unwatched):
        ports.sandbox.running.clear()


def run_rehearsals(ports: RunPorts) -> None:
    for item in ports.store.work_due(frozenset({WorkKind.REHEARSAL}), ports.clock.now()):
        run_rehearsal(ports, item.subject)
        ports.sandbox.running.clear()


def main(url: str, folder: Path, seed: int) -> None:
    ports, order = worker_ports(url, folder), random.Random(seed)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        work_once(ports, order)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
