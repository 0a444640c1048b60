"""Chains of entries in two tables, and the two that the store has. Does not know what entries mean."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, Table, insert, select, update

from broker.domain.identity.audit import GENESIS
from broker.domain.ledger.ledger_entries import LedgerEntryKind
from broker.domain.signed_log import ChainEntry, check_entries, entry_hash
from broker.storage.row_values import value_of
from broker.storage.tables.ledger_tables import ledger_entries, ledger_head
from broker.storage.tables.release_history_tables import HistoryLineKind, memory_head, memory_lines


@dataclass(frozen=True)
class HashChain:
    """A table of entries, each bound to the one before, and a table with the head, which is the last of them.
    `restored`: kind of an entry that names the head that a restored back-up had lost."""

    entries: Table
    head: Table
    restored: StrEnum

    def end(self, connection: Connection, *, lock: bool = False) -> tuple[int, str]:
        """Return number and hash of the head. `lock`: until the transaction ends, so that other writers wait."""
        query = select(self.head.c.number, self.head.c.hash)
        row = connection.execute(query.with_for_update() if lock else query).one()
        return int(row.number), str(row.hash)

    def append(
        self, connection: Connection, at: datetime, kind: StrEnum, subject: str, body: str = "{}", *,
        after: int | None = None,
    ) -> int:  # fmt: skip
        """Write one entry and return its number. The lock of the head makes writers wait, so lock other rows before.
        `after`: skip the numbers up to this one, because they were lost."""
        before, previous = self.end(connection, lock=True)
        # UTC, because the hash covers what will be read back.
        number, at = max(before, after or 0) + 1, at.astimezone(UTC)
        digest = entry_hash(number, at, kind, subject, body, previous)
        values = {"number": number, "at": at, "kind": kind, "subject": subject, "body": body}
        connection.execute(insert(self.entries).values(**values, previous=previous, hash=digest))
        connection.execute(update(self.head).values(number=number, hash=digest))
        return number

    def follow(self, connection: Connection) -> tuple[list[ChainEntry], int | None]:
        """Return all entries, and the number of the first that does not follow from the one before (None if all do).
        If the head does not match the last entry, it is the number after that."""
        rows = connection.execute(select(self.entries).order_by(self.entries.c.number))
        entries = [value_of(ChainEntry, row) for row in rows]
        broken = next((entry.number for entry, holds in check_entries(entries) if not holds), None)
        end = (entries[-1].number, entries[-1].hash) if entries else (0, GENESIS)
        if broken is None and self.end(connection) != end:
            broken = len(entries) + 1
        return entries, broken


LEDGER_CHAIN = HashChain(ledger_entries, ledger_head, LedgerEntryKind.RESTORED)
HISTORY_CHAIN = HashChain(memory_lines, memory_head, HistoryLineKind.RESTORED)
