"""Snapshots as administrators keep them: which exist, and that no job runs on one any more. No data are touched."""

from broker.domain.audit import AuditEvent
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports, Snapshot
from broker.workflow.administer import check_administrator


def all_snapshots(ports: Ports, person: Person) -> list[Snapshot]:
    check_administrator(person, Action.KEEP_SNAPSHOTS)
    return ports.store.snapshots()


def retire(ports: Ports, person: Person, ident: str) -> None:
    """Jobs run on the newest one that is left. Memory, ledger and releases of the retired one stay: they are known."""
    check_administrator(person, Action.KEEP_SNAPSHOTS)
    now = ports.clock.now()
    ports.store.retire_snapshot(ident, now, [AuditEvent(now, person.ident, "snapshot.retired", ident)])
