"""What administrators keep beside policies: stops, erasures, notices that were mailed, reports of workers."""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Integer, Table, Text

from broker.domain.stops import StopKind
from broker.storage.tables.schema import metadata, one_of
from broker.storage.types import UtcTime

stops = Table(
    "stops",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("standing", Text, unique=True),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("was_active", Boolean),
    Column("asked_by", Text),
    Column("asked_at", UtcTime),
    Column("lifted_by", Text),
    Column("lifted_at", UtcTime),
    one_of("kind", StopKind),
    CheckConstraint("lifted_by <> asked_by", name="second_administrator"),
    CheckConstraint("(lifted_by IS NULL) = (standing IS NOT NULL)", name="standing"),
)
"""`standing` is kind and subject while the stop stands, so that there is one at a time."""

notices_mailed = Table(
    "notices_mailed",
    metadata,
    Column("person", ForeignKey("people.ident"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
)

worker_reports = Table(
    "worker_reports",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("facts", JSON, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("standing", Text, unique=True),
    Column("case", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", UtcTime),
    Column("withdrawn_at", UtcTime),
    Column("snapshot", Text),
    Column("left_out_at", UtcTime),
    Column("done_at", UtcTime),
    CheckConstraint("confirmed_by <> by", name="second_administrator"),
    CheckConstraint("snapshot IS NULL OR confirmed_by IS NOT NULL", name="confirmed"),
)
"""`standing` is the digest while the erasure is not withdrawn, so that a person has one at a time."""
