"""Searching the audit log, a page at a time. Following its whole chain is `watch.verify_audit`."""

from dataclasses import dataclass, replace

from broker.domain.audit import AuditLine
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import AuditWanted, Ports
from broker.workflow.administer import check_administrator


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Lines, newest first. `older` is the number before which the next page begins; None on the last one."""

    lines: tuple[AuditLine, ...]
    older: int | None
    head: int


def search(ports: Ports, person: Person, wanted: AuditWanted) -> AuditPage:
    check_administrator(person, Action.VERIFY_AUDIT)
    found = ports.store.search_audit(replace(wanted, limit=wanted.limit + 1))
    shown = found[: wanted.limit]
    head, _ = ports.store.audit_head()
    return AuditPage(tuple(shown), shown[-1].number if len(found) > wanted.limit else None, head)
