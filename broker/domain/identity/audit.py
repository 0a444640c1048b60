"""The audit log: the record of every change and every view, and the hash chain that binds it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which object. `codes` are ids and words of closed lists: no figures, no query text."""

    at: datetime
    actor: str
    action: str
    subject: str
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An event at its position in the chain."""

    number: int
    event: AuditEvent
    previous: str
    hash: str


def chained_hash(previous: str, *parts: object) -> str:
    """SHA-256, as hexadecimal digits, of the hash before and the canonical JSON of these parts."""
    body = json.dumps(parts, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def line_hash(number: int, event: AuditEvent, previous: str) -> str:
    at = event.at.isoformat()
    return chained_hash(previous, number, at, event.actor, event.action, event.subject, event.codes)


def check_lines(lines: Iterable[AuditLine]) -> Iterator[tuple[AuditLine, bool]]:
    """Yield each line, and whether it follows from the one before."""
    number, previous = 0, GENESIS
    for line in lines:
        expected = (number + 1, previous, line_hash(line.number, line.event, previous))
        yield line, (line.number, line.previous, line.hash) == expected
        number, previous = line.number, line.hash


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of checking the whole chain: number of intact lines, the last good hash, and the first bad number or
    None."""

    lines: int
    hash: str
    broken: int | None
