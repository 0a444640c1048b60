"""Conditions on leases of work, and their end: for the parts of the store that move what is worked on.

Every transaction locks the subject first, then its lease, so that two never wait for each other.
"""

from datetime import datetime

import sqlalchemy as sa

from broker.domain.errors import Conflict
from broker.domain.jobs.work_items import JOB_WORK, WorkItem, WorkKind
from broker.storage.tables.job_tables import work_leases

LEASED = work_leases.c.worker.is_not(None)


def is_lease_of(item: WorkItem) -> sa.ColumnElement[bool]:
    """Condition on a row of leases: the attempt has this lease."""
    same = (work_leases.c.kind == item.kind, work_leases.c.subject == item.subject)
    return sa.and_(*same, work_leases.c.attempt == item.attempt, LEASED)


def check_lease(connection: sa.Connection, item: WorkItem, now: datetime | None = None) -> None:
    """Raises Conflict("stale") if the attempt has lost its lease, or if it has lapsed by `now`. The lease is locked
    until the transaction ends."""
    held = is_lease_of(item) if now is None else sa.and_(is_lease_of(item), work_leases.c.until >= now)
    if connection.execute(sa.select(work_leases.c.attempt).where(held).with_for_update()).first() is None:
        raise stale(item.kind.value, item.subject)


def end_lease(connection: sa.Connection, item: WorkItem, now: datetime | None = None) -> None:
    """End an attempt's lease. Raises like `check_lease`: a lapsed attempt must not write what another one writes by
    now."""
    check_lease(connection, item, now)
    connection.execute(sa.delete(work_leases).where(is_lease_of(item)))


def end_leases(connection: sa.Connection, subject: str, kinds: frozenset[WorkKind] = JOB_WORK) -> None:
    """End every lease and rest of a subject that moves on, whoever has them."""
    of_subject = (work_leases.c.subject == subject, work_leases.c.kind.in_(sorted(kinds)))
    connection.execute(sa.delete(work_leases).where(*of_subject))


def stale(what: str, ident: str) -> Conflict:
    return Conflict("stale", f"The {what} {ident!r} has moved on; nothing was changed.")
