"""Snapshots in the store: which states of the data exist. The data themselves are elsewhere."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.ports import Snapshot
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.tables import snapshots


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
            row = connection.execute(select(snapshots).order_by(snapshots.c.number.desc()).limit(1)).one_or_none()
        if row is None:
            raise Unknown("snapshot", "latest")
        return _snapshot_of(row)

    def snapshot(self, ident: str) -> Snapshot:
        with self._db.read() as connection:
            row = connection.execute(select(snapshots).where(snapshots.c.ident == ident)).one_or_none()
        if row is None:
            raise Unknown("snapshot", ident)
        return _snapshot_of(row)


def _snapshot_of(row: Row[Any]) -> Snapshot:
    return Snapshot(row.ident, row.fingerprint, row.created, row.synthetic, row.path, row.facts)
