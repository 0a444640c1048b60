"""The audit log: what is written for every change and every look, and the hash chain that binds it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which thing. `codes` are ids and closed words only: no figures, no query text."""

    at: datetime
    actor: str
    action: str
    subject: str
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An event in its place in the chain."""

    number: int
    event: AuditEvent
    previous: str
    hash: str


def line_hash(number: int, event: AuditEvent, previous: str) -> str:
    """SHA-256 over the previous line's hash and this line's canonical JSON."""
    body = json.dumps(
        [number, event.at.isoformat(), event.actor, event.action, event.subject, list(map(list, event.codes))],
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def first_break(lines: list[AuditLine], start: str = GENESIS, first: int = 1) -> int | None:
    """The number of the first line that does not follow from the one before; None if the chain holds."""
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
    """What following the whole chain found: how many lines hold, the last good hash, the first bad number or None."""

    lines: int
    hash: str
    broken: int | None
