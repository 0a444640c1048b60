"""What the worker alone has: the data, the sandbox, and who was in what was released."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from broker.domain.ports import MemoryPorts
from broker.domain.ports.release_history import MemberFiles
from broker.policy.models import Policies
from broker.wiring.ports import build_ports, queue_url
from broker.wiring.rehearsing import build_synthetic
from broker.wiring.running import build_private, build_sandbox

if TYPE_CHECKING:
    from broker.queue.slots import QueueWorker
    from broker.settings import Settings
    from broker.workflow.private.ports import RunPorts


def build_worker(settings: "Settings", slot: int = 0) -> "RunPorts":
    """What one slot of a worker has; the supervisor has it, too, and runs nothing with it."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.files import ContainerCollector
    from broker.engine.handed import HandedDuckDB
    from broker.vault.keeper import VaultKeeper
    from broker.workflow.policies import policies_in_force
    from broker.workflow.private.ports import RunPorts

    ports = build_ports(settings)

    def policies() -> Policies:
        return policies_in_force(ports.store)

    return RunPorts(
        store=ports.store,
        queue=ports.queue,
        shelf=ports.shelf,
        clock=ports.clock,
        sandbox=build_sandbox(settings, slot),
        collector=ContainerCollector(),
        vaults=VaultKeeper(settings.root, policies),
        engine=DuckDBEngine(),
        lease=timedelta(seconds=settings.lease_seconds),
        handed=HandedDuckDB(),
        synthetic=build_synthetic(settings, policies),
        private=build_private(lambda: policies().service.noise_wall_seconds),
        memory=build_memory(settings, policies),
        synthetic_only=ports.synthetic_only,
    )


def build_memory(settings: "Settings", policies: Callable[[], Policies]) -> MemoryPorts:
    """Who was in what was released, for the worker alone. The files' key is the owner's: it outlives projects."""
    from broker.engine.members_engine import DuckDBMembers
    from broker.vault.populations import PopulationKeeper

    return MemoryPorts(build_member_files(settings), PopulationKeeper(settings.root, policies), DuckDBMembers())


def build_member_files(settings: "Settings") -> MemberFiles:
    from broker.encrypted_store.files import SealedFiles
    from broker.storage.private_files import write_whole
    from broker.vault.pseudonyms import owner_key

    return SealedFiles(settings.root / "memory", owner_key(settings.root / "private", "memory"), write_whole)


def queue_worker(settings: "Settings") -> "QueueWorker":
    from broker.queue.slots import QueueWorker

    return QueueWorker(queue_url(settings))
