"""A small release history on each database, and short calls for tests."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.ports import Release
from broker.domain.release_history import (
    HistoryEntry,
    HistorySource,
    HistoryUpdate,
    HistoryVersion,
    KnownFigure,
    NewHistoryEntry,
    SplitCounts,
    new_entry_to_json,
)
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.storage.private_files import write_whole
from broker.storage.signed_log_store import SignedHeadStore
from broker.storage.sql_store import SqlStore, open_store
from tests.recorded_history import record_history

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
KEY = bytes(32)
ENTRY = HistoryEntry(
    0, "rel-1", "out-1", 0, "P0421", "s1", "npd", 10, "recipe-1", "pupil", HistorySource.RELEASE, NOW, 3, 5, {"all": 9}
)
COUNT = KnownFigure(1, "", False, "count", frozenset(), {0: 15, 2: None})
MEAN = KnownFigure(2, "s2_total", False, "sum", frozenset({"npd.ks4.ATT8"}), {0: Decimal("1.50"), 1: date(2020, 1, 2)})


def opened(url: str, folder: Path) -> SqlStore:
    return open_store(url, SignedHeadStore(folder / "ledger"), SignedHeadStore(folder / "heads", "memory"))


def files_of(folder: Path) -> EncryptedMemberFiles:
    return EncryptedMemberFiles(folder / "members", KEY, write_whole)


def new(number: int = 1, **changes: Any) -> NewHistoryEntry:
    entry = replace(ENTRY, **{"release": f"rel-{number}", "recipe": f"recipe-{number}"} | changes)
    splits = (SplitCounts("s1", "LA by year", (1, 0, number)), SplitCounts("s1", "sex", (2,)))
    return NewHistoryEntry(entry, (COUNT, MEAN), splits)


def event(action: str = "test.done") -> list[AuditEvent]:
    return [AuditEvent(NOW, "system", action, "thing")]


@dataclass
class Memory:
    """A store with its files, and releases of jobs that bring one table each."""

    store: SqlStore
    folder: Path
    given: Any
    files: EncryptedMemberFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = files_of(self.folder)

    def put(self, entry: NewHistoryEntry, content: bytes = b"members") -> NewHistoryEntry:
        return replace(entry, members=self.files.put(new_entry_to_json(entry), content))

    def remember(self, *entries: NewHistoryEntry) -> HistoryVersion:
        return record_history(
            self.store, HistoryUpdate(self.store.history_version(), entries), NOW, event("memory.public")
        )

    def swept(self) -> frozenset[str]:
        """The names of files that are swept as the worker does it: given up in the store, then removed."""
        gone = self.store.retire_member_files(self.files.unnamed(self.store.member_files()), NOW)
        for name in gone:
            self.files.discard(name, self.store.member_files())
        return gone

    def job(self) -> tuple[Release, str]:
        job, outputs = self.given.decided(OutputState.APPROVED)
        return self.given.release(job, outputs)

    def release(self, made: tuple[Release, str], *entries: NewHistoryEntry, seen: HistoryVersion | None = None) -> None:
        release, manifest = made
        own = tuple(replace(e, entry=replace(e.entry, release=release.ident)) for e in entries)
        wanted = HistoryUpdate(seen or self.store.history_version(), tuple(map(self.put, own))) if entries else None
        self.store.release(release, manifest, NOW, event("release.made"), history_update=wanted)
