"""What leaves of a series of texts end to end, in this process: submitted, run, assessed, compared with memory and
released by the real workflow on one town, and then looked at as its researcher, a colleague and the public see it."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from broker.domain.findings import Assessment
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, Output, OutputState, Submission
from broker.domain.jobs.work_items import WorkItem
from broker.domain.plans.scalars import Value
from broker.domain.ports import ReleaseHistoryPorts, Snapshot
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.members_engine import DuckDBMembersEngine
from broker.storage.content_store import FolderContentStore
from broker.storage.private_files import write_whole
from broker.storage.sql_store import open_store
from broker.vault.population_store import PopulationStore
from broker.workflow.administration import user_accounts
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.pipeline.draft_output import staff_record_of
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.submission.job_submission import submit
from broker.workflow.views import (
    job_progress,
    job_views,
    person_notices,
    privacy_budgets,
    public_register,
    released_outputs,
)
from tests.attacks.decoders.kit import HOLE, Place
from tests.attacks.decoders.towns import PROJECT, Town
from tests.one_worker import complete_job, run_job

RESEARCHER, ADMINISTRATORS = "demo-researcher", ("demo-admin-1", "demo-admin-2")
LATER = timedelta(minutes=30)
"""After so long every slot of time that a job's end is told in is over."""
IDENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SECONDS = re.compile(r"(T\d\d:\d\d):\d\d(\.\d+)?")


@dataclass
class Clock:
    """Every look is a millisecond later than the one before; whoever waits for a moment is there at once."""

    at: datetime = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def wait_until(self, moment: datetime) -> None:
        self.at = max(self.at, moment)


class NoQueue:
    def offer(self, item: WorkItem) -> None: ...

    def depth(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What everybody who may look sees of a series, by what they look at; and for staff, the states of its outputs,
    and by output the figures that the released tables are computed from."""

    told: Mapping[str, str]
    states: tuple[str, ...] = ()
    figures: Mapping[str, Mapping[Place, Value]] = field(default_factory=dict)

    @property
    def leaves(self) -> bool:
        return OutputState.RELEASED.value in self.states


@dataclass
class Brokers:
    """A broker for each way of a town: a store with people, policies and the snapshot, copied for each series."""

    town: Town
    folder: Path
    founded: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """People and policies once, the snapshot for each way."""
        whole = self.folder / "founded"
        whole.mkdir(parents=True)
        with self._opened(whole) as ports:
            self._found(ports)
        for way, ident in self.town.snapshots.items():
            self.founded[way] = self.folder / f"founded-{way.replace(' ', '-')}"
            shutil.copytree(whole, self.founded[way])
            with self._opened(self.founded[way]) as ports:
                user_accounts.put_snapshot(ports, Snapshot(ident, "0" * 64, ports.clock.now(), True, "here", "{}"))

    def _found(self, ports: RunPorts) -> None:
        roles = {RESEARCHER: Role.RESEARCHER} | dict.fromkeys(ADMINISTRATORS, Role.ADMINISTRATOR)
        user_accounts.initialise_broker(ports, [(Person(i, i, frozenset({r})), None) for i, r in roles.items()])
        first, second = map(ports.store.person, ADMINISTRATORS)
        user_accounts.propose_policy(ports, first, self.town.policies)
        user_accounts.apply_policy(ports, second, self.town.policies.fingerprint)

    @contextmanager
    def _opened(self, folder: Path) -> Iterator[RunPorts]:
        store = open_store(f"sqlite:///{folder / 'broker.sqlite'}")
        keeper, data = self.town.keeper, self.town.folder
        files = EncryptedMemberFiles(folder / "memory", b"k" * 32, write_whole)
        memory = ReleaseHistoryPorts(files, PopulationStore(data, lambda: self.town.policies), DuckDBMembersEngine())
        shelf = FolderContentStore(folder / "outputs")
        runner: Any = InProcessEngine()
        yield RunPorts(
            store,
            NoQueue(),
            shelf,
            Clock(),
            runner,
            InProcessRebuilder(),
            keeper,
            DuckDBEngine(),
            release_history=memory,
        )
        store.close()

    def ran(self, way: str, texts: Sequence[str]) -> Seen:
        """A new broker that runs the texts one after the other. Its idents are the same each time: a broker's are
        random, and what happens in one minute is listed in their order."""
        folder = self.folder / "running"
        shutil.copytree(self.founded[way], folder)
        drawn = (uuid.UUID(int=n, version=4) for n in count(1))
        try:
            with self._opened(folder) as ports, patch.object(uuid, "uuid4", lambda: next(drawn)):
                jobs = [_run(ports, text) for text in texts]
                outputs = {f"{n} {o.name}": o for n, j in enumerate(jobs) for o in ports.store.outputs_of(j)}
                figures = {place: figures_of(ports, o) for place, o in outputs.items()}
                return Seen(self._looked_at(ports, jobs, way), tuple(o.state.value for o in outputs.values()), figures)
        finally:
            shutil.rmtree(folder)

    def _looked_at(self, ports: RunPorts, jobs: Sequence[str], way: str) -> dict[str, str]:
        person = ports.store.person(RESEARCHER)
        told: dict[str, Any] = {
            "jobs": job_views.visible_jobs(ports, person),
            "notices": person_notices.notices_for(ports, person),
            "budget": privacy_budgets.project_budget(ports, person, PROJECT),
            "register": public_register.list_releases(ports, public_register.RegisterFilter()),
            "projects": public_register.list_projects(ports, public_register.RegisterSearch()),
        }
        for number, job in enumerate(jobs):
            told[f"job {number}"] = job_progress.followed_job(ports, person, job)
            if ports.store.release_of(job) is not None:
                told[f"manifest {number}"] = json.dumps(json.loads(job_release.manifest(ports, person, job)), indent=1)
            for output in ports.store.outputs_of(job):
                if output.state is OutputState.RELEASED:
                    place = f"{number} {output.name}"
                    told[f"table {place}"] = job_release.download(ports, person, output.ident).content.decode()
                    told[f"record {place}"] = output_records.record_of_release(ports, person, output.ident).decode()
                    told[f"parquet {place}"] = released_outputs.parquet(ports, person, output.ident).content
        names = dict.fromkeys(IDENT.findall("".join(map(repr, told.values()))))
        return {k: self._without_names(v, list(names), way) for k, v in told.items()}

    def _without_names(self, told: Any, names: Sequence[str], way: str) -> str:
        """Idents are random, a snapshot's is that of all its rows, and times are told to the minute."""
        text = told if isinstance(told, str) else repr(told)
        for number, name in enumerate(names):
            text = text.replace(name, f"ident-{number}")
        return SECONDS.sub(r"\1", text.replace(self.town.snapshots[way], "snapshot"))


def figures_of(ports: RunPorts, output: Output) -> dict[Place, Value]:
    """The figures behind a table as they were judged at last, by staff's record of it."""
    found = staff_record_of(ports, output).content
    assert isinstance(found, Assessment)
    return {
        (n, keys, j.statistic): HOLE if j.hidden else j.released
        for n, table in enumerate(found.tables)
        for keys, _, _, judged in table.cells
        for j in judged
    }


def _run(ports: RunPorts, text: str) -> str:
    """A job to where nothing of it waits for time any more."""
    person, title = ports.store.person(RESEARCHER), "A search"
    job, _ = submit(ports, person, Submission(PROJECT, JobKind.SQL, "", text, title, "A test."))
    run_job(ports, job.ident)
    for _ in range(2):
        complete_job(ports, job.ident)
        ports.clock.at += LATER  # type: ignore[attr-defined]
    return job.ident
