"""People in the store: accounts with roles and dates. Passwords come here as hashes only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.people import Person, Role
from broker.domain.stops import StopKind
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.stops import standing
from broker.storage.tables.administration import stops
from broker.storage.tables.people import people, person_roles, tokens


class People:
    """The part of the store that knows accounts."""

    _db: Database

    def person(self, ident: str) -> Person:
        with self._db.read() as connection:
            return with_roles(connection, person_row(connection, ident))

    def people(self) -> list[Person]:
        """By ident."""
        with self._db.read() as connection:
            rows = connection.execute(select(people).order_by(people.c.ident)).all()
            return [with_roles(connection, row) for row in rows]

    def put_person(
        self,
        person: Person,
        events: Sequence[AuditEvent],
        password_hash: str | None = None,
        *,
        before: Sequence[Person] | None = None,
    ) -> None:
        """Make or change an account; without `password_hash` a password that is there stays. Whoever is made inactive
        loses every token and session for good."""
        values: dict[str, object] = {"name": person.name, "active": person.active, "email": person.email or None}
        values |= {"accredited_from": person.accredited_from, "accredited_until": person.accredited_until}
        if password_hash is not None:
            values["password_hash"] = password_hash
        roles = [{"person": person.ident, "role": role} for role in sorted(person.roles)]
        try:
            with self._db.write() as connection:
                _check_unchanged(connection, person.ident, before)
                changed = connection.execute(update(people).where(people.c.ident == person.ident).values(values))
                if changed.rowcount == 0:
                    connection.execute(insert(people).values(ident=person.ident, **values))
                connection.execute(delete(person_roles).where(person_roles.c.person == person.ident))
                if roles:
                    connection.execute(insert(person_roles), roles)
                if not person.active:
                    connection.execute(update(tokens).where(tokens.c.person == person.ident).values(revoked=True))
                append(connection, events)
                if person.active:
                    _check_not_stopped(connection, person.ident)
        except IntegrityError as error:
            raise _changed(person.ident) from error

    def password_hash(self, ident: str) -> str | None:
        with self._db.read() as connection:
            found: str | None = person_row(connection, ident).password_hash
            return found


def _check_unchanged(connection: Connection, ident: str, before: Sequence[Person] | None) -> None:
    if before is None:
        return
    row = connection.execute(select(people).where(people.c.ident == ident).with_for_update()).one_or_none()
    found = [] if row is None else [with_roles(connection, row)]
    if found != list(before):
        raise _changed(ident)


def _check_not_stopped(connection: Connection, ident: str) -> None:
    """An account that was stopped comes back by lifting the stop, not by a change beside it."""
    stands = select(stops.c.number).where(stops.c.standing == standing(StopKind.PERSON, ident))
    if connection.execute(stands).first() is not None:
        raise Conflict("stopped", f"The account {ident!r} is stopped: two administrators lift the stop first.")


def _changed(ident: str) -> Conflict:
    return Conflict("stale", f"The account {ident!r} was changed meanwhile; look again.")


def person_row(connection: Connection, ident: str) -> Row[Any]:
    row = connection.execute(select(people).where(people.c.ident == ident)).one_or_none()
    if row is None:
        raise Unknown("person", ident)
    return row


def with_roles(connection: Connection, row: Row[Any]) -> Person:
    held = connection.execute(select(person_roles.c.role).where(person_roles.c.person == row.ident)).scalars()
    roles = frozenset(Role(role) for role in held)
    return Person(row.ident, row.name, roles, row.active, row.accredited_from, row.accredited_until, row.email or "")
