"""Snapshots in the store: which states of the data exist. The data themselves are elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs import FINAL_JOB_STATES
from broker.domain.ports import Snapshot
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.tables.jobs import jobs
from broker.storage.tables.policies import snapshots


class Snapshots:
    """The part of the store that numbers snapshots in the order in which they were put."""

    _db: Database

    def put_snapshot(self, snapshot: Snapshot, events: Sequence[AuditEvent]) -> None:
        values = {
            "ident": snapshot.ident,
            "fingerprint": snapshot.fingerprint,
            "created": snapshot.created,
            "synthetic": snapshot.synthetic,
            "path": snapshot.path,
            "facts": snapshot.facts,
        }
        try:
            with self._db.write() as connection:
                last = connection.execute(select(func.max(snapshots.c.number))).scalar()
                connection.execute(insert(snapshots).values(number=(last or 0) + 1, **values))
                append(connection, events)
        except IntegrityError as error:
            raise Conflict("snapshot-exists", f"There is a snapshot {snapshot.ident!r} already.") from error

    def latest_snapshot(self) -> Snapshot:
        with self._db.read() as connection:
            row = connection.execute(_newest().where(snapshots.c.retired.is_(None)).limit(1)).one_or_none()
        if row is None:
            raise Unknown("snapshot", "latest")
        return _snapshot_of(row)

    def snapshot(self, ident: str) -> Snapshot:
        with self._db.read() as connection:
            row = connection.execute(select(snapshots).where(snapshots.c.ident == ident)).one_or_none()
        if row is None:
            raise Unknown("snapshot", ident)
        return _snapshot_of(row)

    def snapshots(self, limit: int = 200) -> list[Snapshot]:
        """Newest first."""
        with self._db.read() as connection:
            return [_snapshot_of(row) for row in connection.execute(_newest().limit(limit))]

    def retire_snapshot(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            row = connection.execute(
                select(snapshots).where(snapshots.c.ident == ident).with_for_update()
            ).one_or_none()
            if row is None:
                raise Unknown("snapshot", ident)
            _check_retirable(connection, row)
            connection.execute(update(snapshots).where(snapshots.c.ident == ident).values(retired=now))
            append(connection, events)


def _newest() -> Select[Any]:
    return select(snapshots).order_by(snapshots.c.number.desc())


def _check_retirable(connection: Connection, row: Row[Any]) -> None:
    if row.retired is not None:
        raise Conflict("already-retired", "This snapshot is retired already.")
    others = select(snapshots.c.ident).where(snapshots.c.retired.is_(None), snapshots.c.ident != row.ident)
    if connection.execute(others.limit(1)).first() is None:
        raise Conflict("last-snapshot", "It is the only snapshot; ingest another one first.")
    reading = select(jobs.c.ident).where(jobs.c.snapshot == row.ident, jobs.c.state.not_in(sorted(FINAL_JOB_STATES)))
    if connection.execute(reading.limit(1)).first() is not None:
        raise Conflict("in-use", "Jobs that are not at their end read this snapshot.")


def _snapshot_of(row: Row[Any]) -> Snapshot:
    return Snapshot(row.ident, row.fingerprint, row.created, row.synthetic, row.path, row.facts, row.retired)
