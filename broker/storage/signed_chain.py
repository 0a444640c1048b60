"""Chains of entries whose last head is signed in a folder next to the database. Does not know what entries mean."""

import fcntl
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, Table, insert, select, update

from broker.domain.errors import Breach, Conflict, Forbidden
from broker.domain.identity.audit import GENESIS, AuditEvent
from broker.domain.ledger.ledger_chain import ChainEntry, ChainHead, check_entries, entry_hash
from broker.storage.audit_store import append_events
from broker.storage.database import Database
from broker.storage.private_files import own_key, write_whole
from broker.storage.row_values import value_of


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


RESTORED = "restored"
"""Kind of an entry that names the head that a restored back-up had lost."""


@dataclass(frozen=True)
class SignedChain:
    """Two tables, of entries and of their head, and the store that signs heads (None only in tests that need none)."""

    entries: Table
    head: Table
    heads: SignedHeadStore | None

    def end(self, connection: Connection) -> tuple[int, str]:
        row = connection.execute(select(self.head.c.number, self.head.c.hash)).one()
        return int(row.number), str(row.hash)

    def locked_end(self, connection: Connection) -> tuple[int, str]:
        """Return number and hash of the head, locked until the transaction ends, so that other writers wait."""
        row = connection.execute(select(self.head.c.number, self.head.c.hash).with_for_update()).one()
        return int(row.number), str(row.hash)

    def append(
        self, connection: Connection, at: datetime, kind: StrEnum, subject: str, body: str, *, after: int | None = None
    ) -> int:
        """Write one entry and return its number. `after`: skip the numbers up to this one, because they were lost."""
        before, previous = self.locked_end(connection)
        # UTC, because the hash covers what will be read back.
        number, at = max(before, after or 0) + 1, at.astimezone(UTC)
        digest = entry_hash(number, at, kind, subject, body, previous)
        values = {"number": number, "at": at, "kind": kind, "subject": subject, "body": body}
        connection.execute(insert(self.entries).values(**values, previous=previous, hash=digest))
        connection.execute(update(self.head).values(number=number, hash=digest))
        return number

    def check_signed_head(self, connection: Connection, of: str, until: str) -> None:
        if not self.holds_signed_head(connection):
            raise Breach(
                f"The {of} does not have its last signed head: a back-up was restored, or the head was lost. {until}"
            )

    def holds_signed_head(self, connection: Connection) -> bool:
        """Whether the last signed head is in the chain. A head is committed before it is signed, so every writer can
        see it."""
        if self.heads is None:
            return True
        try:
            last = self.heads.last()
        # A head that cannot be read counts as lost.
        except Breach:
            return False
        return last is not None and self.has(connection, last)

    def has(self, connection: Connection, head: ChainHead) -> bool:
        """Whether the chain has the signed entry, or an entry that records its loss."""
        if self.heads is None:
            return False
        # The head of an empty chain has no entry to compare with.
        if head.number == 0:
            return self.heads.knows(head, GENESIS)
        e = self.entries.c
        digest = connection.execute(select(e.hash).where(e.number == head.number)).scalar()
        if digest is not None:
            return self.heads.knows(head, digest)
        lost = select(e.body).where(e.kind == RESTORED)
        return any(_names_head(body, head) for body in connection.execute(lost).scalars())

    def sign(self, database: Database) -> None:
        """Sign the current head. Call it after the commit and before anything is reported: then a change that a caller
        knows of cannot be lost unnoticed."""
        if self.heads is None:
            return
        with database.read() as connection:
            # The newest committed entry, not this caller's: heads only move forward.
            number, digest = self.end(connection)
        self.heads.store_head(self.heads.sign(number, digest))

    def signed(self, database: Database) -> ChainHead | None:
        """Return the signed head, to be stored elsewhere; None without signed heads."""
        if self.heads is None:
            return None
        with database.read() as connection:
            return self.heads.sign(*self.end(connection))

    def begin(self, database: Database) -> None:
        """Sign the head of an empty chain. So if a signed head is missing later, somebody has removed it."""
        if self.heads is None or self.heads.last() is not None:
            return
        with database.read() as connection:
            number, digest = self.end(connection)
        # A chain with entries but no signed head has lost it: administrators have to attest one.
        if number == 0:
            self.heads.store_head(self.heads.sign(number, digest))

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

    def missing_heads(self, connection: Connection, exported: Sequence[ChainHead]) -> tuple[ChainHead, ...]:
        """Return the heads that the chain lacks, of those given and the last that was signed."""
        last = None if self.heads is None else self.heads.last()
        wanted = [*exported, *([last] if last is not None else [])]
        return tuple(head for head in wanted if not self.has(connection, head))

    def restore(
        self, connection: Connection, lost: ChainHead, by: frozenset[str], of: tuple[str, StrEnum, str], now: datetime
    ) -> None:
        """Write the entry that names the lost head, which makes the chain usable again: `has` accepts it, and new
        numbers begin after the lost ones. `of`: the chain's name, and kind and subject of the entry. Raises
        Conflict("nothing-lost") if this is not the head that the chain lost."""
        named, kind, subject = of
        if self.heads is None or self.heads.last() != lost or self.holds_signed_head(connection):
            raise Conflict("nothing-lost", f"This is not the head that the {named} lost.")
        names = {"lost": lost.number, "signature": lost.signature, "by": sorted(by)}
        self.append(connection, now, kind, subject, json.dumps(names, sort_keys=True), after=lost.number)

    def attest(
        self, database: Database, exported: ChainHead, by: frozenset[str], of: str, events: Sequence[AuditEvent]
    ) -> None:
        """Accept an exported head instead of the signed one, which is lost. Raises Conflict("nothing-lost") if it is
        not."""
        check_two_administrators(by, of)
        if self.heads is None or self.heads.last() is not None:
            raise Conflict("nothing-lost", "The last signed head is present, so no other head is accepted.")
        with database.write() as connection:
            append_events(connection, events)
        # Only after the audit event is committed, so that the attestation is never without a record.
        self.heads.store_head(exported)


def check_two_administrators(by: frozenset[str], of: str) -> None:
    if len(by) < 2:
        raise Forbidden("second-administrator", f"Two administrators have to restore what the {of} lost.")


def _names_head(body: str, head: ChainHead) -> bool:
    found = json.loads(body)
    return bool(found["lost"] == head.number and found["signature"] == head.signature)
