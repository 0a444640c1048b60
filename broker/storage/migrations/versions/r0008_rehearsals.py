"""How scripts did on the synthetic NPD, and what checkers tell of failures on real data."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("trace", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("told_by", sa.Text(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(reason IS NULL) = (told_by IS NULL)", name=op.f("ck_rehearsals_told")),
        sa.ForeignKeyConstraint(["job"], ["jobs.ident"], name=op.f("fk_rehearsals_job_jobs")),
        sa.ForeignKeyConstraint(["told_by"], ["people.ident"], name=op.f("fk_rehearsals_told_by_people")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_rehearsals")),
    )
