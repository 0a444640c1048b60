"""The ledger's own chain: every change as an entry bound to the one before. No keys: signing heads is the store's.

Entries say all that the ledger's tables hold. The tables are there for speed: `replay` makes their totals again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.domain.audit import GENESIS
from broker.domain.ledger.amounts import Account, Accounting, Amount
from broker.domain.ledger.spends import SPENT, SpendState


class EntryKind(StrEnum):
    """A cap was set; a spend moved (as the states are called); its answer was stored; something exact stands beside the
    claim; what a restored back-up had forgotten was entered again."""

    ALLOTTED = "allotted"
    RESERVED = "reserved"
    CHARGED = "charged"
    ANSWERED = "answered"
    RELEASED = "released"
    WITHHELD = "withheld"
    REFUNDED = "refunded"
    BESIDE = "beside"
    RESTORED = "restored"


MOVES = frozenset(EntryKind(state.value) for state in SpendState)
"""Entries by which a spend comes into being or moves."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in its place. `subject` is a job, an account's name or a source; `body` is canonical JSON."""

    number: int
    at: datetime
    kind: EntryKind
    subject: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The number of an entry and the keyed signature of its hash: what is kept elsewhere, to know the ledger by."""

    number: int
    signature: str


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What following the ledger found: entries that hold, the number of the first that does not, heads that it does not
    know, and names of accounts and jobs whose tables say something else than the entries."""

    entries: int
    broken: int | None
    forgotten: tuple[Head, ...] = ()
    differs: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.forgotten and not self.differs


def entry_hash(number: int, at: datetime, kind: EntryKind, subject: str, body: str, previous: str) -> str:
    text = json.dumps([number, at.isoformat(), kind.value, subject, body], separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def followed(entries: Iterable[Entry]) -> Iterator[tuple[Entry, bool]]:
    """Each entry with whether it follows from the one before. Only `restored` leaves out the numbers that were lost."""
    number, previous = 0, GENESIS
    for entry in entries:
        gap = entry.kind is EntryKind.RESTORED and entry.number > number
        made = entry_hash(entry.number, entry.at, entry.kind, entry.subject, entry.body, entry.previous)
        yield entry, (entry.number == number + 1 or gap) and entry.previous == previous and entry.hash == made
        number, previous = entry.number, entry.hash


@dataclass(frozen=True, slots=True)
class Totals:
    """What the entries add up to: caps, spent and reserved amounts by account, and the state of each spend."""

    accounts: dict[Account, tuple[Amount, Amount, Amount]]
    spends: dict[str, SpendState]


def replay(entries: Iterable[Entry]) -> Totals:
    caps: dict[Account, Amount] = {}
    charges: dict[str, list[tuple[Account, Amount]]] = {}
    spends: dict[str, SpendState] = {}
    for entry in entries:
        if entry.kind is EntryKind.ALLOTTED:
            _allot(json.loads(entry.body), caps, charges)
        elif entry.kind is EntryKind.RESERVED:
            charges[entry.subject] = charges_from_json(json.loads(entry.body)["charges"])
        if entry.kind in MOVES:
            spends[entry.subject] = SpendState(entry.kind.value)
    return Totals({a: (c, *_sums(a, c, charges, spends)) for a, c in caps.items()}, spends)


def _allot(body: dict[str, Any], caps: dict[Account, Amount], charges: dict[str, list[tuple[Account, Amount]]]) -> None:
    """A cap; and, for an account that was opened late, what was spent before."""
    [(account, cap)] = charges_from_json(body["cap"])
    caps[account] = cap
    for job, (micro, delta) in body["charges"].items():
        charges[job].append((account, Amount(cap.accounting, micro, delta)))


def _sums(
    account: Account, cap: Amount, charges: dict[str, list[tuple[Account, Amount]]], spends: dict[str, SpendState]
) -> tuple[Amount, Amount]:
    spent = reserved = Amount(cap.accounting, 0)
    for job, listed in charges.items():
        amount = dict(listed).get(account)
        if amount is None:
            continue
        if spends[job] in SPENT:
            spent += amount
        elif spends[job] is SpendState.RESERVED:
            reserved += amount
    return spent, reserved


def charges_to_json(charges: Iterable[tuple[Account, Amount]]) -> str:
    return json.dumps(
        [[a.unit, a.project, a.dataset, x.accounting.value, x.micro, x.delta] for a, x in charges],
        separators=(",", ":"),
    )


def charges_from_json(text: str) -> list[tuple[Account, Amount]]:
    return [
        (Account(unit, project, dataset), Amount(Accounting(kind), micro, delta))
        for unit, project, dataset, kind, micro, delta in json.loads(text)
    ]
