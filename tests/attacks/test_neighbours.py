"""A script with real rows signals through the machine to a neighbour on synthetic rows (H1). The two never run
together. The waiting is fair, survives a crash, and hides when the neighbour ended."""

import contextlib
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.domain.errors import Breach, Conflict, Invalid
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.rehearsals import RehearsalState
from broker.domain.ports import DataKind, SandboxEnd, SandboxRequest, SyntheticData, Vault, VaultTable
from broker.sandbox.built_images import build_images
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.real_synthetic_lock import RESERVATION_SECONDS, RealSyntheticLock, SlotHold
from broker.sandbox.selftest import LIMITS
from broker.settings import Settings
from broker.wiring import execution_adapters
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.reviewing import script_failures
from tests.attacks.script_town import broker
from tests.one_worker import run_job, run_rehearsal
from tests.proof_size import report_figures
from tests.unit.workflow.conftest import PROJECT, PYTHON, ROSA, SQL, Broker

pytestmark = pytest.mark.long

IMAGES = Path(__file__).resolve().parents[2] / "build" / "images"

BITS, BIT_SECONDS, LISTENS = "10110010", 0.5, 6.0
HEADER = "# input: npd.spring_census [PHASE] 2022/2023\n# output: phases.csv | Pupils by phase\n"
TABLE = "npd.spring_census/2022.parquet"
SENDER = f"""{HEADER}
import os, time
import pyarrow.parquet as pq
def child():
    made = os.fork()
    if not made:
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(900)]
        time.sleep({BIT_SECONDS})
        os._exit(0)
    return made
bits = pq.read_table("/data/{TABLE}").column("PHASE")[0].as_py()
if set(bits) <= set("01"):
    print("SENDS", time.time(), flush=True)
    for bit in bits:
        children = [child() for _ in range(6 if bit == "1" else 0)]
        time.sleep({BIT_SECONDS})
        for one in children:
            os.waitpid(one, 0)
    print("ENDS", time.time(), flush=True)
open("/out/phases.csv", "w").write("PHASE,n\\nPS,100\\n")
"""
LISTENER = f"""{HEADER}
import time
until = time.time() + {LISTENS}
while time.time() < until:
    try: seen = open("/proc/sys/fs/file-nr").read().split()[0]
    except OSError: seen = "0"
    print("HEARS", time.time(), seen, flush=True)
    time.sleep(0.05)
open("/out/phases.csv", "w").write("PHASE,n\\nPS,100\\n")
"""


@dataclass
class Rooms:
    """Vaults of one table with one row: of the real rows the secret, of the synthetic ones a phase."""

    folder: Path
    says: str

    def ensure(self, project: str, snapshot: str) -> Vault:
        home = self.folder / self.says
        if not home.exists():
            (home / "npd.spring_census").mkdir(parents=True)
            table = pa.table({"PHASE": [self.says], "AcademicYear": ["2022/2023"]})
            pq.write_table(table, home / TABLE)
            pq.write_table(table.slice(0, 0), home / "npd.spring_census/schema.parquet")
            home.chmod(0o755)
        tables = (VaultTable("npd.spring_census", ("npd.spring_census/schema.parquet", TABLE), (None, 2022)),)
        return Vault(f"v-{self.says}", snapshot, project, home, home, tables, True)

    def narrowed(self, vault: Vault, uses: object) -> Vault:
        return vault

    def for_project(self, project: str, pupils: int, making: object) -> SyntheticData:
        return SyntheticData(self, self.ensure(project, "synthetic"), pupils, (2022, 2022))


def worker(npd: Broker, root: Path, runtime: str) -> Any:
    """One worker process's ports: a sandbox of its own on the folder that all of them share."""
    (root / "build").exists() or (root / "build").symlink_to(IMAGES)
    return replace(
        npd.ports, sandbox=DockerSandbox(root, runtime), vaults=Rooms(root, BITS), synthetic=Rooms(root, "PS")
    )


