"""Tables of the ledger: columns, keys and checks. No queries. No foreign keys, because the ledger outlives jobs."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from broker.domain.ledger.ledger_entries import LedgerEntryKind
from broker.domain.ledger.privacy_loss import Accounting
from broker.domain.ledger.spends import DisclosureSource, SpendState
from broker.storage.tables.chain_tables import chain_tables
from broker.storage.tables.schema import UtcTime, columns, metadata, words

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    *columns(Text, "unit", "project", "dataset", primary_key=True),
    *words("accounting", Accounting, nullable=False),
    *columns(BigInteger, "cap", "cap_delta", "spent", "spent_delta", "reserved", "reserved_delta", nullable=False),
    CheckConstraint("spent >= 0 AND reserved >= 0 AND spent + reserved <= cap", name="within_cap"),
    CheckConstraint(
        "spent_delta >= 0 AND reserved_delta >= 0 AND spent_delta + reserved_delta <= cap_delta", name="within_delta"
    ),
)
"""`project` and `dataset` are '' if an account is for all of them. Triggers prevent `spent` from ever falling."""

ledger_spends = Table(
    "ledger_spends",
    metadata,
    Column("job", Text, primary_key=True),
    *columns(Text, "project", "snapshot", "question", "costs", nullable=False),
    *words("state", SpendState, nullable=False),
    *columns(UtcTime, "created", "updated", nullable=False),
    *columns(Text, "answer_hash", "answer_place"),
    CheckConstraint("(answer_hash IS NULL) = (answer_place IS NULL)", name="answer_whole"),
    CheckConstraint("answer_hash IS NULL OR state IN ('charged', 'released', 'withheld')", name="answer_paid"),
    CheckConstraint("answer_hash IS NOT NULL OR state <> 'released'", name="released_answer"),
    Index(None, "project", "snapshot", "question"),
    Index(None, "state", "created"),
)
"""One row for each job, so a job is charged only once. Triggers allow only the moves of `SPEND_TRANSITIONS`."""

ledger_charges = Table(
    "ledger_charges",
    metadata,
    *columns(Text, "job", "unit", "project", "dataset", primary_key=True),
    *columns(BigInteger, "micro", "delta", nullable=False),
    CheckConstraint("micro >= 0 AND delta >= 0 AND micro + delta > 0", name="something"),
    Index(None, "unit", "project", "dataset"),
)
"""The charge of a spend in each account. Rows never change."""

ledger_asides = Table(
    "ledger_asides",
    metadata,
    *words("kind", DisclosureSource, primary_key=True),
    *columns(Text, "source", "dataset", primary_key=True),
    *columns(Text, "project", "snapshot", nullable=False),
    Index(None, "dataset"),
)
"""Exact releases alongside the privacy claims. Rows never change."""

ledger_entries, ledger_head = chain_tables("ledger_entries", "ledger_head", LedgerEntryKind, index=True)
