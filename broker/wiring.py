"""The hall: the only module that knows every adapter. Builds ports from settings; decides nothing else."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

from broker.disclosure.microdata import Tabulation
from broker.disclosure.tabulate import Asked
from broker.domain.ports import Clock, Ports, Sandbox, Snapshot, WorkerPorts
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.tabulate import tabulate
from broker.policy.files import load_policies
from broker.policy.models import Catalogue, Policies
from broker.queue.embedded import EmbeddedValkey
from broker.queue.rq_queue import RqQueue
from broker.queue.slots import QueueWorker
from broker.sandbox import images
from broker.sandbox.bubblewrap import BubblewrapSandbox
from broker.sandbox.collector import FrameCollector
from broker.sandbox.docker_engine import DockerSandbox
from broker.settings import Settings
from broker.storage.clock import SystemClock
from broker.storage.shelf import FolderShelf
from broker.storage.store import SqlStore, open_store
from broker.synth.generate import Summary, generate
from broker.vault.ingest import ingest
from broker.vault.keeper import VaultKeeper
from broker.workflow.policies import policies_in_force

Progress = Callable[[str, int, int], None]
"""(what is done now, steps done, steps in all)"""


@cache
def _store(url: str) -> SqlStore:
    return open_store(url)


def clock() -> Clock:
    return SystemClock()


def queue_url(settings: Settings) -> str:
    return settings.queue_url or embedded_queue(settings).url


def embedded_queue(settings: Settings) -> EmbeddedValkey:
    return EmbeddedValkey(settings.root / "queue")


def build_ports(settings: Settings) -> Ports:
    """What web and command line may use: no data, no sandbox."""
    settings.root.mkdir(parents=True, exist_ok=True)
    return Ports(
        store=_store(settings.database),
        queue=RqQueue(queue_url(settings)),
        shelf=FolderShelf(settings.root / "outputs"),
        clock=clock(),
    )


def build_worker(settings: Settings) -> WorkerPorts:
    ports = build_ports(settings)
    return WorkerPorts(
        store=ports.store,
        queue=ports.queue,
        shelf=ports.shelf,
        clock=ports.clock,
        sandbox=build_sandbox(settings),
        collector=FrameCollector(),
        vaults=VaultKeeper(settings.root, lambda: policies_in_force(ports.store)),
        engine=DuckDBEngine(),
        lease=timedelta(seconds=settings.lease_seconds),
    )


def build_sandbox(settings: Settings) -> Sandbox:
    if settings.runtime == "bubblewrap":
        return BubblewrapSandbox(settings.root, settings.images_root)
    return DockerSandbox(settings.root, settings.runtime, settings.images_root)


def policies_from_files(settings: Settings) -> Policies:
    return load_policies(settings.policies)


def engine_answers() -> bool:
    """Whether a container engine is there."""
    return images.answers()


def build_images(settings: Settings, progress: Callable[[str], None]) -> dict[str, str]:
    """Image name → digest, once both are there."""
    return images.build(settings.images_root, progress)


def tabulate_file(path: Path, asked: Asked, progress: Progress = lambda what, done, total: None) -> Tabulation:
    return tabulate(path, asked, progress)


def make_extracts(
    catalogue: Catalogue, pupils: int, years: tuple[int, int], seed: int, folder: Path, progress: Progress
) -> Summary:
    return generate(catalogue, pupils, years, seed, folder, progress)


def make_snapshot(settings: Settings, ports: Ports, folder: Path, progress: Progress) -> Snapshot:
    """Ingest a folder of extracts under the catalogue in force."""
    catalogue = policies_in_force(ports.store).catalogue
    return ingest(folder, settings.root, catalogue, ports.clock.now(), progress)


def queue_worker(settings: Settings) -> QueueWorker:
    return QueueWorker(queue_url(settings))
