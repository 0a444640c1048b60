"""Shared by all tables: one metadata that names every constraint, fixed words as a CHECK, times in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import CheckConstraint, Connection, DateTime, Dialect, MetaData, text
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


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{w}'" for w in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


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
