"""One table of leases for all work, in place of columns of jobs, rehearsals and public tables."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KINDS = "'run', 'compare', 'release', 'rehearsal', 'public_table'"
MOVED = (
    ("run", "jobs", "lease_until", "worker", "state = 'running'"),
    ("compare", "jobs", "comparing_until", "'earlier'", "state = 'assessing'"),
    ("rehearsal", "asked_rehearsals", "lease_until", "'earlier'", "state = 'running'"),
    ("public_table", "public_tables", "lease_until", "'earlier'", "entry IS NULL"),
)
"""(kind, table, column of its leases, who has them, condition). All lapse soon: the workers were stopped."""

CHECKS = {
    "jobs": "(state = 'running') = (lease_until IS NOT NULL)",
    "asked_rehearsals": "(state = 'running') = (lease_until IS NOT NULL)",
    "public_tables": "entry IS NULL OR lease_until IS NULL",
}


def upgrade() -> None:
    op.create_table(
        "work_leases",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_work_leases"),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_work_leases_kind")),
    )
    for kind, table, column, worker, condition in MOVED:
        op.execute(
            "INSERT INTO work_leases (kind, subject, attempt, worker, until) "  # noqa: S608 - no input
            f"SELECT '{kind}', ident, attempt, {worker}, {column} FROM {table} "
            f"WHERE {column} IS NOT NULL AND {condition}"
        )
    if op.get_bind().dialect.name == "sqlite":
        _drop_checks_of_sqlite()
    else:
        for table in CHECKS:
            op.drop_constraint(op.f(f"ck_{table}_lease"), table)
    for _, table, column, *_ in MOVED:
        op.drop_column(table, column)


def _drop_checks_of_sqlite() -> None:
    """SQLite drops no constraint, but documents this way to change one that has no effect on what is stored:
    https://sqlite.org/lang_altertable.html#otheralter"""
    connection = op.get_bind()
    version = connection.execute(sa.text("PRAGMA schema_version")).scalar_one()
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    for table, check in CHECKS.items():
        named = f"CONSTRAINT ck_{table}_lease CHECK ({check})"
        for text in (f", \n\t{named}", f", {named}"):
            connection.execute(
                sa.text(
                    "UPDATE sqlite_schema SET sql = replace(sql, :check, '') WHERE type = 'table' AND name = :table"
                ),
                {"check": text, "table": table},
            )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))
