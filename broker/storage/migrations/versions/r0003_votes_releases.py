"""Votes, releases and recalls: written once, never changed."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.triggers import append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "votes",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff_hash", sa.Text(), nullable=False),
        sa.Column("findings_hash", sa.Text(), nullable=False),
        sa.Column("memory_version", sa.Text(), nullable=False),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.CheckConstraint("choice IN ('approve', 'reject', 'return')", name=op.f("ck_votes_choice")),
        sa.ForeignKeyConstraint(["checker"], ["people.ident"], name=op.f("fk_votes_checker_people")),
        sa.ForeignKeyConstraint(["output"], ["outputs.ident"], name=op.f("fk_votes_output_outputs")),
        sa.PrimaryKeyConstraint("output", "checker", name=op.f("pk_votes")),
        sa.UniqueConstraint("output", "position", name=op.f("uq_votes_output_position")),
    )
    op.create_index(op.f("ix_votes_checker"), "votes", ["checker"], unique=False)
    op.create_table(
        "releases",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("manifest_hash", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.ident"], name=op.f("fk_releases_job_jobs")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_releases")),
        sa.UniqueConstraint("job", name=op.f("uq_releases_job")),
    )
    op.create_index(op.f("ix_releases_project"), "releases", ["project"], unique=False)
    op.create_table(
        "release_outputs",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["output"], ["outputs.ident"], name=op.f("fk_release_outputs_output_outputs")),
        sa.ForeignKeyConstraint(["release"], ["releases.ident"], name=op.f("fk_release_outputs_release_releases")),
        sa.PrimaryKeyConstraint("release", "position", name=op.f("pk_release_outputs")),
        sa.UniqueConstraint("output", name=op.f("uq_release_outputs_output")),
    )
    op.create_table(
        "recalls",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["output"], ["release_outputs.output"], name=op.f("fk_recalls_output_release_outputs")),
        sa.PrimaryKeyConstraint("output", name=op.f("pk_recalls")),
    )
    for table in ("votes", "releases", "release_outputs", "recalls"):
        for statement in append_only(op.get_bind().dialect.name, table):
            op.execute(statement)
