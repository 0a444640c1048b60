"""Restores what a back-up lost: two administrators agree on the missing entries, or on which signed head to trust."""

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
from broker.workflow.administration.user_accounts import check_administrator, is_same_holder


def request_jointly(
    ports: Ports, person: Person, permission: Action, request: tuple[str, str], codes: tuple[tuple[str, str], ...]
) -> frozenset[str] | None:
    """Return both administrators if another one has already requested the same; otherwise record this request and
    return None.

    `request` is subject and action; `codes` say exactly what is requested.
    """
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
    """Return two administrators who have both requested exactly this, or None."""
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
    """Whether the account is still an administrator's, and belongs to another person than `other` does."""
    return _is_administrator(ports, ident) and not is_same_holder(ports, ident, other)


def _is_administrator(ports: Ports, ident: str) -> bool:
    person = ports.store.person(ident)
    return person.active and Role.ADMINISTRATOR in person.roles


LEDGER_SUBJECT = "ledger"


@dataclass(frozen=True, slots=True)
class MissingLedgerEntries:
    """What a restored ledger lacks: the last signed head, and the caps and spends since."""

    lost: ChainHead
    caps: Mapping[PrivacyAccount, PrivacyAmount] = field(default_factory=dict)
    spends: tuple[SpendRequest, ...] = ()

    @property
    def digest(self) -> str:
        """Hash that shows that both administrators request the same."""
        # Sorted below, so that the digest does not depend on the order in which an administrator lists them.
        spends = [[a.job, a.project, a.snapshot, a.question, costs_to_json(a.costs)] for a in self.spends]
        caps = charges_to_json(sorted(self.caps.items(), key=lambda pair: pair[0]))
        return _head_digest(self.lost, caps, *sorted(spends))


def restore_ledger_entries(ports: Ports, person: Person, missing: MissingLedgerEntries) -> bool:
    """Enter the missing entries as spent. Returns False if a second administrator has to request the same first."""
    by = _request_ledger_restore(ports, person, "ledger.reenter-asked", missing.digest)
    if by is None:
        return False
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "ledger.reentered", LEDGER_SUBJECT, (("sha256", missing.digest),))
    ports.store.restore_ledger(missing.lost, missing.caps, missing.spends, by, now, [event])
    return True


def attest_ledger(ports: Ports, person: Person, exported: ChainHead) -> bool:
    """Attest an exported head as the last one, where the last one was lost. Returns False if a second administrator
    has to do so first."""
    digest = _head_digest(exported)
    by = _request_ledger_restore(ports, person, "ledger.vouch-asked", digest)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "ledger.vouched", LEDGER_SUBJECT, (("sha256", digest),))
    ports.store.attest_ledger(exported, by, [event])
    return True


def _request_ledger_restore(ports: Ports, person: Person, action: str, digest: str) -> frozenset[str] | None:
    """Return both administrators if another one has already requested the same; otherwise record this request and
    return None."""
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
    """What a restored release history lacks: the last signed head, and the files of what was released since.

    `case` is the number of the decision to go on with these.
    """

    lost: ChainHead
    files: tuple[StoredMembers, ...]
    case: str

    @property
    def codes(self) -> AuditCodes:
        """Audit codes that show that both administrators, and then the worker, mean the same."""
        content = [self.lost.number, self.lost.signature, sorted([f.name, f.digest] for f in self.files)]
        digest = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
        return (("sha256", digest), ("case", self.case))


def request_history_restore(ports: Ports, person: Person, missing: MissingHistoryTables) -> bool:
    """Let a worker enter the missing tables. Returns False if a second administrator has to request the same first.

    Raises Invalid for a malformed case number, Conflict if the head is not the one that was lost.
    """
    if not CASE.fullmatch(missing.case):
        raise Invalid("case", "Enter the number of the decision. Use letters, digits, / . _ and -.", "/case")
    check_administrator(person, Action.RESTORE_HISTORY)
    # Else two administrators could agree on a head that the store did not lose.
    if missing.lost != ports.store.lost_history_head():
        raise Conflict("nothing-lost", "This is not the head that the release history lost.")
    by = request_jointly(
        ports, person, Action.RESTORE_HISTORY, (HISTORY_SUBJECT, HISTORY_RESTORE_REQUESTED), missing.codes
    )
    if by is None:
        return False
    # The worker restores only if it finds both requests in the audit log, so the second is recorded too.
    ports.store.record(
        [AuditEvent(ports.clock.now(), person.ident, HISTORY_RESTORE_REQUESTED, HISTORY_SUBJECT, missing.codes)]
    )
    return True


def attest_history(ports: Ports, person: Person, exported: ChainHead) -> bool:
    """Attest an exported head as the last one, where the last one was lost. Returns False if a second administrator
    has to do so first."""
    digest = hashlib.sha256(f"{exported.number}\n{exported.signature}".encode()).hexdigest()
    codes = (("sha256", digest),)
    by = request_jointly(ports, person, Action.RESTORE_HISTORY, (HISTORY_SUBJECT, "memory.vouch-asked"), codes)
    if by is None:
        return False
    event = AuditEvent(ports.clock.now(), person.ident, "memory.vouched", HISTORY_SUBJECT, codes)
    ports.store.attest_history(exported, by, [event])
    return True
