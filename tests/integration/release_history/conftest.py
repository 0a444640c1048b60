"""The databases of the store's tests, each with a release history: its signed head and its files."""

import shutil
import sys
from collections.abc import Container, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Lock

import pytest

from broker.domain.jobs.job import JobKind, OutputState, Submission
from broker.domain.ports.sandbox_ports import SandboxRequest, SandboxResult
from broker.domain.progress import no_progress
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.storage.sql_store import open_store
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.release_history.history_tables import history_table
from broker.workflow.submission.job_submission import submit
from tests.in_process_broker import RESEARCHER, OwnEngine, add_snapshot, found_broker, open_broker
from tests.one_worker import complete_job, run_job

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from release_history_kit import Memory, opened  # noqa: E402

from tests.integration.ledger.conftest import copied  # noqa: E402, F401
from tests.integration.storage.conftest import Given, backend, migrated_file, new_postgres, postgres_server, url  # noqa: E402, F401


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "beside"


@pytest.fixture
def memory(url: str, folder: Path) -> Iterator[Memory]:  # noqa: F811
    store = opened(url, folder)
    given = Given(store, count(1))
    given.world()
    yield Memory(store, folder, given)
    store.close()


PROJECT = "P0421"


def made_of(tables: Container[str], years: range, pupils: int, folder: Path) -> tuple[PolicySet, RehearsalData]:
    """Of the project these tables and years, whose outputs policy lets go by itself."""
    policies = load_policies(HERE.parents[2] / "policies")
    own = policies.project(PROJECT)
    grants = tuple(replace(g, years=frozenset(years)) for g in own.grants if g.table in tables)
    own = replace(own, grants=grants, votes=0)
    policies = replace(policies, projects=tuple(own if p.ident == PROJECT else p for p in policies.projects))
    asked = synthetic_data_spec(own, policies.catalogue, years, pupils, 1)
    return policies, build_rehearsal_data(policies, PROJECT, asked, folder, no_progress)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[PolicySet, RehearsalData]:
    tables = {"npd.spring_census", "npd.ks2_pupil"}
    return made_of(tables, range(2018, 2019), 4000, tmp_path_factory.mktemp("town"))


class Alone(OwnEngine):
    """Runs one request at a time: warnings that are silenced here are silenced for the whole process."""

    def __init__(self) -> None:
        self._lock = Lock()

    def run(self, request: SandboxRequest) -> SandboxResult:
        with self._lock:
            return super().run(request)


@pytest.fixture
def town(made: tuple[PolicySet, RehearsalData], url: str, tmp_path: Path) -> Iterator[RunPorts]:  # noqa: F811
    policies, stage = made
    with open_broker(tmp_path, stage.vaults._data, stage.vaults, policies, open_store(url)) as ports:
        found_broker(ports, policies)
        add_snapshot(ports, stage.snapshot)
        yield replace(ports, sandbox=Alone())
    shutil.rmtree(tmp_path / "memory", ignore_errors=True)


def submitted(ports: RunPorts, text: str) -> str:
    draft = Submission(PROJECT, JobKind.SQL, "", text, "t", "p")
    job, checked = submit(ports, ports.store.person(RESEARCHER), draft)
    assert checked.accepted, checked.refusals
    return job.ident


def released(ports: RunPorts, text: str) -> dict[str, str]:
    """Run a job to its end: the released figures by their keys; a hole is `c`. What was compared again leaves a slot of
    time later."""
    job = submitted(ports, text)
    run_job(ports, job)
    complete_job(ports, job)
    (output,) = ports.store.outputs_of(job)
    if output.state is OutputState.APPROVED:
        ports.clock.wait_until(ports.clock.now() + timedelta(hours=1))
        complete_job(ports, job)
        (output,) = ports.store.outputs_of(job)
    assert output.state is OutputState.RELEASED, (output.state, output.verdict)
    lines = ports.content_store.get("released", output.release_hash).decode().splitlines()[1:]
    return dict(line.rsplit(",", 1) for line in lines)


def history_of(ports: RunPorts) -> list[object]:
    """The tables of the release history, the newest first."""
    return [history_table(ports, ports.release_history, e)() for e in reversed(list(ports.store.history_entries()))]
