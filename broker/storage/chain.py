"""Appends to the audit chain inside the transaction of the change that it tells of. Nothing reads it here."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from sqlalchemy import Connection, insert, select, update

from broker.domain.audit import AuditEvent, line_hash
from broker.domain.errors import Breach
from broker.storage.tables.audit import audit, audit_head

_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+/-]{0,255}")


def append(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Write the events of a change; the head row's lock makes appenders queue. Call it last in a transaction."""
    if not events:
        raise Breach("A change must bring its audit event.")
    for event in events:
        check_event(event)
    head = connection.execute(select(audit_head).with_for_update()).one()
    number, previous = int(head.number), str(head.hash)
    for event in events:
        # The hash is over what will be read back, so the moment is turned to UTC first.
        event = replace(event, at=event.at.astimezone(UTC))
        number, digest = number + 1, line_hash(number + 1, event, previous)
        connection.execute(
            insert(audit).values(
                number=number,
                at=event.at,
                actor=event.actor,
                action=event.action,
                subject=event.subject,
                codes=[list(pair) for pair in event.codes],
                previous=previous,
                hash=digest,
            )
        )
        connection.execute(update(audit_head).values(number=number, hash=digest))
        previous = digest


def check_event(event: AuditEvent) -> None:
    """Refuse what could be text of a query or of an output: an audit line holds ids and closed words only."""
    words = [event.action, *(key for key, _ in event.codes)]
    idents = [event.actor, event.subject, *(value for _, value in event.codes if value)]
    if event.at.tzinfo is None:
        raise Breach("An audit event needs a moment with a time zone.")
    if not all(_WORD.fullmatch(w) for w in words) or not all(_IDENT.fullmatch(i) for i in idents):
        raise Breach(f"Audit event {event.action[:64]!r} carries something that is neither an id nor a closed word.")
