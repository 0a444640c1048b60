"""Stops in the store: who and what is stopped. A stop revokes tokens in its own transaction; jobs end one by one
later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, insert, or_, select, update

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.projects.stops import Stop, StopKind
from broker.storage.audit_store import StorePart
from broker.storage.database import next_number, pick, refused_as, value_of
from broker.storage.tables.administration_tables import people, stops, tokens
from broker.storage.tables.job_tables import jobs


class SqlStops(StorePart):
    """The part of the store that stops people and projects."""

    def stop(self, stop: Stop, holders: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Stop a person or project. When this returns, nothing of theirs is accepted, started or released, `holders`
        have no token or session, and a stopped person's account is inactive."""
        standing = standing_key(stop.kind, stop.subject)
        already = Conflict("already-stopped", f"The {stop.kind} {stop.subject} is already stopped.")
        with refused_as(already), self._change(events) as connection:
            number, was_active = next_number(connection, stops.c.number), _make_inactive(connection, stop)
            values = pick(stop, "kind", "subject", "by", "at", "reason")
            new = insert(stops).values(number=number, standing=standing, was_active=was_active, **values)
            connection.execute(new)
            # In the same transaction, so that nobody can act between the stop and the loss of their tokens.
            connection.execute(update(tokens).where(tokens.c.person.in_(sorted(holders))).values(revoked=True))

    def stops(self, *, standing_only: bool = False, limit: int = 200) -> list[Stop]:
        """Return the stops, newest first."""
        query = select(stops).order_by(stops.c.number.desc()).limit(limit)
        if standing_only:
            query = query.where(stops.c.standing.is_not(None))
        return [value_of(Stop, row) for row in self._db.rows(query)]

    def stop_of(self, kind: StopKind, subject: str) -> Stop | None:
        """Return the stop that is in force, or None."""
        row = self._db.row(select(stops).where(stops.c.standing == standing_key(kind, subject)))
        return None if row is None else value_of(Stop, row)

    def request_lift(self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            _standing_stop(connection, kind, subject)
            this = stops.c.standing == standing_key(kind, subject)
            connection.execute(update(stops).where(this).values(asked_by=by, asked_at=now))

    def lift_stop(self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Lift a stop. A person's account becomes active again if it was before. Raises
        Forbidden("second-administrator") unless another administrator requested this."""
        with self._change(events) as connection:
            row = _standing_stop(connection, kind, subject)
            # The store checks this too: two administrators are needed, whatever called it.
            if row.asked_by is None or row.asked_by == by:
                raise Forbidden(
                    "second-administrator", "You requested to lift this stop, so another administrator has to confirm."
                )
            values = {"lifted_by": by, "lifted_at": now, "standing": None}
            connection.execute(update(stops).where(stops.c.number == row.number).values(values))
            # An account that was inactive before the stop stays inactive.
            if row.was_active:
                connection.execute(update(people).where(people.c.ident == subject).values(active=True))

    def unfinished_but_stopped(self, states: frozenset[str]) -> list[str]:
        """Return the jobs in `states` whose project or researcher is stopped, oldest first."""
        query = select(jobs.c.ident).where(jobs.c.state.in_(sorted(states)), is_stopped())
        return list(self._db.values(query.order_by(jobs.c.created, jobs.c.ident)))


def _make_inactive(connection: Connection, stop: Stop) -> bool | None:
    """Deactivate a stopped person's account. Returns whether it was active (None for a project), so that lifting the
    stop gives back no more."""
    if stop.kind is not StopKind.PERSON:
        return None
    changed = update(people).where(people.c.ident == stop.subject, people.c.active).values(active=False)
    return connection.execute(changed).rowcount == 1


def standing_key(kind: StopKind, subject: str) -> str:
    return f"{kind}:{subject}"


def is_stopped() -> ColumnElement[bool]:
    """Condition on a row of `jobs`: its project or researcher is stopped."""
    project = stops.c.standing == f"{StopKind.PROJECT}:" + jobs.c.project
    researcher = stops.c.standing == f"{StopKind.PERSON}:" + jobs.c.researcher
    return exists().where(or_(project, researcher))


def check_not_stopped(connection: Connection, job: str) -> None:
    """Raises Conflict("stopped") if the job's project or researcher is stopped.

    Call it after the audit events are written: the lock of their head makes writers wait, so no stop can come in
    between.
    """
    if connection.execute(select(jobs.c.ident).where(jobs.c.ident == job, is_stopped())).first() is not None:
        raise Conflict("stopped", "An administrator has stopped this project or account.")


def _standing_stop(connection: Connection, kind: StopKind, subject: str) -> Row[Any]:
    query = select(stops).where(stops.c.standing == standing_key(kind, subject)).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise Unknown("stop", subject)
    return row