def awaited(what: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to it"
        time.sleep(0.02)


@pytest.mark.docker
@pytest.mark.each
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_a_sender_on_real_rows_is_not_heard_by_a_trial(runtime: str) -> None:
    build_images(IMAGES)
    with broker() as npd, tempfile.TemporaryDirectory() as folder:
        npd.ports = replace(npd.ports, lease=timedelta(hours=1))
        sends, hears = npd.send(SENDER), npd.send(LISTENER)
        both = [worker(npd, Path(folder), runtime) for _ in range(2)]
        threads = [
            threading.Thread(target=run_job, args=(ports, job, job))
            for ports, job in zip(both, (sends, hears), strict=True)
        ]
        threads[0].start()
        awaited(lambda: (found := npd.store.rehearsal(sends)) is not None and found.met is not None)
        threads[1].start()
        for thread in threads:
            thread.join()
        for ports in both:
            ports.sandbox.close()
        npd.clock.at += timedelta(hours=1)
        trace = script_failures.view_trace(npd.ports, npd.person(ROSA), hears).document
        log = npd.ports.content_store.get("staff", npd.store.rehearsal(sends).log).decode()
        assert trace is not None
        samples = [(float(w[1]), int(w[2])) for w in map(str.split, trace["printed"].splitlines()) if w[0] == "HEARS"]
        began, ended = (float(line.split()[1]) for line in log.splitlines() if line.startswith(("SENDS", "ENDS")))
        heard = decoded(samples, began)
        report_figures(
            f"neighbours_{runtime}", {"bits sent": len(BITS), "readings": len(samples), "bits heard": len(heard)}
        )
        assert len(samples) > 20
        assert ended - began >= BIT_SECONDS * len(BITS)
        assert heard == ""


def decoded(samples: list[tuple[float, int]], began: float) -> str:
    """What the listener has heard while the sender sent: a bit for each half second of which it has a reading."""
    usual = min(seen for _, seen in samples)
    bits = ""
    for number in range(len(BITS)):
        start = began + number * BIT_SECONDS
        heard = [seen for at, seen in samples if start + 0.2 < at < start + BIT_SECONDS]
        bits += ("1" if max(heard) - usual > 2700 else "0") if heard else ""
    return bits


@dataclass
class Machine:
    """Its lock, as several processes have it: each with its own open files."""

    folder: Path
    order: list[str] = field(default_factory=list)
    """Who has had a turn."""

    def new(self) -> RealSyntheticLock:
        return RealSyntheticLock(self.folder, lambda name: None)

    def enters(self, name: str, rows: DataKind, stay: threading.Event) -> threading.Thread:
        """Somebody who has taken a ticket, and stays once it is their turn."""

        def hold() -> None:
            with self.new().holding(name, rows, True):
                self.order.append(name)
                stay.wait(120)

        thread = threading.Thread(target=hold)
        thread.start()
        awaited(lambda: any(self.folder.glob(f"*.{name}.ticket")))
        return thread

    def reserve(self, name: str) -> None:
        """A place for synthetic rows, by somebody who found real ones there."""
        real, synthetic = DataKind.REAL, DataKind.SYNTHETIC
        with self.new().holding("real", real, True), self.new().holding(name, synthetic, False) as turn:
            assert not turn

    def has_entered(self, *names: str) -> None:
        """These, in this order, and nobody else a few looks later."""
        awaited(lambda: self.order == list(names))
        time.sleep(0.3)
        assert self.order == list(names)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "lock")


def test_neither_side_starves(machine: Machine) -> None:
    """Whoever comes later waits behind whoever waits already, though it could go in with those who are there."""
    real, synthetic = DataKind.REAL, DataKind.SYNTHETIC
    kinds = {"first": real, "trial": synthetic, "second": real, "rehearsal": synthetic}
    stays = [threading.Event() for _ in kinds]
    threads = [machine.enters(name, rows, stay) for (name, rows), stay in zip(kinds.items(), stays, strict=True)]
    for number, (stay, thread) in enumerate(zip(stays, threads, strict=True), 1):
        machine.has_entered(*[*kinds][:number])
        stay.set()
        thread.join()


@pytest.mark.parametrize("rows", DataKind)
def test_those_with_the_same_rows_do_not_wait_for_each_other(machine: Machine, rows: DataKind) -> None:
    with machine.new().holding("a", rows, True), machine.new().holding("b", rows, False) as turn:
        assert turn


HOLDS = """
import sys, time
from pathlib import Path
from broker.domain.ports import DataKind
from broker.sandbox.real_synthetic_lock import RealSyntheticLock
with RealSyntheticLock(Path(sys.argv[1]), print).holding("npdjob-real-1", DataKind.REAL, True):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_is_killed_holds_nothing_and_its_sandbox_is_ended_first(tmp_path: Path) -> None:
    """The kernel drops its lock, but its container may run on: whoever has other rows ends it before."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    ended: list[str] = []
    here = RealSyntheticLock(tmp_path, ended.append)
    with here.holding("npdjob-trial-1", DataKind.SYNTHETIC, False) as turn:
        assert not turn
    process.kill()
    process.wait()
    process.stdout.close()
    assert ended == []
    for name in ("npdjob-trial-1", "npdjob-next-1"):
        with here.holding(name, DataKind.SYNTHETIC, True):
            assert ended == ["npdjob-real-1"], "once"


SLOT = 2.0
"""Seconds of a slot of time: a process may be late by half of it."""


