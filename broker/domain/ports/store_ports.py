"""The store port, with its parts for people, policies, snapshots, workers, stops, erasures, saved definitions and
audit. Docstrings are the contract."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from broker.domain.identity.audit import AuditCheck, AuditEvent, AuditLine
from broker.domain.identity.people import Person
from broker.domain.ports import job_ports, store_records
from broker.domain.ports.ledger_ports import LedgerStore, PublicTableStore, ReleaseHistoryStore
from broker.domain.projects.erasures import Erasure
from broker.domain.projects.saved_definitions import SavedEntry, SavedState
from broker.domain.projects.stops import Stop, StopKind


class StopStore(Protocol):
    """What administrators have stopped. While a stop is in force, `accept` takes no job of its subject and `release`
    releases nothing of it (Conflict("stopped")), and `lease` gives no lease."""

    def stop(self, stop: Stop, holders: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Begin a stop, revoke every token and session of `holders`, and deactivate a stopped person, all in one
        transaction. Raises Conflict("already-stopped") if one is in force."""

    def stops(self, *, standing_only: bool = False, limit: int = 200) -> list[Stop]:
        """Newest first."""

    def stop_of(self, kind: StopKind, subject: str) -> Stop | None:
        """The stop that is in force; None without one."""

    def request_lift(
        self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]
    ) -> None: ...

    def lift_stop(self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Raises Forbidden("second-administrator") unless another administrator requested it."""

    def unfinished_but_stopped(self, states: frozenset[str]) -> list[str]:
        """Jobs in `states` whose project or researcher is stopped, oldest first."""


class ErasureStore(Protocol):
    """Persons whose rows no snapshot may contain any more. An event about several erasures is written for each one,
    under its number."""

    def request_erasure(self, erasure: Erasure, event: AuditEvent) -> int:
        """Insert an erasure and return its number. Raises Conflict("already-asked") if there is an open one for the
        same digest."""

    def erasures(self, limit: int = 200) -> list[Erasure]:
        """Newest first."""

    def erasure(self, number: int) -> Erasure: ...

    def erased_digests(self) -> dict[int, str]:
        """Digests of all confirmed erasures, by number."""

    def confirm_erasure(self, number: int, by: str, now: datetime, event: AuditEvent) -> None:
        """Raises Forbidden("second-administrator") if `by` requested it, Conflict("wrong-state") unless it waits."""

    def withdraw_erasure(self, number: int, now: datetime, event: AuditEvent) -> None: ...

    def note_left_out(self, numbers: Sequence[int], snapshot: str, now: datetime, event: AuditEvent) -> None:
        """Note `snapshot` as the first one without these persons, for erasures without such a note."""

    def supersede_snapshot(self, ident: str, since: datetime, now: datetime, events: Sequence[AuditEvent]) -> bool:
        """Retire a snapshot, if it is not retired. False, without any change, while a job that was accepted up to
        `since` waits, runs or is compared, and so may read it, or while a public table runs on it."""

    def note_erased(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> None: ...


class PolicyStore(Protocol):
    """Policy sets: proposed, in force, and earlier ones."""

    def propose_policy(self, policy: store_records.StoredPolicy, events: Sequence[AuditEvent]) -> None: ...

    def apply_policy(
        self, fingerprint: str, by: str, now: datetime, events: Sequence[AuditEvent],
        projects: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Put a proposed set in force, as a decision on `projects`. Raises Forbidden("second-administrator") if `by`
        proposed it."""

    def decisions_on(self, project: str, limit: int = 20) -> list[store_records.PolicyDecision]:
        """The sets that changed the policy for a project, newest first."""

    def policy_in_force(self) -> store_records.StoredPolicy: ...

    def fingerprint_in_force(self) -> str: ...

    def policy(self, fingerprint: str) -> store_records.StoredPolicy: ...

    def proposed_policies(self) -> list[store_records.StoredPolicy]:
        """Sets that wait for a second administrator, oldest first."""


class SnapshotStore(Protocol):
    """Snapshots that jobs run on, and earlier ones."""

    def put_snapshot(self, snapshot: store_records.Snapshot, events: Sequence[AuditEvent]) -> None: ...

    def latest_snapshot(self) -> store_records.Snapshot: ...

    def snapshot(self, ident: str) -> store_records.Snapshot: ...

    def snapshots(self, limit: int = 200) -> list[store_records.Snapshot]:
        """Newest first, including retired ones."""

    def retire_snapshot(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Retire a snapshot: no job runs on it from now on. Raises Conflict("last-snapshot") if none would be left,
        Conflict("in-use") while an unfinished job reads it, Conflict("already-retired")."""


class WorkerStore(Protocol):
    """The latest reports of workers."""

    def report_worker(self, report: store_records.WorkerReport) -> None: ...

    def worker_reports(self) -> list[store_records.WorkerReport]: ...


class PeopleStore(Protocol):
    """People, their sessions and tokens, and the notices that were mailed to them."""

    def person(self, ident: str) -> Person: ...

    def people(self) -> list[Person]: ...

    def put_person(
        self, person: Person, events: Sequence[AuditEvent], password_hash: str | None = None, *,
        before: Sequence[Person] | None = None,
    ) -> None:  # fmt: skip
        """Create or change an account. An account that becomes inactive loses its tokens. With `before`, only if that
        is what is stored (empty: no account); otherwise raises Conflict("stale")."""

    def password_hash(self, ident: str) -> str | None: ...

    def person_by_token(self, token_hash: str, now: datetime, idle: timedelta | None = None) -> Person | None:
        """Person with this token, while it is valid; None otherwise. A session that was not used for `idle` is invalid;
        a valid one is marked as used now."""

    def put_token(
        self, token_hash: str, person: str, expires: datetime | None, events: Sequence[AuditEvent], *,
        made: datetime | None = None, session: bool = False, most: int | None = None,
    ) -> None:  # fmt: skip
        """Raises Conflict("too-many-tokens") if the person would have more than `most` valid API tokens."""

    def credentials(self, person: str, now: datetime) -> list[store_records.Credential]:
        """Sessions and tokens of a person that are neither revoked nor expired, newest first."""

    def revoke_credentials(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Revoke all of a person's sessions and tokens, or those whose hash begins with `ident`, except the one whose
        hash is `but`. Returns their number. If there are none, no event is written."""

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None: ...

    def mailed(self, person: str) -> frozenset[str]:
        """Keys of the notices that were mailed to a person."""

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None: ...


class SavedStore(Protocol):
    """Saved definitions of projects. A definition never changes and is never removed. A name has at most one readable
    definition at a time."""

    def saved(
        self, project: str | None, states: frozenset[SavedState], idents: frozenset[str] | None = None
    ) -> list[SavedEntry]:
        """The definitions in these states, oldest first: of one project or of all, and only those of `idents` if
        given."""

    def saved_entry(self, ident: str) -> SavedEntry: ...

    def propose_saved(self, entry: SavedEntry, events: Sequence[AuditEvent]) -> None:
        """Insert a lookup that waits for a checker."""

    def move_saved(
        self, ident: str, before: SavedState, after: SavedState, events: Sequence[AuditEvent], *,
        by: str | None = None, reason: str | None = None,
    ) -> None:  # fmt: skip
        """Approve, reject or drop a definition. An approved one replaces the earlier one with its name. `by` and
        `reason` are a checker's."""


class AuditStore(Protocol):
    """The append-only log."""

    def record(self, events: Sequence[AuditEvent]) -> None:
        """Write events of a view, which changes nothing else."""

    def audit(self, first: int = 1, limit: int | None = None) -> Iterator[AuditLine]: ...

    def audit_of(self, subject: str, action: str) -> list[AuditLine]:
        """The lines of one action on one subject, oldest first."""

    def search_audit(self, wanted: store_records.AuditFilter) -> list[AuditLine]:
        """Newest first, at most `wanted.limit`."""

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the last line. They are exported, so that a cut or rewritten log is noticed."""

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Check the whole chain up to the stored head, and through an `anchor` that was exported earlier, with one page
        in memory at a time."""


class Store(
    job_ports.WorkStore,
    job_ports.JobStore,
    job_ports.ScriptRehearsalStore,
    job_ports.RequestedRehearsalStore,
    job_ports.OutputStore,
    job_ports.ComparingStore,
    job_ports.MessageStore,
    job_ports.ReleaseStore,
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
    """The truth about jobs, outputs, votes, releases, policies, people, ledger, release history and audit. Each method
    that changes something takes the audit events of that change and writes both in one transaction, or neither. Methods
    that change a state use compare-and-set, and raise Conflict("stale") if the row is no longer in the given state (or
    attempt); nothing was written then. Reading methods raise Unknown."""
