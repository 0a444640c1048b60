"""The hall: the only module that knows every adapter. Builds ports from settings; decides nothing else.

Each builder imports what it builds: a command starts with the adapters that it needs, and with no other.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from os import sched_getaffinity
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from broker.domain.ports import Clock, MemoryPorts, Ports, Post, Sandbox, Snapshot, Warmth
from broker.domain.ports.memory import MemberFiles
from broker.policy.catalogue import Catalogue
from broker.policy.models import Policies

if TYPE_CHECKING:
    from broker.disclosure.files.tabulation import Asked, Tabulation
    from broker.queue.embedded import EmbeddedValkey
    from broker.queue.slots import QueueWorker
    from broker.sandbox.pool import Pool
    from broker.settings import Settings
    from broker.storage.store import SqlStore
    from broker.synth.generate import Summary
    from broker.workflow.private.ports import PrivatePorts, RunPorts
    from broker.workflow.rehearsal_data import Wanted
    from broker.workflow.rehearse import Stage
    from broker.workflow.rehearse_script import ScriptStage
    from broker.workflow.synthetic import Making, SyntheticNPD

Progress = Callable[[str, int, int], None]
"""(what is done now, steps done, steps in all)"""


@cache
def _store(url: str, witness: Path) -> "SqlStore":
    from broker.storage.store import open_store
    from broker.storage.witness import FolderWitness

    return open_store(url, FolderWitness(witness), FolderWitness(witness / "memory", "memory"))


def clock() -> Clock:
    from broker.storage.clock import SystemClock

    return SystemClock()


def queue_url(settings: "Settings") -> str:
    return settings.queue_url or embedded_queue(settings).url


def embedded_queue(settings: "Settings") -> "EmbeddedValkey":
    from broker.queue.embedded import EmbeddedValkey

    return EmbeddedValkey(settings.root / "queue")


def build_ports(settings: "Settings") -> Ports:
    """What web and command line may use: no data, no sandbox."""
    from broker.queue.rq_queue import RqQueue
    from broker.storage.shelf import FolderShelf

    settings.root.mkdir(parents=True, exist_ok=True)
    return Ports(
        store=_store(settings.database, settings.root / "ledger"),
        queue=RqQueue(queue_url(settings)),
        shelf=FolderShelf(settings.root / "outputs"),
        clock=clock(),
    )


def build_worker(settings: "Settings", slot: int = 0) -> "RunPorts":
    """What one slot of a worker has; the supervisor has it, too, and runs nothing with it."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.handed import HandedDuckDB
    from broker.sandbox.collector import FrameCollector
    from broker.vault.keeper import VaultKeeper
    from broker.workflow.policies import policies_in_force
    from broker.workflow.private.ports import RunPorts

    ports = build_ports(settings)
    return RunPorts(
        store=ports.store,
        queue=ports.queue,
        shelf=ports.shelf,
        clock=ports.clock,
        sandbox=build_sandbox(settings, slot),
        collector=FrameCollector(),
        vaults=VaultKeeper(settings.root, lambda: policies_in_force(ports.store)),
        engine=DuckDBEngine(),
        lease=timedelta(seconds=settings.lease_seconds),
        handed=HandedDuckDB(),
        synthetic=build_synthetic(settings, lambda: policies_in_force(ports.store)),
        private=build_private(lambda: policies_in_force(ports.store).service.noise_wall_seconds),
        memory=build_memory(settings, lambda: policies_in_force(ports.store)),
    )


def build_synthetic(settings: "Settings", policies: Callable[[], Policies]) -> "SyntheticNPD":
    """What rehearsals run on, in a folder of the worker's own."""
    from broker.workflow.synthetic import SyntheticNPD

    folder = settings.root / "synthetic"

    def build(found: Policies, project: str, wanted: "Wanted", making: "Making") -> "Stage":
        return build_stage(found, project, wanted, folder, making)

    return SyntheticNPD(policies, synthetic_years(), build)


def build_memory(settings: "Settings", policies: Callable[[], Policies]) -> MemoryPorts:
    """Who was in what was released, for the worker alone. The files' key is the owner's: it outlives projects."""
    from broker.engine.members_engine import DuckDBMembers
    from broker.vault.populations import PopulationKeeper

    return MemoryPorts(build_member_files(settings), PopulationKeeper(settings.root, policies), DuckDBMembers())


def build_member_files(settings: "Settings") -> MemberFiles:
    from broker.memory.files import SealedFiles
    from broker.storage.private_files import write_whole
    from broker.vault.pseudonyms import owner_key

    return SealedFiles(settings.root / "memory", owner_key(settings.root / "private", "memory"), write_whole)


def build_private(seconds: Callable[[], float]) -> "PrivatePorts":
    """Bounded statements, and a noise process that is started when it is needed."""
    from broker.engine.cutting import Cutter
    from broker.engine.private import PrivateDuckDB
    from broker.privacy.noise.client import NoiseProcess
    from broker.workflow.private.ports import PrivatePorts

    return PrivatePorts(PrivateDuckDB(), NoiseProcess(seconds), Cutter())


def build_sandbox(settings: "Settings", slot: int = 0) -> Sandbox:
    from broker.sandbox.bubblewrap import BubblewrapSandbox
    from broker.sandbox.docker_engine import DockerSandbox
    from broker.sandbox.spec import cpus_of

    if settings.runtime == "bubblewrap":
        return BubblewrapSandbox(settings.root, settings.images_root)
    cpus = cpus_of(slot, settings.slots, sched_getaffinity(0))
    return DockerSandbox(settings.root, settings.runtime, settings.images_root, cpus)


