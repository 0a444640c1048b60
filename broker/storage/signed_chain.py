"""Chains of entries whose heads are signed elsewhere: what the ledger and the memory have in common. Entries are only
appended; what they mean is the business of others."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, Table, insert, select, update

from broker.domain.audit import GENESIS
from broker.domain.errors import Breach, Forbidden
from broker.domain.ledger.chain import Entry, Head, entry_hash, followed
from broker.storage.database import Database
from broker.storage.witness import FolderWitness

RESTORED = "restored"
"""The kind of an entry that says which head a restored back-up had lost."""


@dataclass(frozen=True)
class SignedChain:
    """Two tables, of entries and of their head, and who signs it: nobody in tests that need none."""

    entries: Table
    head: Table
    witness: FolderWitness | None

    def end(self, connection: Connection) -> tuple[int, str]:
        row = connection.execute(select(self.head.c.number, self.head.c.hash)).one()
        return int(row.number), str(row.hash)

    def locked_end(self, connection: Connection) -> tuple[int, str]:
        """The head, held until the transaction ends: whoever appends waits for it."""
        row = connection.execute(select(self.head.c.number, self.head.c.hash).with_for_update()).one()
        return int(row.number), str(row.hash)

    def append(
        self, connection: Connection, at: datetime, kind: StrEnum, subject: str, body: str, *, after: int | None = None
    ) -> int:
        """Write one entry. `after` leaves out the numbers up to it: they were lost."""
        before, previous = self.locked_end(connection)
        number, at = max(before, after or 0) + 1, at.astimezone(UTC)
        digest = entry_hash(number, at, kind, subject, body, previous)
        values = {"number": number, "at": at, "kind": kind, "subject": subject, "body": body}
        connection.execute(insert(self.entries).values(**values, previous=previous, hash=digest))
        connection.execute(update(self.head).values(number=number, hash=digest))
        return number

    def check_remembers(self, connection: Connection, of: str, until: str) -> None:
        if not self.remembers(connection):
            raise Breach(
                f"The {of} does not hold its last signed head: a back-up was restored, or the head was lost. {until}"
            )

    def remembers(self, connection: Connection) -> bool:
        """Whether the head that was signed last is in the chain. It was committed before it was signed, so whoever may
        write sees it."""
        if self.witness is None:
            return True
        try:
            last = self.witness.last()
        except Breach:
            return False
        return last is not None and self.has(connection, last)

    def has(self, connection: Connection, head: Head) -> bool:
        """Whether the chain has the entry that was signed, or says by an entry of its own that it was lost."""
        if self.witness is None:
            return False
        if head.number == 0:
            return self.witness.knows(head, GENESIS)
        e = self.entries.c
        digest = connection.execute(select(e.hash).where(e.number == head.number)).scalar()
        if digest is not None:
            return self.witness.knows(head, digest)
        lost = select(e.body).where(e.kind == RESTORED)
        return any(_names(body, head) for body in connection.execute(lost).scalars())

    def sign(self, database: Database) -> None:
        """After the commit, and before anybody is told: what a caller heard of cannot be forgotten unseen."""
        if self.witness is None:
            return
        with database.read() as connection:
            number, digest = self.end(connection)
        self.witness.keep(self.witness.sign(number, digest))

    def signed(self, database: Database) -> Head | None:
        """The signed head, to be kept elsewhere; None without a witness."""
        if self.witness is None:
            return None
        with database.read() as connection:
            return self.witness.sign(*self.end(connection))

    def begin(self, database: Database) -> None:
        """A chain without any entry has its head signed, so that a head that is missing later was taken away."""
        if self.witness is None or self.witness.last() is not None:
            return
        with database.read() as connection:
            number, digest = self.end(connection)
        if number == 0:
            self.witness.keep(self.witness.sign(number, digest))

    def follow(self, connection: Connection, kinds: type[StrEnum]) -> tuple[list[Entry], int | None]:
        """Every entry, and the number of the first that does not follow from the one before, or that the head is past
        the last."""
        rows = connection.execute(select(self.entries).order_by(self.entries.c.number))
        entries = [Entry(int(r.number), r.at, kinds(r.kind), r.subject, r.body, r.previous, r.hash) for r in rows]
        broken = next((entry.number for entry, holds in followed(entries) if not holds), None)
        end = (entries[-1].number, entries[-1].hash) if entries else (0, GENESIS)
        if broken is None and self.end(connection) != end:
            broken = len(entries) + 1
        return entries, broken

    def wanted(self, heads: Sequence[Head]) -> list[Head]:
        """The heads to look for: those given, and the last that was signed."""
        last = None if self.witness is None else self.witness.last()
        return [*heads, *([last] if last is not None else [])]


def check_two(by: frozenset[str], of: str) -> None:
    if len(by) < 2:
        raise Forbidden("second-administrator", f"What the {of} has lost is given back by two administrators.")


def lost_body(lost: Head, by: frozenset[str]) -> str:
    """The body of an entry that names a lost head."""
    return json.dumps({"lost": lost.number, "signature": lost.signature, "by": sorted(by)}, sort_keys=True)


def _names(body: str, head: Head) -> bool:
    found = json.loads(body)
    return bool(found["lost"] == head.number and found["signature"] == head.signature)
