"""How scripts did, on the synthetic NPD and on real rows, and who has read them."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Table, Text

from broker.storage.tables.schema import metadata
from broker.storage.types import UtcTime

rehearsals = Table(
    "rehearsals",
    metadata,
    Column("job", ForeignKey("jobs.ident"), primary_key=True),
    Column("passed", Boolean),
    Column("trace", Text),
    Column("log", Text),
    Column("reason", Text),
    Column("told_by", ForeignKey("people.ident")),
    Column("told_at", UtcTime),
    Column("trace_from", UtcTime),
    Column("met", UtcTime),
    Column("problems", Boolean),
    CheckConstraint("(reason IS NULL) = (told_by IS NULL)", name="told"),
)

script_reads = Table(
    "script_reads",
    metadata,
    Column("job", ForeignKey("jobs.ident"), primary_key=True),
    Column("by", ForeignKey("people.ident"), nullable=False),
    Column("at", UtcTime, nullable=False),
)
"""The first independent checker who has read a job's text and print."""
