"""The entries of the ledger added up again: all that its tables hold, which are there for speed. Reads none."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from broker.domain.amounts import Amount, nothing
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Aside, Beside
from broker.domain.ledger.chain import MOVES, Entry, EntryKind, charges_from_json
from broker.domain.ledger.spends import SPENT, Answer, SpendState

Charges = dict[Account, Amount]


@dataclass(slots=True)
class Spent:
    """A job's spend, as far as the entries go."""

    state: SpendState
    charges: Charges
    answer: Answer | None = None


@dataclass(slots=True)
class Totals:
    """Caps by account, spends by job, and what stands beside the claim."""

    caps: Charges = field(default_factory=dict)
    spends: dict[str, Spent] = field(default_factory=dict)
    asides: set[Aside] = field(default_factory=set)

    def used(self, account: Account) -> tuple[Amount, Amount]:
        """Spent and reserved."""
        spent = reserved = nothing(self.caps[account].accounting)
        for found in self.spends.values():
            amount = found.charges.get(account)
            if amount is not None and found.state in SPENT:
                spent += amount
            elif amount is not None and found.state is SpendState.RESERVED:
                reserved += amount
        return spent, reserved


def replay(entries: Iterable[Entry]) -> Totals:
    totals = Totals()
    for entry in entries:
        _follow(totals, entry, json.loads(entry.body))
    return totals


def _follow(totals: Totals, entry: Entry, body: Any) -> None:
    match entry.kind:
        case EntryKind.ALLOTTED:
            _allot(totals, body)
        case EntryKind.RESERVED:
            totals.spends[entry.subject] = Spent(SpendState.RESERVED, dict(charges_from_json(body["charges"])))
        case EntryKind.ANSWERED:
            totals.spends[entry.subject].answer = Answer(body["hash"], body["place"])
        case EntryKind.BESIDE:
            totals.asides |= {Aside(**(fields | {"kind": Beside(fields["kind"])})) for fields in body}
        case kind if kind in MOVES:
            totals.spends[entry.subject].state = SpendState(kind.value)


def _allot(totals: Totals, body: dict[str, Any]) -> None:
    """A cap; and, for an account that was opened late, what was spent before."""
    [(account, cap)] = charges_from_json(body["cap"])
    totals.caps[account] = cap
    for job, (micro, delta) in body["charges"].items():
        totals.spends[job].charges[account] = Amount(cap.accounting, micro, delta)
