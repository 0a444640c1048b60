"""Entries of the ledger, which is a signed log: every change is one. All totals can be replayed from them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import SPENT_STATES, DisclosureSource, ExactDisclosure, SpendState, StoredAnswer
from broker.domain.signed_log import ChainEntry


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
        spent = reserved = PrivacyAmount(self.caps[account].accounting, 0)
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
