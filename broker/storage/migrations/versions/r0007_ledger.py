"""The ledger: accounts, spends and what they are charged, what stands beside the claim, and the chain of it all."""

import sqlalchemy as sa
from alembic import op

from broker.storage.migrations.ledger_triggers import ledger_guards
from broker.storage.migrations.triggers import append_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = "state IN ('reserved', 'charged', 'released', 'withheld', 'refunded')"
KINDS = (
    "kind IN ('allotted', 'reserved', 'charged', 'answered', 'released', 'withheld', 'refunded', 'beside', 'restored')"
)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _amounts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    _accounts()
    _spends()
    _asides()
    _chain()
    dialect = op.get_bind().dialect.name
    for table in ("ledger_charges", "ledger_asides", "ledger_entries"):
        for statement in append_only(dialect, table):
            op.execute(statement)
    for statement in ledger_guards(dialect):
        op.execute(statement)


def _accounts() -> None:
    op.create_table(
        "ledger_accounts",
        *map(_text, ("unit", "project", "dataset", "accounting")),
        *_amounts("cap", "cap_delta", "spent", "spent_delta", "reserved", "reserved_delta"),
        sa.CheckConstraint("accounting IN ('pure', 'approximate', 'zcdp')", name=op.f("ck_ledger_accounts_accounting")),
        sa.CheckConstraint(
            "spent >= 0 AND reserved >= 0 AND spent + reserved <= cap", name=op.f("ck_ledger_accounts_within_cap")
        ),
        sa.CheckConstraint(
            "spent_delta >= 0 AND reserved_delta >= 0 AND spent_delta + reserved_delta <= cap_delta",
            name=op.f("ck_ledger_accounts_within_delta"),
        ),
        sa.PrimaryKeyConstraint("unit", "project", "dataset", name=op.f("pk_ledger_accounts")),
    )


def _spends() -> None:
    op.create_table(
        "ledger_spends",
        *map(_text, ("job", "project", "snapshot", "question", "costs", "state")),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        _text("answer_hash", True),
        _text("answer_place", True),
        sa.CheckConstraint(STATES, name=op.f("ck_ledger_spends_state")),
        sa.CheckConstraint(
            "(answer_hash IS NULL) = (answer_place IS NULL)", name=op.f("ck_ledger_spends_answer_whole")
        ),
        sa.CheckConstraint(
            "answer_hash IS NULL OR state IN ('charged', 'released', 'withheld')",
            name=op.f("ck_ledger_spends_answer_paid"),
        ),
        sa.CheckConstraint(
            "answer_hash IS NOT NULL OR state <> 'released'", name=op.f("ck_ledger_spends_released_answer")
        ),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_ledger_spends")),
    )
    op.create_index(
        op.f("ix_ledger_spends_project_snapshot_question"), "ledger_spends", ["project", "snapshot", "question"]
    )
    op.create_index(op.f("ix_ledger_spends_state_created"), "ledger_spends", ["state", "created"])
    op.create_table(
        "ledger_charges",
        *map(_text, ("job", "unit", "project", "dataset")),
        *_amounts("micro", "delta"),
        sa.CheckConstraint("micro >= 0 AND delta >= 0 AND micro + delta > 0", name=op.f("ck_ledger_charges_something")),
        sa.PrimaryKeyConstraint("job", "unit", "project", "dataset", name=op.f("pk_ledger_charges")),
    )
    op.create_index(op.f("ix_ledger_charges_unit_project_dataset"), "ledger_charges", ["unit", "project", "dataset"])


def _asides() -> None:
    op.create_table(
        "ledger_asides",
        *map(_text, ("kind", "source", "dataset", "project", "snapshot")),
        sa.CheckConstraint("kind IN ('exact', 'public')", name=op.f("ck_ledger_asides_kind")),
        sa.PrimaryKeyConstraint("kind", "source", "dataset", name=op.f("pk_ledger_asides")),
    )
    op.create_index(op.f("ix_ledger_asides_dataset"), "ledger_asides", ["dataset"])


def _chain() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *map(_text, ("kind", "subject", "body", "previous", "hash")),
        sa.CheckConstraint(KINDS, name=op.f("ck_ledger_entries_kind")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("previous", name=op.f("uq_ledger_entries_previous")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_entries_hash")),
    )
    op.create_index(op.f("ix_ledger_entries_subject"), "ledger_entries", ["subject"])
    head = op.create_table(
        "ledger_head",
        sa.Column("ident", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("ident = 1", name=op.f("ck_ledger_head_single")),
        sa.PrimaryKeyConstraint("ident", name=op.f("pk_ledger_head")),
    )
    op.bulk_insert(head, [{"ident": 1, "number": 0, "hash": "0" * 64}])
