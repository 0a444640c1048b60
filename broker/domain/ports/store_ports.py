"""The store port, with its parts for people, policies, snapshots, workers, stops, erasures, saved definitions and
audit; the docstrings are the contract."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from broker.domain.identity.audit import AuditCheck, AuditEvent, AuditLine
from broker.domain.identity.people import Person
from broker.domain.ports.job_ports import (
    ComparingStore,
    JobStore,
    MessageStore,
    OutputStore,
    ReleaseStore,
    RequestedRehearsalStore,
    ScriptRehearsalStore,
)
from broker.domain.ports.ledger_ports import LedgerStore, PublicTableStore, ReleaseHistoryStore
from broker.domain.ports.store_records import (
    AuditFilter,
    Credential,
    PolicyDecision,
    Snapshot,
    StoredPolicy,
    WorkerReport,
)
from broker.domain.projects.erasures import Erasure
from broker.domain.projects.saved_definitions import SavedEntry, SavedState
from broker.domain.projects.stops import Stop, StopKind


class StopStore(Protocol):
    """What administrators have stopped. While a stop stands, `accept` takes no job of its subject and `release` lets
    nothing of it leave (Conflict("stopped")), and `lease` gives none."""

    def stop(self, stop: Stop, holders: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Begin a stop, revoke every token and session of `holders`, and make a stopped person inactive; all in one
        transaction. Conflict("already-stopped") if one stands."""

    def stops(self, *, standing_only: bool = False, limit: int = 200) -> list[Stop]:
        """Newest first."""

    def stop_of(self, kind: StopKind, subject: str) -> Stop | None:
        """The one that stands."""

    def request_lift(
        self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]
    ) -> None: ...

    def lift_stop(self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Forbidden("second-administrator") unless another administrator asked."""

    def unfinished_but_stopped(self, states: frozenset[str]) -> list[str]:
        """Jobs in `states` whose project or researcher is stopped, oldest first."""


class ErasureStore(Protocol):
    """Whose rows no snapshot holds any more. An event about several erasures is written for each, about its number."""

    def request_erasure(self, erasure: Erasure, event: AuditEvent) -> int:
        """Its number; Conflict("already-asked") if one for the same digest stands."""

    def erasures(self, limit: int = 200) -> list[Erasure]:
        """Newest first."""

    def erasure(self, number: int) -> Erasure: ...

    def erased_digests(self) -> dict[int, str]:
        """Of every confirmed erasure, by its number."""

    def confirm_erasure(self, number: int, by: str, now: datetime, event: AuditEvent) -> None:
        """Forbidden("second-administrator") if `by` asked for it, Conflict("wrong-state") unless it waits."""

    def withdraw_erasure(self, number: int, now: datetime, event: AuditEvent) -> None: ...

    def note_left_out(self, numbers: Sequence[int], snapshot: str, now: datetime, event: AuditEvent) -> None:
        """Of those of which nothing is noted yet: `snapshot` is the first one without them."""

    def supersede_snapshot(self, ident: str, since: datetime, now: datetime, events: Sequence[AuditEvent]) -> bool:
        """Retire it, if it is not; False, and nothing is done, while a job that was accepted until `since` waits or
        runs, and so may come to read it, or while a public table is run on it."""

    def note_erased(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> None: ...


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

    def decisions_on(self, project: str, limit: int = 20) -> list[PolicyDecision]:
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


class PeopleStore(Protocol):
    """People, their sessions and tokens, and the notices that were mailed to them."""

    def person(self, ident: str) -> Person: ...

    def people(self) -> list[Person]: ...

    def put_person(
        self,
        person: Person,
        events: Sequence[AuditEvent],
        password_hash: str | None = None,
        *,
        before: Sequence[Person] | None = None,
    ) -> None:
        """Make or change an account; one made inactive loses its tokens. With `before` only if that is what is stored
        (empty: nobody), else Conflict("stale")."""

    def password_hash(self, ident: str) -> str | None: ...

    def person_by_token(self, token_hash: str, now: datetime, idle: timedelta | None = None) -> Person | None:
        """Whose token it is, while it is good. A session that was not seen for `idle` is none; one that is good is seen
        now."""

    def put_token(
        self,
        token_hash: str,
        person: str,
        expires: datetime | None,
        events: Sequence[AuditEvent],
        *,
        made: datetime | None = None,
        session: bool = False,
        most: int | None = None,
    ) -> None:
        """Conflict("too-many-tokens") where the person would have more than `most` good API tokens."""

    def credentials(self, person: str, now: datetime) -> list[Credential]:
        """Sessions and tokens of a person that are neither revoked nor at their end, newest first."""

    def revoke_credentials(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Revoke all of a person's sessions and tokens, or those whose hash begins with `ident`, but for the one whose
        hash is `but`; how many. Without any no event is written."""

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None: ...

    def mailed(self, person: str) -> frozenset[str]:
        """Keys of the notices that were mailed to a person."""

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None: ...


class SavedStore(Protocol):
    """What projects keep. A definition never changes and is never removed; a name means one readable one at a time."""

    def saved(
        self, project: str | None, states: frozenset[SavedState], idents: frozenset[str] | None = None
    ) -> list[SavedEntry]:
        """The definitions in these states, oldest first: of one project or of all, among all or those of `idents`."""

    def saved_entry(self, ident: str) -> SavedEntry: ...

    def propose_saved(self, entry: SavedEntry, events: Sequence[AuditEvent]) -> None:
        """Insert a lookup that waits for a checker."""

    def move_saved(
        self,
        ident: str,
        before: SavedState,
        after: SavedState,
        events: Sequence[AuditEvent],
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Approve, reject or drop; approving replaces what had the name. `by` and `reason` are a checker's."""


class AuditStore(Protocol):
    """The append-only log."""

    def record(self, events: Sequence[AuditEvent]) -> None:
        """Write events of a look (nothing else changes)."""

    def audit(self, first: int = 1, limit: int | None = None) -> Iterator[AuditLine]: ...

    def audit_of(self, subject: str, action: str) -> list[AuditLine]:
        """The lines of one action on one subject, oldest first."""

    def search_audit(self, wanted: AuditFilter) -> list[AuditLine]:
        """Newest first, at most `wanted.limit`."""

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the last line: what is exported, so that a cut or rewritten log is seen."""

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Follow the whole chain to the stored head, and through an `anchor` exported earlier; one page in memory."""


class Store(
    JobStore,
    ScriptRehearsalStore,
    RequestedRehearsalStore,
    OutputStore,
    ComparingStore,
    MessageStore,
    ReleaseStore,
    PeopleStore,
    PolicyStore,
    SnapshotStore,
    WorkerStore,
    StopStore,
    ErasureStore,
    SavedStore,
    LedgerStore,
    ReleaseHistoryStore,
    PublicTableStore,
    AuditStore,
    Protocol,
):
    """The truth about jobs, outputs, votes, releases, policies, people, ledger, memory and audit.

    Each method that changes something takes the audit events of that change and writes both in one transaction,
    or neither. Methods that move a state do so by compare-and-set and raise Conflict("stale") when the row is no
    longer in the state (or attempt) given; nothing else was written then. Reading methods raise Unknown.
    """
