"""The hall: the only module that knows every adapter. Builds ports from settings; decides nothing else."""

from datetime import timedelta
from functools import cache

from broker.domain.ports import Clock, Ports, Sandbox, WorkerPorts
from broker.engine.duckdb_engine import DuckDBEngine
from broker.queue.embedded import EmbeddedValkey
from broker.queue.rq_queue import RqQueue
from broker.queue.slots import QueueWorker
from broker.sandbox.bubblewrap import BubblewrapSandbox
from broker.sandbox.collector import FrameCollector
from broker.sandbox.docker_engine import DockerSandbox
from broker.settings import Settings
from broker.storage.clock import SystemClock
from broker.storage.shelf import FolderShelf
from broker.storage.store import SqlStore, open_store
from broker.vault.keeper import VaultKeeper
from broker.workflow.policies import policies_in_force


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
        return BubblewrapSandbox(settings.root)
    return DockerSandbox(settings.root, settings.runtime)


def queue_worker(settings: Settings) -> QueueWorker:
    return QueueWorker(queue_url(settings))
