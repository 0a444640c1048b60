"""After a restored back-up: two administrators agree what the memory of everything released has forgotten.

The first asks, the second asks for exactly the same. What was forgotten stands in files that only a worker opens, so a
worker enters it (`remembering.reentering`), within seconds, once both have asked.
"""

import hashlib
import json
import re
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid
from broker.domain.ledger.chain import Head
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.domain.remembered import StoredMembers
from broker.workflow.administer import check_administrator
from broker.workflow.both import two_ask

SUBJECT = "memory"
ASKED = "memory.reenter-asked"
CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{0,39}")

Codes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ForgottenTables:
    """What a restored memory does not know: the head that was signed last, and the files of what was released since.
    `case` is the number of the decision to go on with that."""

    lost: Head
    files: tuple[StoredMembers, ...]
    case: str

    @property
    def codes(self) -> Codes:
        """By which the second administrator's request, and then the worker, is known to be about the same."""
        told = [self.lost.number, self.lost.signature, sorted([f.name, f.digest] for f in self.files)]
        digest = hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()
        return (("sha256", digest), ("case", self.case))


def reenter(ports: Ports, person: Person, forgotten: ForgottenTables) -> bool:
    """Ask a worker to enter what was forgotten. False: a second administrator has to ask for the same first."""
    if not CASE.fullmatch(forgotten.case):
        raise Invalid("case", "Write the number of the decision: letters, digits, / . _ and -.", "/case")
    check_administrator(person, Action.RESTORE_MEMORY)
    if forgotten.lost != ports.store.lost_memory_head():
        raise Conflict("nothing-lost", "This is not the head that the memory has lost.")
    by = two_ask(ports, person, Action.RESTORE_MEMORY, (SUBJECT, ASKED), forgotten.codes)
    if by is None:
        return False
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, ASKED, SUBJECT, forgotten.codes)])
    return True


def vouch(ports: Ports, person: Person, exported: Head) -> bool:
    """Take an exported head for the last one, where that was lost. False: a second administrator has to ask first."""
    digest = hashlib.sha256(f"{exported.number}\n{exported.signature}".encode()).hexdigest()
    codes = (("sha256", digest),)
    by = two_ask(ports, person, Action.RESTORE_MEMORY, (SUBJECT, "memory.vouch-asked"), codes)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "memory.vouched", SUBJECT, codes)
    ports.store.vouch_memory(exported, by, [event])
    return True
