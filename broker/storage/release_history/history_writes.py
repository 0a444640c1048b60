"""How the release history changes: entries, files of members, sweeping, and what a restored back-up forgot."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import zip_longest

from sqlalchemy import Connection, insert, select

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.outputs import OutputState
from broker.domain.ledger.ledger_chain import ChainHead
from broker.domain.release_history import (
    HistoryUpdate,
    HistoryVersion,
    NewHistoryEntry,
    SplitCounts,
    canonical_text,
    new_entry_to_json,
)
from broker.storage.audit_store import append_events
from broker.storage.database import Database
from broker.storage.signed_chain import SignedChain, SignedHeadStore, check_two_administrators, lost_body
from broker.storage.tables.job_tables import outputs
from broker.storage.tables.release_history_tables import (
    HistoryLineKind,
    memory_entries,
    memory_figures,
    memory_head,
    memory_lines,
    memory_splits,
    memory_swept,
)

NAMES_PER_QUERY = 500
"""Names in one question."""


def lock_history(connection: Connection) -> None:
    """The memory's head, until the transaction ends."""
    connection.execute(select(memory_head.c.number).with_for_update()).one()


def lock_for_files(connection: Connection, files: Collection[str]) -> None:
    """First in a transaction that names files for an output: Conflict("stale") where one of them was swept."""
    if files:
        lock_history(connection)
        check_not_swept(connection, files, "stale")


def check_not_swept(connection: Connection, files: Collection[str], code: str) -> None:
    """For whoever holds the memory's head."""
    if swept_files(connection, files):
        raise Conflict(code, "A file of members was swept before anything named it; nothing was changed.")


def swept_files(connection: Connection, files: Collection[str]) -> frozenset[str]:
    wanted, found = sorted(files), set[str]()
    for start in range(0, len(wanted), NAMES_PER_QUERY):
        query = select(memory_swept.c.file).where(memory_swept.c.file.in_(wanted[start : start + NAMES_PER_QUERY]))
        found |= set(connection.execute(query).scalars())
    return frozenset(found)


class SqlHistoryWrites:
    """The part of the store through which everything enters the memory."""

    _db: Database
    _history_heads: SignedHeadStore | None

    @property
    def _history_chain(self) -> SignedChain:
        return SignedChain(memory_lines, memory_head, self._history_heads)

    def record_history(self, remembering: HistoryUpdate, now: datetime, events: Sequence[AuditEvent]) -> HistoryVersion:
        with self._db.write() as connection:
            self._enter(connection, remembering, now)
            append_events(connection, events)
        self._sign_history()
        with self._db.read() as connection:
            return HistoryVersion(self._history_chain.end(connection)[0])

    def _check_history(self, connection: Connection) -> None:
        until = "Nothing is released until what is missing has been entered again."
        self._history_chain.check_signed_head(connection, "memory", until)

    def _enter(self, connection: Connection, remembering: HistoryUpdate, now: datetime) -> None:
        """Called first in a transaction: whoever else would enter something waits from here on."""
        version, _ = self._history_chain.locked_end(connection)
        self._check_history(connection)
        if version != remembering.seen.entries:
            raise Conflict("memory-moved", "Something was released since this was compared with the memory.")
        check_not_swept(connection, [e.members.name for e in remembering.entries if e.members], "memory-moved")
        for new in remembering.entries:
            enter_entry(connection, self._history_chain, new, now)

    def _sign_history(self) -> None:
        self._history_chain.sign(self._db)

    def begin_history_chain(self) -> None:
        self._history_chain.begin(self._db)

    def history_head(self) -> ChainHead | None:
        return self._history_chain.signed(self._db)


