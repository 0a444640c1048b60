"""Rehearsals that people ask for, in the store: few a person, and rows go when they are old. Reads no document."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from broker.domain.asked_rehearsals import OPEN, AskedRehearsal, RehearsalState, Step, came_from
from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.jobs import Kind, Submission
from broker.domain.ports import Room
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.job_moves import stale
from broker.storage.tables.people import people
from broker.storage.tables.schema import metadata, one_of
from broker.storage.types import UtcTime

asked = Table(
    "asked_rehearsals",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("person", ForeignKey("people.ident"), nullable=False),
    Column("submission", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started", UtcTime),
    Column("lease_until", UtcTime),
    Column("step", Text),
    Column("about", Integer, nullable=False),
    Column("document", Text, nullable=False),
    one_of("state", RehearsalState),
    one_of("step", Step),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
    Index(None, "person", "created"),
    Index(None, "state", "created"),
)
WITHOUT_DOCUMENT = [c for c in asked.c if c.name != "document"]
UNDER_WAY = sorted(OPEN)


class AskedRehearsals:
    """The port `AskedRehearsalStore`, as a part of the store."""

    _db: Database

    def ask_rehearsal(self, new: AskedRehearsal, room: Room, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            connection.execute(select(people.c.ident).where(people.c.ident == new.person).with_for_update())
            own = asked.c.person == new.person
            waiting = select(func.count()).where(own, asked.c.state.in_(UNDER_WAY))
            if new.is_open and connection.execute(waiting).scalar_one() >= room.under_way:
                sentence = f"{room.under_way} rehearsals of yours wait or run: cancel one, or wait for its end."
                raise Conflict("too-many-rehearsals", sentence)
            _make_room(connection, new.person, room.kept - 1)
            connection.execute(insert(asked).values(_values(new)))
            append(connection, events)

    def asked_rehearsal(self, ident: str) -> AskedRehearsal:
        with self._db.read() as connection:
            row = connection.execute(select(asked).where(asked.c.ident == ident)).one_or_none()
        if row is None:
            raise Unknown("rehearsal", ident)
        return _of(row)

    def rehearsals_of(self, person: str) -> list[AskedRehearsal]:
        query = select(*WITHOUT_DOCUMENT, literal("").label("document")).where(asked.c.person == person)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(asked.c.created.desc(), asked.c.ident.desc()))
            return [_of(row) for row in rows]

    def lease_rehearsal(self, ident: str, until: datetime, now: datetime) -> AskedRehearsal | None:
        ready = (asked.c.ident == ident, _may_become(RehearsalState.RUNNING))
        values = {"state": RehearsalState.RUNNING, "attempt": asked.c.attempt + 1, "lease_until": until}
        values |= {"started": func.coalesce(asked.c.started, now), "updated": now, "step": None}
        with self._db.write() as connection:
            if connection.execute(update(asked).where(*ready).values(values)).rowcount != 1:
                return None
            return _of(connection.execute(select(asked).where(asked.c.ident == ident)).one())

    def renew_rehearsal(self, ident: str, attempt: int, until: datetime, now: datetime) -> bool:
        held = (*_running(ident, attempt), asked.c.lease_until > now)
        with self._db.write() as connection:
            return connection.execute(update(asked).where(*held).values(lease_until=until)).rowcount == 1

    def note_step(self, ident: str, attempt: int, step: Step, about: int = 0) -> None:
        with self._db.write() as connection:
            _move(connection, ident, _running(ident, attempt), step=step, about=about)

    def end_rehearsal(
        self,
        ident: str,
        attempt: int,
        state: RehearsalState,
        document: str,
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        if state in OPEN or RehearsalState.RUNNING not in came_from(state):
            raise Breach(f"No rehearsal ends as {state}.")
        held = (*_running(ident, attempt), asked.c.lease_until > now)
        with self._db.write() as connection:
            _move(connection, ident, held, state=state, document=document, updated=now, lease_until=None)
            append(connection, events)

    def give_back_rehearsal(self, ident: str, attempt: int, now: datetime) -> None:
        with self._db.write() as connection:
            back = {"state": RehearsalState.QUEUED, "updated": now, "lease_until": None, "step": None}
            _move(connection, ident, _running(ident, attempt), **back)

    def fail_lapsed_rehearsal(
        self, ident: str, attempt: int, document: str, now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        end = {"state": RehearsalState.FAILED, "document": document, "updated": now, "lease_until": None}
        with self._db.write() as connection:
            _move(connection, ident, _running(ident, attempt), **end)
            append(connection, events)

    def cancel_rehearsal(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> bool:
        other = (asked.c.ident == ident, _may_become(RehearsalState.CANCELLED))
        values = {"state": RehearsalState.CANCELLED, "updated": now, "lease_until": None, "document": ""}
        with self._db.write() as connection:
            if connection.execute(update(asked).where(*other).values(values)).rowcount != 1:
                return False
            append(connection, events)
            return True

    def rehearsals_waiting(self) -> list[AskedRehearsal]:
        query = select(*WITHOUT_DOCUMENT, literal("").label("document")).where(asked.c.state == RehearsalState.QUEUED)
        with self._db.read() as connection:
            return [_of(row) for row in connection.execute(query.order_by(asked.c.created, asked.c.ident))]

    def rehearsals_lapsed(self, now: datetime) -> list[tuple[str, int]]:
        lapsed = (asked.c.state == RehearsalState.RUNNING, asked.c.lease_until <= now)
        with self._db.read() as connection:
            rows = connection.execute(select(asked.c.ident, asked.c.attempt).where(*lapsed))
            return [(row.ident, row.attempt) for row in rows]

    def rehearsals_alive(self) -> frozenset[tuple[str, int]]:
        running = select(asked.c.ident, asked.c.attempt).where(asked.c.state == RehearsalState.RUNNING)
        with self._db.read() as connection:
            return frozenset((row.ident, row.attempt) for row in connection.execute(running))

    def drop_rehearsals(self, before: datetime) -> int:
        old = (asked.c.state.not_in(UNDER_WAY), asked.c.updated < before)
        with self._db.write() as connection:
            return connection.execute(delete(asked).where(*old)).rowcount


def _may_become(state: RehearsalState) -> ColumnElement[bool]:
    return asked.c.state.in_(sorted(came_from(state)))


def _running(ident: str, attempt: int) -> tuple[Any, ...]:
    return asked.c.ident == ident, asked.c.attempt == attempt, asked.c.state == RehearsalState.RUNNING


def _move(connection: Connection, ident: str, only: Sequence[Any], **values: object) -> None:
    if connection.execute(update(asked).where(*only).values(values)).rowcount != 1:
        raise stale("rehearsal", ident)


def _make_room(connection: Connection, person: str, kept: int) -> None:
    """Those at their end go, the oldest first; what is under way stays."""
    ended = (asked.c.person == person, asked.c.state.not_in(UNDER_WAY))
    newest = select(asked.c.ident).where(*ended).order_by(asked.c.created.desc()).limit(max(kept, 0))
    keep = list(connection.execute(newest).scalars())
    connection.execute(delete(asked).where(*ended, asked.c.ident.not_in(keep)))


def _values(new: AskedRehearsal) -> dict[str, object]:
    values = {c.name: getattr(new, c.name) for c in asked.c}
    return values | {"submission": asdict(new.submission)}


def _of(row: Any) -> AskedRehearsal:
    fields = dict(row._mapping)
    sent = fields["submission"]
    sent |= {"kind": Kind(sent["kind"]), "descriptions": tuple(tuple(pair) for pair in sent["descriptions"])}
    fields |= {"submission": Submission(**sent), "state": RehearsalState(row.state)}
    return AskedRehearsal(**fields | {"step": Step(row.step) if row.step else None})
