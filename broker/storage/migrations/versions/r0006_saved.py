"""What projects keep: cohorts and lookups; and which of them a job read and kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATES = "state IN ('in_review', 'kept', 'approved', 'rejected', 'dropped', 'replaced')"


def upgrade() -> None:
    op.create_table(
        "saved",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("readable_as", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(STATES, name=op.f("ck_saved_state")),
        sa.CheckConstraint(
            "(state IN ('kept', 'approved')) = (readable_as IS NOT NULL)", name=op.f("ck_saved_readable")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["people.ident"], name=op.f("fk_saved_decided_by_people")),
        sa.ForeignKeyConstraint(["made_by"], ["people.ident"], name=op.f("fk_saved_made_by_people")),
        sa.ForeignKeyConstraint(["policy"], ["policies.fingerprint"], name=op.f("fk_saved_policy_policies")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_saved")),
        sa.UniqueConstraint("project", "readable_as", name=op.f("uq_saved_project_readable_as")),
    )
    op.create_index(op.f("ix_saved_project_state"), "saved", ["project", "state"], unique=False)
    op.add_column("jobs", sa.Column("read_saved", sa.JSON()))
    op.add_column("jobs", sa.Column("kept", sa.JSON()))
