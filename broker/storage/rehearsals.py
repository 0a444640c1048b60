"""Synthetic runs of scripts and looks at their failures, in the store: one row a job. Reads no log."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Table, Text, insert, select, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.jobs import JobState
from broker.domain.rehearsals import Rehearsal
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.job_moves import stale
from broker.storage.tables.jobs import jobs
from broker.storage.tables.schema import metadata
from broker.storage.types import UtcTime

rehearsals = Table(
    "rehearsals",
    metadata,
    Column("job", ForeignKey("jobs.ident"), primary_key=True),
    Column("passed", Boolean),
    Column("trace", Text),
    Column("log", Text),
    Column("reason", Text),
    Column("told_by", ForeignKey("people.ident")),
    Column("told_at", UtcTime),
    CheckConstraint("(reason IS NULL) = (told_by IS NULL)", name="told"),
)

SHOWN = sorted({JobState.FAILED, JobState.ASSESSING, JobState.DECIDED})
"""A job that ended on real data: it failed, or left something that could not be used."""


class Rehearsals:
    """The part of the store that remembers how scripts did."""

    _db: Database

    def note_rehearsal(
        self, job: str, attempt: int, passed: bool | None, trace: str | None = None, log: str | None = None
    ) -> None:
        running = (jobs.c.ident == job, jobs.c.attempt == attempt, jobs.c.state == JobState.RUNNING)
        values = {"passed": passed, "trace": trace, "log": log}
        with self._db.write() as connection:
            if connection.execute(select(jobs.c.ident).where(*running).with_for_update()).first() is None:
                raise stale("job", job)
            if connection.execute(update(rehearsals).where(rehearsals.c.job == job).values(values)).rowcount != 1:
                connection.execute(insert(rehearsals).values(job=job, **values))

    def rehearsal(self, job: str) -> Rehearsal | None:
        with self._db.read() as connection:
            row = connection.execute(select(rehearsals).where(rehearsals.c.job == job)).one_or_none()
        return None if row is None else Rehearsal(**row._mapping)

    def failures_to_look_at(self) -> list[str]:
        waiting = (rehearsals.c.log.is_not(None), rehearsals.c.reason.is_(None), jobs.c.state.in_(SHOWN))
        joined = rehearsals.join(jobs, jobs.c.ident == rehearsals.c.job)
        query = select(rehearsals.c.job).select_from(joined).where(*waiting).order_by(jobs.c.created, jobs.c.ident)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def tell_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        open_ = (rehearsals.c.job == job, rehearsals.c.log.is_not(None), rehearsals.c.reason.is_(None))
        told = update(rehearsals).where(*open_).values(reason=reason, told_by=by, told_at=now)
        with self._db.write() as connection:
            if connection.execute(told).rowcount != 1:
                raise Conflict("told-already", f"Nothing waits to be told of job {job!r}.")
            append(connection, events)