def enter_entry(connection: Connection, chain: SignedChain, new: NewHistoryEntry, now: datetime) -> None:
    """Its line, the entry, its figures, and the counts with its own among them."""
    document = json.loads(new_entry_to_json(new))
    figures, entry = canonical_text(document["figures"]), canonical_text(document["entry"])
    file, digest = (None, None) if new.members is None else (new.members.name, new.members.digest)
    body = line_body(entry, figures, new.splits, file, digest)
    number = chain.append(connection, now, HistoryLineKind.REMEMBERED, new.entry.release or new.entry.output, body)
    named = {"release": new.entry.release, "recipe": new.entry.recipe, "snapshot": new.entry.snapshot}
    connection.execute(insert(memory_entries).values(number=number, **named, entry=entry, file=file, digest=digest))
    connection.execute(insert(memory_figures).values(number=number, figures=figures))
    for split in new.splits:
        _add_split_totals(connection, number, split)


def line_body(entry: str, figures: str, splits: Sequence[SplitCounts], file: str | None, digest: str | None) -> str:
    """What an entry's line binds: all of it, the figures by their hash."""
    return canonical_text(
        {
            "entry": json.loads(entry),
            "figures": hashlib.sha256(figures.encode()).hexdigest(),
            "splits": [[s.snapshot, s.population, list(s.counts)] for s in splits],
            "file": file,
            "digest": digest,
        }
    )


def _add_split_totals(connection: Connection, number: int, split: SplitCounts) -> None:
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


class SqlHistoryRestoration(SqlHistoryWrites):
    """The part of the store that brings a memory back to use after it was restored."""

    def history_is_intact(self) -> bool:
        with self._db.read() as connection:
            return self._history_chain.holds_signed_head(connection)

    def lost_history_head(self) -> ChainHead | None:
        with self._db.read() as connection:
            if self._history_heads is None or self._history_chain.holds_signed_head(connection):
                return None
        return self._history_heads.last()

    def restore_history(
        self,
        lost: ChainHead,
        entries: Sequence[NewHistoryEntry],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        check_two_administrators(by, "memory")
        heads = self._history_heads
        with self._db.write() as connection:
            self._history_chain.locked_end(connection)
            if heads is None or heads.last() != lost or self._history_chain.holds_signed_head(connection):
                raise Conflict("nothing-lost", "This is not the head that the memory has lost.")
            named, body = HistoryLineKind.RESTORED, lost_body(lost, by)
            self._history_chain.append(connection, now, named, "memory", body, after=lost.number)
            check_not_swept(connection, [e.members.name for e in entries if e.members], "memory-moved")
            for new in entries:
                enter_entry(connection, self._history_chain, new, now)
            append_events(connection, events)
        self._sign_history()

    def attest_history(self, exported: ChainHead, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        check_two_administrators(by, "memory")
        if self._history_heads is None or self._history_heads.last() is not None:
            raise Conflict("nothing-lost", "The last signed head is there; no other is taken for it.")
        with self._db.write() as connection:
            append_events(connection, events)
        self._history_heads.store_head(exported)


UNDECIDED_STATES = frozenset({OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED})
"""Outputs that may still leave, and bring what they name into memory."""


class SqlMemberFileSweep(SqlHistoryWrites):
    """The part of the store that gives files of members up."""

    _db: Database

    def retire_member_files(self, files: Collection[str], now: datetime) -> frozenset[str]:
        with self._db.write() as connection:
            lock_history(connection)
            if not self._history_chain.holds_signed_head(connection):
                return frozenset()
            gone = frozenset(files) - _named_files(connection)
            new = sorted(gone - swept_files(connection, gone))
            if new:
                connection.execute(insert(memory_swept), [{"file": file, "at": now} for file in new])
            return gone


def _named_files(connection: Connection) -> frozenset[str]:
    entered = connection.execute(select(memory_entries.c.file).where(memory_entries.c.file.is_not(None))).scalars()
    waiting = connection.execute(
        select(outputs.c.to_remember).where(outputs.c.state.in_(sorted(UNDECIDED_STATES)))
    ).scalars()
    return frozenset(entered) | {file for pending in waiting for _, file, __ in pending or ()}
