"""Hash chain of the ledger: every change is an entry bound to the one before. All totals can be replayed from the
entries."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.domain.identity.audit import GENESIS, chained_hash
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount, zero_amount
from broker.domain.ledger.spends import SPENT_STATES, DisclosureSource, ExactDisclosure, SpendState, StoredAnswer


class LedgerEntryKind(StrEnum):
    """Kind of an entry: a cap was set; a spend changed its state (named like the states); its answer was stored; an
    exact disclosure outside the guarantee; entries that a restored back-up had lost were entered again."""

    ALLOTTED = "allotted"
    RESERVED = "reserved"
    CHARGED = "charged"
    ANSWERED = "answered"
    RELEASED = "released"
    WITHHELD = "withheld"
    REFUNDED = "refunded"
    EXACT_DISCLOSURE = "beside"
    RESTORED = "restored"


SPEND_MOVES = frozenset(LedgerEntryKind(state.value) for state in SpendState)
"""Entries that create a spend or change its state."""


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """A change at its position in the chain of the ledger or of the release history, which have the same form.
    `subject`: a job, an account's name, a source or a release. `body`: canonical JSON."""

    number: int
    at: datetime
    kind: StrEnum
    subject: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Number of an entry and the keyed signature of its hash. Stored elsewhere, it later proves that the ledger was not
    rewritten or cut."""

    number: int
    signature: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Result of checking the ledger or the release history: number of intact entries, number of the first broken one,
    signed heads that it lacks, and what its tables have otherwise than the entries: names of accounts and jobs, or
    numbers of entries of the release history."""

    entries: int
    broken: int | None
    missing_heads: tuple[ChainHead, ...] = ()
    differs: tuple[str, ...] | tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.missing_heads and not self.differs


def entry_hash(number: int, at: datetime, kind: StrEnum, subject: str, body: str, previous: str) -> str:
    return chained_hash(previous, number, at.isoformat(), kind.value, subject, body)


def check_entries(entries: Iterable[ChainEntry]) -> Iterator[tuple[ChainEntry, bool]]:
    """Yield each entry, and whether it follows from the one before. Only `restored` may skip numbers, which were
    lost."""
    number, previous = 0, GENESIS
    for entry in entries:
        gap = entry.kind.value == LedgerEntryKind.RESTORED and entry.number > number
        expected_hash = entry_hash(entry.number, entry.at, entry.kind, entry.subject, entry.body, entry.previous)
        yield entry, (entry.number == number + 1 or gap) and entry.previous == previous and entry.hash == expected_hash
        number, previous = entry.number, entry.hash


def charges_to_json(charges: Iterable[tuple[PrivacyAccount, PrivacyAmount]]) -> str:
    return json.dumps(
        [[a.unit, a.project, a.dataset, x.accounting.value, x.micro, x.delta] for a, x in charges],
        separators=(",", ":"),
    )


def charges_from_json(text: str) -> list[tuple[PrivacyAccount, PrivacyAmount]]:
    return [
        (PrivacyAccount(unit, project, dataset), PrivacyAmount(Accounting(kind), micro, delta))
        for unit, project, dataset, kind, micro, delta in json.loads(text)
    ]


ChargesByAccount = dict[PrivacyAccount, PrivacyAmount]


@dataclass(slots=True)
class ReplayedSpend:
    """The spend of a job, as far as the entries show."""

    state: SpendState
    charges: ChargesByAccount
    answer: StoredAnswer | None = None


@dataclass(slots=True)
class LedgerTotals:
    """Caps by account, spends by job, and exact disclosures outside the guarantee."""

    caps: ChargesByAccount = field(default_factory=dict)
    spends: dict[str, ReplayedSpend] = field(default_factory=dict)
    exact_disclosures: set[ExactDisclosure] = field(default_factory=set)

    def used(self, account: PrivacyAccount) -> tuple[PrivacyAmount, PrivacyAmount]:
        """Amounts spent and reserved."""
        spent = reserved = zero_amount(self.caps[account].accounting)
        for spend in self.spends.values():
            amount = spend.charges.get(account)
            if amount is not None and spend.state in SPENT_STATES:
                spent += amount
            elif amount is not None and spend.state is SpendState.RESERVED:
                reserved += amount
        return spent, reserved


def replay_entries(entries: Iterable[ChainEntry]) -> LedgerTotals:
    totals = LedgerTotals()
    for entry in entries:
        _apply_entry(totals, entry, json.loads(entry.body))
    return totals


def _apply_entry(totals: LedgerTotals, entry: ChainEntry, body: Any) -> None:
    match entry.kind:
        case LedgerEntryKind.ALLOTTED:
            _apply_allotment(totals, body)
        case LedgerEntryKind.RESERVED:
            totals.spends[entry.subject] = ReplayedSpend(SpendState.RESERVED, dict(charges_from_json(body["charges"])))
        case LedgerEntryKind.ANSWERED:
            totals.spends[entry.subject].answer = StoredAnswer(body["hash"], body["place"])
        case LedgerEntryKind.EXACT_DISCLOSURE:
            totals.exact_disclosures |= {
                ExactDisclosure(**(fields | {"kind": DisclosureSource(fields["kind"])})) for fields in body
            }
        case kind if kind in SPEND_MOVES:
            totals.spends[entry.subject].state = SpendState(kind.value)


def _apply_allotment(totals: LedgerTotals, body: dict[str, Any]) -> None:
    """Set a cap; for an account that was opened late, add what was spent before."""
    [(account, cap)] = charges_from_json(body["cap"])
    totals.caps[account] = cap
    for job, (micro, delta) in body["charges"].items():
        totals.spends[job].charges[account] = PrivacyAmount(cap.accounting, micro, delta)
