"""A little memory on each database, and the words in which tests ask it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker.domain.audit import AuditEvent
from broker.domain.outputs import OutputState
from broker.domain.ports import Release
from broker.domain.release_history import Entry, KnownFigure, MemoryVersion, Source
from broker.domain.remembered import NewEntry, Remembering, Splits, about
from broker.encrypted_store.files import SealedFiles
from broker.storage.private_files import write_whole
from broker.storage.store import SqlStore, open_store
from broker.storage.witness import FolderWitness

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
KEY = bytes(32)
ENTRY = Entry(
    0, "rel-1", "out-1", 0, "P0421", "s1", "npd", 10, "recipe-1", "pupil", Source.RELEASE, NOW, 3, 5, {"all": 9}
)
COUNT = KnownFigure(1, "", False, "count", frozenset(), {0: 15, 2: None})
MEAN = KnownFigure(2, "s2_total", False, "sum", frozenset({"npd.ks4.ATT8"}), {0: Decimal("1.50"), 1: date(2020, 1, 2)})


def opened(url: str, folder: Path) -> SqlStore:
    return open_store(url, FolderWitness(folder / "ledger"), FolderWitness(folder / "heads", "memory"))


def files_of(folder: Path) -> SealedFiles:
    return SealedFiles(folder / "members", KEY, write_whole)


def new(number: int = 1, **changes: Any) -> NewEntry:
    entry = replace(ENTRY, **{"release": f"rel-{number}", "recipe": f"recipe-{number}"} | changes)
    splits = (Splits("s1", "LA by year", (1, 0, number)), Splits("s1", "sex", (2,)))
    return NewEntry(entry, (COUNT, MEAN), splits)


def event(action: str = "test.done") -> list[AuditEvent]:
    return [AuditEvent(NOW, "system", action, "thing")]


@dataclass
class Memory:
    """A store with its files, and releases of jobs that bring one table each."""

    store: SqlStore
    folder: Path
    given: Any
    files: SealedFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = files_of(self.folder)

    def put(self, entry: NewEntry, content: bytes = b"members") -> NewEntry:
        return replace(entry, members=self.files.put(about(entry), content))

    def remember(self, *entries: NewEntry) -> MemoryVersion:
        return self.store.remember(Remembering(self.store.memory_version(), entries), NOW, event("memory.public"))

    def job(self) -> tuple[Release, str]:
        job, outputs = self.given.decided(OutputState.APPROVED)
        return self.given.release(job, outputs)

    def release(self, made: tuple[Release, str], *entries: NewEntry, seen: MemoryVersion | None = None) -> None:
        release, manifest = made
        own = tuple(replace(e, entry=replace(e.entry, release=release.ident)) for e in entries)
        wanted = Remembering(seen or self.store.memory_version(), tuple(map(self.put, own))) if entries else None
        self.store.release(release, manifest, NOW, event("release.made"), remembering=wanted)
