"""The store port: the truth about jobs, outputs, votes, releases, people and audit. Docstrings are the contract."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from broker.domain.audit import AuditCheck, AuditEvent, AuditLine
from broker.domain.ports.halting import ErasureStore, StopStore
from broker.domain.ports.in_force import PolicyStore, SnapshotStore, WorkerStore
from broker.domain.ports.jobs import JobStore
from broker.domain.ports.ledger import LedgerStore
from broker.domain.ports.outputs import ComparingStore, MessageStore, OutputStore, ReleaseStore
from broker.domain.ports.people import PeopleStore
from broker.domain.ports.public_tables import PublicTableStore
from broker.domain.ports.records import AuditWanted
from broker.domain.ports.rehearsing import AskedRehearsalStore, RehearsalStore
from broker.domain.ports.release_history_store import MemoryStore
from broker.domain.saved import SavedEntry, SavedState


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
    PolicyStore,
    SnapshotStore,
    WorkerStore,
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
