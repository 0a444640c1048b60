"""The audit log: appended in the transaction of the change that it records, read in pages, verified
against its head."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broker.domain.errors import Breach
from broker.domain.identity.audit import GENESIS, AuditCheck, AuditEvent, AuditLine, check_lines, line_hash
from broker.domain.ports import AuditFilter
from broker.storage.database import Database, columns_of, value_of
from broker.storage.tables.administration_tables import audit, audit_head

_WORD_PATTERN = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_IDENT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+/-]{0,255}")


def append_events(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Append the events of a change. Raises Breach if there is none. Call it last in a transaction, because the lock
    of the head row makes other writers wait."""
    if not events:
        raise Breach("A change must bring its audit event.")
    for event in events:
        check_event(event)
    # The lock makes numbers and hashes of the chain unique even for writers at the same moment.
    head = connection.execute(select(audit_head).with_for_update()).one()
    number, previous = int(head.number), str(head.hash)
    for event in events:
        # The hash covers what will be read back, so the time is converted to UTC first.
        event = replace(event, at=event.at.astimezone(UTC))
        number, digest = number + 1, line_hash(number + 1, event, previous)
        line = columns_of(audit, event, number=number, previous=previous, hash=digest)
        connection.execute(insert(audit).values(line))
        connection.execute(update(audit_head).values(number=number, hash=digest))
        previous = digest


def check_event(event: AuditEvent) -> None:
    """Raises Breach for anything that could be text of a query or output: an audit line has only ids and words of a
    fixed form."""
    words = [event.action, *(key for key, _ in event.codes)]
    idents = [event.actor, event.subject, *(value for _, value in event.codes if value)]
    if event.at.tzinfo is None:
        raise Breach("An audit event needs a moment with a time zone.")
    if not all(_WORD_PATTERN.fullmatch(w) for w in words) or not all(_IDENT_PATTERN.fullmatch(i) for i in idents):
        raise Breach(f"Audit event {event.action[:64]!r} carries something that is neither an id nor a closed word.")


class StorePart:
    """A part of the store, and how it changes the database."""

    _db: Database

    @contextmanager
    def _change(self, events: Sequence[AuditEvent]) -> Iterator[Connection]:
        """Make one change and append its events, whole or not at all."""
        with self._db.write() as connection:
            yield connection
            append_events(connection, events)


PAGE = 1000


class SqlAuditLog(StorePart):
    """The part of the store that shows and verifies the audit log."""

    def record(self, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            append_events(connection, events)

    def audit(self, first: int = 1, limit: int | None = None) -> Iterator[AuditLine]:
        """Yield lines from number `first` on. Lines never change, so the pages need no common transaction."""
        left = limit
        while left is None or left > 0:
            page = self._page(first, PAGE if left is None else min(PAGE, left))
            yield from page
            if not page:
                return
            first = page[-1].number + 1
            left = None if left is None else left - len(page)

    def _page(self, first: int, size: int) -> list[AuditLine]:
        query = select(audit).where(audit.c.number >= first).order_by(audit.c.number).limit(size)
        return [_line_of(row) for row in self._db.rows(query)]

    def audit_of(self, subject: str, action: str) -> list[AuditLine]:
        """Return the lines of one action on one subject, oldest first."""
        query = select(audit).where(audit.c.subject == subject, audit.c.action == action).order_by(audit.c.number)
        return [_line_of(row) for row in self._db.rows(query)]

    def search_audit(self, wanted: AuditFilter) -> list[AuditLine]:
        """Return matching lines, newest first. Every filter has an index, and only one page is read."""
        query = select(audit).order_by(audit.c.number.desc()).limit(wanted.limit)
        for name in ("subject", "actor", "action"):
            value = getattr(wanted, name)
            query = query if value is None else query.where(audit.c[name] == value)
        if wanted.since is not None:
            query = query.where(audit.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(audit.c.at <= wanted.until)
        if wanted.before is not None:
            query = query.where(audit.c.number < wanted.before)
        return [_line_of(row) for row in self._db.rows(query)]

    def audit_head(self) -> tuple[int, str]:
        """Return number and hash of the last line. Exported, it shows later whether the log was cut or rewritten."""
        with self._db.read() as connection:
            row = connection.execute(select(audit_head)).one()
            return int(row.number), str(row.hash)

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Verify the whole chain to its head, and to an `anchor` (number, hash) exported earlier. Reads one page at a
        time."""
        number, digest = self.audit_head()
        # The head is read first, so that lines appended meanwhile do no harm. Its line must exist too.
        wanted = {number: digest} | ({} if anchor is None else {anchor[0]: anchor[1]})
        wanted.pop(0, None)
        previous, count = GENESIS, 0
        for line, holds in check_lines(self.audit()):
            # The anchor must be in the chain too: a log that was rewritten after the export lacks it.
            if not holds or wanted.pop(line.number, line.hash) != line.hash:
                return AuditCheck(count, previous, count + 1)
            previous, count = line.hash, line.number
        return AuditCheck(count, previous, count + 1 if wanted else None)


def _line_of(row: Row[Any]) -> AuditLine:
    return value_of(AuditLine, row, event=value_of(AuditEvent, row))
