"""Tables of jobs, outputs and saved definitions; votes, releases and recalls; how scripts ended and who
has read them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from broker.domain.findings import Verdict
from broker.domain.jobs.job import FailureCode, JobKind, JobState
from broker.domain.jobs.outputs import OutputKind, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.projects.saved_definitions import SavedState
from broker.storage.tables.schema import JsonTuple, UtcTime, metadata, words

jobs = Table(
    "jobs",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("researcher", ForeignKey("people.ident"), nullable=False),
    Column("client_id", Text),
    Column("project", Text, nullable=False),
    *words("kind", JobKind, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("descriptions", JsonTuple, nullable=False),
    Column("replaces", ForeignKey("jobs.ident")),
    Column("canonical", Text, nullable=False),
    Column("plan_hash", Text, nullable=False),
    Column("policy", ForeignKey("policies.fingerprint"), nullable=False),
    Column("snapshot", ForeignKey("snapshots.ident")),
    Column("vault", Text),
    *words("state", JobState, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", UtcTime),
    *words("failure", FailureCode),
    Column("small", Boolean, nullable=False),
    Column("history_changed", Boolean, nullable=False, server_default=false()),
    Column("image", Text),
    Column("runtime", Text),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("started", UtcTime),
    Column("ended", UtcTime),
    Column("assessed_policy", Text),
    Column("read_saved", JsonTuple),
    Column("kept", JsonTuple),
    Column("comparing_until", UtcTime),
    Column("remembered", BigInteger),
    UniqueConstraint("researcher", "client_id"),
    CheckConstraint("attempt >= 0", name="attempt"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
    CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_why"),
    Index(None, "state", "created"),
    Index(None, "project", "created"),
    Index(None, "created", "ident"),
    Index(None, "ended"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("job", ForeignKey("jobs.ident"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    *words("kind", OutputKind, nullable=False),
    Column("description", Text, nullable=False),
    *words("state", OutputState, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("release_hash", Text),
    Column("staff_hash", Text, nullable=False),
    Column("findings_hash", Text, nullable=False),
    Column("evidence_digest", Text, nullable=False),
    *words("verdict", Verdict, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("claimed_by", ForeignKey("people.ident")),
    Column("reason", Text),
    Column("overrides", JsonTuple, nullable=False),
    Column("memory_version", Text),
    Column("to_remember", JsonTuple),
    UniqueConstraint("job", "name"),
    UniqueConstraint("job", "position"),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("release_hash IS NOT NULL OR state NOT IN ('released', 'recalled')", name="released_bytes"),
    Index(None, "state", "created"),
)

saved = Table(
    "saved",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("readable_as", Text),
    Column("content", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("made_by", ForeignKey("people.ident"), nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("policy", ForeignKey("policies.fingerprint"), nullable=False),
    *words("state", SavedState, nullable=False),
    Column("reason", Text),
    Column("decided_by", ForeignKey("people.ident")),
    UniqueConstraint("project", "readable_as"),
    CheckConstraint("(state IN ('kept', 'approved')) = (readable_as IS NOT NULL)", name="readable"),
    Index(None, "project", "state"),
)
"""Rows are never removed, because jobs name the ones that they read. `readable_as` is the folded name while jobs may
read it, so that a name means one definition at a time."""


votes = Table(
    "votes",
    metadata,
    Column("output", ForeignKey("outputs.ident"), primary_key=True),
    Column("checker", ForeignKey("people.ident"), primary_key=True),
    Column("position", Integer, nullable=False),
    *words("choice", VoteChoice, nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff_hash", Text, primary_key=True),
    Column("findings_hash", Text, primary_key=True),
    Column("memory_version", Text, nullable=False),
    Column("cast_at", UtcTime, nullable=False),
    Column("overrides", JsonTuple, nullable=False),
    Column("why", Text),
    UniqueConstraint("output", "position"),
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
"""The first independent checker who read a job's text and print."""
