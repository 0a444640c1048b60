"""What leaves of a series of texts end to end, in this process: submitted, run, assessed, compared with memory and
released by the real workflow on one town, and then looked at as its researcher, a colleague and the public see it."""

import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from broker.domain.findings import Assessment
from broker.domain.jobs.job import Output, OutputState
from broker.domain.plans.scalars import Value
from broker.storage.sql_store import SqlStore
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.pipeline.draft_output import staff_record_of
from broker.workflow.private_jobs.private_ports import RunPorts
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
from tests.in_process_broker import RESEARCHER, add_snapshot, found_broker, open_broker, run_sql_job, store_in

IDENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SECONDS = re.compile(r"(T\d\d:\d\d):\d\d(\.\d+)?")


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
    running: SqlStore | None = None
    """The store of the broker that runs. From one run to the next it keeps its compiled statements alone."""

    def __post_init__(self) -> None:
        """People and policies once, the snapshot for each way."""
        whole = self.folder / "founded"
        whole.mkdir(parents=True)
        with self._opened(whole) as ports:
            found_broker(ports, self.town.policies)
        for way, ident in self.town.snapshots.items():
            self.founded[way] = self.folder / f"founded-{way.replace(' ', '-')}"
            shutil.copytree(whole, self.founded[way])
            with self._opened(self.founded[way]) as ports:
                add_snapshot(ports, ident)

    def _opened(self, folder: Path, store: SqlStore | None = None) -> AbstractContextManager[RunPorts]:
        return open_broker(folder, self.town.folder, self.town.keeper, self.town.policies, store)

    def ran(self, way: str, texts: Sequence[str]) -> Seen:
        """A new broker that runs the texts one after the other. Its idents are the same each time: a broker's are
        random, and what happens in one minute is listed in their order."""
        folder = self.folder / "running"
        shutil.copytree(self.founded[way], folder)
        drawn = (uuid.UUID(int=n, version=4) for n in count(1))
        self.running = self.running or store_in(folder)
        try:
            with self._opened(folder, self.running) as ports, patch.object(uuid, "uuid4", lambda: next(drawn)):
                jobs = [run_sql_job(ports, PROJECT, text) for text in texts]
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
