"""How scripts did and who has read them, in the store: one row a job. Reads no log."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.jobs import JobState
from broker.domain.rehearsals import Rehearsal
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.job_moves import stale
from broker.storage.tables.jobs import jobs
from broker.storage.tables.scripts import rehearsals, script_reads
from broker.storage.unread import SCRIPTS, to_read


class Rehearsals:
    """The part of the store that remembers how scripts did."""

    _db: Database

    def note_rehearsal(self, job: str, attempt: int, passed: bool, trace: str, trace_from: datetime) -> None:
        self._note(job, attempt, passed=passed, trace=trace, trace_from=trace_from)

    def note_met(self, job: str, attempt: int, now: datetime) -> None:
        self._note(job, attempt, met=now)

    def note_problems(self, job: str, attempt: int) -> None:
        self._note(job, attempt, problems=True)

    def note_print(self, job: str, attempt: int, log: str) -> None:
        self._note(job, attempt, JobState.WITHDRAWN, log=log)

    def _note(self, job: str, attempt: int, *also: JobState, **values: object) -> None:
        states = jobs.c.state.in_([JobState.RUNNING, *also])
        running = select(jobs.c.ident).where(jobs.c.ident == job, jobs.c.attempt == attempt, states)
        with self._db.write() as connection:
            if connection.execute(running.with_for_update()).first() is None:
                raise stale("job", job)
            if connection.execute(update(rehearsals).where(rehearsals.c.job == job).values(values)).rowcount != 1:
                connection.execute(insert(rehearsals).values(job=job, **values))

    def rehearsal(self, job: str) -> Rehearsal | None:
        with self._db.read() as connection:
            row = connection.execute(select(rehearsals).where(rehearsals.c.job == job)).one_or_none()
        return None if row is None else Rehearsal(**row._mapping)

    def scripts_to_read(self) -> list[str]:
        query = select(jobs.c.ident).select_from(SCRIPTS).where(to_read()).order_by(jobs.c.created, jobs.c.ident)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def read_script(self, job: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            _read(connection, job, by, now)
            append(connection, events)

    def tell_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        open_ = (rehearsals.c.job == job, rehearsals.c.met.is_not(None), rehearsals.c.reason.is_(None))
        told = update(rehearsals).where(*open_).values(reason=reason, told_by=by, told_at=now)
        with self._db.write() as connection:
            if connection.execute(told).rowcount != 1:
                raise Conflict("told-already", f"Nothing waits to be told of job {job!r}.")
            _read(connection, job, by, now)
            append(connection, events)

    def told_jobs(self, idents: frozenset[str]) -> frozenset[str]:
        query = select(rehearsals.c.job).where(rehearsals.c.job.in_(sorted(idents)), rehearsals.c.told_by.is_not(None))
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars())


def _read(connection: Connection, job: str, by: str, now: datetime) -> None:
    """The first to read it stands there."""
    if connection.execute(select(script_reads.c.job).where(script_reads.c.job == job)).first() is None:
        connection.execute(insert(script_reads).values(job=job, by=by, at=now))
