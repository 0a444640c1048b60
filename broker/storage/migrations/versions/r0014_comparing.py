"""Outputs that are compared with memory: by whom now, with which state of it; and votes that bind to one state of an
output, so that a checker votes again on what came back."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.triggers import append_only

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = ("output", "checker", "staff_hash", "findings_hash")
COLUMNS = (
    "output, checker, position, choice, reason, staff_hash, findings_hash, memory_version, cast_at, overrides, why"
)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("comparing_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outputs", sa.Column("memory_version", sa.Text(), nullable=True))
    op.add_column("outputs", sa.Column("to_remember", sa.JSON(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _votes_anew()
    else:
        op.drop_constraint(op.f("pk_votes"), "votes", type_="primary")
        op.create_primary_key(op.f("pk_votes"), "votes", list(KEY))


def _votes_anew() -> None:
    """SQLite changes no key of a table; dropping one fires none of its triggers."""
    op.rename_table("votes", "votes_before")
    op.drop_index(op.f("ix_votes_checker"), table_name="votes_before")
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
        sa.Column("why", sa.Text(), nullable=True),
        sa.CheckConstraint("choice IN ('approve', 'reject', 'return')", name=op.f("ck_votes_choice")),
        sa.ForeignKeyConstraint(["checker"], ["people.ident"], name=op.f("fk_votes_checker_people")),
        sa.ForeignKeyConstraint(["output"], ["outputs.ident"], name=op.f("fk_votes_output_outputs")),
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_votes")),
        sa.UniqueConstraint("output", "position", name=op.f("uq_votes_output_position")),
    )
    op.execute(f"INSERT INTO votes ({COLUMNS}) SELECT {COLUMNS} FROM votes_before")  # noqa: S608 - no input
    op.drop_table("votes_before")
    op.create_index(op.f("ix_votes_checker"), "votes", ["checker"], unique=False)
    for statement in append_only("sqlite", "votes"):
        op.execute(statement)
