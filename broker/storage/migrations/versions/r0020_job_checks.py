"""What the check understood of each job's text. Jobs of an earlier store have none: their texts are checked again."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_checks",
        sa.Column("job", sa.Text, sa.ForeignKey("jobs.ident", name="fk_job_checks_job_jobs"), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job", name="pk_job_checks"),
    )
