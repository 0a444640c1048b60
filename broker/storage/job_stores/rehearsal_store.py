"""Rehearsals in the store: those that people requested, and those of scripts before real rows. Reads no document and
no log."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.rehearsals import (
    OPEN_REHEARSAL_STATES,
    RehearsalState,
    RehearsalStep,
    RequestedRehearsal,
    ScriptRehearsal,
    states_before,
)
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import RehearsalQuota
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import columns_of, find_row, value_of
from broker.storage.job_stores.job_store import JOBS_WITH_RUNS, to_read
from broker.storage.tables.administration_tables import people
from broker.storage.tables.job_tables import jobs, rehearsal_requests, rehearsals, script_reads
from broker.storage.work_store import check_lease, end_lease, end_leases, stale

# Documents can be large, so lists leave them out.
WITHOUT_DOCUMENT = [sa.literal("").label(c.name) if c.name == "document" else c for c in rehearsal_requests.c]
UNDER_WAY = sorted(OPEN_REHEARSAL_STATES)


class SqlRehearsalRequests(StorePart):
    """The port `RequestedRehearsalStore`, as a part of the store."""

    def request_rehearsal(self, new: RequestedRehearsal, room: RehearsalQuota, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            # Locks the person's row, so that two requests at once cannot both pass the limit.
            connection.execute(sa.select(people.c.ident).where(people.c.ident == new.person).with_for_update())
            own = rehearsal_requests.c.person == new.person
            waiting = sa.select(sa.func.count()).where(own, rehearsal_requests.c.state.in_(UNDER_WAY))
            if new.is_open and connection.execute(waiting).scalar_one() >= room.under_way:
                sentence = (
                    f"You already have {room.under_way} rehearsals waiting or running. Cancel one, or wait until one "
                    "ends."
                )
                raise Conflict("too-many-rehearsals", sentence)
            # Under the same lock, so that a person never has more than the quota.
            _make_room(connection, new.person, room.retained - 1)
            connection.execute(sa.insert(rehearsal_requests).values(_request_values(new)))

    def requested_rehearsal(self, ident: str) -> RequestedRehearsal:
        return _request_of(self._db.found_by(find_row, rehearsal_requests, "rehearsal", ident))

    def rehearsals_of(self, person: str) -> list[RequestedRehearsal]:
        query = sa.select(*WITHOUT_DOCUMENT).where(rehearsal_requests.c.person == person)
        order = (rehearsal_requests.c.created.desc(), rehearsal_requests.c.ident.desc())
        return [_request_of(row) for row in self._db.rows(query.order_by(*order))]

    def note_step(self, item: WorkItem, step: RehearsalStep, about: int = 0) -> None:
        with self._db.write() as connection:
            moved = sa.update(rehearsal_requests).where(rehearsal_requests.c.ident == item.subject)
            connection.execute(moved.values(step=step, about=about))
            check_lease(connection, item)

    def end_rehearsal(
        self, item: WorkItem, state: RehearsalState, document: str, now: datetime, events: Sequence[AuditEvent], *,
        lapsed: bool = False,
    ) -> None:  # fmt: skip
        if state in OPEN_REHEARSAL_STATES or RehearsalState.RUNNING not in states_before(state):
            raise Breach(f"No rehearsal ends as {state}.")
        with self._change(events) as connection:
            moved = sa.update(rehearsal_requests).where(rehearsal_requests.c.ident == item.subject)
            connection.execute(moved.values(state=state, document=document, updated=now))
            end_lease(connection, item, None if lapsed else now)

    def cancel_rehearsal(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> bool:
        other = (rehearsal_requests.c.ident == ident, _can_become(RehearsalState.CANCELLED))
        values = {"state": RehearsalState.CANCELLED, "updated": now, "document": ""}
        with self._db.write() as connection:
            if connection.execute(sa.update(rehearsal_requests).where(*other).values(values)).rowcount != 1:
                return False
            end_leases(connection, ident, frozenset({WorkKind.REHEARSAL}))
            append_events(connection, events)
            return True

    def drop_rehearsals(self, before: datetime) -> int:
        old = (rehearsal_requests.c.state.not_in(UNDER_WAY), rehearsal_requests.c.updated < before)
        with self._db.write() as connection:
            return connection.execute(sa.delete(rehearsal_requests).where(*old)).rowcount


def _can_become(state: RehearsalState) -> sa.ColumnElement[bool]:
    return rehearsal_requests.c.state.in_(sorted(states_before(state)))


def _make_room(connection: sa.Connection, person: str, limit: int) -> None:
    """Delete a person's oldest ended rehearsals until at most `limit` are left. Those under way stay."""
    ended = (rehearsal_requests.c.person == person, rehearsal_requests.c.state.not_in(UNDER_WAY))
    newest = (
        sa.select(rehearsal_requests.c.ident)
        .where(*ended)
        .order_by(rehearsal_requests.c.created.desc())
        .limit(max(limit, 0))
    )
    remaining = list(connection.execute(newest).scalars())
    connection.execute(sa.delete(rehearsal_requests).where(*ended, rehearsal_requests.c.ident.not_in(remaining)))


