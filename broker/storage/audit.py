"""The audit log read back: in order, in pages, and checked against its head. Appending is in `chain`."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select

from broker.domain.audit import GENESIS, AuditCheck, AuditEvent, AuditLine, first_break
from broker.domain.ports import AuditWanted
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.tables.audit import audit, audit_head

PAGE = 1000


class AuditLog:
    """The part of the store that shows and proves the audit log."""

    _db: Database

    def record(self, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            append(connection, events)

    def audit(self, first: int = 1, limit: int | None = None) -> Iterator[AuditLine]:
        """Lines from number `first` on. Lines never change, so pages need no common transaction."""
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
        with self._db.read() as connection:
            return [_line_of(row) for row in connection.execute(query)]

    def audit_of(self, subject: str, action: str) -> list[AuditLine]:
        """The lines of one action on one subject, oldest first."""
        query = select(audit).where(audit.c.subject == subject, audit.c.action == action).order_by(audit.c.number)
        with self._db.read() as connection:
            return [_line_of(row) for row in connection.execute(query)]

    def search_audit(self, wanted: AuditWanted) -> list[AuditLine]:
        """Newest first. Every question has an index, and a page is all that is read."""
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
        with self._db.read() as connection:
            return [_line_of(row) for row in connection.execute(query)]

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the last line: what is exported, so that a cut or rewritten log is seen."""
        with self._db.read() as connection:
            row = connection.execute(select(audit_head)).one()
            return int(row.number), str(row.hash)

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Follow the whole chain to its head, and to an `anchor` exported earlier. Holds one page at a time."""
        number, digest = self.audit_head()
        # A line behind the head must exist too: the head is read first, so that lines appended meanwhile do no harm.
        wanted = {number: digest} | ({} if anchor is None else {anchor[0]: anchor[1]})
        wanted.pop(0, None)
        previous, count = GENESIS, 0
        for line in self.audit():
            broken = first_break([line], previous, count + 1)
            if broken is not None or wanted.pop(line.number, line.hash) != line.hash:
                return AuditCheck(count, previous, count + 1)
            previous, count = line.hash, line.number
        return AuditCheck(count, previous, count + 1 if wanted else None)


def _line_of(row: Row[Any]) -> AuditLine:
    codes = tuple((key, value) for key, value in row.codes)
    event = AuditEvent(row.at, row.actor, row.action, row.subject, codes)
    return AuditLine(int(row.number), event, row.previous, row.hash)
