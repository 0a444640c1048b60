"""Jobs and their outputs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("researcher", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("descriptions", sa.JSON(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=True),
        sa.Column("vault", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("small", sa.Boolean(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("runtime", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_jobs_failed_why")),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_jobs_lease")),
        sa.CheckConstraint(
            "failure IN ('crashed', 'time_limit', 'memory_limit', 'output_limit', 'engine_error', "
            "'bad_frames', 'policy_changed', 'plan_changed', 'infrastructure')",
            name=op.f("ck_jobs_failure"),
        ),
        sa.CheckConstraint("kind IN ('sql', 'python')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint(
            "state IN ('submitted', 'refused', 'queued', 'running', 'assessing', 'decided', 'failed', 'withdrawn')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint("attempt >= 0", name=op.f("ck_jobs_attempt")),
        sa.ForeignKeyConstraint(["policy"], ["policies.fingerprint"], name=op.f("fk_jobs_policy_policies")),
        sa.ForeignKeyConstraint(["replaces"], ["jobs.ident"], name=op.f("fk_jobs_replaces_jobs")),
        sa.ForeignKeyConstraint(["researcher"], ["people.ident"], name=op.f("fk_jobs_researcher_people")),
        sa.ForeignKeyConstraint(["snapshot"], ["snapshots.ident"], name=op.f("fk_jobs_snapshot_snapshots")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_jobs")),
        sa.UniqueConstraint("researcher", "client_id", name=op.f("uq_jobs_researcher_client_id")),
    )
    op.create_index(op.f("ix_jobs_created_ident"), "jobs", ["created", "ident"], unique=False)
    op.create_index(op.f("ix_jobs_project_created"), "jobs", ["project", "created"], unique=False)
    op.create_index(op.f("ix_jobs_state_created"), "jobs", ["state", "created"], unique=False)
    op.create_table(
        "outputs",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("release_hash", sa.Text(), nullable=True),
        sa.Column("staff_hash", sa.Text(), nullable=False),
        sa.Column("findings_hash", sa.Text(), nullable=False),
        sa.Column("evidence_digest", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.CheckConstraint("kind IN ('table', 'file')", name=op.f("ck_outputs_kind")),
        sa.CheckConstraint(
            "release_hash IS NOT NULL OR state NOT IN ('released', 'recalled')", name=op.f("ck_outputs_released_bytes")
        ),
        sa.CheckConstraint(
            "state IN ('assessed', 'withheld', 'in_review', 'approved', 'returned', "
            "'rejected', 'released', 'recalled', 'withdrawn')",
            name=op.f("ck_outputs_state"),
        ),
        sa.CheckConstraint("verdict IN ('publish', 'suppress', 'review', 'refuse')", name=op.f("ck_outputs_verdict")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_outputs_size")),
        sa.ForeignKeyConstraint(["claimed_by"], ["people.ident"], name=op.f("fk_outputs_claimed_by_people")),
        sa.ForeignKeyConstraint(["job"], ["jobs.ident"], name=op.f("fk_outputs_job_jobs")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_outputs")),
        sa.UniqueConstraint("job", "name", name=op.f("uq_outputs_job_name")),
        sa.UniqueConstraint("job", "position", name=op.f("uq_outputs_job_position")),
    )
    op.create_index(op.f("ix_outputs_state_created"), "outputs", ["state", "created"], unique=False)
