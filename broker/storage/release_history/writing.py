"""How the memory grows: by entries of a version that was looked at, under the lock of its head, and only while it holds
its last signed head. What an entry means is the business of others."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest

from sqlalchemy import Connection, insert, select

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.ledger.chain import Head
from broker.domain.release_history import MemoryVersion
from broker.domain.remembered import NewEntry, Remembering, Splits, about, canonical
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.release_history.held_files import check_kept
from broker.storage.release_history.tables import (
    LineKind,
    memory_entries,
    memory_figures,
    memory_head,
    memory_lines,
    memory_splits,
)
from broker.storage.signed_chain import SignedChain
from broker.storage.witness import FolderWitness


class MemoryWriting:
    """The part of the store through which everything enters the memory."""

    _db: Database
    _memory_witness: FolderWitness | None

    @property
    def _memory(self) -> SignedChain:
        return SignedChain(memory_lines, memory_head, self._memory_witness)

    def remember(self, remembering: Remembering, now: datetime, events: Sequence[AuditEvent]) -> MemoryVersion:
        with self._db.write() as connection:
            self._enter(connection, remembering, now)
            append(connection, events)
        self._sign_memory()
        with self._db.read() as connection:
            return MemoryVersion(self._memory.end(connection)[0])

    def _check_memory(self, connection: Connection) -> None:
        until = "Nothing is released until what is missing has been entered again."
        self._memory.check_remembers(connection, "memory", until)

    def _enter(self, connection: Connection, remembering: Remembering, now: datetime) -> None:
        """Called first in a transaction: whoever else would enter something waits from here on."""
        version, _ = self._memory.locked_end(connection)
        self._check_memory(connection)
        if version != remembering.seen.entries:
            raise Conflict("memory-moved", "Something was released since this was compared with the memory.")
        check_kept(connection, [e.members.name for e in remembering.entries if e.members], "memory-moved")
        for new in remembering.entries:
            enter_entry(connection, self._memory, new, now)

    def _sign_memory(self) -> None:
        self._memory.sign(self._db)

    def begin_memory_witness(self) -> None:
        self._memory.begin(self._db)

    def memory_head(self) -> Head | None:
        return self._memory.signed(self._db)


def enter_entry(connection: Connection, chain: SignedChain, new: NewEntry, now: datetime) -> None:
    """Its line, the entry, its figures, and the counts with its own among them."""
    told = json.loads(about(new))
    figures, entry = canonical(told["figures"]), canonical(told["entry"])
    file, digest = (None, None) if new.members is None else (new.members.name, new.members.digest)
    body = line_body(entry, figures, new.splits, file, digest)
    number = chain.append(connection, now, LineKind.REMEMBERED, new.entry.release or new.entry.output, body)
    named = {"release": new.entry.release, "recipe": new.entry.recipe, "snapshot": new.entry.snapshot}
    connection.execute(insert(memory_entries).values(number=number, **named, entry=entry, file=file, digest=digest))
    connection.execute(insert(memory_figures).values(number=number, figures=figures))
    for split in new.splits:
        _count(connection, number, split)


def line_body(entry: str, figures: str, splits: Sequence[Splits], file: str | None, digest: str | None) -> str:
    """What an entry's line binds: all of it, the figures by their hash."""
    return canonical(
        {
            "entry": json.loads(entry),
            "figures": hashlib.sha256(figures.encode()).hexdigest(),
            "splits": [[s.snapshot, s.population, list(s.counts)] for s in splits],
            "file": file,
            "digest": digest,
        }
    )


def _count(connection: Connection, number: int, split: Splits) -> None:
    before = latest_totals(connection, split.snapshot, split.population)
    totals = [a + b for a, b in zip_longest(before, split.counts, fillvalue=0)]
    named = {"number": number, "snapshot": split.snapshot, "population": split.population}
    connection.execute(insert(memory_splits).values(**named, totals=json.dumps(totals)))


def latest_totals(connection: Connection, snapshot: str, population: str) -> list[int]:
    s = memory_splits.c
    query = select(s.totals).where(s.snapshot == snapshot, s.population == population)
    found = connection.execute(query.order_by(s.number.desc()).limit(1)).scalar()
    totals: list[int] = [] if found is None else json.loads(found)
    return totals
