"""How large reference populations are, for the gauge of the cap; and files of members that were swept, which nothing
may name any more."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.triggers import append_only

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "memory_populations",
        *map(_text, ("snapshot", "population", "name", "held_in")),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("least", sa.Integer(), nullable=False),
        *map(_text, ("cells", "sizes")),
        sa.PrimaryKeyConstraint("snapshot", "population", name=op.f("pk_memory_populations")),
    )
    op.create_table(
        "memory_swept",
        _text("file"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file", name=op.f("pk_memory_swept")),
    )
    for statement in append_only(op.get_bind().dialect.name, "memory_swept"):
        op.execute(statement)
