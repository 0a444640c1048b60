"""People and their tokens in the store. Passwords and tokens come here as hashes only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.people import Person, Role
from broker.domain.stops import StopKind
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.stops import standing
from broker.storage.tables import people, person_roles, stops, tokens


class People:
    """The part of the store that knows accounts."""

    _db: Database

    def person(self, ident: str) -> Person:
        with self._db.read() as connection:
            return _with_roles(connection, _row(connection, ident))

    def people(self) -> list[Person]:
        """By ident."""
        with self._db.read() as connection:
            rows = connection.execute(select(people).order_by(people.c.ident)).all()
            return [_with_roles(connection, row) for row in rows]

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
        values: dict[str, object] = {"name": person.name, "active": person.active}
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
            found: str | None = _row(connection, ident).password_hash
            return found

    def person_by_token(self, token_hash: str, now: datetime) -> Person | None:
        """The active person of a token that is neither revoked nor expired."""
        query = (
            select(people)
            .join(tokens, tokens.c.person == people.c.ident)
            .where(tokens.c.hash == token_hash, ~tokens.c.revoked, people.c.active)
            .where(or_(tokens.c.expires.is_(None), tokens.c.expires > now))
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _with_roles(connection, row)

    def put_token(self, token_hash: str, person: str, expires: datetime | None, events: Sequence[AuditEvent]) -> None:
        try:
            with self._db.write() as connection:
                _row(connection, person)
                connection.execute(
                    insert(tokens).values(hash=token_hash, person=person, expires=expires, revoked=False)
                )
                append(connection, events)
        except IntegrityError as error:
            raise Conflict("token-exists", "This token exists already.") from error

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            revoked = update(tokens).where(tokens.c.hash == token_hash).values(revoked=True)
            if connection.execute(revoked).rowcount == 0:
                raise Unknown("token", token_hash[:8])
            append(connection, events)


def _check_unchanged(connection: Connection, ident: str, before: Sequence[Person] | None) -> None:
    if before is None:
        return
    row = connection.execute(select(people).where(people.c.ident == ident).with_for_update()).one_or_none()
    found = [] if row is None else [_with_roles(connection, row)]
    if found != list(before):
        raise _changed(ident)


def _check_not_stopped(connection: Connection, ident: str) -> None:
    """An account that was stopped comes back by lifting the stop, not by a change beside it."""
    stands = select(stops.c.number).where(stops.c.standing == standing(StopKind.PERSON, ident))
    if connection.execute(stands).first() is not None:
        raise Conflict("stopped", f"The account {ident!r} is stopped: two administrators lift the stop first.")


def _changed(ident: str) -> Conflict:
    return Conflict("stale", f"The account {ident!r} was changed meanwhile; look again.")


def _row(connection: Connection, ident: str) -> Row[Any]:
    row = connection.execute(select(people).where(people.c.ident == ident)).one_or_none()
    if row is None:
        raise Unknown("person", ident)
    return row


def _with_roles(connection: Connection, row: Row[Any]) -> Person:
    held = connection.execute(select(person_roles.c.role).where(person_roles.c.person == row.ident)).scalars()
    return Person(row.ident, row.name, frozenset(Role(role) for role in held), row.active)