def build_pool(ports: "RunPorts") -> "Pool | None":
    """Keeps sandboxes ready for the slots; None where there is no engine to keep them."""
    from broker.sandbox.docker_engine import DockerSandbox
    from broker.sandbox.pool import Pool
    from broker.workflow.policies import policies_in_force

    def warmth() -> Warmth:
        service = policies_in_force(ports.store).service
        return Warmth(service.warm_each, service.warm_memory_bytes, service.warm_idle_seconds)

    return Pool(ports.sandbox, warmth) if isinstance(ports.sandbox, DockerSandbox) else None


def policies_from_files(settings: "Settings") -> Policies:
    from broker.policy.files import load_policies

    return load_policies(settings.policies)


def engine_answers() -> bool:
    """Whether a container engine is there."""
    from broker.sandbox.engine_images import answers

    return answers()


def build_post(settings: "Settings") -> Post | None:
    """Who mails notices; None where no server is set."""
    from broker.post.smtp import SmtpPost

    return SmtpPost(settings.mail_url, settings.mail_from) if settings.mail_url else None


def build_images(settings: "Settings", progress: Callable[[str], None]) -> dict[str, str]:
    """Image name → digest, once all are there."""
    from broker.sandbox import images

    return images.build(settings.images_root, progress)


def tabulate_file(path: Path, asked: "Asked", progress: Progress = lambda what, done, total: None) -> "Tabulation":
    from broker.engine.tabulate import tabulate

    return tabulate(path, asked, progress)


def make_extracts(
    catalogue: Catalogue, pupils: int, years: tuple[int, int], seed: int, folder: Path, progress: Progress
) -> "Summary":
    from broker.synth.generate import generate

    return generate(catalogue, pupils, years, seed, folder, progress)


def take_in(settings: "Settings", ports: Ports, folder: Path, progress: Progress) -> tuple[Snapshot, bool]:
    """Ingest a folder of extracts under the catalogue in force, and let the next jobs run on it. False: somebody was
    erased, and earlier snapshots that hold them are still read."""
    from broker.vault.ingest import ingest
    from broker.vault.keeper import VaultKeeper
    from broker.vault.snapshots import remove_snapshot
    from broker.workflow.administer import put_snapshot
    from broker.workflow.erasing import carry_out, leaving_out, removing
    from broker.workflow.policies import policies_in_force

    left_out = leaving_out(ports)
    catalogue = policies_in_force(ports.store).catalogue
    snapshot = ingest(folder, settings.root, catalogue, ports.clock.now(), progress, left_out.erased)
    put_snapshot(ports, snapshot)
    keeper = VaultKeeper(settings.root, lambda: policies_in_force(ports.store))
    remove = removing(ports.store, keeper, lambda ident: remove_snapshot(settings.root, ident))
    return snapshot, carry_out(ports, left_out, snapshot.ident, remove)


def synthetic_years() -> range:
    from broker.synth.known_years import KNOWN

    return KNOWN


def build_stage(policies: Policies, project: str, wanted: "Wanted", root: Path, making: "Making") -> "Stage":
    """What a rehearsal runs on: synthetic data in a folder below `root`, made if they are not there yet."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.here import EngineHere
    from broker.vault.keeper import VaultKeeper
    from broker.vault.made_once import made_once
    from broker.workflow.rehearse import Stage

    def make(folder: Path) -> dict[str, object]:
        making.begins()
        return {"snapshot": _make_rehearsal(policies, project, wanted, folder, making.steps)}

    made = made_once(root.resolve(), wanted.name, make, making.waits)
    return Stage(
        DuckDBEngine(),
        VaultKeeper(made.folder, lambda: policies),
        EngineHere(),
        made.facts["snapshot"],
        build_private(lambda: policies.service.noise_wall_seconds),
    )


def build_script_stage(stage: "Stage", root: Path, python: Path | None) -> "ScriptStage":
    """What a script's rehearsal runs on: a Python of its author's, or a sandbox that no broker takes for its own."""
    from broker.engine.handed import HandedDuckDB
    from broker.sandbox.collector import FrameCollector
    from broker.sandbox.home import ScriptHere
    from broker.settings import read_settings
    from broker.workflow.rehearse_script import ScriptStage

    if python is not None:
        return ScriptStage(stage.vaults, stage.snapshot, ScriptHere(python), None, FrameCollector())
    settings, own = read_settings(), root.resolve() / "sandboxes"
    own.mkdir(parents=True, exist_ok=True)
    runtime = settings.runtime if engine_answers() else "bubblewrap"
    runner = build_sandbox(settings.model_copy(update={"data": own, "runtime": runtime}))
    return ScriptStage(stage.vaults, stage.snapshot, runner, HandedDuckDB(), FrameCollector())


def _make_rehearsal(policies: Policies, project: str, wanted: "Wanted", folder: Path, progress: Progress) -> str:
    """Extracts, snapshot and the project's vault; the extracts are not kept. Gives the snapshot's id."""
    from broker.vault.ingest import ingest
    from broker.vault.keeper import VaultKeeper

    extracts = folder / "extracts"
    make_extracts(wanted.catalogue, wanted.pupils, wanted.years, wanted.seed, extracts, progress)
    snapshot = ingest(extracts, folder, wanted.catalogue, clock().now(), progress)
    rmtree(extracts)
    progress("the project's vault", 0, 1)
    VaultKeeper(folder, lambda: policies).ensure(project, snapshot.ident)
    return snapshot.ident


def queue_worker(settings: "Settings") -> "QueueWorker":
    from broker.queue.slots import QueueWorker

    return QueueWorker(queue_url(settings))
