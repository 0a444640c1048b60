"""Chains of entries whose last head is signed in a folder beside the database. What entries mean is not known here."""

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

from broker.domain.errors import Breach, Forbidden
from broker.domain.identity.audit import GENESIS
from broker.domain.ledger.ledger_chain import ChainEntry, ChainHead, check_entries, entry_hash
from broker.storage.database import Database
from broker.storage.private_files import own_key, write_whole


class SignedHeadStore:
    """Signs heads of one chain (`of`) with a key of its own, and keeps the last one: it never goes back."""

    def __init__(self, folder: Path, of: str = "ledger") -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._of = folder, of
        self._key = own_key(folder / "key", of)

    def sign(self, number: int, digest: str) -> ChainHead:
        signed = hmac.new(self._key, f"{self._of}\n{number}\n{digest}".encode(), sha256)
        return ChainHead(number, signed.hexdigest())

    def knows(self, head: ChainHead, digest: str) -> bool:
        """Whether `head` is the signature of this hash at its number."""
        return hmac.compare_digest(self.sign(head.number, digest).signature, head.signature)

    def last(self) -> ChainHead | None:
        try:
            found = json.loads((self._folder / "head").read_text())
            return ChainHead(int(found["number"]), str(found["signature"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Breach(f"The {self._of}'s last signed head cannot be read.") from error

    def store_head(self, head: ChainHead) -> None:
        """Durable before it returns. Of several that come at once the furthest stays."""
        with self._locked():
            last = self.last()
            if last is None or last.number < head.number:
                text = json.dumps({"number": head.number, "signature": head.signature})
                write_whole(self._folder / "head", text.encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


RESTORED = "restored"
"""The kind of an entry that says which head a restored back-up had lost."""


@dataclass(frozen=True)
class SignedChain:
    """Two tables, of entries and of their head, and who signs it: nobody in tests that need none."""

    entries: Table
    head: Table
    heads: SignedHeadStore | None

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

    def check_signed_head(self, connection: Connection, of: str, until: str) -> None:
        if not self.holds_signed_head(connection):
            raise Breach(
                f"The {of} does not hold its last signed head: a back-up was restored, or the head was lost. {until}"
            )

    def holds_signed_head(self, connection: Connection) -> bool:
        """Whether the head that was signed last is in the chain. It was committed before it was signed, so whoever may
        write sees it."""
        if self.heads is None:
            return True
        try:
            last = self.heads.last()
        except Breach:
            return False
        return last is not None and self.has(connection, last)

    def has(self, connection: Connection, head: ChainHead) -> bool:
        """Whether the chain has the entry that was signed, or says by an entry of its own that it was lost."""
        if self.heads is None:
            return False
        if head.number == 0:
            return self.heads.knows(head, GENESIS)
        e = self.entries.c
        digest = connection.execute(select(e.hash).where(e.number == head.number)).scalar()
        if digest is not None:
            return self.heads.knows(head, digest)
        lost = select(e.body).where(e.kind == RESTORED)
        return any(_names_head(body, head) for body in connection.execute(lost).scalars())

    def sign(self, database: Database) -> None:
        """After the commit, and before anybody is told: what a caller heard of cannot be forgotten unseen."""
        if self.heads is None:
            return
        with database.read() as connection:
            number, digest = self.end(connection)
        self.heads.store_head(self.heads.sign(number, digest))

    def signed(self, database: Database) -> ChainHead | None:
        """The signed head, to be kept elsewhere; None without a witness."""
        if self.heads is None:
            return None
        with database.read() as connection:
            return self.heads.sign(*self.end(connection))

    def begin(self, database: Database) -> None:
        """A chain without any entry has its head signed, so that a head that is missing later was taken away."""
        if self.heads is None or self.heads.last() is not None:
            return
        with database.read() as connection:
            number, digest = self.end(connection)
        if number == 0:
            self.heads.store_head(self.heads.sign(number, digest))

    def follow(self, connection: Connection, kinds: type[StrEnum]) -> tuple[list[ChainEntry], int | None]:
        """Every entry, and the number of the first that does not follow from the one before, or that the head is past
        the last."""
        rows = connection.execute(select(self.entries).order_by(self.entries.c.number))
        entries = [ChainEntry(int(r.number), r.at, kinds(r.kind), r.subject, r.body, r.previous, r.hash) for r in rows]
        broken = next((entry.number for entry, holds in check_entries(entries) if not holds), None)
        end = (entries[-1].number, entries[-1].hash) if entries else (0, GENESIS)
        if broken is None and self.end(connection) != end:
            broken = len(entries) + 1
        return entries, broken

    def heads_to_find(self, exported: Sequence[ChainHead]) -> list[ChainHead]:
        """The heads to look for: those given, and the last that was signed."""
        last = None if self.heads is None else self.heads.last()
        return [*exported, *([last] if last is not None else [])]


def check_two_administrators(by: frozenset[str], of: str) -> None:
    if len(by) < 2:
        raise Forbidden("second-administrator", f"What the {of} has lost is given back by two administrators.")


def lost_body(lost: ChainHead, by: frozenset[str]) -> str:
    """The body of an entry that names a lost head."""
    return json.dumps({"lost": lost.number, "signature": lost.signature, "by": sorted(by)}, sort_keys=True)


def _names_head(body: str, head: ChainHead) -> bool:
    found = json.loads(body)
    return bool(found["lost"] == head.number and found["signature"] == head.signature)
