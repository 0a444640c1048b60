"""The two tables of a signed log: its entries, each bound to the one before, and their head. No queries."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text, UniqueConstraint

from broker.storage.tables.schema import UtcTime, columns, metadata, words


def chain_tables(entries: str, head: str, kinds: type[StrEnum], **subject: Any) -> tuple[Table, Table]:
    """Return the tables of entries and of their head. `subject`: more about that column."""
    entries_table = Table(
        entries,
        metadata,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("at", UtcTime, nullable=False),
        *words("kind", kinds, nullable=False),
        Column("subject", Text, nullable=False, **subject),
        *columns(Text, "body", "previous", "hash", nullable=False),
        UniqueConstraint("previous"),
        UniqueConstraint("hash"),
    )
    return entries_table, head_table(head)


def head_table(name: str) -> Table:
    """Return the table of the head of a chain, which has one row."""
    return Table(
        name,
        metadata,
        Column("ident", Integer, primary_key=True, autoincrement=False),
        Column("number", BigInteger, nullable=False),
        Column("hash", Text, nullable=False),
        CheckConstraint("ident = 1", name="single"),
    )
