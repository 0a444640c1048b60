"""Rehearsals that people ask the server for."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asked_rehearsals",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("submission", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("about", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_asked_rehearsals_state")
        ),
        sa.CheckConstraint("step IN ('making', 'running', 'judging')", name=op.f("ck_asked_rehearsals_step")),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_asked_rehearsals_lease")),
        sa.ForeignKeyConstraint(["person"], ["people.ident"], name=op.f("fk_asked_rehearsals_person_people")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_asked_rehearsals")),
    )
    op.create_index(op.f("ix_asked_rehearsals_person_created"), "asked_rehearsals", ["person", "created"], unique=False)
    op.create_index(op.f("ix_asked_rehearsals_state_created"), "asked_rehearsals", ["state", "created"], unique=False)
