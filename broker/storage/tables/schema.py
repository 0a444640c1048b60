"""Shared by all tables: one metadata that names every constraint, fixed words as a CHECK, times in UTC."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Connection, DateTime, Dialect, MetaData, Text, text
from sqlalchemy.types import TypeDecorator

from broker.storage.tables.triggers import CHAINS, trigger_statements

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Word(TypeDecorator[StrEnum]):
    """A word of a closed set: stored as text, read as its member."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


def words(column: str, of: type[StrEnum], **more: Any) -> tuple[Column[StrEnum], CheckConstraint]:
    """Return a column that holds a word of a closed set, with its CHECK."""
    listed = ", ".join(f"'{w}'" for w in of)
    return Column(column, Word(of), **more), CheckConstraint(f"{column} IN ({listed})", name=column)


class JsonTuple(TypeDecorator[tuple[Any, ...]]):
    """A list in JSON, read as a tuple, and so are the lists in it."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: list[Any] | None, dialect: Dialect) -> tuple[Any, ...] | None:
        return None if value is None else _as_tuple(value)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


class UtcTime(TypeDecorator[datetime]):
    """A time: with a time zone when stored, in UTC when read, on both databases. Raises ValueError without a time
    zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        utc = value.astimezone(UTC)
        # SQLite stores text of fixed width without a zone, so that text order is time order.
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


HEADS = ("audit_head", *(head for _, head in CHAINS))


def create_schema(connection: Connection) -> None:
    """Make every table, head and trigger of an empty database."""
    metadata.create_all(connection)
    for head in HEADS:
        connection.execute(metadata.tables[head].insert(), {"ident": 1, "number": 0, "hash": "0" * 64})
    # Triggers last: they refuse a second head.
    for statement in trigger_statements(connection.dialect.name):
        connection.execute(text(statement))