def _request_values(new: RequestedRehearsal) -> dict[str, object]:
    return columns_of(rehearsal_requests, new, submission=asdict(new.submission))


def _request_of(row: Any) -> RequestedRehearsal:
    sent = row.submission
    sent |= {"kind": JobKind(sent["kind"]), "descriptions": tuple(tuple(pair) for pair in sent["descriptions"])}
    return value_of(RequestedRehearsal, row, submission=Submission(**sent))


class SqlScriptRuns(StorePart):
    """The part of the store that records how scripts ended."""

    def note_rehearsal(self, job: str, attempt: int, passed: bool, trace: str, trace_from: datetime) -> None:
        self._note(job, attempt, passed=passed, trace=trace, trace_from=trace_from)

    def note_real_run(self, job: str, attempt: int, now: datetime) -> None:
        self._note(job, attempt, met=now)

    def note_problems(self, job: str, attempt: int) -> None:
        self._note(job, attempt, problems=True)

    def note_log(self, job: str, attempt: int, log: str) -> None:
        # A script that was withdrawn while it ran on real rows must still be read.
        self._note(job, attempt, JobState.WITHDRAWN, log=log)

    def _note(self, job: str, attempt: int, *also: JobState, **values: object) -> None:
        states = jobs.c.state.in_([JobState.RUNNING, *also])
        running = sa.select(jobs.c.ident).where(jobs.c.ident == job, jobs.c.attempt == attempt, states)
        with self._db.write() as connection:
            # Locked, so that the attempt cannot end before its note is written.
            if connection.execute(running.with_for_update()).first() is None:
                raise stale("job", job)
            if connection.execute(sa.update(rehearsals).where(rehearsals.c.job == job).values(values)).rowcount != 1:
                connection.execute(sa.insert(rehearsals).values(job=job, **values))

    def rehearsal(self, job: str) -> ScriptRehearsal | None:
        row = self._db.row(sa.select(rehearsals).where(rehearsals.c.job == job))
        return None if row is None else value_of(ScriptRehearsal, row)

    def scripts_to_read(self) -> list[str]:
        query = (
            sa.select(jobs.c.ident).select_from(JOBS_WITH_RUNS).where(to_read()).order_by(jobs.c.created, jobs.c.ident)
        )
        return list(self._db.values(query))

    def read_script(self, job: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            _note_read(connection, job, by, now)

    def disclose_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        open_ = (rehearsals.c.job == job, rehearsals.c.met.is_not(None), rehearsals.c.reason.is_(None))
        reported = sa.update(rehearsals).where(*open_).values(reason=reason, told_by=by, told_at=now)
        with self._change(events) as connection:
            if connection.execute(reported).rowcount != 1:
                raise Conflict("told-already", f"Nothing waits to be told of job {job!r}.")
            # A checker who reports on a script has read it.
            _note_read(connection, job, by, now)

    def reported_jobs(self, idents: frozenset[str]) -> frozenset[str]:
        query = sa.select(rehearsals.c.job).where(
            rehearsals.c.job.in_(sorted(idents)), rehearsals.c.told_by.is_not(None)
        )
        return frozenset(self._db.values(query))


def _note_read(connection: sa.Connection, job: str, by: str, now: datetime) -> None:
    """Record who read the script. Only the first reader is stored."""
    if connection.execute(sa.select(script_reads.c.job).where(script_reads.c.job == job)).first() is None:
        connection.execute(sa.insert(script_reads).values(job=job, by=by, at=now))
