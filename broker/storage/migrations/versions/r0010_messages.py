"""What is said about outputs, and why a vote sets findings aside."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("audience IN ('staff', 'researchers')", name=op.f("ck_messages_audience")),
        sa.CheckConstraint("confirmed_by <> author", name=op.f("ck_messages_second_person")),
        sa.ForeignKeyConstraint(["output"], ["outputs.ident"], name=op.f("fk_messages_output_outputs")),
        sa.ForeignKeyConstraint(["author"], ["people.ident"], name=op.f("fk_messages_author_people")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["people.ident"], name=op.f("fk_messages_confirmed_by_people")),
        sa.PrimaryKeyConstraint("output", "number", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_held_confirmed_by"), "messages", ["held", "confirmed_by"])
    op.add_column("votes", sa.Column("why", sa.Text(), nullable=True))
