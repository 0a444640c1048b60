"""The memory of everything released: its chain, entries, their figures, and counts against caps. All append-only."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.chain_triggers import chain_guards, not_twice
from broker.storage.migrations.triggers import append_only

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SAME = {
    "memory_entries": "number = NEW.number OR file = NEW.file",
    "memory_figures": "number = NEW.number",
    "memory_splits": "number = NEW.number AND snapshot = NEW.snapshot AND population = NEW.population",
}


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _number() -> sa.Column[int]:
    return sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    _chain()
    _entries()
    dialect = op.get_bind().dialect.name
    statements = [s for table in ("memory_lines", *SAME) for s in append_only(dialect, table)]
    statements += chain_guards(dialect, "memory_lines", "memory_head")
    statements += [s for table, same in SAME.items() for s in not_twice(dialect, table, same)]
    for statement in statements:
        op.execute(statement)


def _chain() -> None:
    op.create_table(
        "memory_lines",
        _number(),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *map(_text, ("kind", "subject", "body", "previous", "hash")),
        sa.CheckConstraint("kind IN ('remembered', 'restored')", name=op.f("ck_memory_lines_kind")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_memory_lines")),
        sa.UniqueConstraint("previous", name=op.f("uq_memory_lines_previous")),
        sa.UniqueConstraint("hash", name=op.f("uq_memory_lines_hash")),
    )
    head = op.create_table(
        "memory_head",
        sa.Column("ident", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("ident = 1", name=op.f("ck_memory_head_single")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_memory_head")),
    )
    op.bulk_insert(head, [{"ident": 1, "number": 0, "hash": "0" * 64}])


def _entries() -> None:
    op.create_table(
        "memory_entries",
        _number(),
        *map(_text, ("release", "recipe", "snapshot", "entry")),
        _text("file", True),
        _text("digest", True),
        sa.CheckConstraint("(file IS NULL) = (digest IS NULL)", name=op.f("ck_memory_entries_file_whole")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_memory_entries")),
        sa.UniqueConstraint("file", name=op.f("uq_memory_entries_file")),
    )
    op.create_index(op.f("ix_memory_entries_recipe_snapshot"), "memory_entries", ["recipe", "snapshot"])
    op.create_index(op.f("ix_memory_entries_release"), "memory_entries", ["release"])
    op.create_table(
        "memory_figures", _number(), _text("figures"), sa.PrimaryKeyConstraint("number", name=op.f("pk_memory_figures"))
    )
    op.create_table(
        "memory_splits",
        _number(),
        *map(_text, ("snapshot", "population", "totals")),
        sa.PrimaryKeyConstraint("number", "snapshot", "population", name=op.f("pk_memory_splits")),
    )
    op.create_index(
        op.f("ix_memory_splits_snapshot_population_number"), "memory_splits", ["snapshot", "population", "number"]
    )
