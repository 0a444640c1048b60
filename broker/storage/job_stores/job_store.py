"""Jobs in the store: accept, read, list, and which scripts wait for a reader. State changes are in `job_lifecycle`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, delete, exists, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from broker.domain.errors import Breach, Conflict, Invalid
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import (
    PRIVATE_SCRIPT_LINE,
    QUEUED_OR_RUNNING,
    Job,
    JobKind,
    JobState,
    OutputState,
    Submission,
)
from broker.domain.jobs.job_check import JobCheck, job_check_from_json, job_check_to_json
from broker.domain.ports import ListFilter
from broker.domain.projects.saved_definitions import SavedEntry
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import columns_of, find_row, value_of
from broker.storage.job_stores.saved_store import save_cohort
from broker.storage.stop_store import check_not_stopped
from broker.storage.tables.job_tables import job_checks, jobs, outputs, rehearsals, script_reads, votes

JOBS_WITH_RUNS = jobs.outerjoin(rehearsals, rehearsals.c.job == jobs.c.ident)


def to_read() -> ColumnElement[bool]:
    """Condition on `JOBS_WITH_RUNS`: the script ran on real rows, nobody has read it, and it failed, was withdrawn, or
    left nothing usable."""
    # A script with an output that people see or have seen needs no separate reading.
    useful = and_(outputs.c.job == jobs.c.ident, outputs.c.state != OutputState.WITHHELD)
    left_nothing = or_(rehearsals.c.problems.is_(True), ~exists().where(useful))
    over = jobs.c.state.in_([JobState.ASSESSING, JobState.DECIDED])
    return and_(_unread(), or_(_ended_early(), and_(over, left_nothing)))


def check_few(connection: Connection, project: str, now: datetime, most: int) -> None:
    """Raises Conflict("unread-scripts") if a project has more than `most` scripts that ran or will run on real rows
    and that no checker has read.

    The number depends only on texts, trials and people's actions, so a refusal reveals nothing of real rows: a script
    in review counts like one that is withheld or has failed.
    """
    counted: int = connection.execute(_count_unread(project, now)).scalar_one()
    if counted > most:
        sentence = (
            f"{most} scripts of the project have run or will run on real data, and no checker has read them yet. "
            "Submit this script when a checker has read, or decided on, one of them."
        )
        raise Conflict("unread-scripts", sentence)


def _count_unread(project: str, now: datetime) -> Select[int]:
    script = and_(jobs.c.kind == JobKind.PYTHON, ~jobs.c.canonical.startswith(PRIVATE_SCRIPT_LINE, autoescape=True))
    voted = select(votes.c.output).join(outputs, outputs.c.ident == votes.c.output).where(outputs.c.job == jobs.c.ident)
    unread = and_(_unread(), or_(_ended_early(), ~voted.exists()))
    under_way = jobs.c.state.in_(sorted(QUEUED_OR_RUNNING))
    # A trial whose end is not disclosed yet counts as under way: the free place would reveal that it has ended.
    undisclosed = and_(jobs.c.state == JobState.FAILED, rehearsals.c.met.is_(None), rehearsals.c.trace_from > now)
    query = select(func.count()).select_from(JOBS_WITH_RUNS).where(jobs.c.project == project, script)
    return query.where(or_(under_way, undisclosed, unread))


def _unread() -> ColumnElement[bool]:
    return and_(rehearsals.c.met.is_not(None), ~exists().where(script_reads.c.job == jobs.c.ident))


def _ended_early() -> ColumnElement[bool]:
    """Condition: the job failed or was withdrawn. A vote on an output does not count as reading such a script."""
    return jobs.c.state.in_([JobState.FAILED, JobState.WITHDRAWN])


def job_of(row: Row[Any]) -> Job:
    return value_of(
        Job,
        row,
        submission=value_of(Submission, row),
        read_saved=row.read_saved or (),
        saved_names=row.kept or (),
        released_before=row.remembered or 0,
    )


def _values(job: Job) -> dict[str, object]:
    """Return the row of a new job: every field that has a column, and what later moves may set."""
    known = columns_of(jobs, job, kept=job.saved_names, small=False, history_changed=False)
    return columns_of(jobs, job.submission, **known)


class SqlJobs(StorePart):
    """The part of the store that accepts jobs and finds them again."""

    def accept(
        self, job: Job, events: Sequence[AuditEvent], definitions: Sequence[SavedEntry] = (),
        most_unread: int | None = None, check: JobCheck | None = None,
    ) -> Job:  # fmt: skip
        if job.state not in {JobState.QUEUED, JobState.REFUSED} or job.attempt:
            raise Breach(f"A job is accepted as queued or refused, not as {job.state} at attempt {job.attempt}.")
        if definitions and job.state is not JobState.QUEUED:
            raise Breach("Only an accepted job can save cohorts.")
        _check_storable(job)
        # A repeated submission gets the stored job and writes no audit event.
        earlier = self._sent_before(job)
        if earlier is not None:
            return earlier
        try:
            with self._db.write() as connection:
                connection.execute(insert(jobs).values(_values(job)))
                if check is not None:
                    _insert_check(connection, job.ident, check)
                for entry in definitions:
                    save_cohort(connection, entry)
                append_events(connection, events)
                if job.state is JobState.QUEUED:
                    # After `append_events`, whose lock prevents a stop from coming in between.
                    check_not_stopped(connection, job.ident)
                    if most_unread is not None:  # after `append_events`, whose lock lets one job at a time be counted
                        check_few(connection, job.submission.project, job.created, most_unread)
                return job_of(job_row(connection, job.ident))
        except IntegrityError as error:
            return self._explain_refused_insert(job, error)

    def _sent_before(self, job: Job) -> Job | None:
        """Return the stored job of this researcher's client id, or None. Raises Conflict if its submission differs."""
        sent = job.submission
        if sent.client_id is None:
            return None
        same = and_(jobs.c.researcher == job.researcher, jobs.c.client_id == sent.client_id)
        row = self._db.row(select(jobs).where(same))
        if row is None:
            return None
        earlier = job_of(row)
        if earlier.submission != sent:
            raise Conflict("client-id-reused", "This client id was already used for another submission.")
        return earlier

    def _explain_refused_insert(self, job: Job, error: IntegrityError) -> Job:
        """Explain a refused insert: return the job that was accepted at the same time under the same client id. Raises
        Conflict if the ident exists, Breach if the job refers to something that the store lacks."""
        earlier = self._sent_before(job)
        if earlier is not None:
            return earlier
        with self._db.read() as connection:
            if connection.execute(select(jobs.c.ident).where(jobs.c.ident == job.ident)).first():
                raise Conflict("job-exists", f"There is already a job {job.ident!r}.") from error
        raise Breach(f"Job {job.ident!r} names a person, policy, snapshot or job that the store lacks.") from error

    def job_check(self, job: str) -> JobCheck | None:
        row = self._db.row(select(job_checks.c.document).where(job_checks.c.job == job))
        return None if row is None else job_check_from_json(row.document)

    def put_job_check(self, job: str, check: JobCheck) -> None:
        with self._db.write() as connection:
            job_row(connection, job, lock=True)
            connection.execute(delete(job_checks).where(job_checks.c.job == job))
            _insert_check(connection, job, check)

    def job(self, ident: str) -> Job:
        return job_of(self._db.found_by(job_row, ident))

    def jobs(self, wanted: ListFilter) -> list[Job]:
        return [job_of(row) for row in self._db.found_by(listed, select(jobs), jobs, "job", wanted)]

    def jobs_begun(
        self, since: datetime, project: str | None = None, states: frozenset[JobState] | None = None
    ) -> list[Job]:
        wanted = [jobs.c.started.is_not(None), or_(jobs.c.ended.is_(None), jobs.c.ended >= since)]
        if project is not None:
            wanted.append(jobs.c.project == project)
        if states is not None:
            wanted.append(jobs.c.state.in_(sorted(states)))
        return [job_of(row) for row in self._db.rows(select(jobs).where(*wanted).order_by(jobs.c.started))]

    def jobs_in(self, states: frozenset[JobState]) -> dict[JobState, int]:
        query = select(jobs.c.state, func.count()).where(jobs.c.state.in_(sorted(states))).group_by(jobs.c.state)
        found = dict(map(tuple, self._db.rows(query)))
        return {state: found.get(state, 0) for state in states}

    def jobs_named(self, idents: frozenset[str]) -> dict[str, Job]:
        rows = self._db.rows(select(jobs).where(jobs.c.ident.in_(sorted(idents))))
        return {row.ident: job_of(row) for row in rows}

    def active_jobs(self, project: str) -> int:
        return self._counted(project, jobs.c.state.in_(sorted(QUEUED_OR_RUNNING)))

    def small_jobs(self, project: str) -> int:
        return self._counted(project, jobs.c.small)

    def history_changed_jobs(self, project: str) -> int:
        return self._counted(project, jobs.c.history_changed)

    def _counted(self, project: str, which: ColumnElement[bool]) -> int:
        (counted,) = self._db.values(select(func.count()).select_from(jobs).where(jobs.c.project == project, which))
        return int(counted)


