"""Tables of jobs, outputs and saved definitions; votes, messages, releases and recalls; how scripts ended and who
has read them."""

import sqlalchemy as sa

from broker.domain.findings import Verdict
from broker.domain.jobs.job import FailureCode, JobKind, JobState, OutputKind, OutputState
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep
from broker.domain.jobs.reviews import Audience, VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.projects.saved_definitions import SavedState
from broker.storage.tables.schema import JsonTuple, UtcTime, columns, metadata, words

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    sa.Column("researcher", sa.ForeignKey("people.ident"), nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("project", sa.Text, nullable=False),
    *words("kind", JobKind, nullable=False),
    *columns(sa.Text, "dialect", "text", "title", "purpose", nullable=False),
    sa.Column("descriptions", JsonTuple, nullable=False),
    sa.Column("replaces", sa.ForeignKey("jobs.ident")),
    *columns(sa.Text, "canonical", "plan_hash", nullable=False),
    sa.Column("policy", sa.ForeignKey("policies.fingerprint"), nullable=False),
    sa.Column("snapshot", sa.ForeignKey("snapshots.ident")),
    sa.Column("vault", sa.Text),
    *words("state", JobState, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    *words("failure", FailureCode),
    sa.Column("small", sa.Boolean, nullable=False),
    sa.Column("history_changed", sa.Boolean, nullable=False, server_default=sa.false()),
    *columns(sa.Text, "image", "runtime"),
    *columns(UtcTime, "created", "updated", nullable=False),
    *columns(UtcTime, "started", "ended"),
    sa.Column("assessed_policy", sa.Text),
    *columns(JsonTuple, "read_saved", "kept"),
    sa.Column("remembered", sa.BigInteger),
    sa.UniqueConstraint("researcher", "client_id"),
    sa.CheckConstraint("attempt >= 0", name="attempt"),
    sa.CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_why"),
    sa.Index(None, "state", "created"),
    sa.Index(None, "project", "created"),
    sa.Index(None, "created", "ident"),
    sa.Index(None, "ended"),
)

job_checks = sa.Table(
    "job_checks",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.ident"), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)
"""What the check understood of each job's text, apart from the jobs: it can be large, and lists do not show it."""

outputs = sa.Table(
    "outputs",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    sa.Column("job", sa.ForeignKey("jobs.ident"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    *words("kind", OutputKind, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    *words("state", OutputState, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("release_hash", sa.Text),
    *columns(sa.Text, "staff_hash", "findings_hash", "evidence_digest", nullable=False),
    *words("verdict", Verdict, nullable=False),
    *columns(UtcTime, "created", "updated", nullable=False),
    sa.Column("claimed_by", sa.ForeignKey("people.ident")),
    sa.Column("reason", sa.Text),
    sa.Column("overrides", JsonTuple, nullable=False),
    sa.Column("memory_version", sa.Text),
    sa.Column("to_remember", JsonTuple),
    sa.UniqueConstraint("job", "name"),
    sa.UniqueConstraint("job", "position"),
    sa.CheckConstraint("size >= 0", name="size"),
    sa.CheckConstraint("release_hash IS NOT NULL OR state NOT IN ('released', 'recalled')", name="released_bytes"),
    sa.Index(None, "state", "created"),
)

saved = sa.Table(
    "saved",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    *columns(sa.Text, "project", "name", nullable=False),
    sa.Column("readable_as", sa.Text),
    *columns(sa.Text, "content", "about", nullable=False),
    sa.Column("made_by", sa.ForeignKey("people.ident"), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("policy", sa.ForeignKey("policies.fingerprint"), nullable=False),
    *words("state", SavedState, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("decided_by", sa.ForeignKey("people.ident")),
    sa.UniqueConstraint("project", "readable_as"),
    sa.CheckConstraint("(state IN ('kept', 'approved')) = (readable_as IS NOT NULL)", name="readable"),
    sa.Index(None, "project", "state"),
)
"""Rows are never removed, because jobs name the ones that they read. `readable_as` is the folded name while jobs may
read it, so that a name means one definition at a time."""


votes = sa.Table(
    "votes",
    metadata,
    sa.Column("output", sa.ForeignKey("outputs.ident"), primary_key=True),
    sa.Column("checker", sa.ForeignKey("people.ident"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    *words("choice", VoteChoice, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    *columns(sa.Text, "staff_hash", "findings_hash", primary_key=True),
    sa.Column("memory_version", sa.Text, nullable=False),
    sa.Column("cast_at", UtcTime, nullable=False),
    sa.Column("overrides", JsonTuple, nullable=False),
    sa.Column("why", sa.Text),
    sa.UniqueConstraint("output", "position"),
    sa.Index(None, "checker"),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("output", sa.ForeignKey("outputs.ident"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("author", sa.ForeignKey("people.ident"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    *words("audience", Audience, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("confirmed_by", sa.ForeignKey("people.ident")),
    sa.CheckConstraint("confirmed_by <> author", name="second_person"),
    sa.Index(None, "held", "confirmed_by"),
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    sa.Column("job", sa.ForeignKey("jobs.ident"), nullable=False, unique=True),
    sa.Column("project", sa.Text, nullable=False, index=True),
    sa.Column("released_at", UtcTime, nullable=False),
    *columns(sa.Text, "manifest_hash", "manifest", nullable=False),
)

release_outputs = sa.Table(
    "release_outputs",
    metadata,
    sa.Column("release", sa.ForeignKey("releases.ident"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("output", sa.ForeignKey("outputs.ident"), nullable=False, unique=True),
)

recalls = sa.Table(
    "recalls",
    metadata,
    sa.Column("output", sa.ForeignKey("release_outputs.output"), primary_key=True),
    sa.Column("recalled_at", UtcTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)


rehearsals = sa.Table(
    "rehearsals",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.ident"), primary_key=True),
    sa.Column("passed", sa.Boolean),
    *columns(sa.Text, "trace", "log", "reason"),
    sa.Column("told_by", sa.ForeignKey("people.ident")),
    *columns(UtcTime, "told_at", "trace_from", "met"),
    sa.Column("problems", sa.Boolean),
    sa.CheckConstraint("(reason IS NULL) = (told_by IS NULL)", name="told"),
)

script_reads = sa.Table(
    "script_reads",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.ident"), primary_key=True),
    sa.Column("by", sa.ForeignKey("people.ident"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""The first independent checker who read a job's text and print."""

rehearsal_requests = sa.Table(
    "asked_rehearsals",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    sa.Column("person", sa.ForeignKey("people.ident"), nullable=False),
    sa.Column("submission", sa.JSON, nullable=False),
    *words("state", RehearsalState, nullable=False),
    *columns(UtcTime, "created", "updated", nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started", UtcTime),
    *words("step", RehearsalStep),
    sa.Column("about", sa.Integer, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(None, "person", "created"),
    sa.Index(None, "state", "created"),
)

work_leases = sa.Table(
    "work_leases",
    metadata,
    *words("kind", WorkKind, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("until", UtcTime, nullable=False),
)
"""Who works on what, and until when if they do not renew it. Without a worker, the work rests until then."""
