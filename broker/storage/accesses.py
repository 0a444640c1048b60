"""Sessions and API tokens in the store, by their hashes only: made, seen, listed, revoked."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.people import Person
from broker.domain.ports import Access
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.people import person_row, with_roles
from broker.storage.tables.people import people, tokens

SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was seen last: not every look is a write."""

IDENT_LENGTH = 16


class Accesses:
    """The part of the store that knows who may come in."""

    _db: Database

    def person_by_token(self, token_hash: str, now: datetime, idle: timedelta | None = None) -> Person | None:
        """The active person of a token that is neither revoked nor expired; a session must have been seen lately."""
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
            person = None if row is None else with_roles(connection, row)
        if row is not None and row.seen is not None and now - row.seen > SEEN_EVERY:
            self._see(token_hash, now)
        return person

    def _see(self, token_hash: str, now: datetime) -> None:
        with self._db.write() as connection:
            connection.execute(update(tokens).where(tokens.c.hash == token_hash).values(seen=now))

    def put_token(
        self,
        token_hash: str,
        person: str,
        expires: datetime | None,
        events: Sequence[AuditEvent],
        *,
        made: datetime | None = None,
        session: bool = False,
        most: int | None = None,
    ) -> None:
        values = {"hash": token_hash, "person": person, "expires": expires, "revoked": False}
        times = {"made": made, "seen": made if session else None}
        try:
            with self._db.write() as connection:
                person_row(connection, person)
                connection.execute(insert(tokens).values(values | times))
                append(connection, events)
                if most is not None and made is not None:  # after `append`, whose lock lets one at a time count
                    _check_few(connection, person, made, most)
        except IntegrityError as error:
            raise Conflict("token-exists", "This token exists already.") from error

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            revoked = update(tokens).where(tokens.c.hash == token_hash).values(revoked=True)
            if connection.execute(revoked).rowcount == 0:
                raise Unknown("token", token_hash[:8])
            append(connection, events)

    def accesses(self, person: str, now: datetime) -> list[Access]:
        """Newest first."""
        alive = (tokens.c.person == person, ~tokens.c.revoked)
        query = select(tokens).where(*alive, or_(tokens.c.expires.is_(None), tokens.c.expires > now))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(tokens.c.made.desc(), tokens.c.hash).limit(200))
            return [Access(r.hash[:IDENT_LENGTH], r.seen is not None, r.made, r.seen, r.expires) for r in rows]

    def end_accesses(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Those of one person only, whatever `ident` says."""
        with self._db.write() as connection:
            ended = _end(connection, person, but, ident)
            if ended:
                append(connection, events)
        return ended


def _check_few(connection: Connection, person: str, now: datetime, most: int) -> None:
    live = (~tokens.c.revoked, tokens.c.seen.is_(None), or_(tokens.c.expires.is_(None), tokens.c.expires > now))
    held = select(func.count()).select_from(tokens).where(tokens.c.person == person, *live)
    if connection.execute(held).scalar_one() > most:
        sentence = f"{person} has {most} API tokens: end one that is not used any more, on the page of the account."
        raise Conflict("too-many-tokens", sentence)


def _end(connection: Connection, person: str, but: str, ident: str | None) -> int:
    theirs = [tokens.c.person == person, ~tokens.c.revoked, tokens.c.hash != but]
    if ident is not None:
        theirs.append(tokens.c.hash.startswith(ident, autoescape=True))
    return connection.execute(update(tokens).where(*theirs).values(revoked=True)).rowcount
