"""When scripts met real rows, when their authors may read how they did before, and who has read text and print."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.triggers import append_only

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BEGAN = "(SELECT coalesce(jobs.started, jobs.created) FROM jobs WHERE jobs.ident = rehearsals.job)"


def upgrade() -> None:
    op.add_column("rehearsals", sa.Column("trace_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rehearsals", sa.Column("met", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rehearsals", sa.Column("problems", sa.Boolean(), nullable=True))
    op.create_table(
        "script_reads",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["people.ident"], name=op.f("fk_script_reads_by_people")),
        sa.ForeignKeyConstraint(["job"], ["jobs.ident"], name=op.f("fk_script_reads_job_jobs")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_script_reads")),
    )
    op.execute(f"UPDATE rehearsals SET problems = TRUE, met = {BEGAN} WHERE log IS NOT NULL")  # noqa: S608 - no input
    op.execute(
        'INSERT INTO script_reads ("job", "by", "at") '
        "SELECT job, told_by, told_at FROM rehearsals WHERE told_by IS NOT NULL AND told_at IS NOT NULL"
    )
    for statement in append_only(op.get_bind().dialect.name, "script_reads"):
        op.execute(statement)
