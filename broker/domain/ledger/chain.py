"""The ledger's own chain: every change as an entry bound to the one before. No keys: signing heads is the store's."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.amounts import Accounting, Amount
from broker.domain.audit import GENESIS
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.spends import SpendState


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
    """A change in its place, of the ledger or of the memory, whose chain is alike. `subject` is a job, an account's
    name, a source or a release; `body` is canonical JSON."""

    number: int
    at: datetime
    kind: StrEnum
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


def entry_hash(number: int, at: datetime, kind: StrEnum, subject: str, body: str, previous: str) -> str:
    text = json.dumps([number, at.isoformat(), kind.value, subject, body], separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def followed(entries: Iterable[Entry]) -> Iterator[tuple[Entry, bool]]:
    """Each entry with whether it follows from the one before. Only `restored` leaves out the numbers that were lost."""
    number, previous = 0, GENESIS
    for entry in entries:
        gap = entry.kind.value == EntryKind.RESTORED and entry.number > number
        made = entry_hash(entry.number, entry.at, entry.kind, entry.subject, entry.body, entry.previous)
        yield entry, (entry.number == number + 1 or gap) and entry.previous == previous and entry.hash == made
        number, previous = entry.number, entry.hash


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
