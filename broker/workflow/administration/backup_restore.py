"""Signed logs for administrators: their heads, and what a restored back-up lost. Two administrators agree on the
missing entries, or on which signed head to trust."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, Role
from broker.domain.ledger.ledger_entries import charges_to_json
from broker.domain.ledger.privacy_loss import costs_to_json
from broker.domain.ledger.spends import MissingLedgerEntries
from broker.domain.ports import Ports, Store
from broker.domain.ports.ledger_ports import SignedLog
from broker.domain.release_history import StoredMembers
from broker.domain.signed_log import ChainHead, LogName
from broker.workflow.administration.user_accounts import CASE, check_administrator, is_same_holder

VIEWING = {LogName.LEDGER: Action.VIEW_LEDGER, LogName.HISTORY: Action.VIEW_HISTORY}
RESTORING = {LogName.LEDGER: Action.RESTORE_LEDGER, LogName.HISTORY: Action.RESTORE_HISTORY}
RESTORE_REQUESTED = "reenter-asked"

AuditCodes = tuple[tuple[str, str], ...]


def signed_head(ports: Ports, person: Person, name: LogName) -> ChainHead:
    """Return the signed head of a log, to be stored elsewhere. It has no figures. Raises Unknown without one."""
    check_administrator(person, VIEWING[name])
    found = _log_of(ports.store, name).head()
    if found is None:
        raise Unknown("head", name.value)
    return found


def attest_head(ports: Ports, person: Person, name: LogName, exported: ChainHead) -> bool:
    """Attest an exported head as the last one, where the last one was lost. Returns False if a second administrator
    has to do so first."""
    # The two texts differ because their hashes are in audit logs.
    history_text = f"{exported.number}\n{exported.signature}"
    codes = (("sha256", _sha256(history_text if name is LogName.HISTORY else _head_text(exported))),)
    by = _request_jointly(ports, person, name, "vouch-asked", codes)
    if by is None:
        return False
    _log_of(ports.store, name).attest(exported, by, [_event(ports, person, name, "vouched", codes)])
    return True


def _log_of(store: Store, name: LogName) -> SignedLog[Any]:
    return store.ledger if name is LogName.LEDGER else store.history


def _request_jointly(
    ports: Ports, person: Person, name: LogName, action: str, codes: AuditCodes
) -> frozenset[str] | None:
    """Return both administrators if another one has already requested the same; otherwise record this request and
    return None. `codes` say exactly what is requested."""
    check_administrator(person, RESTORING[name])
    actors = _requesters(ports.store, name, action, codes)
    seconds = sorted(a for a in actors if _is_other_administrator(ports, a, person.ident))
    if seconds:
        return frozenset({seconds[0], person.ident})
    if person.ident not in actors:
        ports.store.record([_event(ports, person, name, action, codes)])
    return None


def _requesters(store: Store, name: LogName, action: str, codes: AuditCodes) -> set[str]:
    lines = store.audit_of(name.value, f"{name}.{action}")
    return {line.event.actor for line in lines if set(codes) <= set(line.event.codes)}


def _is_other_administrator(ports: Ports, ident: str, other: str) -> bool:
    """Whether the account is still an administrator's, and belongs to another person than `other` does."""
    return _is_administrator(ports, ident) and not is_same_holder(ports, ident, other)


def _is_administrator(ports: Ports, ident: str) -> bool:
    person = ports.store.person(ident)
    return person.active and Role.ADMINISTRATOR in person.roles


def _event(ports: Ports, person: Person, name: LogName, action: str, codes: AuditCodes) -> AuditEvent:
    return AuditEvent(ports.clock.now(), person.ident, f"{name}.{action}", name.value, codes)


def _head_text(head: ChainHead, *parts: object) -> str:
    return json.dumps([head.number, head.signature, *parts], separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ledger_codes(lost: ChainHead, missing: MissingLedgerEntries) -> AuditCodes:
    """Audit codes that show that both administrators request the same."""
    # Sorted, so that they do not depend on the order in which an administrator lists what is missing.
    spends = sorted([a.job, a.project, a.snapshot, a.question, costs_to_json(a.costs)] for a in missing.spends)
    caps = charges_to_json(sorted(missing.caps.items(), key=lambda pair: pair[0]))
    return (("sha256", _sha256(_head_text(lost, caps, *spends))),)


def restore_ledger_entries(ports: Ports, person: Person, lost: ChainHead, missing: MissingLedgerEntries) -> bool:
    """Enter the missing entries as spent. Returns False if a second administrator has to request the same first."""
    codes = ledger_codes(lost, missing)
    by = _request_jointly(ports, person, LogName.LEDGER, RESTORE_REQUESTED, codes)
    if by is None:
        return False
    event = _event(ports, person, LogName.LEDGER, "reentered", codes)
    ports.store.ledger.restore(lost, missing, by, event.at, [event])
    return True


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
        text = _head_text(self.lost, sorted([f.name, f.digest] for f in self.files))
        return (("sha256", _sha256(text)), ("case", self.case))


def request_history_restore(ports: Ports, person: Person, missing: MissingHistoryTables) -> bool:
    """Let a worker enter the missing tables. Returns False if a second administrator has to request the same first.

    Raises Invalid for a malformed case number, Conflict if the head is not the one that was lost.
    """
    if not CASE.fullmatch(missing.case):
        raise Invalid("case", "Enter the number of the decision. Use letters, digits, / . _ and -.", "/case")
    check_administrator(person, Action.RESTORE_HISTORY)
    # Else two administrators could agree on a head that the store did not lose.
    if missing.lost != ports.store.history.lost_head():
        raise Conflict("nothing-lost", "This is not the head that the release history lost.")
    if _request_jointly(ports, person, LogName.HISTORY, RESTORE_REQUESTED, missing.codes) is None:
        return False
    # The worker restores only if it finds both requests in the audit log, so the second is recorded too.
    ports.store.record([_event(ports, person, LogName.HISTORY, RESTORE_REQUESTED, missing.codes)])
    return True


def requested_cases(store: Store) -> set[str]:
    """Return the decisions for which an administrator has requested to restore the release history."""
    lines = store.audit_of(LogName.HISTORY.value, f"{LogName.HISTORY}.{RESTORE_REQUESTED}")
    return {value for line in lines for key, value in line.event.codes if key == "case"}


def history_restorers(ports: Ports, missing: MissingHistoryTables) -> frozenset[str] | None:
    """Return two administrators who have both requested exactly this, or None."""
    actors = sorted(_requesters(ports.store, LogName.HISTORY, RESTORE_REQUESTED, missing.codes))
    for first in actors:
        for second in actors:
            if _is_administrator(ports, first) and _is_other_administrator(ports, second, first):
                return frozenset({first, second})
    return None
