"""What two administrators do together: the first asks, the second asks for exactly the same. Until then nothing happens
but a line in the audit log, which is also how the second one is known."""

from broker.domain.audit import AuditEvent, AuditLine
from broker.domain.people import Person, Role
from broker.domain.permissions import Action
from broker.domain.ports import Ports, Store
from broker.workflow.administer import check_administrator, holder


def two_ask(
    ports: Ports, person: Person, permission: Action, asked: tuple[str, str], codes: tuple[tuple[str, str], ...]
) -> frozenset[str] | None:
    """Both administrators, if another one has asked for exactly this (`asked`: subject and action; `codes` say what);
    else this one's wish is written down."""
    check_administrator(person, permission)
    subject, action = asked
    actors = _actors(ports.store, subject, action, codes)
    seconds = sorted(a for a in actors if _is_other_administrator(ports, a, person.ident))
    if seconds:
        return frozenset({seconds[0], person.ident})
    if person.ident not in actors:
        ports.store.record([AuditEvent(ports.clock.now(), person.ident, action, subject, codes)])
    return None


def two_have_asked(
    ports: Ports, subject: str, action: str, codes: tuple[tuple[str, str], ...]
) -> frozenset[str] | None:
    """Two administrators who have both asked for exactly this, if there are."""
    actors = sorted(_actors(ports.store, subject, action, codes))
    for first in actors:
        for second in actors:
            if _is_administrator(ports, first) and _is_other_administrator(ports, second, first):
                return frozenset({first, second})
    return None


def _actors(store: Store, subject: str, action: str, codes: tuple[tuple[str, str], ...]) -> set[str]:
    lines: list[AuditLine] = store.audit_of(subject, action)
    return {line.event.actor for line in lines if set(codes) <= set(line.event.codes)}


def _is_other_administrator(ports: Ports, ident: str, other: str) -> bool:
    """Still one, and by no account the same person."""
    return _is_administrator(ports, ident) and holder(ports, ident) != holder(ports, other)


def _is_administrator(ports: Ports, ident: str) -> bool:
    person = ports.store.person(ident)
    return person.active and Role.ADMINISTRATOR in person.roles
