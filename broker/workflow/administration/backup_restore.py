"""After a restored back-up: two administrators agree what was lost, or which signed head to trust."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.errors import Conflict, Invalid
from broker.domain.identity.audit import AuditEvent, AuditLine
from broker.domain.identity.people import Person, Role
from broker.domain.identity.permissions import Action
from broker.domain.ledger.ledger_chain import ChainHead, charges_to_json
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount, costs_to_json
from broker.domain.ledger.spends import SpendRequest
from broker.domain.ports import Ports, Store
from broker.domain.release_history import StoredMembers
from broker.workflow.administration.user_accounts import account_holder, check_administrator


def request_jointly(
    ports: Ports, person: Person, permission: Action, request: tuple[str, str], codes: tuple[tuple[str, str], ...]
) -> frozenset[str] | None:
    """Both administrators, if another one has asked for exactly this (`request`: subject and action; `codes` say what);
    else this one's wish is written down."""
    check_administrator(person, permission)
    subject, action = request
    actors = _requesters(ports.store, subject, action, codes)
    seconds = sorted(a for a in actors if _is_other_administrator(ports, a, person.ident))
    if seconds:
        return frozenset({seconds[0], person.ident})
    if person.ident not in actors:
        ports.store.record([AuditEvent(ports.clock.now(), person.ident, action, subject, codes)])
    return None


def joint_requesters(
    ports: Ports, subject: str, action: str, codes: tuple[tuple[str, str], ...]
) -> frozenset[str] | None:
    """Two administrators who have both asked for exactly this, if there are."""
    actors = sorted(_requesters(ports.store, subject, action, codes))
    for first in actors:
        for second in actors:
            if _is_administrator(ports, first) and _is_other_administrator(ports, second, first):
                return frozenset({first, second})
    return None


def _requesters(store: Store, subject: str, action: str, codes: tuple[tuple[str, str], ...]) -> set[str]:
    lines: list[AuditLine] = store.audit_of(subject, action)
    return {line.event.actor for line in lines if set(codes) <= set(line.event.codes)}


def _is_other_administrator(ports: Ports, ident: str, other: str) -> bool:
    """Still one, and by no account the same person."""
    return _is_administrator(ports, ident) and account_holder(ports, ident) != account_holder(ports, other)


def _is_administrator(ports: Ports, ident: str) -> bool:
    person = ports.store.person(ident)
    return person.active and Role.ADMINISTRATOR in person.roles


LEDGER_SUBJECT = "ledger"


@dataclass(frozen=True, slots=True)
class MissingLedgerEntries:
    """What a restored ledger does not know: the head that was signed last, and the caps and jobs since."""

    lost: ChainHead
    caps: Mapping[PrivacyAccount, PrivacyAmount] = field(default_factory=dict)
    spends: tuple[SpendRequest, ...] = ()

    @property
    def digest(self) -> str:
        """By which the second administrator's request is known to be the first one's."""
        spends = [[a.job, a.project, a.snapshot, a.question, costs_to_json(a.costs)] for a in self.spends]
        caps = charges_to_json(sorted(self.caps.items(), key=lambda pair: pair[0]))
        return _head_digest(self.lost, caps, *sorted(spends))


def restore_ledger_entries(ports: Ports, person: Person, missing: MissingLedgerEntries) -> bool:
    """Enter what was forgotten, as spent. False: a second administrator has to ask for the same first."""
    by = _request_ledger_restore(ports, person, "ledger.reenter-asked", missing.digest)
    if by is None:
        return False
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "ledger.reentered", LEDGER_SUBJECT, (("sha256", missing.digest),))
    ports.store.restore_ledger(missing.lost, missing.caps, missing.spends, by, now, [event])
    return True


def attest_ledger(ports: Ports, person: Person, exported: ChainHead) -> bool:
    """Take an exported head for the last one, where that was lost. False: a second administrator has to ask first."""
    digest = _head_digest(exported)
    by = _request_ledger_restore(ports, person, "ledger.vouch-asked", digest)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "ledger.vouched", LEDGER_SUBJECT, (("sha256", digest),))
    ports.store.attest_ledger(exported, by, [event])
    return True


def _request_ledger_restore(ports: Ports, person: Person, action: str, digest: str) -> frozenset[str] | None:
    """Both administrators, if another one has asked for exactly this; else this one's wish is written down."""
    return request_jointly(ports, person, Action.RESTORE_LEDGER, (LEDGER_SUBJECT, action), (("sha256", digest),))


def _head_digest(head: ChainHead, *parts: object) -> str:
    text = json.dumps([head.number, head.signature, *parts], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


HISTORY_SUBJECT = "memory"
HISTORY_RESTORE_REQUESTED = "memory.reenter-asked"
CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{0,39}")

AuditCodes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MissingHistoryTables:
    """What a restored memory does not know: the head that was signed last, and the files of what was released since.
    `case` is the number of the decision to go on with that."""

    lost: ChainHead
    files: tuple[StoredMembers, ...]
    case: str

    @property
    def codes(self) -> AuditCodes:
        """By which the second administrator's request, and then the worker, is known to be about the same."""
        content = [self.lost.number, self.lost.signature, sorted([f.name, f.digest] for f in self.files)]
        digest = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
        return (("sha256", digest), ("case", self.case))


def request_history_restore(ports: Ports, person: Person, missing: MissingHistoryTables) -> bool:
    """Ask a worker to enter what was forgotten. False: a second administrator has to ask for the same first."""
    if not CASE.fullmatch(missing.case):
        raise Invalid("case", "Write the number of the decision: letters, digits, / . _ and -.", "/case")
    check_administrator(person, Action.RESTORE_HISTORY)
    if missing.lost != ports.store.lost_history_head():
        raise Conflict("nothing-lost", "This is not the head that the memory has lost.")
    by = request_jointly(
        ports, person, Action.RESTORE_HISTORY, (HISTORY_SUBJECT, HISTORY_RESTORE_REQUESTED), missing.codes
    )
    if by is None:
        return False
    ports.store.record(
        [AuditEvent(ports.clock.now(), person.ident, HISTORY_RESTORE_REQUESTED, HISTORY_SUBJECT, missing.codes)]
    )
    return True


def attest_history(ports: Ports, person: Person, exported: ChainHead) -> bool:
    """Take an exported head for the last one, where that was lost. False: a second administrator has to ask first."""
    digest = hashlib.sha256(f"{exported.number}\n{exported.signature}".encode()).hexdigest()
    codes = (("sha256", digest),)
    by = request_jointly(ports, person, Action.RESTORE_HISTORY, (HISTORY_SUBJECT, "memory.vouch-asked"), codes)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "memory.vouched", HISTORY_SUBJECT, codes)
    ports.store.attest_history(exported, by, [event])
    return True
