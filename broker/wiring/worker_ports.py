"""Adapters that only the worker has: the data, the sandbox, and the members of released tables."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from broker.domain.ports import ReleaseHistoryPorts
from broker.domain.ports.history_ports import MemberFiles
from broker.policy.policy_set import PolicySet
from broker.wiring.broker_ports import build_ports, queue_url
from broker.wiring.execution_adapters import build_private, build_sandbox
from broker.wiring.rehearsal_adapters import build_synthetic

if TYPE_CHECKING:
    from broker.queue.rq_queue import RqWorker
    from broker.settings import Settings
    from broker.workflow.private_jobs.private_ports import RunPorts


def build_worker_ports(settings: "Settings", slot: int = 0) -> "RunPorts":
    """Return the ports of one slot of a worker. The supervisor has them too, but runs nothing with them."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.file_rebuilders import ContainerRebuilder
    from broker.engine.script_rows_engine import DuckDBScriptRows
    from broker.vault.vault_store import VaultStore
    from broker.workflow.policies_in_force import policies_in_force
    from broker.workflow.private_jobs.private_ports import RunPorts

    ports = build_ports(settings)

    def policies() -> PolicySet:
        return policies_in_force(ports.store)

    return RunPorts(
        store=ports.store,
        queue=ports.queue,
        content_store=ports.content_store,
        clock=ports.clock,
        sandbox=build_sandbox(settings, slot),
        file_rebuilder=ContainerRebuilder(),
        vaults=VaultStore(settings.root, policies),
        engine=DuckDBEngine(),
        lease=timedelta(seconds=settings.lease_seconds),
        microdata_engine=DuckDBScriptRows(),
        synthetic=build_synthetic(settings, policies),
        private=build_private(lambda: policies().service.noise_wall_seconds),
        release_history=build_release_history(settings, policies),
        synthetic_only=ports.synthetic_only,
    )


def build_release_history(settings: "Settings", policies: Callable[[], PolicySet]) -> ReleaseHistoryPorts:
    """Return the ports to the members of released tables, for the worker alone. The key of the files belongs to the
    data owner, because it outlives projects."""
    from broker.engine.members_engine import DuckDBMembersEngine
    from broker.vault.population_store import PopulationStore

    return ReleaseHistoryPorts(
        build_member_files(settings), PopulationStore(settings.root, policies), DuckDBMembersEngine()
    )


def build_member_files(settings: "Settings") -> MemberFiles:
    from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
    from broker.storage.private_files import write_whole
    from broker.vault.pseudonyms import owner_key

    return EncryptedMemberFiles(settings.root / "memory", owner_key(settings.root / "private", "memory"), write_whole)


def build_queue_worker(settings: "Settings") -> "RqWorker":
    from broker.queue.rq_queue import RqWorker

    return RqWorker(queue_url(settings))
