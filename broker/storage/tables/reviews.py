"""What people decided of outputs, and what left: votes, releases, recalls."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from broker.domain.reviews import Choice
from broker.storage.tables.schema import metadata, one_of
from broker.storage.types import UtcTime

votes = Table(
    "votes",
    metadata,
    Column("output", ForeignKey("outputs.ident"), primary_key=True),
    Column("checker", ForeignKey("people.ident"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("choice", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff_hash", Text, primary_key=True),
    Column("findings_hash", Text, primary_key=True),
    Column("memory_version", Text, nullable=False),
    Column("cast_at", UtcTime, nullable=False),
    Column("overrides", JSON, nullable=False),
    Column("why", Text),
    UniqueConstraint("output", "position"),
    one_of("choice", Choice),
    Index(None, "checker"),
)

releases = Table(
    "releases",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("job", ForeignKey("jobs.ident"), nullable=False, unique=True),
    Column("project", Text, nullable=False, index=True),
    Column("released_at", UtcTime, nullable=False),
    Column("manifest_hash", Text, nullable=False),
    Column("manifest", Text, nullable=False),
)

release_outputs = Table(
    "release_outputs",
    metadata,
    Column("release", ForeignKey("releases.ident"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("output", ForeignKey("outputs.ident"), nullable=False, unique=True),
)

recalls = Table(
    "recalls",
    metadata,
    Column("output", ForeignKey("release_outputs.output"), primary_key=True),
    Column("recalled_at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
)
