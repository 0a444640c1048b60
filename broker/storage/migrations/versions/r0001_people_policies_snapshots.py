"""People with roles and tokens, policy sets, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_people")),
    )
    op.create_table(
        "person_roles",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('researcher', 'checker', 'administrator', 'system')", name=op.f("ck_person_roles_role")
        ),
        sa.ForeignKeyConstraint(["person"], ["people.ident"], name=op.f("fk_person_roles_person_people")),
        sa.PrimaryKeyConstraint("person", "role", name=op.f("pk_person_roles")),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.ident"], name=op.f("fk_tokens_person_people")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_person"), "tokens", ["person"], unique=False)
    op.create_table(
        "policies",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_policies")),
    )
    op.create_table(
        "policy_proposals",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_order", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(applied_by IS NULL) = (applied_at IS NULL) AND (applied_by IS NULL) = (applied_order IS NULL)",
            name=op.f("ck_policy_proposals_applied_whole"),
        ),
        sa.CheckConstraint("applied_by <> proposed_by", name=op.f("ck_policy_proposals_second_administrator")),
        sa.ForeignKeyConstraint(
            ["fingerprint"], ["policies.fingerprint"], name=op.f("fk_policy_proposals_fingerprint_policies")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_policy_proposals")),
        sa.UniqueConstraint("applied_order", name=op.f("uq_policy_proposals_applied_order")),
    )
    op.create_index(op.f("ix_policy_proposals_fingerprint"), "policy_proposals", ["fingerprint"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("ident", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_snapshots")),
        sa.UniqueConstraint("number", name=op.f("uq_snapshots_number")),
    )