def hold_in_slots(folder: Path, began: float, seconds: float) -> None:
    """Real rows, for so long, under slots of time."""

    def slot_end() -> datetime:
        return datetime.fromtimestamp(began + SLOT * math.ceil((time.time() - began) / SLOT), UTC)

    lock = RealSyntheticLock(folder, print)
    with SlotHold(slot_end) as slot_hold, lock.holding("real", DataKind.REAL, True, slot_hold):
        time.sleep(seconds)


@pytest.mark.parametrize(("dies", "slots"), [(False, 1), (True, 1), (True, 2)])
def test_real_rows_are_free_at_the_end_of_a_slot(machine: Machine, dies: bool, slots: int) -> None:
    """Whether the holder ends or is killed, and also in a later slot of time than the one in which it began."""
    began, after = time.time(), SLOT * (slots - 0.5)
    process = multiprocessing.get_context("fork").Process
    holder = process(target=hold_in_slots, args=(machine.folder, began, 60 if dies else after))
    holder.start()
    time.sleep(after)
    if dies:
        holder.kill()
    holder.join()
    with machine.new().holding("trial", DataKind.SYNTHETIC, True):
        assert SLOT * slots <= time.time() - began < SLOT * (slots + 1)


def test_a_reserved_place_is_not_overtaken(machine: Machine) -> None:
    machine.reserve("rehearsal")
    over = threading.Event()
    over.set()
    late = machine.enters("late", DataKind.REAL, over)
    machine.has_entered()  # the rehearsal comes again, and is before it
    with machine.new().holding("rehearsal", DataKind.SYNTHETIC, False) as turn:
        assert turn
    late.join(60)
    assert machine.order == ["late"]


def test_a_reserved_place_expires(machine: Machine) -> None:
    machine.reserve("gone")
    since = time.monotonic()
    with machine.new().holding("late", DataKind.REAL, True):
        assert time.monotonic() - since < RESERVATION_SECONDS + 60


def test_whoever_is_withdrawn_while_it_waits_does_not_go_on(machine: Machine) -> None:
    waits, told = machine.new(), list[str]()

    def wait() -> None:
        with pytest.raises(Conflict) as conflict, waits.holding("real", DataKind.REAL, True):
            told.append("ran")
        told.append(conflict.value.code)

    with machine.new().holding("trial", DataKind.SYNTHETIC, True):
        thread = threading.Thread(target=wait)
        thread.start()
        awaited(lambda: waits.holds("real"))
        waits.cancel("real")
        thread.join(60)
        assert told == ["stale"]


def waits_for(npd: Broker, seconds: float) -> None:
    """Whoever wants synthetic rows waits so long for a neighbour."""
    entered = npd.sandbox.holding

    @contextlib.contextmanager
    def holding(job: str, attempt: int, rows: DataKind, wait: bool = True) -> Iterator[bool]:
        if rows is DataKind.SYNTHETIC:
            npd.clock.sleep(seconds)
        with entered(job, attempt, rows, wait) as turn:
            yield turn

    npd.sandbox.holding = holding  # type: ignore[method-assign]


@pytest.mark.parametrize("waited", [0.0, 61.0, 222.0, 599.0])
def test_the_wait_of_a_trial_is_shown_in_slots(waited: float) -> None:
    """At once where it did not wait; else its trace is there at one time, whenever the neighbour ended."""
    slot = 600
    with broker() as npd:
        npd.ports = replace(npd.ports, lease=timedelta(hours=1))
        service = replace(npd.policies.service, time_slots=(slot,), synthetic_time_slots=(slot,))
        npd.put_in_force(replace(npd.policies, service=service))
        waits_for(npd, waited)
        npd.sandbox.there, npd.sandbox.printed = SandboxEnd.CRASHED, b"KeyError\n"
        since = npd.clock.at
        job = npd.send(PYTHON)
        assert npd.run(job)
        assert npd.store.job(job).state is JobState.FAILED
        person = npd.person(ROSA)
        if waited:
            npd.clock.at = since + timedelta(seconds=slot - 0.5)
            assert script_failures.view_trace(npd.ports, person, job) == script_failures.Trace(None, None, None)
            npd.clock.at = since + timedelta(seconds=slot + 0.5)
        assert script_failures.view_trace(npd.ports, person, job).document is not None


def test_a_script_has_real_rows_only_while_they_are_held() -> None:
    """And synthetic ones likewise: the trusted stage on what it left included."""
    with broker() as npd:
        held: list[tuple[str, list[DataKind]]] = []
        ran = npd.sandbox.run

        def run(request: SandboxRequest) -> Any:
            held.append((request.mount.name, list(npd.sandbox.held)))
            return ran(request)

        npd.sandbox.run = run  # type: ignore[method-assign]
        npd.ran(PYTHON)
        assert held == [("synthetic", [DataKind.SYNTHETIC]), ("s", [DataKind.REAL])]


