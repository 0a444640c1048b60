"""Ports: what the workflow asks of the world. `broker.wiring` hands adapters in; the workflow imports none."""

from dataclasses import dataclass, field
from datetime import timedelta

from broker.domain.ports.data import (
    Engine,
    HandedEngine,
    HandedTo,
    SyntheticData,
    SyntheticVaults,
    Vault,
    Vaults,
    VaultTable,
)
from broker.domain.ports.ledger import LedgerStore
from broker.domain.ports.records import (
    EVERY_RELEASE,
    Access,
    AuditWanted,
    Cast,
    Compared,
    Counters,
    Decision,
    Filter,
    Lease,
    OutputRecord,
    Reap,
    RegisterCount,
    RegisterEntry,
    RegisterFilter,
    Release,
    Snapshot,
    StoredPolicy,
    ToRemember,
    WorkerReport,
)
from broker.domain.ports.rehearsing import Room
from broker.domain.ports.release_history import MemberFiles, MembersEngine, Populations
from broker.domain.ports.sandbox import (
    Collecting,
    Collector,
    Limits,
    Rows,
    Sandbox,
    SandboxEnd,
    SandboxRequest,
    SandboxResult,
    Warmth,
)
from broker.domain.ports.small import Clock, Post, Queue, Shelf
from broker.domain.ports.store import Store

__all__ = [
    "EVERY_RELEASE",
    "LEASE",
    "Access",
    "AuditWanted",
    "Cast",
    "Clock",
    "Collecting",
    "Collector",
    "Compared",
    "Counters",
    "Decision",
    "Engine",
    "Filter",
    "HandedEngine",
    "HandedTo",
    "Lease",
    "LedgerStore",
    "Limits",
    "MemoryPorts",
    "OutputRecord",
    "Ports",
    "Post",
    "Queue",
    "Reap",
    "RegisterCount",
    "RegisterEntry",
    "RegisterFilter",
    "Release",
    "Room",
    "Rows",
    "Sandbox",
    "SandboxEnd",
    "SandboxRequest",
    "SandboxResult",
    "Shelf",
    "Snapshot",
    "Store",
    "StoredPolicy",
    "SyntheticData",
    "SyntheticVaults",
    "ToRemember",
    "Vault",
    "VaultTable",
    "Vaults",
    "Warmth",
    "WorkerPorts",
    "WorkerReport",
]

LEASE = timedelta(seconds=30)
"""How long a worker's promise holds without renewal, where settings say nothing else."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Every adapter that the workflow may use, in one value. `synthetic_only`: the broker holds synthetic data only."""

    store: Store
    queue: Queue
    shelf: Shelf
    clock: Clock
    synthetic_only: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """What only the worker has of the memory of everything released: files of members, persons beyond any grant, and
    who is in a table's cells."""

    files: MemberFiles
    populations: Populations
    engine: MembersEngine


@dataclass(frozen=True, slots=True)
class WorkerPorts(Ports):
    """What the worker has beside them: the only process that touches data and the sandbox engine. Without `handed`
    nothing that a script hands over is computed; without `synthetic` no script runs on the synthetic NPD first; without
    `memory` no table is compared or released."""

    sandbox: Sandbox
    collector: Collector
    vaults: Vaults
    engine: Engine
    lease: timedelta = LEASE
    handed: HandedEngine | None = None
    synthetic: SyntheticVaults | None = None
    memory: MemoryPorts | None = None
