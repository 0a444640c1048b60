"""A script with real rows signals through the machine to a neighbour on synthetic rows (H1). The two never run
together. The waiting is fair, survives a crash, and hides when the neighbour ended."""

import contextlib
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.domain.errors import Breach, Conflict, Invalid
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.rehearsals import RehearsalState
from broker.domain.ports import DataKind, SandboxEnd, SandboxRequest, SyntheticData, Vault, VaultTable
from broker.sandbox import containers
from broker.sandbox.built_images import BuiltImages, build_images
from broker.sandbox.container_audit import differences
from broker.sandbox.container_spec import ContainerTemplate, attempt_spec, settings
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.real_synthetic_lock import RESERVATION_SECONDS, RealSyntheticLock, SlotHold
from broker.sandbox.selftest import LIMITS
from broker.settings import Settings
from broker.wiring import execution_adapters
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.reviewing import script_failures
from tests.attacks.script_town import broker
from tests.generative.query.proof_size import tell
from tests.one_worker import run_job, run_rehearsal
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
        tell(f"neighbours_{runtime}", {"bits sent": len(BITS), "readings": len(samples), "bits heard": len(heard)})
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


@contextlib.contextmanager
def places(buried: list[str] | None = None) -> Iterator[Callable[[], RealSyntheticLock]]:
    """Neighbours as several processes have them: each with its own open files."""
    with tempfile.TemporaryDirectory() as folder:
        ends = [] if buried is None else buried
        yield lambda: RealSyntheticLock(Path(folder), ends.append)


def enters(
    neighbours: RealSyntheticLock, name: str, rows: DataKind, done: list[str], stay: threading.Event
) -> threading.Thread:
    def hold() -> None:
        with neighbours.holding(name, rows, True):
            done.append(name)
            stay.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_neither_side_starves() -> None:
    """Whoever comes later waits behind whoever waits already, though it could go in with those who are there."""
    with places() as new:
        order: list[str] = []
        stays = [threading.Event() for _ in range(4)]
        kinds = [
            ("first", DataKind.REAL),
            ("trial", DataKind.SYNTHETIC),
            ("second", DataKind.REAL),
            ("rehearsal", DataKind.SYNTHETIC),
        ]
        threads = []
        for (name, rows), stay in zip(kinds, stays, strict=True):
            threads.append(enters(new(), name, rows, order, stay))
            time.sleep(0.3)
        seen = [list(order)]
        for stay, thread in zip(stays, threads, strict=True):
            stay.set()
            thread.join()
            time.sleep(0.3)
            seen.append(list(order))
        names = [name for name, _ in kinds]
        assert seen == [names[:1], names[:2], names[:3], names, names]


def test_those_with_the_same_rows_do_not_wait_for_each_other() -> None:
    with places() as new, new().holding("a", DataKind.REAL, True), new().holding("b", DataKind.REAL, True):
        pass
    with places() as new, new().holding("a", DataKind.SYNTHETIC, True), new().holding("b", DataKind.SYNTHETIC, True):
        pass


HOLDS = """
import sys, time
from pathlib import Path
from broker.domain.ports import DataKind
from broker.sandbox.real_synthetic_lock import RealSyntheticLock
with RealSyntheticLock(Path(sys.argv[1]), print).holding("npdjob-real-1", DataKind.REAL, True):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_is_killed_holds_nothing_and_its_sandbox_is_ended_first() -> None:
    """The kernel drops its lock, but its container may run on: whoever has other rows ends it before."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.executable, "-c", HOLDS, folder], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        ended: list[str] = []
        here = RealSyntheticLock(Path(folder), ended.append)
        with here.holding("npdjob-trial-1", DataKind.SYNTHETIC, False) as turn:
            assert not turn
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert ended == []
        with here.holding("npdjob-trial-1", DataKind.SYNTHETIC, True):
            assert ended == ["npdjob-real-1"]
        with here.holding("npdjob-next-1", DataKind.SYNTHETIC, True):
            assert ended == ["npdjob-real-1"], "once"


