"""How many tables had been released when a job began: with its text, what it looks to take at least. And jobs by when
they ended, for whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("remembered", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_jobs_ended"), "jobs", ["ended"], unique=False)
