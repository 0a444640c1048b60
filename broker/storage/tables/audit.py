"""The append-only log of audit events, and its head."""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from broker.storage.tables.schema import metadata
from broker.storage.types import UtcTime

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("codes", JSON, nullable=False),
    Column("previous", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False, unique=True),
    Index(None, "actor", "number"),
    Index(None, "action", "number"),
    Index(None, "at"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("ident", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("ident = 1", name="single"),
)