def hold_in_slots(folder: str, began: float, seconds: float) -> None:
    """Real rows, for so long, under slots of time of one second."""

    def slot_end() -> datetime:
        return datetime.fromtimestamp(began + math.ceil(time.time() - began), UTC)

    with (
        SlotHold(slot_end) as slot_hold,
        RealSyntheticLock(Path(folder), print).holding("real", DataKind.REAL, True, slot_hold),
    ):
        time.sleep(seconds)


@pytest.mark.parametrize(("dies", "after", "free"), [(False, 0.3, 1), (True, 0.3, 1), (True, 1.5, 2)])
def test_real_rows_are_free_at_the_end_of_a_slot(dies: bool, after: float, free: int) -> None:
    """Whether the holder ends or is killed, and also in a later slot of time than the one in which it began."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        holder = multiprocessing.get_context("fork").Process(
            target=hold_in_slots, args=(folder, began, 60 if dies else after)
        )
        holder.start()
        time.sleep(after)
        if dies:
            holder.kill()
        holder.join()
        with RealSyntheticLock(Path(folder), lambda name: None).holding("trial", DataKind.SYNTHETIC, True):
            assert free <= time.time() - began < free + 0.5


def test_a_reserved_place_is_not_overtaken_and_expires() -> None:
    with places() as new:
        with new().holding("real", DataKind.REAL, True), new().holding("rehearsal", DataKind.SYNTHETIC, False) as turn:
            assert not turn
        order: list[str] = []
        late = enters(new(), "late", DataKind.REAL, order, threading.Event())
        time.sleep(0.5)
        assert order == [], "the rehearsal comes again, and is before it"
        with new().holding("rehearsal", DataKind.SYNTHETIC, False) as turn:
            assert turn
        awaited(lambda: order == ["late"], 5)
    del late
    with places() as new:
        with new().holding("real", DataKind.REAL, True), new().holding("gone", DataKind.SYNTHETIC, False) as turn:
            assert not turn
        since = time.monotonic()
        with new().holding("late", DataKind.REAL, True):
            assert time.monotonic() - since < RESERVATION_SECONDS + 5


def test_whoever_is_withdrawn_while_it_waits_does_not_go_on() -> None:
    with places() as new, new().holding("trial", DataKind.SYNTHETIC, True):
        waits = new()
        told: list[str] = []

        def wait() -> None:
            try:
                with waits.holding("real", DataKind.REAL, True):
                    told.append("ran")
            except Conflict as conflict:
                told.append(conflict.code)
            except FileNotFoundError:
                told.append("waited until the folder was gone")

        thread = threading.Thread(target=wait)
        thread.start()
        awaited(lambda: waits.holds("real"), 5)
        waits.cancel("real")
        thread.join(10)
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


def test_the_wait_of_a_trial_is_shown_in_slots() -> None:
    """At once where it did not wait; else its trace is there at one time, whenever the neighbour ended."""
    slot = 600
    for waited, told_after in ((0.0, 0.0), (61.0, slot), (222.0, slot), (599.0, slot)):
        with broker() as npd:
            npd.ports = replace(npd.ports, lease=timedelta(hours=1))
            npd.put_in_force(
                replace(
                    npd.policies,
                    service=replace(npd.policies.service, time_slots=(slot,), synthetic_time_slots=(slot,)),
                )
            )
            waits_for(npd, waited)
            npd.sandbox.there, npd.sandbox.printed = SandboxEnd.CRASHED, b"KeyError\n"
            since = npd.clock.at
            job = npd.send(PYTHON)
            assert npd.run(job)
            assert npd.store.job(job).state is JobState.FAILED
            person = npd.person(ROSA)
            if told_after:
                npd.clock.at = since + timedelta(seconds=told_after - 0.5)
                assert script_failures.view_trace(npd.ports, person, job) == script_failures.Trace(None, None, None)
                npd.clock.at = since + timedelta(seconds=told_after + 0.5)
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
        assert rehearsal_requests.view_rehearsal(npd.ports, npd.person(ROSA), script).state is RehearsalState.QUEUED, (
            "told in slots"
        )


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_real_data_that_nobody_holds_are_not_run_on() -> None:
    build_images(IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        (root := Path(folder)) / "build"
        (root / "build").symlink_to(IMAGES)
        sandbox = DockerSandbox(root, "runc")
        sandbox._verdicts = ()
        sandbox.missing = lambda: ()  # type: ignore[method-assign]
        request = SandboxRequest("real", 1, "python", root, (), LIMITS, synthetic=False)
        with pytest.raises(Breach, match="nobody held them"):
            sandbox.run(request)


def refused(**chosen: Any) -> str:
    try:
        Settings(**chosen)
    except ValueError as error:
        return str(error)
    return ""


def test_settings_refuse_slots_side_by_side_where_jobs_see_the_machine() -> None:
    for data in ({"synthetic_only": True}, {"synthetic_only": False}):
        assert "needs the runtime runsc" in refused(runtime="runc", slots=2, **data)
        assert refused(runtime="runsc", slots=2, **data) == refused(runtime="auto", slots=2, **data) == ""
        assert refused(runtime="runc", slots=1, **data) == ""
    assert "needs the runtime runsc" in refused(runtime="bubblewrap", slots=2, synthetic_only=True)


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_a_second_worker_does_not_start_where_jobs_see_the_machine() -> None:
    """And slots that `auto` would put on runc."""
    with tempfile.TemporaryDirectory() as folder:
        runc, runsc = (Settings(data=Path(folder), runtime=r, synthetic_only=True) for r in ("runc", "runsc"))
        second = pytest.raises(Invalid, match="another worker")
        with execution_adapters.claimed_machine(runc), second, execution_adapters.claimed_machine(runc):
            pass
        with execution_adapters.claimed_machine(runsc), execution_adapters.claimed_machine(runsc):
            pass
        two = runsc.model_copy(update={"slots": 2, "runtime": "runc"})
        with (
            pytest.raises(Invalid, match="more than one slot needs the runtime runsc"),
            execution_adapters.claimed_machine(two),
        ):
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


def inside(program: str, runtime: str) -> str:
    build_images(IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "build").symlink_to(IMAGES)
        (root / "data").mkdir()
        limits = {f: getattr(LIMITS, f) for f in LIMITS.__dataclass_fields__}
        job = {"kind": "python", "tables": [], "allowed": [".csv"], "settings": limits}
        frames = (("job", json.dumps(job).encode()), ("program", program.encode()))
        sandbox = DockerSandbox(root, runtime)
        result = sandbox.run(
            SandboxRequest(f"inside-{os.getpid()}", 1, "python", root / "data", frames, LIMITS, synthetic=True)
        )
        sandbox.close()
        return result.log.decode()


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_a_container_has_cgroups_and_files_of_its_own() -> None:
    """Of the host's control groups it sees nothing, not even its own container's name; shared memory takes as many
    files as scratch does."""
    seen = inside(LOOKS, "runc").splitlines()
    (cgroups,) = [line for line in seen if line.startswith("CGROUPS")]
    assert set(json.loads(cgroups.partition(" ")[2].replace("'", '"'))) == {"/"}
    files = [int(line.split()[1]) for line in seen if line.startswith("FILES")]
    assert len(files) == 3
    assert all(4000 < number < 4097 for number in files), files


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_the_audit_refuses_the_hosts_control_groups() -> None:
    build_images(IMAGES)
    client = docker.APIClient()
    with tempfile.TemporaryDirectory() as folder:
        box = ContainerTemplate(BuiltImages(IMAGES).digest_of("sql"), "runc", folder, LIMITS)
        made = attempt_spec("hostgroups", os.getpid(), box, "attack")
        wanted = settings(made)
        wanted["HostConfig"]["CgroupnsMode"] = "host"
        container = client.create_container_from_config(wanted, name=made.name)["Id"]  # type: ignore[no-untyped-call]
        try:
            found = differences(client.inspect_container(container), made)
        finally:
            containers.remove(client, container)
            client.close()
    assert any("CgroupnsMode" in difference for difference in found)
