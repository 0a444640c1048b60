"""Which notices went out by mail, in the store. Nothing is sent here."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select

from broker.domain.audit import AuditEvent
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.tables.administration import notices_mailed


class Mailed:
    """The part of the store that keeps anybody from being told twice."""

    _db: Database

    def mailed(self, person: str) -> frozenset[str]:
        query = select(notices_mailed.c.key).where(notices_mailed.c.person == person)
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None:
        known = self.mailed(person)
        rows = [{"person": person, "key": key, "at": now} for key in dict.fromkeys(keys) if key not in known]
        with self._db.write() as connection:
            if rows:
                connection.execute(insert(notices_mailed), rows)
            append(connection, events)
