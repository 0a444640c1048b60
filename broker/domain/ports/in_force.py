"""The parts of the store port for what jobs run under: policies, snapshots, workers. Docstrings are the contract."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.ports.records import Decision, Snapshot, StoredPolicy, WorkerReport


class PolicyStore(Protocol):
    """Policy sets: proposed, in force, and kept."""

    def propose_policy(self, policy: StoredPolicy, events: Sequence[AuditEvent]) -> None: ...

    def apply_policy(
        self,
        fingerprint: str,
        by: str,
        now: datetime,
        events: Sequence[AuditEvent],
        projects: frozenset[str] = frozenset(),
    ) -> None:
        """Put a proposed set in force, as a decision on `projects`; Forbidden("second-administrator") if `by` proposed
        it."""

    def decisions_on(self, project: str, limit: int = 20) -> list[Decision]:
        """The sets that changed what policy says of a project, newest first."""

    def policy_in_force(self) -> StoredPolicy: ...

    def policy(self, fingerprint: str) -> StoredPolicy: ...

    def proposed_policies(self) -> list[StoredPolicy]:
        """Sets that wait for a second administrator, oldest first."""


class SnapshotStore(Protocol):
    """Snapshots that jobs run on, and those that were."""

    def put_snapshot(self, snapshot: Snapshot, events: Sequence[AuditEvent]) -> None: ...

    def latest_snapshot(self) -> Snapshot: ...

    def snapshot(self, ident: str) -> Snapshot: ...

    def snapshots(self, limit: int = 200) -> list[Snapshot]:
        """Newest first, retired ones too."""

    def retire_snapshot(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """No job runs on it from now on; Conflict("last-snapshot") if there were none left, Conflict("in-use") while a
        job that is not at its end reads it, Conflict("already-retired")."""


class WorkerStore(Protocol):
    """What workers last said of themselves."""

    def report_worker(self, report: WorkerReport) -> None: ...

    def worker_reports(self) -> list[WorkerReport]: ...