def request_rehearsal(npd: Broker, kind: JobKind, text: str) -> str:
    sent = Submission(PROJECT, kind, "", text, "", "")
    _, made = rehearsal_requests.request_rehearsal(npd.ports, npd.person(ROSA), sent)
    assert made is not None
    return made.ident


def test_script_rehearsals_wait_during_real_rows_and_sql_goes_on() -> None:
    with broker() as npd:
        npd.sandbox.turn = False
        script, query = request_rehearsal(npd, JobKind.PYTHON, PYTHON), request_rehearsal(npd, JobKind.SQL, SQL)
        tried = [run_rehearsal(npd.ports, ident) for ident in (script, query)]
        assert tried == [False, True]
        found = npd.store.requested_rehearsal(script)
        assert (found.state, found.attempt, found.started) == (RehearsalState.QUEUED, 0, None)
        npd.clock.sleep(30)
        npd.sandbox.turn = True
        assert run_rehearsal(npd.ports, script)
        told = rehearsal_requests.view_rehearsal(npd.ports, npd.person(ROSA), script)
        assert told.state is RehearsalState.QUEUED, "told in slots"


@pytest.fixture
def root(engine: object, tmp_path: Path) -> Path:
    """Where a sandbox finds its images."""
    build_images(IMAGES)
    (tmp_path / "build").symlink_to(IMAGES)
    return tmp_path


@pytest.mark.docker
def test_real_data_that_nobody_holds_are_not_run_on(root: Path) -> None:
    sandbox = DockerSandbox(root, "runc")
    sandbox._verdicts = ()
    sandbox.missing = lambda: ()  # type: ignore[method-assign]
    request = SandboxRequest("real", 1, "python", root, (), LIMITS, synthetic=False)
    with pytest.raises(Breach, match="nobody held them"):
        sandbox.run(request)


@pytest.mark.parametrize("synthetic_only", [True, False])
@pytest.mark.parametrize(
    ("runtime", "slots", "refused"), [("runc", 2, True), ("runsc", 2, False), ("auto", 2, False), ("runc", 1, False)]
)
def test_settings_refuse_slots_side_by_side_where_jobs_see_the_machine(
    runtime: str, slots: int, refused: bool, synthetic_only: bool
) -> None:
    told = pytest.raises(ValueError, match="needs the runtime runsc") if refused else contextlib.nullcontext()
    with told:
        Settings(runtime=runtime, slots=slots, synthetic_only=synthetic_only)


def test_settings_refuse_slots_side_by_side_without_containers() -> None:
    with pytest.raises(ValueError, match="needs the runtime runsc"):
        Settings(runtime="bubblewrap", slots=2, synthetic_only=True)


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_a_second_worker_does_not_start_where_jobs_see_the_machine(tmp_path: Path) -> None:
    """And slots that `auto` would put on runc."""
    claims = execution_adapters.claimed_machine
    runc, runsc = (Settings(data=tmp_path, runtime=r, synthetic_only=True) for r in ("runc", "runsc"))
    with claims(runc), pytest.raises(Invalid, match="another worker"), claims(runc):
        pass
    with claims(runsc), claims(runsc):
        pass
    two = runsc.model_copy(update={"slots": 2, "runtime": "runc"})
    with pytest.raises(Invalid, match="more than one slot needs the runtime runsc"), claims(two):
        pass


LOOKS = """
import os
print("CGROUPS", [line.split(":", 2)[2] for line in open("/proc/self/cgroup").read().splitlines()])
for place in ("/dev/shm", "/tmp", "/out"):
    made = 0
    try:
        for made in range(6000): open(f"{place}/f{made}", "w").close()
    except OSError: pass
    print("FILES", made)
    for number in range(made): os.unlink(f"{place}/f{number}")
"""


@pytest.mark.docker
def test_a_container_has_cgroups_and_files_of_its_own(root: Path) -> None:
    """Of the host's control groups it sees nothing, not even its own container's name; shared memory takes as many
    files as scratch does."""
    (root / "data").mkdir()
    job = {"kind": "python", "tables": [], "allowed": [".csv"], "settings": asdict(LIMITS)}
    frames = (("job", json.dumps(job).encode()), ("program", LOOKS.encode()))
    sandbox = DockerSandbox(root, "runc")
    request = SandboxRequest(f"inside-{os.getpid()}", 1, "python", root / "data", frames, LIMITS, synthetic=True)
    seen = sandbox.run(request).log.decode().splitlines()
    sandbox.close()
    (cgroups,) = [line for line in seen if line.startswith("CGROUPS")]
    assert set(json.loads(cgroups.partition(" ")[2].replace("'", '"'))) == {"/"}
    files = [int(line.split()[1]) for line in seen if line.startswith("FILES")]
    assert len(files) == 3
    assert all(4000 < number < 4097 for number in files), files
