"""Two near-equal everyday tables, through the workflow on the synthetic NPD. After repair both are released, in any
order, and no difference of the two isolates a few persons. Real engine, real vault, real files; the sandbox is this
process."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Lock, Semaphore

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, OutputState, Submission
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ports import Ports, ReleaseHistoryPorts, Snapshot, WorkerPorts
from broker.domain.ports.sandbox_ports import SandboxRequest, SandboxResult
from broker.domain.progress import no_progress
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.engine.members_engine import DuckDBMembersEngine
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.storage.content_store import FolderContentStore
from broker.storage.private_files import write_whole
from broker.storage.sql_store import open_store
from broker.storage.system_clock import SystemClock
from broker.vault.population_store import PopulationStore
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.administration import user_accounts
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.release_history.history_tables import history_table
from broker.workflow.submission.job_submission import submit
from tests.in_process_broker import OwnEngine
from tests.one_worker import complete_job, run_job

pytestmark = pytest.mark.long

PROJECT, PUPILS, YEAR = "P0421", 4000, 2018
TABLES = frozenset({"npd.spring_census", "npd.ks2_pupil"})
ON_ROLL = """-- output: {name}
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '2018/2019' AND OnRoll = 1{more} GROUP BY PHASE"""
BANDS = """CASE WHEN KS2_MATSCORE < 97 THEN '1' WHEN KS2_MATSCORE < 102 THEN '2' WHEN KS2_MATSCORE < 106 THEN '3'
WHEN KS2_MATSCORE < 110 THEN '4' ELSE '5' END"""
KS2 = f"""-- output: {{name}}
SELECT {BANDS} AS band, COUNT(*) AS pupils FROM npd.ks2_pupil
WHERE KS2_ACADYR = '2018/2019'{{more}} GROUP BY {BANDS}"""
PAIRS = {
    "with and without the duplicate filter": (ON_ROLL.format(name="a", more=""),
        ON_ROLL.format(name="b", more=" AND (RecordStatus IS NULL OR RecordStatus < 100)")),
    "everybody and who is on roll": (ON_ROLL.format(name="a", more="").replace(" AND OnRoll = 1", ""),
        ON_ROLL.format(name="b", more="")),
    "excluding missing KS2": (KS2.format(name="a", more=""),
        KS2.format(name="b", more=" AND KS2_READSCORE IS NOT NULL")),
}  # fmt: skip


TOLD: dict[str, dict[str, int]] = {}


class NoQueue:
    def offer(self, item: WorkItem) -> None: ...

    def depth(self) -> int:
        return 0


class Alone(OwnEngine):
    """Runs one request at a time: warnings that are silenced here are silenced for the whole process."""

    def __init__(self) -> None:
        self._lock = Lock()

    def run(self, request: SandboxRequest) -> SandboxResult:
        with self._lock:
            return super().run(request)


def trimmed(policies: PolicySet) -> PolicySet:
    """The project with two tables of one year, whose outputs policy lets go by itself."""
    own = policies.project(PROJECT)
    assert own is not None
    grants = tuple(replace(g, years=frozenset({YEAR})) for g in own.grants if g.table in TABLES)
    made = replace(own, grants=grants, votes=0, mode=own.mode)
    return replace(policies, projects=tuple(made if p.ident == PROJECT else p for p in policies.projects))


class HastyClock(SystemClock):
    """The system's time, and later by as much as was waited for: whoever waits is there at once."""

    def __init__(self) -> None:
        self._later = timedelta()

    def now(self) -> datetime:
        return super().now() + self._later

    def wait_until(self, moment: datetime) -> None:
        self._later += max(moment - self.now(), timedelta())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[PolicySet, object]:
    policies = trimmed(load_policies(Path(__file__).parents[3] / "policies"))
    own = policies.project(PROJECT)
    assert own is not None
    asked = synthetic_data_spec(own, policies.catalogue, range(YEAR, YEAR + 1), PUPILS, 1)
    return policies, build_rehearsal_data(policies, PROJECT, asked, tmp_path_factory.mktemp("town"), no_progress)


