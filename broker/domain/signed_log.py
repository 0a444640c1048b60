"""Signed logs: the privacy ledger and the release history. Each is a chain of entries with a signed head, which later
proves that nothing was rewritten or cut."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.identity.audit import GENESIS, chained_hash


class LogName(StrEnum):
    """A signed log. The value is part of what is signed, of audit events and of addresses."""

    LEDGER = "ledger"
    HISTORY = "memory"

    @property
    def label(self) -> str:
        """The log's name in messages."""
        return "ledger" if self is LogName.LEDGER else "release history"


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """A change at its position in the chain. `subject`: a job, an account's name, a source or a release. `body`:
    canonical JSON."""

    number: int
    at: datetime
    kind: StrEnum
    subject: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Number of an entry and the keyed signature of its hash. Stored elsewhere, it later proves that the log was not
    rewritten or cut."""

    number: int
    signature: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Result of checking a log: number of intact entries, number of the first broken one, signed heads that it lacks,
    and what its tables have otherwise than the entries: names of accounts and jobs of the ledger, or numbers of entries
    of the release history. `without_members`: entries of the release history whose file of members is missing,
    unreadable or about something else, if the files were checked."""

    entries: int
    broken: int | None
    missing_heads: tuple[ChainHead, ...] = ()
    differs: tuple[str | int, ...] = ()
    without_members: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None and not (self.missing_heads or self.differs or self.without_members)


RESTORED = "restored"
"""Kind of an entry that names the head that a restored back-up had lost."""


def entry_hash(number: int, at: datetime, kind: StrEnum, subject: str, body: str, previous: str) -> str:
    return chained_hash(previous, number, at.isoformat(), kind.value, subject, body)


def check_entries(entries: Iterable[ChainEntry]) -> Iterator[tuple[ChainEntry, bool]]:
    """Yield each entry, and whether it follows from the one before. Only `restored` may skip numbers, which were
    lost."""
    number, previous = 0, GENESIS
    for entry in entries:
        gap = entry.kind.value == RESTORED and entry.number > number
        expected_hash = entry_hash(entry.number, entry.at, entry.kind, entry.subject, entry.body, entry.previous)
        yield entry, (entry.number == number + 1 or gap) and entry.previous == previous and entry.hash == expected_hash
        number, previous = entry.number, entry.hash
