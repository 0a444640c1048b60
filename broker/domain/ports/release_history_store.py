"""The store's port of the release history: what was released before, and whether the record is whole.
Docstrings are the contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.caps import MeasuredPopulation
from broker.domain.ledger.chain import Head
from broker.domain.release_history import Entry, KnownFigure, MemoryVersion
from broker.domain.remembered import NewEntry, Remembering, StoredMembers


@dataclass(frozen=True, slots=True)
class MemoryCheck:
    """What following the memory found: lines that hold, the number of the first that does not, signed heads that it
    does not know, numbers of entries whose tables say something else than the chain."""

    lines: int
    broken: int | None
    forgotten: tuple[Head, ...] = ()
    differs: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.forgotten and not self.differs


class MemoryStore(Protocol):
    """Everything that was ever released, as populations. It only grows: the database itself refuses anything else.

    1. `ReleaseStore.release` takes a `Remembering` and writes it in its transaction, under the one lock of the memory.
       Conflict("memory-moved") if the version is not `seen` any more: then nothing was released, and the caller
       compares with what came since. So two releases that were each compared alone are never both out.
    2. Every change, and every release, raises Breach while the memory does not hold its last signed head (a restored
       back-up), and returns only after the new head is signed.
    3. It survives a project's removal, a recall, and the destruction of data.
    """

    def memory_version(self) -> MemoryVersion: ...

    def remembered(
        self, *, after: MemoryVersion | None = None, recipe: str | None = None, release: str | None = None
    ) -> list[Entry]:
        """In order of number: all, or those after a version, of a recipe, of a release."""

    def members_of(self, entry: int) -> StoredMembers | None: ...

    def known_figures(self, entry: int) -> tuple[KnownFigure, ...]: ...

    def member_files(self) -> frozenset[str]:
        """The names of all files that entries name."""

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        """By reference population, for each of its cells the figures released so far that split it."""

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        """How large reference populations are, in place of what was said of them before."""

    def measured(self, snapshot: str) -> list[MeasuredPopulation]: ...

    def measured_least(self, snapshot: str) -> Mapping[str, int]:
        """By measured population, the policy's least number of persons when it was measured."""

    def measured_snapshots(self) -> frozenset[str]: ...

    def give_up(self, files: Collection[str], now: datetime) -> frozenset[str]:
        """Those of these files of members that no entry names, nor an output that may still leave: from now on nothing
        can name them (Conflict for whoever tries), and they may be removed. None at all while the memory does not hold
        its last signed head: what no entry names may be what it forgot."""

    def remember(self, remembering: Remembering, now: datetime, events: Sequence[AuditEvent]) -> MemoryVersion:
        """Without a release: public tables. As in 1."""

    def memory_holds(self) -> bool:
        """Whether it holds its last signed head: anything else ends in the Breach of 2."""

    def lost_memory_head(self) -> Head | None:
        """The last signed head, where the memory does not hold it; None where it does, or where no head is there."""

    def memory_head(self) -> Head | None: ...

    def verify_memory(self, heads: Sequence[Head] = ()) -> MemoryCheck:
        """Follow the chain, find the last signed head and `heads` in it, and compare every entry with its line."""

    def reenter_memory(
        self,
        lost: Head,
        entries: Sequence[NewEntry],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        """After a restored back-up: enter what it forgot (the files that no entry names tell), and name the lost head,
        which ends the Breach. Forbidden("second-administrator") by fewer than two; Conflict("nothing-lost") unless
        `lost` is the head that is missed."""

    def vouch_memory(self, exported: Head, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Where the signed head itself was lost: take one that was exported for the last."""