@pytest.fixture
def town(made, url: str, tmp_path: Path) -> WorkerPorts:
    policies, stage = made
    data = stage.vaults._data
    store = open_store(url)
    files = EncryptedMemberFiles(tmp_path / "memory", b"k" * 32, write_whole)
    memory = ReleaseHistoryPorts(files, PopulationStore(data, lambda: policies), DuckDBMembersEngine())
    shelf, clock = FolderContentStore(tmp_path / "outputs"), HastyClock()
    ports = WorkerPorts(
        store,
        NoQueue(),
        shelf,
        clock,
        Alone(),
        InProcessRebuilder(),
        stage.vaults,
        stage.ports.engine,
        release_history=memory,
    )
    people = [(Person(i, i, frozenset({r})), None) for i, r in (
        ("demo-researcher", Role.RESEARCHER), ("demo-admin-1", Role.ADMINISTRATOR),
        ("demo-admin-2", Role.ADMINISTRATOR))]  # fmt: skip
    user_accounts.initialise_broker(Ports(store, ports.queue, shelf, clock), people)
    user_accounts.propose_policy(ports, store.person("demo-admin-1"), policies)
    user_accounts.apply_policy(ports, store.person("demo-admin-2"), policies.fingerprint)
    user_accounts.put_snapshot(ports, Snapshot(stage.snapshot, "0" * 64, clock.now(), True, "here", "{}"))
    yield ports
    store.close()
    shutil.rmtree(tmp_path / "memory")


def released(ports: WorkerPorts, text: str) -> dict[str, str]:
    """Run a job to its end: the released figures by their keys; a hole is `c`. What was compared again leaves a slot of
    time later."""
    job, checked = submit(
        ports, ports.store.person("demo-researcher"), Submission(PROJECT, JobKind.SQL, "", text, "t", "p")
    )
    assert checked.accepted, checked.refusals
    run_job(ports, job.ident)
    complete_job(ports, job.ident)
    (output,) = ports.store.outputs_of(job.ident)
    if output.state is OutputState.APPROVED:
        ports.clock.wait_until(ports.clock.now() + timedelta(hours=1))
        complete_job(ports, job.ident)
        (output,) = ports.store.outputs_of(job.ident)
    assert output.state is OutputState.RELEASED, (output.state, output.verdict)
    lines = ports.content_store.get("released", output.release_hash).decode().splitlines()[1:]
    return dict(line.rsplit(",", 1) for line in lines)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_two_near_equal_everyday_tables_are_both_released_after_repair(town, pair, turned):
    first, second = PAIRS[pair][::-1] if turned else PAIRS[pair]
    one, two = released(town, first), released(town, second)
    assert len(town.store.history_entries()) == 2
    shown = {k for k in one if one[k] != "c"} & {k for k in two if two[k] != "c"}
    assert shown, "neither is refused as a whole"
    TOLD[f"{pair}{' turned' if turned else ''}"] = {"rows": len(one), "shown in both": len(shown)}
    if folder := os.environ.get("PROOF_FIGURES"):
        (Path(folder) / "everyday.json").write_text(json.dumps(TOLD))
    old, new = (history_table(town, town.release_history, entry)() for entry in town.store.history_entries())
    assert compare(new, old).is_clean, "no union of the one and no union of the other differ by a few persons"


def test_invariant_4_two_releases_at_once_each_clean_alone_are_never_both_out(town, monkeypatch):
    """Both are compared with an empty memory, and both write at one moment: one of them is out, and the other looks
    again and leaves with what that one told."""
    texts = PAIRS["everybody and who is on roll"]
    gate, whole, first = Barrier(2), town.store.release, Semaphore(2)

    def together(*given, **named):
        if first.acquire(blocking=False):
            gate.wait(100)
        return whole(*given, **named)

    monkeypatch.setattr(town.store, "release", together)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda text: released(town, text), texts))
    assert len(found) == len(town.store.history_entries()) == 2
    old, new = (history_table(town, town.release_history, entry)() for entry in town.store.history_entries())
    assert compare(new, old).is_clean
    again = [line for line in town.store.audit() if line.event.action == "job.compared"]
    assert len(again) == 3, "one was compared a second time"
