"""Erasures in the store: who asked for one, who confirmed it, how far it is. Holds digests, never a key of anybody."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.erasures import Erasure, ErasureState
from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.jobs import JobState
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.public_tables import reads_snapshot
from broker.storage.tables.administration import erasures
from broker.storage.tables.jobs import jobs
from broker.storage.tables.policies import snapshots

READING = (JobState.QUEUED, JobState.RUNNING)
"""States in which a job may still come to read a snapshot."""


class Erasures:
    """The part of the store that keeps erasures."""

    _db: Database

    def ask_erasure(self, asked: Erasure, event: AuditEvent) -> int:
        values = {"domain": asked.domain, "digest": asked.digest, "standing": asked.digest, "case": asked.case}
        values |= {"by": asked.by}
        try:
            with self._db.write() as connection:
                number = (connection.execute(select(func.max(erasures.c.number))).scalar() or 0) + 1
                connection.execute(insert(erasures).values(number=number, at=asked.at, **values))
                append(connection, [_about(event, number)])
        except IntegrityError as error:
            raise Conflict("already-asked", "This person's erasure was asked for already.") from error
        return number

    def erasures(self, limit: int = 200) -> list[Erasure]:
        with self._db.read() as connection:
            rows = connection.execute(select(erasures).order_by(erasures.c.number.desc()).limit(limit))
            return [_erasure_of(row) for row in rows]

    def erasure(self, number: int) -> Erasure:
        with self._db.read() as connection:
            return _erasure_of(_row(connection, number))

    def erased_digests(self) -> dict[int, str]:
        query = select(erasures.c.number, erasures.c.digest).where(erasures.c.confirmed_by.is_not(None))
        with self._db.read() as connection:
            return {row.number: row.digest for row in connection.execute(query)}

    def confirm_erasure(self, number: int, by: str, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            found = _erasure_of(_row(connection, number, lock=True))
            if found.state is not ErasureState.ASKED:
                raise Conflict("wrong-state", f"This erasure is {found.state}; it waits for nobody.")
            if found.by == by:
                raise Forbidden("second-administrator", "Whoever asked for an erasure cannot confirm it.")
            _put(connection, number, confirmed_by=by, confirmed_at=now)
            append(connection, [event])

    def withdraw_erasure(self, number: int, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            found = _erasure_of(_row(connection, number, lock=True))
            if found.state is not ErasureState.ASKED:
                raise Conflict("wrong-state", f"This erasure is {found.state}; it cannot be withdrawn.")
            _put(connection, number, withdrawn_at=now, standing=None)
            append(connection, [event])

    def note_left_out(self, numbers: Sequence[int], snapshot: str, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            for number in numbers:
                if _row(connection, number, lock=True).snapshot is None:
                    _put(connection, number, snapshot=snapshot, left_out_at=now)
                    append(connection, [_about(event, number)])

    def supersede_snapshot(self, ident: str, since: datetime, now: datetime, events: Sequence[AuditEvent]) -> bool:
        with self._db.write() as connection:
            early = select(jobs.c.ident).where(jobs.c.state.in_(READING), jobs.c.created <= since).limit(1)
            if connection.execute(early).first() is not None or reads_snapshot(connection, ident):
                return False
            open_still = (snapshots.c.ident == ident, snapshots.c.retired.is_(None))
            connection.execute(update(snapshots).where(*open_still).values(retired=now))
            append(connection, events)
            return True

    def note_erased(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            for number in numbers:
                if _row(connection, number, lock=True).done_at is None:
                    _put(connection, number, done_at=now)
                    append(connection, [_about(event, number)])


def _about(event: AuditEvent, number: int) -> AuditEvent:
    return AuditEvent(event.at, event.actor, event.action, str(number), event.codes)


def _put(connection: Connection, number: int, **values: object) -> None:
    connection.execute(update(erasures).where(erasures.c.number == number).values(values))


def _row(connection: Connection, number: int, *, lock: bool = False) -> Row[Any]:
    query = select(erasures).where(erasures.c.number == number)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Unknown("erasure", str(number))
    return row


def _erasure_of(row: Row[Any]) -> Erasure:
    facts = (row.confirmed_by, row.confirmed_at, row.withdrawn_at, row.snapshot, row.left_out_at, row.done_at)
    return Erasure(row.number, row.domain, row.digest, row.case, row.by, row.at, *facts)
