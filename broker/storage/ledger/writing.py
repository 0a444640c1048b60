"""How the ledger is changed: nothing before its last signed head is found in it, nothing told before the new head is
signed. Entries are appended here and nowhere else; what they mean is the business of others."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from broker.domain.errors import Breach
from broker.domain.ledger.chain import EntryKind, Head, entry_hash
from broker.storage.database import Database
from broker.storage.ledger.tables import ledger_entries, ledger_head
from broker.storage.ledger.witness import FolderWitness


class LedgerWriting:
    """The part of the store through which every change of the ledger goes."""

    _db: Database
    _witness: FolderWitness | None

    @contextmanager
    def _ledger(self) -> Iterator[Connection]:
        """One change, whole or not at all. A caller who hears of it may rely on its being remembered: a crash between
        commit and signature loses the word of it, not the change, and whoever asks again signs."""
        with self._db.write() as connection:
            if not self._remembers(connection):
                raise Breach(
                    "The ledger does not hold its last signed head: a back-up was restored, or the head was lost. "
                    "Nothing is spent or released until what is missing has been entered again."
                )
            yield connection
        self._sign()

    def _remembers(self, connection: Connection) -> bool:
        """Whether the head that was signed last is in the ledger. It was committed before it was signed, so whoever
        may write sees it."""
        if self._witness is None:
            return True
        try:
            last = self._witness.last()
        except Breach:
            return False
        return last is not None and is_remembered(connection, self._witness, last)

    def _sign(self) -> None:
        if self._witness is None:
            return
        with self._db.read() as connection:
            number, digest = head_of(connection)
        self._witness.keep(self._witness.sign(number, digest))

    def ledger_head(self) -> Head | None:
        """The signed head, to be kept elsewhere; None for a store without a witness."""
        if self._witness is None:
            return None
        with self._db.read() as connection:
            return self._witness.sign(*head_of(connection))

    def begin_witness(self) -> None:
        """A ledger without any entry has its head signed, so that a head that is missing later was taken away."""
        if self._witness is None or self._witness.last() is not None:
            return
        with self._db.read() as connection:
            number, digest = head_of(connection)
        if number == 0:
            self._witness.keep(self._witness.sign(number, digest))


def head_of(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(ledger_head.c.number, ledger_head.c.hash)).one()
    return int(row.number), str(row.hash)


def is_remembered(connection: Connection, witness: FolderWitness, head: Head) -> bool:
    """Whether the ledger has the entry that was signed, or says by an entry of its own that it was lost."""
    if head.number == 0:
        return witness.knows(head, "0" * 64)
    query = select(ledger_entries.c.hash).where(ledger_entries.c.number == head.number)
    digest = connection.execute(query).scalar()
    if digest is not None:
        return witness.knows(head, digest)
    lost = select(ledger_entries.c.body).where(ledger_entries.c.kind == EntryKind.RESTORED)
    return any(_names(body, head) for body in connection.execute(lost).scalars())


def _names(body: str, head: Head) -> bool:
    found = json.loads(body)
    return bool(found["lost"] == head.number and found["signature"] == head.signature)


def append_entry(
    connection: Connection, at: datetime, kind: EntryKind, subject: str, body: str = "{}", *, after: int | None = None
) -> None:
    """Write one entry; the head's lock makes writers queue, so it comes after the locks of accounts and spends.
    `after` leaves out the numbers up to it: they were lost."""
    row = connection.execute(select(ledger_head).with_for_update()).one()
    number, previous, at = max(int(row.number), after or 0) + 1, str(row.hash), at.astimezone(UTC)
    digest = entry_hash(number, at, kind, subject, body, previous)
    values = {"number": number, "at": at, "kind": kind, "subject": subject, "body": body}
    connection.execute(insert(ledger_entries).values(**values, previous=previous, hash=digest))
    connection.execute(update(ledger_head).values(number=number, hash=digest))
