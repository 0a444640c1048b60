"""After a restored back-up: what the memory had forgotten is entered again, and the lost head is named."""

from collections.abc import Sequence
from datetime import datetime

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.ledger.chain import Head
from broker.domain.remembered import NewEntry
from broker.storage.chain import append
from broker.storage.release_history.held_files import check_kept
from broker.storage.release_history.tables import LineKind
from broker.storage.release_history.writing import MemoryWriting, enter_entry
from broker.storage.signed_chain import check_two, lost_body


class MemoryRestoring(MemoryWriting):
    """The part of the store that brings a memory back to use after it was restored."""

    def memory_holds(self) -> bool:
        with self._db.read() as connection:
            return self._memory.remembers(connection)

    def lost_memory_head(self) -> Head | None:
        with self._db.read() as connection:
            if self._memory_witness is None or self._memory.remembers(connection):
                return None
        return self._memory_witness.last()

    def reenter_memory(
        self, lost: Head, entries: Sequence[NewEntry], by: frozenset[str], now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        check_two(by, "memory")
        witness = self._memory_witness
        with self._db.write() as connection:
            self._memory.locked_end(connection)
            if witness is None or witness.last() != lost or self._memory.remembers(connection):
                raise Conflict("nothing-lost", "This is not the head that the memory has lost.")
            named, body = LineKind.RESTORED, lost_body(lost, by)
            self._memory.append(connection, now, named, "memory", body, after=lost.number)
            check_kept(connection, [e.members.name for e in entries if e.members], "memory-moved")
            for new in entries:
                enter_entry(connection, self._memory, new, now)
            append(connection, events)
        self._sign_memory()

    def vouch_memory(self, exported: Head, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        check_two(by, "memory")
        if self._memory_witness is None or self._memory_witness.last() is not None:
            raise Conflict("nothing-lost", "The last signed head is there; no other is taken for it.")
        with self._db.write() as connection:
            append(connection, events)
        self._memory_witness.keep(exported)
