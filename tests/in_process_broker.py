"""A broker in this process: the real workflow on a store and an engine of its own. Time passes only as it is asked
for."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ports import ReleaseHistoryPorts, Snapshot, Vaults
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.members_engine import DuckDBMembersEngine
from broker.policy.policy_set import PolicySet
from broker.storage.content_store import FolderContentStore
from broker.storage.private_files import write_whole
from broker.storage.sql_store import SqlStore, open_store
from broker.vault.population_store import PopulationStore
from broker.workflow.administration import user_accounts
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.submission.job_submission import submit
from tests.one_worker import complete_job, run_job

RESEARCHER, ADMINISTRATORS = "demo-researcher", ("demo-admin-1", "demo-admin-2")
LATER = timedelta(minutes=30)
"""After so long every slot of time that a job's end is told in is over."""


@dataclass
class Clock:
    """Every look is a millisecond later than the one before; whoever waits for a moment is there at once."""

    at: datetime = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def wait_until(self, moment: datetime) -> None:
        self.at = max(self.at, moment)


class OwnEngine(InProcessEngine):
    """The engine of this process as a sandbox in which no script runs."""

    def holding_to_slot_end(self, slot_end: Callable[[], datetime]) -> AbstractContextManager[None]:
        return nullcontext()


class NoQueue:
    def offer(self, item: WorkItem) -> None: ...

    def depth(self) -> int:
        return 0


def store_in(folder: Path) -> SqlStore:
    return open_store(f"sqlite:///{folder / 'broker.sqlite'}")


@contextmanager
def open_broker(
    folder: Path, data: Path, vaults: Vaults, policies: PolicySet, store: SqlStore | None = None
) -> Iterator[RunPorts]:
    """The ports of a broker whose store is in `folder` and whose data are in `data`. `store`: one that was opened
    there before, with another file of the same schema."""
    store = store or store_in(folder)
    files = EncryptedMemberFiles(folder / "memory", b"k" * 32, write_whole)
    history = ReleaseHistoryPorts(files, PopulationStore(data, lambda: policies), DuckDBMembersEngine())
    outputs = FolderContentStore(folder / "outputs")
    runner: Any = OwnEngine()
    with closing(store):
        yield RunPorts(
            store,
            NoQueue(),
            outputs,
            Clock(),
            runner,
            InProcessRebuilder(),
            vaults,
            DuckDBEngine(),
            release_history=history,
        )


def found_broker(ports: RunPorts, policies: PolicySet) -> None:
    """People and policies."""
    roles = {RESEARCHER: Role.RESEARCHER} | dict.fromkeys(ADMINISTRATORS, Role.ADMINISTRATOR)
    user_accounts.initialise_broker(ports, [(Person(i, i, frozenset({r})), None) for i, r in roles.items()])
    first, second = map(ports.store.person, ADMINISTRATORS)
    user_accounts.propose_policy(ports, first, policies)
    user_accounts.apply_policy(ports, second, policies.fingerprint)


def add_snapshot(ports: RunPorts, ident: str) -> None:
    user_accounts.put_snapshot(ports, Snapshot(ident, "0" * 64, ports.clock.now(), True, "here", "{}"))


def run_sql_job(ports: RunPorts, project: str, text: str) -> str:
    """A job of this SQL to where nothing of it waits for time any more; its ident."""
    person = ports.store.person(RESEARCHER)
    job, _ = submit(ports, person, Submission(project, JobKind.SQL, "", text, "A search", "A test."))
    run_job(ports, job.ident)
    for _ in range(2):
        complete_job(ports, job.ident)
        ports.clock.at += LATER  # type: ignore[attr-defined]
    return job.ident
