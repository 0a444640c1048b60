"""After a restored back-up: two administrators give the ledger back what it forgot, or the head that was lost.

The first asks, the second asks for exactly the same: until then nothing happens but a line in the audit log.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.amounts import Amount
from broker.domain.audit import AuditEvent
from broker.domain.ledger.amounts import Account, costs_to_json
from broker.domain.ledger.chain import Head, charges_to_json
from broker.domain.ledger.spends import Asked
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow.both import two_ask

SUBJECT = "ledger"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a restored ledger does not know: the head that was signed last, and the caps and jobs since."""

    lost: Head
    caps: Mapping[Account, Amount] = field(default_factory=dict)
    spends: tuple[Asked, ...] = ()

    @property
    def digest(self) -> str:
        """By which the second administrator's request is known to be the first one's."""
        spends = [[a.job, a.project, a.snapshot, a.question, costs_to_json(a.costs)] for a in self.spends]
        caps = charges_to_json(sorted(self.caps.items(), key=lambda pair: pair[0]))
        return _digest(self.lost, caps, *sorted(spends))


def reenter(ports: Ports, person: Person, forgotten: Forgotten) -> bool:
    """Enter what was forgotten, as spent. False: a second administrator has to ask for the same first."""
    by = _both(ports, person, "ledger.reenter-asked", forgotten.digest)
    if by is None:
        return False
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "ledger.reentered", SUBJECT, (("sha256", forgotten.digest),))
    ports.store.reenter(forgotten.lost, forgotten.caps, forgotten.spends, by, now, [event])
    return True


def vouch(ports: Ports, person: Person, exported: Head) -> bool:
    """Take an exported head for the last one, where that was lost. False: a second administrator has to ask first."""
    digest = _digest(exported)
    by = _both(ports, person, "ledger.vouch-asked", digest)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "ledger.vouched", SUBJECT, (("sha256", digest),))
    ports.store.vouch(exported, by, [event])
    return True


def _both(ports: Ports, person: Person, asked: str, digest: str) -> frozenset[str] | None:
    """Both administrators, if another one has asked for exactly this; else this one's wish is written down."""
    return two_ask(ports, person, Action.RESTORE_LEDGER, (SUBJECT, asked), (("sha256", digest),))


def _digest(head: Head, *parts: object) -> str:
    text = json.dumps([head.number, head.signature, *parts], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
