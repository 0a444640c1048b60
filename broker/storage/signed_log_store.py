"""Chains of entries in two tables, and logs whose last head is signed in a folder next to the database: none changes
before its last signed head is found in it, and no change is reported before the new head is signed."""

import fcntl
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

from sqlalchemy import Connection, Table, insert, select, update

from broker.domain.errors import Breach, Conflict, Forbidden
from broker.domain.identity.audit import GENESIS, AuditEvent
from broker.domain.ledger.ledger_entries import LedgerEntryKind
from broker.domain.ledger.spends import MissingLedgerEntries
from broker.domain.release_history import NewHistoryEntry
from broker.domain.signed_log import ChainCheck, ChainEntry, ChainHead, LogName, check_entries, entry_hash
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import Database, value_of
from broker.storage.private_files import own_key, write_whole
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


class SignedHeadStore:
    """Signs heads of one chain (`of`) with a key of its own, and stores the last one. It never goes back to an earlier
    one."""

    def __init__(self, folder: Path, of: str = "ledger") -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._of = folder, of
        self._key = own_key(folder / "key", of)

    def sign(self, number: int, digest: str) -> ChainHead:
        # The chain's name is part of the text, so that a head of one chain is not valid for another.
        signed = hmac.new(self._key, f"{self._of}\n{number}\n{digest}".encode(), sha256)
        return ChainHead(number, signed.hexdigest())

    def knows(self, head: ChainHead, digest: str) -> bool:
        """Whether `head` is the signature of this hash at its number."""
        # Takes equal time for every wrong signature.
        return hmac.compare_digest(self.sign(head.number, digest).signature, head.signature)

    def last(self) -> ChainHead | None:
        try:
            found = json.loads((self._folder / "head").read_text())
            return ChainHead(int(found["number"]), str(found["signature"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Breach(f"The last signed head of the {self._of} cannot be read.") from error

    def store_head(self, head: ChainHead) -> None:
        """Store a head durably. If several are stored at once, the one with the largest number stays."""
        with self._locked():
            last = self.last()
            # Never back: a restored database must not replace the newer head.
            if last is None or last.number < head.number:
                text = json.dumps({"number": head.number, "signature": head.signature})
                write_whole(self._folder / "head", text.encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


Missing = TypeVar("Missing")
"""What a restored log lacks, as administrators or files give it."""

STOPPED = {LogName.LEDGER: "spent or released", LogName.HISTORY: "released"}
"""What nobody can do while a log lacks its last signed head."""


@dataclass
class SqlSignedLog(Generic[Missing]):
    """The port `SignedLog`. `heads` is None only in tests that need none.

    `differing`: what the log's tables have otherwise than its entries. `enter`: enters what a back-up lost."""

    name: LogName
    chain: HashChain
    differing: Callable[[Connection, Sequence[ChainEntry]], Iterable[str | int]]
    enter: Callable[[Connection, Missing, datetime], None]
    db: Database
    heads: SignedHeadStore | None

    def begin(self) -> None:
        """Sign the head of an empty log. So if a signed head is missing later, somebody has removed it."""
        if self.heads is None or self.heads.last() is not None:
            return
        head = self._signed_end(self.heads)
        # A log with entries but no signed head has lost it: administrators have to attest one.
        if head.number == 0:
            self.heads.store_head(head)

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Make one change, whole or not at all. Once this returns, the change cannot be lost unnoticed.

        If the process crashes between commit and signature, the change is made but not reported; the next call signs
        it.
        """
        with self.db.write() as connection:
            self.check_signed_head(connection)
            yield connection
        self.sign()

    def check_signed_head(self, connection: Connection) -> None:
        if not self.holds_signed_head(connection):
            raise Breach(
                f"The {self.name.label} does not have its last signed head: a back-up was restored, or the head was"
                f" lost. Nothing is {STOPPED[self.name]} until the missing entries have been restored."
            )

    def holds_signed_head(self, connection: Connection) -> bool:
        """Whether the last signed head is in the log. A head is committed before it is signed, so every writer can
        see it."""
        if self.heads is None:
            return True
        try:
            last = self.heads.last()
        # A head that cannot be read counts as lost.
        except Breach:
            return False
        return last is not None and self._has(connection, last)

    def _has(self, connection: Connection, head: ChainHead) -> bool:
        """Whether the log has the signed entry, or an entry that records its loss."""
        if self.heads is None:
            return False
        # The head of an empty log has no entry to compare with.
        if head.number == 0:
            return self.heads.knows(head, GENESIS)
        e = self.chain.entries.c
        digest = connection.execute(select(e.hash).where(e.number == head.number)).scalar()
        if digest is not None:
            return self.heads.knows(head, digest)
        lost = select(e.body).where(e.kind == self.chain.restored)
        return any(_names_head(body, head) for body in connection.execute(lost).scalars())

    def sign(self) -> None:
        """Sign the current head. Call it after the commit and before anything is reported: then a change that a caller
        knows of cannot be lost unnoticed."""
        if self.heads is not None:
            self.heads.store_head(self._signed_end(self.heads))

    def head(self) -> ChainHead | None:
        return None if self.heads is None else self._signed_end(self.heads)

    def _signed_end(self, heads: SignedHeadStore) -> ChainHead:
        with self.db.read() as connection:
            # The newest committed entry, not the caller's: heads only move forward.
            return heads.sign(*self.chain.end(connection))

    def is_intact(self) -> bool:
        with self.db.read() as connection:
            return self.holds_signed_head(connection)

    def lost_head(self) -> ChainHead | None:
        return None if self.heads is None or self.is_intact() else self.heads.last()

    def verify(self, heads: Sequence[ChainHead] = ()) -> ChainCheck:
        with self.db.read() as connection:
            entries, broken = self.chain.follow(connection)
            missing = self._missing_heads(connection, heads)
            # If the chain is broken, its entries cannot prove anything about the tables.
            differs = () if broken is not None else tuple(self.differing(connection, entries))
        return ChainCheck(len(entries), broken, missing, differs)

    def _missing_heads(self, connection: Connection, exported: Sequence[ChainHead]) -> tuple[ChainHead, ...]:
        """Return the heads that the log lacks, of those given and the last that was signed."""
        last = None if self.heads is None else self.heads.last()
        wanted = [*exported, *([last] if last is not None else [])]
        return tuple(head for head in wanted if not self._has(connection, head))

    def restore(
        self, lost: ChainHead, missing: Missing, by: frozenset[str], now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        self._check_two_administrators(by)
        with self.db.write() as connection:
            self.chain.end(connection, lock=True)
            self._name_lost_head(connection, lost, by, now)
            self.enter(connection, missing, now)
            append_events(connection, events)
        self.sign()

    def _name_lost_head(self, connection: Connection, lost: ChainHead, by: frozenset[str], now: datetime) -> None:
        """Write the entry that names the lost head, which makes the log usable again: `_has` accepts it, and new
        numbers begin after the lost ones."""
        if self.heads is None or self.heads.last() != lost or self.holds_signed_head(connection):
            raise Conflict("nothing-lost", f"This is not the head that the {self.name.label} lost.")
        names = {"lost": lost.number, "signature": lost.signature, "by": sorted(by)}
        body = json.dumps(names, sort_keys=True)
        self.chain.append(connection, now, self.chain.restored, self.name.value, body, after=lost.number)

    def attest(self, exported: ChainHead, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        self._check_two_administrators(by)
        if self.heads is None or self.heads.last() is not None:
            raise Conflict("nothing-lost", "The last signed head is present, so no other head is accepted.")
        with self.db.write() as connection:
            append_events(connection, events)
        # Only after the audit event is committed, so that the attestation is never without a record.
        self.heads.store_head(exported)

    def _check_two_administrators(self, by: frozenset[str]) -> None:
        if len(by) < 2:
            text = f"Two administrators have to restore what the {self.name.label} lost."
            raise Forbidden("second-administrator", text)


class SqlSignedLogs(StorePart):
    """The parts of the store through which every change of a signed log goes."""

    ledger: SqlSignedLog[MissingLedgerEntries]
    history: SqlSignedLog[Sequence[NewHistoryEntry]]


def _names_head(body: str, head: ChainHead) -> bool:
    found = json.loads(body)
    return bool(found["lost"] == head.number and found["signature"] == head.signature)
