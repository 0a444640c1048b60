"""The tables of the store: columns, keys and checks. No queries. Every state and closed word has a CHECK; what must be
unique is unique here, not only in code. A change here needs a migration: a test compares the two."""

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from broker.domain.findings import Verdict
from broker.domain.jobs import FailureCode, JobState, Kind
from broker.domain.outputs import OutputKind, OutputState
from broker.domain.people import Role
from broker.domain.reviews import Choice
from broker.domain.saved import SavedState
from broker.storage.types import UtcTime

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


# --- people --------------------------------------------------------------------------------------

people = Table(
    "people",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("accredited_from", Date),
    Column("accredited_until", Date),
    Column("email", Text),
)

person_roles = Table(
    "person_roles",
    metadata,
    Column("person", ForeignKey("people.ident"), primary_key=True),
    Column("role", Text, primary_key=True),
    one_of("role", Role),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", ForeignKey("people.ident"), nullable=False, index=True),
    Column("expires", UtcTime),
    Column("revoked", Boolean, nullable=False),
    Column("made", UtcTime),
    Column("seen", UtcTime),
)
"""`seen` is there for sessions alone: an API token has no idle limit."""

# --- policies and snapshots ----------------------------------------------------------------------

policies = Table(
    "policies",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("content", Text, nullable=False),
)

policy_proposals = Table(
    "policy_proposals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("fingerprint", ForeignKey("policies.fingerprint"), nullable=False, index=True),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", UtcTime, nullable=False),
    Column("applied_by", Text),
    Column("applied_at", UtcTime),
    Column("applied_order", Integer, unique=True),
    CheckConstraint("applied_by <> proposed_by", name="second_administrator"),
    CheckConstraint(
        "(applied_by IS NULL) = (applied_at IS NULL) AND (applied_by IS NULL) = (applied_order IS NULL)",
        name="applied_whole",
    ),
)
"""A set may be proposed again later (to go back to it): the one in force has the highest `applied_order`."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("fingerprint", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("path", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("retired", UtcTime),
)

# --- jobs and outputs ----------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("researcher", ForeignKey("people.ident"), nullable=False),
    Column("client_id", Text),
    Column("project", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("descriptions", JSON, nullable=False),
    Column("replaces", ForeignKey("jobs.ident")),
    Column("canonical", Text, nullable=False),
    Column("plan_hash", Text, nullable=False),
    Column("policy", ForeignKey("policies.fingerprint"), nullable=False),
    Column("snapshot", ForeignKey("snapshots.ident")),
    Column("vault", Text),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", UtcTime),
    Column("failure", Text),
    Column("small", Boolean, nullable=False),
    Column("image", Text),
    Column("runtime", Text),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("started", UtcTime),
    Column("ended", UtcTime),
    Column("assessed_policy", Text),
    Column("read_saved", JSON),
    Column("kept", JSON),
    Column("comparing_until", UtcTime),
    UniqueConstraint("researcher", "client_id"),
    one_of("kind", Kind),
    one_of("state", JobState),
    one_of("failure", FailureCode),
    CheckConstraint("attempt >= 0", name="attempt"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
    CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_why"),
    Index(None, "state", "created"),
    Index(None, "project", "created"),
    Index(None, "created", "ident"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("job", ForeignKey("jobs.ident"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("release_hash", Text),
    Column("staff_hash", Text, nullable=False),
    Column("findings_hash", Text, nullable=False),
    Column("evidence_digest", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("claimed_by", ForeignKey("people.ident")),
    Column("reason", Text),
    Column("overrides", JSON, nullable=False),
    Column("memory_version", Text),
    Column("to_remember", JSON),
    UniqueConstraint("job", "name"),
    UniqueConstraint("job", "position"),
    one_of("kind", OutputKind),
    one_of("state", OutputState),
    one_of("verdict", Verdict),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("release_hash IS NOT NULL OR state NOT IN ('released', 'recalled')", name="released_bytes"),
    Index(None, "state", "created"),
)

# --- reviews and releases ------------------------------------------------------------------------

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

# --- what projects keep --------------------------------------------------------------------------

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
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("decided_by", ForeignKey("people.ident")),
    UniqueConstraint("project", "readable_as"),
    one_of("state", SavedState),
    CheckConstraint("(state IN ('kept', 'approved')) = (readable_as IS NOT NULL)", name="readable"),
    Index(None, "project", "state"),
)
"""Rows stay: jobs name the ones that they read. `readable_as` is the folded name while jobs may read it, so that a name
means one thing at a time."""

# --- audit ---------------------------------------------------------------------------------------

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
