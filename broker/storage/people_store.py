"""People in the store: accounts with roles and dates, tokens and sessions. Secrets arrive here only as hashes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from broker.domain.errors import Conflict, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person
from broker.domain.ports import Credential
from broker.domain.projects.stops import StopKind
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import columns_of, find_row, refused_as, value_of
from broker.storage.stop_store import standing_key
from broker.storage.tables.administration_tables import people, person_roles, stops, tokens


class SqlPeople(StorePart):
    """The part of the store for accounts."""

    def person(self, ident: str) -> Person:
        with self._db.read() as connection:
            return person_with_roles(connection, person_row(connection, ident))

    def people(self) -> list[Person]:
        """Return the people, in order of ident."""
        with self._db.read() as connection:
            rows = connection.execute(select(people).order_by(people.c.ident)).all()
            return [person_with_roles(connection, row) for row in rows]

    def put_person(
        self, person: Person, events: Sequence[AuditEvent], password_hash: str | None = None, *,
        before: Sequence[Person] | None = None,
    ) -> None:  # fmt: skip
        """Create or change an account. Without `password_hash` an existing password stays. A person who becomes
        inactive loses every token and session for good.

        Raises Conflict("stale") if the account differs from `before` (None: not checked).
        """
        values = columns_of(people, person, email=person.email or None)
        if password_hash is not None:
            values["password_hash"] = password_hash
        roles = [{"person": person.ident, "role": role} for role in sorted(person.roles)]
        with refused_as(_stale_account(person.ident)), self._db.write() as connection:
            # The administrator decided on what the page showed, so a change since then refuses this one.
            _check_unchanged(connection, person.ident, before)
            changed = connection.execute(update(people).where(people.c.ident == person.ident).values(values))
            if changed.rowcount == 0:
                connection.execute(insert(people).values(values))
            connection.execute(delete(person_roles).where(person_roles.c.person == person.ident))
            if roles:
                connection.execute(insert(person_roles), roles)
            if not person.active:
                # For good: an account that becomes active again gets new tokens only.
                connection.execute(update(tokens).where(tokens.c.person == person.ident).values(revoked=True))
            append_events(connection, events)
            # After `append_events`, whose lock prevents a stop from coming in between.
            if person.active:
                _check_not_stopped(connection, person.ident)

    def password_hash(self, ident: str) -> str | None:
        found: str | None = self._db.found_by(person_row, ident).password_hash
        return found


def _check_unchanged(connection: Connection, ident: str, before: Sequence[Person] | None) -> None:
    if before is None:
        return
    row = connection.execute(select(people).where(people.c.ident == ident).with_for_update()).one_or_none()
    found = [] if row is None else [person_with_roles(connection, row)]
    if found != list(before):
        raise _stale_account(ident)


def _check_not_stopped(connection: Connection, ident: str) -> None:
    """Raises Conflict if the account is stopped: only lifting the stop makes it active again."""
    stands = select(stops.c.number).where(stops.c.standing == standing_key(StopKind.PERSON, ident))
    if connection.execute(stands).first() is not None:
        raise Conflict("stopped", f"The account {ident!r} is stopped. Two administrators have to lift the stop first.")


def _stale_account(ident: str) -> Conflict:
    return Conflict("stale", f"The account {ident!r} was changed in the meantime. Check it again.")


def person_row(connection: Connection, ident: str) -> Row[Any]:
    return find_row(connection, people, "person", ident)


def person_with_roles(connection: Connection, row: Row[Any]) -> Person:
    held = connection.execute(select(person_roles.c.role).where(person_roles.c.person == row.ident)).scalars()
    return value_of(Person, row, roles=frozenset(held), email=row.email or "")


SEEN_EVERY = timedelta(minutes=1)
"""Precision of when a session was last used, so that not every request is a write."""

IDENT_LENGTH = 16


class SqlAccesses(StorePart):
    """The part of the store for tokens and sessions."""

    def person_by_token(self, token_hash: str, now: datetime, idle: timedelta | None = None) -> Person | None:
        """Return the active person of a token that is neither revoked nor expired, or None. A session must also have
        been used within `idle`."""
        query = (
            select(people, tokens.c.seen)
            .join(tokens, tokens.c.person == people.c.ident)
            .where(tokens.c.hash == token_hash, ~tokens.c.revoked, people.c.active)
            .where(or_(tokens.c.expires.is_(None), tokens.c.expires > now))
        )
        if idle is not None:
            query = query.where(or_(tokens.c.seen.is_(None), tokens.c.seen > now - idle))
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            person = None if row is None else person_with_roles(connection, row)
        # Not at each request, because every use would then be a write.
        if row is not None and row.seen is not None and now - row.seen > SEEN_EVERY:
            self._see(token_hash, now)
        return person

    def _see(self, token_hash: str, now: datetime) -> None:
        with self._db.write() as connection:
            connection.execute(update(tokens).where(tokens.c.hash == token_hash).values(seen=now))

    def put_token(
        self, token_hash: str, person: str, expires: datetime | None, events: Sequence[AuditEvent], *,
        made: datetime | None = None, session: bool = False, most: int | None = None,
    ) -> None:  # fmt: skip
        values = {"hash": token_hash, "person": person, "expires": expires, "revoked": False}
        times = {"made": made, "seen": made if session else None}
        with refused_as(Conflict("token-exists", "This token already exists.")), self._db.write() as connection:
            person_row(connection, person)
            connection.execute(insert(tokens).values(values | times))
            append_events(connection, events)
            if most is not None and made is not None:  # `append_events` holds a lock, so one counts at a time
                _check_few(connection, person, made, most)

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            revoked = update(tokens).where(tokens.c.hash == token_hash).values(revoked=True)
            if connection.execute(revoked).rowcount == 0:
                raise Unknown("token", token_hash[:8])

    def credentials(self, person: str, now: datetime) -> list[Credential]:
        """Return a person's valid tokens and sessions, newest first."""
        alive = (tokens.c.person == person, ~tokens.c.revoked)
        query = select(tokens).where(*alive, or_(tokens.c.expires.is_(None), tokens.c.expires > now))
        rows = self._db.rows(query.order_by(tokens.c.made.desc(), tokens.c.hash).limit(200))
        return [Credential(r.hash[:IDENT_LENGTH], r.seen is not None, r.made, r.seen, r.expires) for r in rows]

    def revoke_credentials(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Revoke the person's other tokens and sessions, or only `ident`, and return how many. Never revokes those of
        another person."""
        with self._db.write() as connection:
            ended = _end_accesses(connection, person, but, ident)
            if ended:
                append_events(connection, events)
        return ended


def _check_few(connection: Connection, person: str, now: datetime, most: int) -> None:
    live = (~tokens.c.revoked, tokens.c.seen.is_(None), or_(tokens.c.expires.is_(None), tokens.c.expires > now))
    held = select(func.count()).select_from(tokens).where(tokens.c.person == person, *live)
    if connection.execute(held).scalar_one() > most:
        sentence = f"{person} already has {most} API tokens. End one on the page of the account."
        raise Conflict("too-many-tokens", sentence)


def _end_accesses(connection: Connection, person: str, but: str, ident: str | None) -> int:
    theirs = [tokens.c.person == person, ~tokens.c.revoked, tokens.c.hash != but]
    if ident is not None:
        theirs.append(tokens.c.hash.startswith(ident, autoescape=True))
    return connection.execute(update(tokens).where(*theirs).values(revoked=True)).rowcount
