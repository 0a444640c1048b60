"""Stops; accreditation and mail of people; sessions with their limits; retired snapshots; decisions on projects;
what workers report; notices that were mailed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stops",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("was_active", sa.Boolean(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('person', 'project')", name=op.f("ck_stops_kind")),
        sa.CheckConstraint("lifted_by <> asked_by", name=op.f("ck_stops_second_administrator")),
        sa.CheckConstraint("(lifted_by IS NULL) = (standing IS NOT NULL)", name=op.f("ck_stops_standing")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_stops")),
        sa.UniqueConstraint("standing", name=op.f("uq_stops_standing")),
    )
    op.create_table(
        "project_decisions",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("proposal", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal"], ["policy_proposals.number"], name=op.f("fk_project_decisions_proposal_policy_proposals")
        ),
        sa.PrimaryKeyConstraint("project", "proposal", name=op.f("pk_project_decisions")),
    )
    op.create_table(
        "worker_reports",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_worker_reports")),
    )
    op.create_table(
        "notices_mailed",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.ident"], name=op.f("fk_notices_mailed_person_people")),
        sa.PrimaryKeyConstraint("person", "key", name=op.f("pk_notices_mailed")),
    )
    op.add_column("people", sa.Column("accredited_from", sa.Date()))
    op.add_column("people", sa.Column("accredited_until", sa.Date()))
    op.add_column("people", sa.Column("email", sa.Text()))
    op.add_column("tokens", sa.Column("made", sa.DateTime(timezone=True)))
    op.add_column("tokens", sa.Column("seen", sa.DateTime(timezone=True)))
    op.add_column("snapshots", sa.Column("retired", sa.DateTime(timezone=True)))
    op.create_index(op.f("ix_audit_actor_number"), "audit", ["actor", "number"], unique=False)
    op.create_index(op.f("ix_audit_action_number"), "audit", ["action", "number"], unique=False)
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