def _insert_check(connection: Connection, job: str, check: JobCheck) -> None:
    connection.execute(insert(job_checks).values(job=job, document=job_check_to_json(check)))


def job_row(connection: Connection, ident: str, *, lock: bool = False) -> Row[Any]:
    return find_row(connection, jobs, "job", ident, lock=lock)


def listed(
    connection: Connection, query: Select[Any], table: Table, what: str, wanted: ListFilter
) -> Sequence[Row[Any]]:
    """Return the wanted page of a query on `jobs` and a `table` with states, newest first. `what` is the word for one
    of the table."""
    if wanted.projects is not None:
        query = query.where(jobs.c.project.in_(sorted(wanted.projects)))
    if wanted.states is not None:
        query = query.where(table.c.state.in_(sorted(wanted.states)))
    if wanted.researcher is not None:
        query = query.where(jobs.c.researcher == wanted.researcher)
    if wanted.after is not None:
        query = query.where(older_than(find_row(connection, table, what, wanted.after), table.c))
    return connection.execute(query.order_by(table.c.created.desc(), table.c.ident.desc()).limit(wanted.limit)).all()


def older_than(row: Row[Any], columns: Any, made: str = "created") -> ColumnElement[bool]:
    """Condition: made before this row of the same table. `made`: name of the column that says when."""
    at, moment = columns[made], row._mapping[made]
    # Rows of the same moment are ordered by ident, so that no page skips or repeats one.
    return or_(at < moment, and_(at == moment, columns.ident < row.ident))


def _check_storable(job: Job) -> None:
    """Raises Invalid for NUL, which PostgreSQL cannot store, and for lone surrogates, which neither database can. The
    databases' own messages would be unclear."""
    sent = job.submission
    described = [part for pair in sent.descriptions for part in pair]
    texts = {"text": [sent.text], "title": [sent.title], "purpose": [sent.purpose], "descriptions": described}
    texts["client_id"] = [sent.client_id or ""]
    for field, values in texts.items():
        if any("\x00" in v or any("\ud800" <= c <= "\udfff" for c in v) for v in values):
            raise Invalid("unstorable-text", f"The {field} has a character that is not text.", f"/{field}")
