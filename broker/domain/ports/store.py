"""The store port: the truth about jobs, outputs, votes, releases, people and audit. Docstrings are the contract."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from broker.domain.audit import AuditCheck, AuditEvent, AuditLine
from broker.domain.jobs import FailureCode, Job, JobState
from broker.domain.people import Person
from broker.domain.ports.halting import ErasureStore, StopStore
from broker.domain.ports.ledger import LedgerStore
from broker.domain.ports.memory_store import MemoryStore
from broker.domain.ports.outputs import ComparingStore, MessageStore, OutputStore, ReleaseStore
from broker.domain.ports.public_tables import PublicTableStore
from broker.domain.ports.records import (
    Access,
    AuditWanted,
    Decision,
    Filter,
    Lease,
    OutputRecord,
    Reap,
    Snapshot,
    StoredPolicy,
    WorkerReport,
)
from broker.domain.ports.rehearsing import AskedRehearsalStore, RehearsalStore
from broker.domain.saved import SavedEntry, SavedState


class JobStore(Protocol):
    """Jobs and their leases."""

    def accept(self, job: Job, events: Sequence[AuditEvent], keeps: Sequence[SavedEntry] = ()) -> Job:
        """Insert a job in `queued` or `refused`, and what a queued one keeps. If (researcher, client_id) exists: return
        the stored job when its submission is equal, else raise Conflict("client-id-reused")."""

    def job(self, ident: str) -> Job: ...

    def jobs(self, wanted: Filter) -> list[Job]:
        """Newest first; `after` is the ident of the last job of the page before."""

    def jobs_in(self, states: frozenset[JobState]) -> dict[JobState, int]:
        """How many jobs are in each of these states."""

    def jobs_named(self, idents: frozenset[str]) -> dict[str, Job]:
        """Those of these idents that there are."""

    def lease(
        self, job: str, worker: str, until: datetime, now: datetime, events: Sequence[AuditEvent]
    ) -> Lease | None:
        """Queued → running with attempt+1, by compare-and-set; None if it is not queued (any more)."""

    def renew(self, job: str, attempt: int, until: datetime, now: datetime | None = None) -> bool:
        """Prolong a lease, of a run or a comparison; False if the attempt is no longer the one that has it, or (by
        `now`) it has lapsed: a lapsed lease never comes back, so that whoever ends the attempt is not overtaken."""

    def advance(
        self,
        job: str,
        attempt: int | None,
        before: JobState,
        after: JobState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        failure: FailureCode | None = None,
        image: str | None = None,
        runtime: str | None = None,
        snapshot: str | None = None,
        assessed_policy: str | None = None,
        outputs: Sequence[OutputRecord] = (),
        small: bool = False,
    ) -> None:
        """Move a job's state; `outputs` are inserted with it, `small` raises the project's quota counter.
        `attempt` None means: whatever attempt it is at (withdraw, decide)."""

    def lapsed(self, now: datetime) -> list[Reap]:
        """Running jobs whose lease has lapsed, and jobs the lease on whose comparison has."""

    def waiting(self) -> list[tuple[str, int]]:
        """(job, attempt) of every queued job, oldest first: what the reconciler offers again."""

    def alive(self) -> frozenset[tuple[str, int]]:
        """(job, attempt) of every job that runs or is compared: what the sweeper must leave alone."""

    def unsettled(self) -> list[str]:
        """Jobs whose next step waits for nobody, oldest first: `assessing` with an output to route or none left to
        decide, or `decided` with approved outputs and no release."""

    def name_vault(self, job: str, attempt: int, vault: str) -> None:
        """Say which vault a running attempt reads, so that it is kept until the job is at its end."""

    def vaults_in_use(self, *, reading: bool = False) -> frozenset[str]:
        """Keys of the vaults that unfinished jobs name; with `reading`, those that wait or run and so may read it."""

    def small_jobs(self, project: str) -> int: ...


class PeopleStore(Protocol):
    """People, tokens, policies and snapshots."""

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
    ) -> None: ...

    def accesses(self, person: str, now: datetime) -> list[Access]:
        """Sessions and tokens of a person that are neither revoked nor at their end, newest first."""

    def end_accesses(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Revoke all of a person's sessions and tokens, or those whose hash begins with `ident`, but for the one whose
        hash is `but`; how many. Without any no event is written."""

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None: ...

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

    def put_snapshot(self, snapshot: Snapshot, events: Sequence[AuditEvent]) -> None: ...

    def latest_snapshot(self) -> Snapshot: ...

    def snapshot(self, ident: str) -> Snapshot: ...

    def snapshots(self, limit: int = 200) -> list[Snapshot]:
        """Newest first, retired ones too."""

    def retire_snapshot(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """No job runs on it from now on; Conflict("last-snapshot") if there were none left, Conflict("in-use") while a
        job that is not at its end reads it, Conflict("already-retired")."""

    def mailed(self, person: str) -> frozenset[str]:
        """Keys of the notices that were mailed to a person."""

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None: ...

    def report_worker(self, report: WorkerReport) -> None: ...

    def worker_reports(self) -> list[WorkerReport]: ...


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

    def search_audit(self, wanted: AuditWanted) -> list[AuditLine]:
        """Newest first, at most `wanted.limit`."""

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the last line: what is exported, so that a cut or rewritten log is seen."""

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Follow the whole chain to the stored head, and through an `anchor` exported earlier; one page in memory."""


class Store(
    JobStore,
    RehearsalStore,
    AskedRehearsalStore,
    OutputStore,
    ComparingStore,
    MessageStore,
    ReleaseStore,
    PeopleStore,
    StopStore,
    ErasureStore,
    SavedStore,
    LedgerStore,
    MemoryStore,
    PublicTableStore,
    AuditStore,
    Protocol,
):
    """The truth about jobs, outputs, votes, releases, policies, people, ledger, memory and audit.

    Each method that changes something takes the audit events of that change and writes both in one transaction,
    or neither. Methods that move a state do so by compare-and-set and raise Conflict("stale") when the row is no
    longer in the state (or attempt) given; nothing else was written then. Reading methods raise Unknown.
    """
