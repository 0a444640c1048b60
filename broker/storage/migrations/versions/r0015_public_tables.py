"""Tables that were published elsewhere: asked for by one administrator, confirmed by another, run by a worker."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

GIVEN = ("ident", "name", "source", "recipe", "dialect", "snapshot", "rounding", "figures")


def upgrade() -> None:
    op.create_table(
        "public_tables",
        *(sa.Column(name, sa.Text(), nullable=False) for name in GIVEN),
        sa.Column("standing", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("vault", sa.Text(), nullable=True),
        sa.Column("agreed", sa.Integer(), nullable=True),
        sa.Column("compared", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "why IN ('differs', 'refused', 'limit', 'failed', 'retired')", name=op.f("ck_public_tables_why")
        ),
        *(sa.CheckConstraint(text, name=op.f(f"ck_public_tables_{name}")) for name, text in CHECKS.items()),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_public_tables")),
        sa.UniqueConstraint("standing", name=op.f("uq_public_tables_standing")),
        sa.UniqueConstraint("entry", name=op.f("uq_public_tables_entry")),
    )


CHECKS = {
    "second_administrator": "confirmed_by <> by",
    "confirmed": "entry IS NULL OR confirmed_by IS NOT NULL",
    "withdrawn": "withdrawn_at IS NULL OR confirmed_by IS NULL",
    "entered": "(entry IS NULL) = (entered_at IS NULL)",
    "found": "(entry IS NULL) = (agreed IS NULL) AND (entry IS NULL) = (compared IS NULL)",
    "lease": "entry IS NULL OR lease_until IS NULL",
}
