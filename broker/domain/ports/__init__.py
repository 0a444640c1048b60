"""Ports: what the workflow needs from adapters. `broker.wiring` passes the adapters in; the workflow imports none."""

from dataclasses import dataclass, field
from datetime import timedelta

from broker.domain.ports.data_ports import (
    Engine,
    MicrodataEngine,
    SubmittedMicrodata,
    SyntheticData,
    SyntheticVaults,
    Vault,
    Vaults,
    VaultTable,
)
from broker.domain.ports.history_ports import MemberFiles, MembersEngine, Populations
from broker.domain.ports.job_ports import RehearsalQuota
from broker.domain.ports.sandbox_ports import (
    DataKind,
    FileRebuilder,
    RebuildRequest,
    Sandbox,
    SandboxEnd,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
    SandboxRunner,
    WarmPoolLimits,
)
from broker.domain.ports.service_ports import Clock, ContentStore, Mailer, Queue
from broker.domain.ports.store_ports import Store
from broker.domain.ports.store_records import (
    ALL_RELEASES,
    AuditFilter,
    ComparedOutput,
    Credential,
    ListFilter,
    OutputRecord,
    PendingHistoryEntry,
    PolicyDecision,
    RegisterCount,
    RegisterEntry,
    RegisterFilter,
    Release,
    Snapshot,
    StoredPolicy,
    VoteRecord,
    WorkerReport,
)

__all__ = [
    "ALL_RELEASES",
    "AuditFilter",
    "Clock",
    "ComparedOutput",
    "ContentStore",
    "Credential",
    "DataKind",
    "Engine",
    "FileRebuilder",
    "ListFilter",
    "Mailer",
    "MicrodataEngine",
    "OutputRecord",
    "PendingHistoryEntry",
    "PolicyDecision",
    "Ports",
    "RebuildRequest",
    "RegisterCount",
    "RegisterEntry",
    "RegisterFilter",
    "RehearsalQuota",
    "Release",
    "ReleaseHistoryPorts",
    "Sandbox",
    "SandboxEnd",
    "SandboxLimits",
    "SandboxRequest",
    "SandboxResult",
    "SandboxRunner",
    "Snapshot",
    "Store",
    "StoredPolicy",
    "SubmittedMicrodata",
    "SyntheticData",
    "Vault",
    "VaultTable",
    "Vaults",
    "VoteRecord",
    "WarmPoolLimits",
    "WorkerPorts",
    "WorkerReport",
]

LEASE_DURATION = timedelta(seconds=30)
"""Duration of a worker's lease without renewal, unless settings say otherwise."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Every adapter that the workflow may use, in one value. `synthetic_only`: the broker holds synthetic data only."""

    store: Store
    queue: Queue
    content_store: ContentStore
    clock: Clock
    synthetic_only: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReleaseHistoryPorts:
    """Adapters of the release history, for the worker only: files of members, persons beyond any grant, and the members
    of a table's cells."""

    files: MemberFiles
    populations: Populations
    engine: MembersEngine


@dataclass(frozen=True, slots=True)
class WorkerPorts(Ports):
    """Further adapters of the worker, the only process that reads data and uses the sandbox engine. Without
    `microdata_engine`, requests of scripts are not computed. Without `synthetic`, no script runs on the synthetic NPD
    first. Without `release_history`, no table is compared or released."""

    sandbox: Sandbox
    file_rebuilder: FileRebuilder
    vaults: Vaults
    engine: Engine
    lease: timedelta = LEASE_DURATION
    microdata_engine: MicrodataEngine | None = None
    synthetic: SyntheticVaults | None = None
    release_history: ReleaseHistoryPorts | None = None
