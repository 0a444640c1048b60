"""Policy sets and snapshots: what jobs run under, and on."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Integer, Table, Text

from broker.storage.tables.schema import metadata
from broker.storage.types import UtcTime

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

project_decisions = Table(
    "project_decisions",
    metadata,
    Column("project", Text, primary_key=True),
    Column("proposal", ForeignKey("policy_proposals.number"), primary_key=True),
)
"""Which applied sets changed what policy says of a project: who decided, and when."""

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
