"""Ports: what the workflow needs from adapters. `broker.wiring` passes the adapters in; the workflow imports none."""

from dataclasses import dataclass, field
from datetime import timedelta

from broker.domain.ports.data_ports import (
    Engine as Engine,
    MicrodataEngine as MicrodataEngine,
    SubmittedMicrodata as SubmittedMicrodata,
    SyntheticData as SyntheticData,
    SyntheticVaults,
    Vault as Vault,
    Vaults as Vaults,
    VaultTable as VaultTable,
)
from broker.domain.ports.history_ports import MemberFiles, MembersEngine, Populations
from broker.domain.ports.job_ports import RehearsalQuota as RehearsalQuota
from broker.domain.ports.sandbox_ports import (
    DataKind as DataKind,
    FileRebuilder as FileRebuilder,
    RebuildRequest as RebuildRequest,
    Sandbox as Sandbox,
    SandboxEnd as SandboxEnd,
    SandboxLimits as SandboxLimits,
    SandboxRequest as SandboxRequest,
    SandboxResult as SandboxResult,
    SandboxRunner as SandboxRunner,
    WarmPoolLimits as WarmPoolLimits,
)
from broker.domain.ports.service_ports import Clock as Clock, ContentStore as ContentStore, Mailer as Mailer, Queue
from broker.domain.ports.store_ports import Store as Store
from broker.domain.ports.store_records import (
    AuditFilter as AuditFilter,
    ComparedOutput as ComparedOutput,
    Credential as Credential,
    ListFilter as ListFilter,
    OutputRecord as OutputRecord,
    PendingHistoryEntry as PendingHistoryEntry,
    PolicyDecision as PolicyDecision,
    RegisterCount as RegisterCount,
    RegisterEntry as RegisterEntry,
    RegisterFilter as RegisterFilter,
    Release as Release,
    Snapshot as Snapshot,
    StoredPolicy as StoredPolicy,
    VoteRecord as VoteRecord,
    WorkerReport as WorkerReport,
)

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
