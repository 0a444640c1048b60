"""Work in the store: what is due by the state of its subject, who works on it, and until when it rests.

Every transaction locks the subject first, then its lease, so that two never wait for each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import (
    PRIVATE_LINE,
    PRIVATE_SCRIPT_LINE,
    QUEUED_OR_RUNNING,
    JobKind,
    JobState,
    OutputKind,
    OutputState,
)
from broker.domain.jobs.rehearsals import RehearsalState
from broker.domain.jobs.work_items import JOB_WORK, WorkItem, WorkKind
from broker.storage.audit_store import StorePart, append_events
from broker.storage.stop_store import is_stopped
from broker.storage.tables.administration_tables import public_tables
from broker.storage.tables.job_tables import jobs, outputs, rehearsal_requests, releases, work_leases
from broker.storage.tables.release_history_tables import memory_entries

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


Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Subjects:
    """The subjects of one kind of work: those for which it is `due`, and what a lease (of a worker, now) and giving
    back (now) change of them."""

    table: sa.Table
    created: sa.ColumnElement[Any]
    due: sa.ColumnElement[bool]
    leased: Callable[[str, datetime], Values] = lambda worker, now: {}
    given_back: Callable[[datetime], Values] = lambda now: {}


def _has_output(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(outputs.c.job == jobs.c.ident, *conditions)


def _in_state(state: OutputState) -> sa.ColumnElement[bool]:
    return _has_output(outputs.c.state == state)


def _run_begins(worker: str, now: datetime) -> Values:
    begun = {"state": JobState.RUNNING, "worker": worker, "ended": None, "updated": now}
    length = sa.select(sa.func.count()).select_from(memory_entries).scalar_subquery()
    # The first attempt's start stays, and so does what had been released by then.
    return begun | {
        "started": sa.func.coalesce(jobs.c.started, now),
        "remembered": sa.func.coalesce(jobs.c.remembered, length),
    }


def _rehearsal_begins(worker: str, now: datetime) -> Values:
    # The first attempt's start stays: it decides whether the rehearsal had to wait.
    started = sa.func.coalesce(rehearsal_requests.c.started, now)
    return {"state": RehearsalState.RUNNING, "started": started, "updated": now, "step": None}


IS_PRIVATE = sa.case(
    (jobs.c.kind == JobKind.SQL, jobs.c.canonical.startswith(PRIVATE_LINE, autoescape=True)),
    else_=jobs.c.canonical.startswith(PRIVATE_SCRIPT_LINE, autoescape=True),
)
ASSESSED = outputs.c.state == OutputState.ASSESSED
# Private answers need no comparison. Files that scripts wrote have no population to compare: a person views them.
UNCOMPARED = sa.and_(
    _has_output(ASSESSED, outputs.c.kind == OutputKind.TABLE, outputs.c.memory_version.is_(None)), ~IS_PRIVATE
)
_LEASED_JOB = sa.exists().where(work_leases.c.subject == jobs.c.ident, LEASED)
READS_DATA = sa.or_(
    jobs.c.state.in_(sorted(QUEUED_OR_RUNNING)),
    sa.and_(jobs.c.state == JobState.ASSESSING, sa.or_(UNCOMPARED, _LEASED_JOB)),
)
"""Condition on a job: it waits for its run or comparison, or somebody works on it. So it may read a snapshot."""
HAS_RELEASE = sa.exists().where(releases.c.job == jobs.c.ident)

SUBJECTS: Mapping[WorkKind, _Subjects] = {
    WorkKind.RUN: _Subjects(
        jobs,
        jobs.c.created,
        sa.and_(jobs.c.state == JobState.QUEUED, ~is_stopped()),
        _run_begins,
        lambda now: {"state": JobState.QUEUED, "updated": now},
    ),
    WorkKind.COMPARE: _Subjects(
        jobs, jobs.c.created, sa.and_(jobs.c.state == JobState.ASSESSING, UNCOMPARED, ~is_stopped())
    ),
    # Routing, deciding and releasing. An assessing job waits for people only while an output is in review.
    WorkKind.RELEASE: _Subjects(
        jobs,
        jobs.c.created,
        sa.and_(
            ~is_stopped(),
            sa.or_(
                sa.and_(
                    jobs.c.state == JobState.ASSESSING,
                    sa.or_(_in_state(OutputState.ASSESSED), ~_in_state(OutputState.IN_REVIEW)),
                    ~UNCOMPARED,
                ),
                sa.and_(jobs.c.state == JobState.DECIDED, _in_state(OutputState.APPROVED), ~HAS_RELEASE),
            ),
        ),
    ),
    WorkKind.REHEARSAL: _Subjects(
        rehearsal_requests,
        rehearsal_requests.c.created,
        rehearsal_requests.c.state == RehearsalState.QUEUED,
        _rehearsal_begins,
        lambda now: {"state": RehearsalState.QUEUED, "updated": now, "step": None},
    ),
    # Its vault is in use only while an attempt has its lease.
    WorkKind.PUBLIC_TABLE: _Subjects(
        public_tables,
        public_tables.c.at,
        sa.and_(public_tables.c.confirmed_by.is_not(None), public_tables.c.entry.is_(None)),
        lambda worker, now: {"vault": None},
        lambda now: {"vault": None},
    ),
}


class SqlWork(StorePart):
    """The port `WorkStore`, as a part of the store."""

    def work_due(self, kinds: frozenset[WorkKind], now: datetime) -> list[WorkItem]:
        found: list[tuple[datetime, str, WorkItem]] = []
        for kind in sorted(kinds):
            of = SUBJECTS[kind]
            same = (work_leases.c.kind == kind, work_leases.c.subject == of.table.c.ident)
            free = ~sa.exists().where(*same, sa.or_(LEASED, work_leases.c.until > now))
            query = sa.select(of.table.c.ident, of.table.c.attempt, of.created.label("at")).where(of.due, free)
            found += [(row.at, row.ident, WorkItem(kind, row.ident, row.attempt)) for row in self._db.rows(query)]
        return [item for *_, item in sorted(found, key=lambda one: one[:2])]

    def lease_work(
        self, kind: WorkKind, subject: str, worker: str, until: datetime, now: datetime,
        events: Sequence[AuditEvent] = (),
    ) -> WorkItem | None:  # fmt: skip
        of = SUBJECTS[kind]
        one = of.table.c.ident == subject
        same = (work_leases.c.kind == kind, work_leases.c.subject == subject)
        with self._db.write() as connection:
            # Locked by a statement of its own, so that of two workers the second sees all that the first has done: on
            # PostgreSQL a statement that waits for a lock reads other tables as they were before it waited.
            connection.execute(sa.select(of.table.c.ident).where(one).with_for_update())
            due = sa.select(of.table.c.attempt).where(one, of.due, ~sa.exists().where(*same, LEASED))
            attempt = connection.execute(due).scalar_one_or_none()
            if attempt is None:
                return None
            # A new attempt number fences off whoever worked on it before.
            item = WorkItem(kind, subject, attempt + 1)
            values = of.leased(worker, now) | {"attempt": item.attempt}
            connection.execute(sa.update(of.table).where(one).values(values))
            connection.execute(sa.delete(work_leases).where(*same))
            row = {"kind": kind, "subject": subject, "attempt": item.attempt, "worker": worker, "until": until}
            connection.execute(sa.insert(work_leases).values(row))
            if events:
                append_events(connection, events)
        return item

    def needs_comparison(self, job: str) -> bool:
        return bool(self._db.values(sa.select(jobs.c.ident).where(jobs.c.ident == job, UNCOMPARED)))

    def renew_work(self, item: WorkItem, until: datetime, now: datetime) -> bool:
        # A lapsed lease is never renewed, so that the attempt cannot overtake the one that ends it.
        held = (is_lease_of(item), work_leases.c.until >= now)
        with self._db.write() as connection:
            return connection.execute(sa.update(work_leases).where(*held).values(until=until)).rowcount == 1

    def works_on(self, item: WorkItem) -> bool:
        return bool(self._db.values(sa.select(sa.exists().where(is_lease_of(item))))[0])

    def give_back(
        self, item: WorkItem, rests_until: datetime, now: datetime, events: Sequence[AuditEvent] = ()
    ) -> None:
        of = SUBJECTS[item.kind]
        with self._db.write() as connection:
            connection.execute(sa.select(of.table.c.ident).where(of.table.c.ident == item.subject).with_for_update())
            check_lease(connection, item)
            if values := of.given_back(now):
                connection.execute(sa.update(of.table).where(of.table.c.ident == item.subject).values(values))
            rests = {"worker": None, "until": rests_until}
            connection.execute(sa.update(work_leases).where(is_lease_of(item)).values(rests))
            if events:
                append_events(connection, events)

    def wake(self, kind: WorkKind, subject: str | None = None) -> None:
        rests = [work_leases.c.kind == kind, ~LEASED]
        if subject is not None:
            rests.append(work_leases.c.subject == subject)
        with self._db.write() as connection:
            connection.execute(sa.delete(work_leases).where(*rests))

    def work_lapsed(self, now: datetime) -> list[WorkItem]:
        return self._leased(work_leases.c.until < now)

    def work_leased(self) -> list[WorkItem]:
        return self._leased()

    def _leased(self, *conditions: sa.ColumnElement[bool]) -> list[WorkItem]:
        columns = (work_leases.c.kind, work_leases.c.subject, work_leases.c.attempt)
        query = sa.select(*columns).where(LEASED, *conditions).order_by(work_leases.c.until, work_leases.c.subject)
        return [WorkItem(row.kind, row.subject, row.attempt) for row in self._db.rows(query)]
