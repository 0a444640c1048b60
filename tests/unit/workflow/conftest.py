"""A broker with a real store and shelf on SQLite, the project's own policies, and small fakes for what runs jobs."""

import json
import shutil
import struct
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.domain.errors import Conflict, Invalid, Unavailable
from broker.domain.evidence import CellEvidence, JobEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, Output, Submission
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.plans.plan import EvidenceNeeds, Plan, PlannedOutput, PlannedTable
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports import (
    AuditFilter,
    DataKind,
    SandboxEnd,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
    Snapshot,
    SyntheticData,
    Vault,
    VaultTable,
)
from broker.domain.ports.history_ports import TableAddress
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.storage.content_store import FolderContentStore
from broker.storage.sql_store import open_store
from broker.worker import reconcile
from broker.workflow.administration import user_accounts
from broker.workflow.private_jobs.private_ports import PrivatePorts, RunPorts as Ports
from broker.workflow.reviewing import output_review
from broker.workflow.reviewing.output_review import Ballot
from broker.workflow.submission.job_submission import submit
from tests.one_worker import complete_job, run_job

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparison_kit import COMPARES, memory
from dashboard_kit import open_budgets

SQL = """-- output: absence
SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""

PYTHON = """# input: npd.spring_census [PHASE] 2022/2023
# output: phases.csv | Pupils by phase
# output: a.csv | One
# output: b.csv | Another
# output: other.csv | One more
# output: pupil-0.csv | The first of three
# output: pupil-1.csv | The second of three
# output: pupil-2.csv | The third of three
print("hello")
"""

MANY = 10_000
"""More lines than the audit log of a test has on one subject."""

ROSA, REX, DORA = "demo-researcher", "colleague", "demo-dashboard"
CLEO, CHRIS, CARA = "demo-checker-1", "demo-checker-2", "checker-3"
ADA, AMIR = "demo-admin-1", "demo-admin-2"
ROLES = {
    ROSA: Role.RESEARCHER, REX: Role.RESEARCHER, DORA: Role.RESEARCHER, CLEO: Role.CHECKER,
    CHRIS: Role.CHECKER, CARA: Role.CHECKER, ADA: Role.ADMINISTRATOR, AMIR: Role.ADMINISTRATOR,
}  # fmt: skip
PROJECT = "P0421"


@dataclass
class HandClock:
    """Every look is a little later than the one before; a test moves it on. Who waits is there at once, where it
    `waits`."""

    at: datetime = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
    waits: bool = True

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def wait_until(self, moment: datetime) -> None:
        if self.waits:
            self.at = max(self.at, moment)

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class ListQueue:
    offers: list[tuple[str, int]] = field(default_factory=list)
    answers: bool = True

    def offer(self, item: WorkItem) -> None:
        if not self.answers:
            raise Unavailable("the queue is away")
        self.offers.append((item.subject, item.attempt))

    def depth(self) -> int:
        return len(self.offers)


@dataclass
class OneAtATime:
    """The sandbox: what a job leaves is `files` (scripts); `end` is how it ends. `during` is called while it runs.
    On the synthetic NPD a script ends as `there` and prints `printed`, as it does on real data."""

    end: SandboxEnd = SandboxEnd.ENDED
    there: SandboxEnd = SandboxEnd.ENDED
    printed: bytes = b""
    running: set[tuple[str, int]] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=lambda: {"phases.csv": b"PHASE,n\nPS,100\n"})
    ran: list[tuple[str, int]] = field(default_factory=list)
    compared: list[tuple[str, int]] = field(default_factory=list)
    killed: list[tuple[str, int]] = field(default_factory=list)
    during: Any = None
    block: float = 4.0
    held: list[DataKind] = field(default_factory=list)
    turn: bool = True

    def run(self, request: SandboxRequest) -> SandboxResult:
        name = (request.job, request.attempt)
        if name in self.running:
            raise Conflict("already-running", "A sandbox of this job and attempt exists already.")
        if request.frames == COMPARES:
            self.compared.append(name)
            return SandboxResult(SandboxEnd.ENDED, (), "sha256:1", "runc", 0.1)
        self.running.add(name)
        self.ran.append(name)
        if self.during is not None and request.mount != THERE:
            self.during(request)
        self.running.remove(name)
        end = self.there if request.mount == THERE else self.end
        frames = tuple(("file", json.dumps({"name": n}).encode() + b"\n" + c) for n, c in self.files.items())
        frames = frames if request.image == "python" and end is SandboxEnd.ENDED else ()
        if request.apart and end is SandboxEnd.ENDED:
            frames = (("table", self.answers(json.loads(request.frames[0][1]), request.frames[2][1])),)
        return SandboxResult(end, frames, "sha256:1", "runc", 0.1, self.printed)

    def answers(self, job: dict[str, Any], rows: bytes) -> bytes:
        """Every block answers this."""
        return struct.pack("<d", self.block) * (int(rows) * job["numbers"])

    @contextmanager
    def holding(self, job: str, attempt: int, rows: DataKind, wait: bool = True) -> Iterator[bool]:
        if not self.turn:
            yield False
            return
        self.held.append(rows)
        try:
            yield True
        finally:
            self.held.pop()

    def holding_to_slot_end(self, slot_end: Callable[[], datetime]) -> AbstractContextManager[None]:
        return nullcontext()

    def terminate(self, job: str, attempt: int) -> None:
        self.killed.append((job, attempt))

    def sweep(self, alive: Any) -> int:
        return len(set(self.ran) - alive())


@dataclass
class Vaults:
    """Vaults as names. `asked` is called when one was given out."""

    there: set[str] = field(default_factory=set)
    asked: Any = None

    def ensure(self, project: str, snapshot: str) -> Vault:
        key = f"v-{project}-{snapshot}"
        self.there.add(key)
        if self.asked is not None:
            self.asked()
        names = ("npd.ks4_pupil", "npd.spring_census")
        tables = tuple(VaultTable(name, (f"{name}/schema.parquet",), (None,)) for name in names)
        return Vault(key, snapshot, project, Path("/nowhere/e"), Path("/nowhere/s"), tables, True)

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Any]]:
        return {}

    def narrowed(self, vault: Vault, uses: Sequence[VariableUse]) -> Vault:
        return replace(vault, script=vault.script / "narrow")

    def remove_unused(self, used: Container[str]) -> int:
        gone = {key for key in self.there if key not in used}
        self.there -= gone
        return len(gone)


THERE = Path("/nowhere/synthetic")


@dataclass
class Synthetic:
    """The synthetic NPD, as names too."""

    known: bool = True

    def for_project(self, project: str, pupils: int, making: Any) -> SyntheticData:
        if not self.known:
            raise Invalid("rehearsal-years", "No synthetic data are known.")
        vaults = Vaults()
        vault = replace(vaults.ensure(project, "synthetic"), script=THERE)
        making(7)
        return SyntheticData(vaults, vault, 500, (2021, 2022))


@dataclass
class NoSubmittedRows:
    """Of what scripts hand over nothing is computed in these tests."""

    def prepare(self, *given: Any) -> SandboxRequest:
        raise AssertionError("nothing is handed over here")

    def read(self, *given: Any) -> Any:
        raise AssertionError("nothing is handed over here")


@dataclass
class CountingEngine:
    """`persons` persons in every listed cell of every output, but in those of which `few` says by number how many; with
    `key` for the sum of their record keys."""

    persons: int = 40
    needs: EvidenceNeeds = field(default_factory=lambda: EvidenceNeeds(10))
    key: int | None = None
    few: Mapping[int, int] = field(default_factory=dict)

    def prepare(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds
    ) -> SandboxRequest:
        for need in ("min_persons", "institutions", "record_keys"):
            assert getattr(needs, need) == getattr(self.needs, need)
        return SandboxRequest(job, attempt, "sql", vault.evidence, (), limits, vault.synthetic)

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: EvidenceNeeds) -> JobEvidence:
        return JobEvidence(tuple(self._evidence(output) for output in plan.outputs))

    def cells_of(self, plan: Plan, where: TableAddress) -> Mapping[tuple[Any, ...], Sequence[int]]:
        """Who is in the cells: nobody in two of them, nobody in two plans."""
        table = plan.outputs[where[0]].tables[where[1]]
        (key,) = table.keys
        first = int(plan.hash[:4], 16) % 50 * 2000
        return {
            (value,): range(first + n * self.persons, first + (n + 1) * self.persons)
            for n, value in enumerate(key.domain or ("7",))
        }

    def _evidence(self, output: PlannedOutput) -> OutputEvidence:
        (table,) = output.tables
        (key,) = table.keys
        cells = tuple(
            self._counted(table, value, self.few.get(number, self.persons))
            for number, value in enumerate(key.domain or ("7",))
        )
        rows = sum(c.rows for c in cells) if self.persons >= 10 else self.persons
        return OutputEvidence(output.name, (TableEvidence(cells, rows),), counted=(0,) * len(output.counted))

    def _counted(self, table: PlannedTable, value: Any, n: int) -> CellEvidence:
        found = {s.ident: StatisticEvidence(n, n, n, cell_key=self.key) for s in table.statistics}
        return CellEvidence((value,), n, n, found)


@dataclass(frozen=True)
class Exactly:
    """Exact answers as a private engine reads them."""

    vectors: tuple[Sequence[int], ...]
    observed: tuple[tuple[None, ...], ...]
    public: tuple[tuple[Any, ...], ...]


@dataclass
class BoundedEngine:
    """Every exact coordinate is `exact`. `reads` counts how often somebody looked."""

    exact: int = 4321
    reads: int = 0
    breaks: Exception | None = None

    def prepare(
        self, plan: Plan, measured: Any, vault: Vault, job: str, attempt: int, limits: SandboxLimits
    ) -> SandboxRequest:
        return SandboxRequest(job, attempt, "sql", vault.evidence, (), limits, vault.synthetic)

    def read(self, plan: Plan, measured: Any, made: Any, frames: Sequence[tuple[str, bytes]]) -> Exactly:
        self.reads += 1
        if self.breaks is not None:
            raise self.breaks
        cells = [made.tables[p.table].cells(p.set) * made.block(p).width for p in made.parts]
        observed = tuple((None,) * len(t.sets) for t in made.tables)
        return Exactly(tuple([self.exact] * n for n in cells), observed, tuple(() for _ in plan.outputs))


@dataclass
class CountingCutter:
    """Rows are the number of blocks. `reads` counts how often they were cut."""

    reads: int = 0

    def prepare_cut(
        self, asked: Any, blocks: int, key: str, vault: Vault, job: str, attempt: int, limits: SandboxLimits
    ) -> SandboxRequest:
        self.blocks = blocks
        return SandboxRequest(job, attempt, "sql", vault.evidence, (), limits, vault.synthetic)

    def read_cut(self, frames: Sequence[tuple[str, bytes]]) -> bytes:
        self.reads += 1
        return str(self.blocks).encode()


@dataclass
class SomeNoise:
    """Adds the number of the draw, times 1000: no draw is like another, and none is like the exact answer."""

    draws: int = 0
    answers: bool = True

    def draw(self, bundle: Any, exact: Sequence[Sequence[int]]) -> tuple[MechanismAnswer, ...]:
        if not self.answers:
            raise Unavailable("the noise process is away")
        self.draws += 1
        return tuple(MechanismAnswer([v + 1000 * self.draws for v in vector]) for vector in exact)


@dataclass
class Broker:
    """The whole of it, and what people do with it."""

    ports: Ports
    clock: HandClock
    queue: ListQueue
    sandbox: OneAtATime
    vaults: Vaults
    engine: CountingEngine
    policies: PolicySet

    @property
    def store(self) -> Any:
        return self.ports.store

    def person(self, ident: str) -> Person:
        return self.store.person(ident)

    def by(self, ident: str, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What a person gets who does something."""
        return act(self.ports, self.person(ident), *given, **named)

    def refuses(self, ident: str, error: Any, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """The error that a person gets instead."""
        return refused(error, self.by, ident, act, *given, **named)

    def send(self, text: str = SQL, by: str = ROSA, **more: Any) -> str:
        return send(self.ports, by, text, **more)

    def run(self, job: str, *, holds: bool = True) -> bool:
        """One attempt, and the rest of its slot of time where the slot `holds`."""
        self.clock.waits = holds
        return run_job(self.ports, job)

    def ended(self, text: str = SQL, **more: Any) -> str:
        """A job that has run, with outputs or without."""
        job = self.send(text, **more)
        assert self.run(job)
        return job

    def ran(self, text: str = SQL, **more: Any) -> tuple[str, Output]:
        """A job that has run, and its first output."""
        job = self.ended(text, **more)
        return job, self.store.outputs_of(job)[0]

    def ran_script(self, *names: str) -> tuple[str, Sequence[Output]]:
        """A script that left these files, each with a table, and its outputs."""
        self.sandbox.files = {name: b"x\n%d00\n" % n for n, name in enumerate(names, 1)}
        job, _ = self.ran(PYTHON)
        return job, self.store.outputs_of(job)

    def ballot(self, checker: str, output: str, choice: VoteChoice = VoteChoice.APPROVE, *overrides: str) -> Ballot:
        return ballot(self.ports, checker, output, choice, *overrides)

    def vote(self, checker: str, output: str, choice: VoteChoice = VoteChoice.APPROVE, *overrides: str) -> str:
        """The state of the output when a worker has done what follows."""
        ballot = self.ballot(checker, output, choice, *overrides)
        output_review.cast_vote(self.ports, self.person(checker), output, ballot)
        self.end(self.store.output(output).job)
        return self.store.output(output).state.value

    def end(self, job: str) -> None:
        complete_job(self.ports, job)

    def reconcile(self) -> None:
        """What the supervisor does once every lease of dead workers has lapsed."""
        self.clock.at += self.ports.lease + timedelta(seconds=1)
        reconcile.reap(self.ports)
        for kind in (WorkKind.COMPARE, WorkKind.RELEASE):
            self.store.wake(kind)  # its rest is over
        r = reconcile
        for step in (r.offer_waiting, r.allot_caps, r.compare_due, r.release_due, r.settle_spends, r.remove_vaults):
            step(self.ports)

    def snapshot(self, ident: str) -> None:
        """New data, on which jobs run from now on."""
        made = Snapshot(ident, "0" * 64, self.clock.now(), True, f"snapshots/{ident}", "{}")
        user_accounts.put_snapshot(self.ports, made)

    def govern(self, **changes: Any) -> PolicySet:
        """Put a policy set in force in which the project differs so."""
        projects = tuple(replace(p, **changes) if p.ident == PROJECT else p for p in self.policies.projects)
        return self.put_in_force(replace(self.policies, projects=projects))

    def serve(self, **changes: Any) -> PolicySet:
        """Put a policy set in force whose service differs so."""
        return self.put_in_force(replace(self.policies, service=replace(self.policies.service, **changes)))

    def drop_project(self) -> PolicySet:
        others = tuple(p for p in self.policies.projects if p.ident != PROJECT)
        return self.put_in_force(replace(self.policies, projects=others))

    def put_in_force(self, policies: PolicySet) -> PolicySet:
        policies = replace(policies)  # a value made anew keeps no cached fingerprint
        user_accounts.propose_policy(self.ports, self.person(ADA), policies)
        user_accounts.apply_policy(self.ports, self.person(AMIR), policies.fingerprint)
        return policies

    def events(self, subject: str) -> list[str]:
        """What was done to it, in order."""
        return [line.event.action for line in reversed(self.store.search_audit(AuditFilter(subject, limit=MANY)))]


def refused(error: Any, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """The error with which something is refused."""
    with pytest.raises(error) as caught:
        act(*given, **named)
    return caught.value


def ballot(ports: Ports, checker: str, output: str, choice: VoteChoice = VoteChoice.APPROVE, *overrides: str) -> Ballot:
    seen = output_review.view_output(ports, ports.store.person(checker), output)
    hashes = (seen.output.staff_hash, seen.output.findings_hash, seen.memory_version)
    reason = "meets-rules" if choice is VoteChoice.APPROVE else "small-groups"
    return Ballot(choice, reason, *hashes, overrides, "A person can see it." if overrides else "")


def send(ports: Ports, by: str, text: str = SQL, **more: Any) -> str:
    kind = JobKind.PYTHON if text.startswith("#") else JobKind.SQL
    fields = {"project": PROJECT, "dialect": "", "title": "Absence", "purpose": "A test.", **more}
    job, checked = submit(ports, ports.store.person(by), Submission(kind=kind, text=text, **fields))
    assert checked.accepted, checked.refusals
    return job.ident


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    found = load_policies(Path(__file__).parents[3] / "policies")
    projects = tuple(replace(p, researchers=p.researchers | {REX}) if p.ident == PROJECT else p for p in found.projects)
    return replace(found, projects=projects)


@pytest.fixture(scope="session")
def founded(policies: PolicySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with people, policy and snapshot, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("founded")
    broker = next(opened(folder, policies))
    user_accounts.initialise_broker(
        broker.ports, [(Person(i, i.title(), frozenset({r})), None) for i, r in ROLES.items()]
    )
    broker.put_in_force(policies)
    user_accounts.put_snapshot(broker.ports, Snapshot("s1", "0" * 64, broker.clock.now(), True, "snapshots/s1", "{}"))
    broker.store.close()
    return folder


def opened(folder: Path, policies: PolicySet) -> Iterator[Broker]:
    clock, queue, sandbox, vaults, engine = HandClock(), ListQueue(), OneAtATime(), Vaults(), CountingEngine()
    private = PrivatePorts(BoundedEngine(), SomeNoise(), CountingCutter())
    store = open_store(f"sqlite:///{folder / 'broker.sqlite'}")
    ports = Ports(
        store, queue, FolderContentStore(folder / "outputs"), clock, sandbox, InProcessRebuilder(), vaults, engine,
        microdata_engine=NoSubmittedRows(), synthetic=Synthetic(), private=private,
        release_history=memory(engine.cells_of),
        synthetic_only=True,
    )  # fmt: skip
    yield Broker(ports, clock, queue, sandbox, vaults, engine, policies)
    store.close()


@pytest.fixture
def broker(founded: Path, policies: PolicySet, tmp_path: Path) -> Iterator[Broker]:
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    yield from opened(tmp_path, policies)


@pytest.fixture
def dashboard(broker: Broker) -> Broker:
    """A broker whose project of dashboards may ask privately."""
    open_budgets(broker)
    return broker
