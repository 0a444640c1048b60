"""The audit log: the record of every change and every view, and the hash chain that binds it."""

import hashlib
import json
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


def first_break(lines: list[AuditLine], start: str = GENESIS, first: int = 1) -> int | None:
    """Number of the first line that does not follow from the one before; None if the chain is intact."""
    previous = start
    for expected, line in enumerate(lines, first):
        if (
            line.number != expected
            or line.previous != previous
            or line_hash(line.number, line.event, previous) != line.hash
        ):
            return line.number
        previous = line.hash
    return None


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of checking the whole chain: number of intact lines, the last good hash, and the first bad number or
    None."""

    lines: int
    hash: str
    broken: int | None
