"""Moves of a job's state: lease, renew, advance. Every move is compare-and-set."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict
from broker.domain.jobs import FINAL_JOB_STATES, FailureCode, JobState, can_advance
from broker.domain.outputs import DECIDED_STATES, OUTPUT_TRANSITIONS, OutputState
from broker.domain.people import SYSTEM
from broker.domain.ports import Lease, OutputRecord
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.jobs import job_of, job_row
from broker.storage.ledger.spends import settle_with_job
from broker.storage.ledger.writing import LedgerWriting
from broker.storage.outputs import values_of
from broker.storage.release_history.held_files import hold_files
from broker.storage.release_history.tables import memory_entries
from broker.storage.stops import is_stopped
from broker.storage.tables.jobs import jobs, outputs

BORN: frozenset[OutputState] = frozenset({OutputState.ASSESSED}) | OUTPUT_TRANSITIONS[OutputState.ASSESSED]
REMEMBERED = select(func.count()).select_from(memory_entries).scalar_subquery()
UNDECIDED: frozenset[OutputState] = frozenset(OutputState) - DECIDED_STATES


class JobMoves(LedgerWriting):
    """The part of the store that moves jobs on. `attempt` fences: a late writer changes nothing."""

    _db: Database

    def lease(
        self, job: str, worker: str, until: datetime, now: datetime, events: Sequence[AuditEvent]
    ) -> Lease | None:
        taken = (
            update(jobs)
            .where(jobs.c.ident == job, jobs.c.state == JobState.QUEUED, ~is_stopped())
            .values(state=JobState.RUNNING, attempt=jobs.c.attempt + 1, worker=worker, lease_until=until)
            .values(started=func.coalesce(jobs.c.started, now), ended=None, updated=now)
            .values(remembered=func.coalesce(jobs.c.remembered, REMEMBERED))
        )
        with self._db.write() as connection:
            if connection.execute(taken).rowcount != 1:
                return None
            append(connection, events)
            leased = job_of(job_row(connection, job))
        return Lease(leased, leased.attempt, until)

    def renew(self, job: str, attempt: int, until: datetime, now: datetime | None = None) -> bool:
        mine = (jobs.c.ident == job, jobs.c.attempt == attempt)
        leases = ((JobState.RUNNING, jobs.c.lease_until), (JobState.ASSESSING, jobs.c.comparing_until))
        with self._db.write() as connection:
            for state, lease in leases:
                held = lease.is_not(None) if now is None else lease >= now
                prolonged = update(jobs).where(*mine, jobs.c.state == state, held).values({lease: until})
                if connection.execute(prolonged).rowcount == 1:
                    return True
        return False

    def advance(
        self,
        job: str,
        attempt: int | None,
        before: JobState,
        after: JobState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        failure: FailureCode | None = None,
        image: str | None = None,
        runtime: str | None = None,
        snapshot: str | None = None,
        assessed_policy: str | None = None,
        outputs: Sequence[OutputRecord] = (),
        small: bool = False,
        history_changed: bool = False,
    ) -> None:
        _check_legal(before, after, failure, outputs)
        facts = {"image": image, "runtime": runtime, "snapshot": snapshot, "failure": failure}
        facts |= {"assessed_policy": assessed_policy}
        known: dict[str, object] = {key: value for key, value in facts.items() if value is not None}
        known |= {"small": True} if small else {}
        known |= {"history_changed": True} if history_changed else {}
        with self._db.write() as connection:
            hold_files(connection, [one.file for record in outputs for one in record.to_remember])
            _move(connection, job, attempt, before, after, now, known)
            _insert_outputs(connection, job, outputs)
            withdrawn = _settle_outputs(connection, job, after, now)
            # A job ends even while the ledger stands still; its spend is settled by the reconciler then.
            ends = after in FINAL_JOB_STATES and self._remembers(connection)
            settled = settle_with_job(connection, job, after, now) if ends else []
            append(connection, [*events, *withdrawn, *settled])
        if settled:
            self._sign()

    def name_vault(self, job: str, attempt: int, vault: str) -> None:
        running = (jobs.c.ident == job, jobs.c.attempt == attempt, jobs.c.state == JobState.RUNNING)
        with self._db.write() as connection:
            if connection.execute(update(jobs).where(*running).values(vault=vault)).rowcount != 1:
                raise stale("job", job)


def stale(what: str, ident: str) -> Conflict:
    return Conflict("stale", f"The {what} {ident!r} has moved on; nothing was changed.")


def _check_legal(
    before: JobState, after: JobState, failure: FailureCode | None, records: Sequence[OutputRecord]
) -> None:
    if not can_advance(before, after):
        raise Breach(f"No job goes from {before} to {after}.")
    if after is JobState.RUNNING:
        raise Breach("A job starts by a lease only.")
    if (failure is not None) != (after is JobState.FAILED):
        raise Breach("A failure code belongs to a failed job, and a failed job has one.")
    if records and after is not JobState.ASSESSING:
        raise Breach("Outputs come into being when a job goes to assessing.")
    if any(r.output.state not in BORN - {OutputState.WITHDRAWN} for r in records):
        raise Breach("A new output is assessed, or what assessing may make of it.")


def _move(
    connection: Connection,
    job: str,
    attempt: int | None,
    before: JobState,
    after: JobState,
    now: datetime,
    known: dict[str, object],
) -> None:
    where = [jobs.c.ident == job, jobs.c.state == before]
    if attempt is not None:
        where.append(jobs.c.attempt == attempt)
    values: dict[str, object] = {"state": after, "updated": now, "lease_until": None, "comparing_until": None, **known}
    if after is JobState.WITHDRAWN:
        values |= {"failure": None, "ended": func.coalesce(jobs.c.ended, now)}
    elif after is JobState.FAILED or (before, after) == (JobState.RUNNING, JobState.ASSESSING):
        values["ended"] = now
    if connection.execute(update(jobs).where(*where).values(values)).rowcount != 1:
        job_row(connection, job)
        raise stale("job", job)


def _insert_outputs(connection: Connection, job: str, records: Sequence[OutputRecord]) -> None:
    if any(r.output.job != job for r in records):
        raise Breach("An output of another job cannot come with this one.")
    rows = [values_of(record, position) for position, record in enumerate(records, 1)]
    try:
        if rows:
            connection.execute(insert(outputs), rows)
    except IntegrityError as error:
        raise Breach(f"The outputs of job {job!r} are not distinct.") from error


def _settle_outputs(connection: Connection, job: str, after: JobState, now: datetime) -> list[AuditEvent]:
    """A job that stops takes its undecided outputs with it; a job is decided when every output is."""
    undecided = (outputs.c.job == job, outputs.c.state.in_(sorted(UNDECIDED)))
    query = select(outputs.c.ident).where(*undecided).order_by(outputs.c.position).with_for_update()
    if after not in {JobState.WITHDRAWN, JobState.FAILED, JobState.DECIDED}:
        return []
    left = list(connection.execute(query).scalars())
    if left and after is JobState.DECIDED:
        raise Breach(f"Job {job!r} has {len(left)} undecided outputs.")
    gone = {"state": OutputState.WITHDRAWN, "updated": now, "claimed_by": None}
    connection.execute(update(outputs).where(*undecided).values(gone))
    return [AuditEvent(now, SYSTEM.ident, "output.withdrawn", output, (("job", job),)) for output in left]
