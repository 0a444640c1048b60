"""Threads of outputs in the store: words are added and confirmed, never changed. Who may read them is decided above."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.messages import Audience, Message
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.outputs import output_row
from broker.storage.tables.schema import metadata, one_of
from broker.storage.types import UtcTime

messages = Table(
    "messages",
    metadata,
    Column("output", ForeignKey("outputs.ident"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("author", ForeignKey("people.ident"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("audience", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("confirmed_by", ForeignKey("people.ident")),
    one_of("audience", Audience),
    CheckConstraint("confirmed_by <> author", name="second_person"),
    Index(None, "held", "confirmed_by"),
)


class Messages:
    """The part of the store that keeps what is said about outputs."""

    _db: Database

    def say(self, message: Message, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            output_row(connection, message.output, lock=True)
            add(connection, message)
            append(connection, events)

    def messages_on(self, outputs: frozenset[str]) -> list[Message]:
        query = select(messages).where(messages.c.output.in_(sorted(outputs)))
        with self._db.read() as connection:
            return [_message(r) for r in connection.execute(query.order_by(messages.c.at, messages.c.number))]

    def messages_that_wait(self, limit: int) -> list[Message]:
        waiting = (messages.c.held, messages.c.confirmed_by.is_(None))
        query = select(messages).where(*waiting).order_by(messages.c.at, messages.c.number).limit(limit)
        with self._db.read() as connection:
            return [_message(row) for row in connection.execute(query)]

    def confirm(self, output: str, number: int, by: str, events: Sequence[AuditEvent]) -> None:
        one = (messages.c.output == output, messages.c.number == number)
        with self._db.write() as connection:
            output_row(connection, output, lock=True)
            row = connection.execute(select(messages).where(*one)).one_or_none()
            if row is None:
                raise Unknown("message", f"{output}/{number}")
            if row.author == by:
                raise Forbidden("second-person", "Another checker confirms what you wrote.")
            if not _message(row).waits:
                raise Conflict("confirmed-already", "This message waits for nobody.")
            connection.execute(update(messages).where(*one).values(confirmed_by=by))
            append(connection, events)


def add(connection: Connection, message: Message) -> None:
    """At the end of its thread, within the caller's transaction, which holds the output's row."""
    last = select(func.coalesce(func.max(messages.c.number), 0)).where(messages.c.output == message.output)
    connection.execute(
        insert(messages).values(
            output=message.output,
            number=connection.execute(last).scalar_one() + 1,
            author=message.author,
            at=message.at,
            audience=message.audience,
            text=message.text,
            held=message.held,
            confirmed_by=message.confirmed_by,
        )
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        output=row.output,
        author=row.author,
        at=row.at,
        audience=Audience(row.audience),
        text=row.text,
        held=row.held,
        confirmed_by=row.confirmed_by,
        number=row.number,
    )
