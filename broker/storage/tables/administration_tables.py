"""Tables of people and tokens, policy sets and snapshots, stops, erasures, notices, workers' reports, public
tables, and the audit log."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, ForeignKey, Index, Integer, Table, Text

from broker.domain.identity.people import Role
from broker.domain.projects.stops import StopKind
from broker.domain.public_tables import NumbersOnlyReason, PublishedTable
from broker.storage.tables.chain_tables import head_table
from broker.storage.tables.schema import JsonTuple, UtcTime, columns, metadata, words

stops = Table(
    "stops",
    metadata,
    Column("number", Integer, primary_key=True),
    *words("kind", StopKind, nullable=False),
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
    CheckConstraint("lifted_by <> asked_by", name="second_administrator"),
    CheckConstraint("(lifted_by IS NULL) = (standing IS NOT NULL)", name="standing"),
)
"""`standing` is kind and subject while the stop is in force, so that there is only one at a time."""

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
    Column("facts", JsonTuple, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("number", Integer, primary_key=True),
    *columns(Text, "domain", "digest", nullable=False),
    Column("standing", Text, unique=True),
    *columns(Text, "case", "by", nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("confirmed_by", Text),
    *columns(UtcTime, "confirmed_at", "withdrawn_at"),
    Column("snapshot", Text),
    *columns(UtcTime, "left_out_at", "done_at"),
    CheckConstraint("confirmed_by <> by", name="second_administrator"),
    CheckConstraint("snapshot IS NULL OR confirmed_by IS NOT NULL", name="confirmed"),
)
"""`standing` is the digest while the erasure is not withdrawn, so that a person has only one at a time."""


audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    *columns(Text, "actor", "action", nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("codes", JsonTuple, nullable=False),
    *columns(Text, "previous", "hash", nullable=False, unique=True),
    Index(None, "actor", "number"),
    Index(None, "action", "number"),
    Index(None, "at"),
)

audit_head = head_table("audit_head")


people = Table(
    "people",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),
    *columns(Date, "accredited_from", "accredited_until"),
    Column("email", Text),
)

person_roles = Table(
    "person_roles",
    metadata,
    Column("person", ForeignKey("people.ident"), primary_key=True),
    *words("role", Role, primary_key=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", ForeignKey("people.ident"), nullable=False, index=True),
    Column("expires", UtcTime),
    Column("revoked", Boolean, nullable=False),
    *columns(UtcTime, "made", "seen"),
)
"""Only sessions have `seen`: an API token has no idle limit."""


policies = Table(
    "policies", metadata, Column("fingerprint", Text, primary_key=True), Column("content", Text, nullable=False)
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
"""A set may be proposed again later, to go back to it. The one in force has the highest `applied_order`."""

project_decisions = Table(
    "project_decisions",
    metadata,
    Column("project", Text, primary_key=True),
    Column("proposal", ForeignKey("policy_proposals.number"), primary_key=True),
)
"""Which applied sets changed what policy says of a project, for who decided and when."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("ident", Text, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("fingerprint", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    *columns(Text, "path", "facts", nullable=False),
    Column("retired", UtcTime),
)

public_tables = Table(
    "public_tables",
    metadata,
    Column("ident", Text, primary_key=True),
    *columns(Text, *PublishedTable.__dataclass_fields__, nullable=False),
    Column("standing", Text, unique=True),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("confirmed_by", Text),
    *columns(UtcTime, "confirmed_at", "withdrawn_at"),
    Column("attempt", Integer, nullable=False),
    Column("vault", Text),
    *columns(Integer, "agreed", "compared"),
    *words("why", NumbersOnlyReason),
    Column("entry", BigInteger, unique=True),
    Column("entered_at", UtcTime),
    CheckConstraint("confirmed_by <> by", name="second_administrator"),
    CheckConstraint("entry IS NULL OR confirmed_by IS NOT NULL", name="confirmed"),
    CheckConstraint("withdrawn_at IS NULL OR confirmed_by IS NULL", name="withdrawn"),
    CheckConstraint("(entry IS NULL) = (entered_at IS NULL)", name="entered"),
    CheckConstraint("(entry IS NULL) = (agreed IS NULL) AND (entry IS NULL) = (compared IS NULL)", name="found"),
)
"""`standing` is the folded name while the table is not withdrawn. `entry` is its number in the release history."""
