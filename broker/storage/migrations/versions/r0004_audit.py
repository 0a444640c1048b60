"""The audit chain and its head: appended to, never changed."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.triggers import CHAINED, append_only

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_previous")),
    )
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"], unique=False)
    head = op.create_table(
        "audit_head",
        sa.Column("ident", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("ident = 1", name=op.f("ck_audit_head_single")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_audit_head")),
    )
    dialect = op.get_bind().dialect.name
    op.bulk_insert(head, [{"ident": 1, "number": 0, "hash": "0" * 64}])
    for statement in (*append_only(dialect, "audit"), *CHAINED[dialect]):
        op.execute(statement)
