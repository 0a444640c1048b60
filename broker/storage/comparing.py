"""The comparison of outputs with memory, as the store sees it: who compares a job's outputs now, and what came of it.
Compares nothing itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict
from broker.domain.jobs import JobState
from broker.domain.outputs import OutputState
from broker.domain.ports import Compared, ToRemember
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.jobs import job_row
from broker.storage.outputs import output_row, remember_json
from broker.storage.release_history.held_files import hold_files
from broker.storage.stops import is_stopped
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import votes

BACK = (OutputState.APPROVED, OutputState.IN_REVIEW)
COMPARED = frozenset({OutputState.ASSESSED, OutputState.APPROVED})


class Comparing:
    """The part of the store that lets one process at a time compare a job's outputs."""

    _db: Database

    def lease_comparison(self, job: str, until: datetime) -> int | None:
        free = (jobs.c.ident == job, jobs.c.state == JobState.ASSESSING, jobs.c.comparing_until.is_(None))
        taken = update(jobs).where(*free, ~is_stopped())
        with self._db.write() as connection:
            found = connection.execute(taken.values(attempt=jobs.c.attempt + 1, comparing_until=until))
            return int(job_row(connection, job).attempt) if found.rowcount == 1 else None

    def end_comparison(self, job: str, attempt: int) -> None:
        mine = (jobs.c.ident == job, jobs.c.attempt == attempt)
        with self._db.write() as connection:
            connection.execute(update(jobs).where(*mine).values(comparing_until=None))

    def put_compared(
        self,
        job: str,
        attempt: int,
        found: Sequence[Compared],
        now: datetime,
        events: Sequence[AuditEvent],
        history_changed: bool = False,
    ) -> None:
        held = (jobs.c.ident == job, jobs.c.attempt == attempt, jobs.c.comparing_until.is_not(None))
        with self._db.write() as connection:
            hold_files(connection, [one.file for c in found for one in c.record.to_remember])
            values: dict[str, object] = {"comparing_until": None}
            values |= {"history_changed": True} if history_changed else {}
            ended = update(jobs).where(*held, jobs.c.state == JobState.ASSESSING)
            if connection.execute(ended.values(values)).rowcount != 1:
                raise Conflict("stale", f"Job {job!r} is compared by another process, or not any more.")
            connection.execute(update(jobs).where(jobs.c.ident == job, ~_is_voted_on(job)).values(ended=now))
            for one in found:
                _put(connection, job, one, now)
            append(connection, events)

    def to_remember(self, output: str) -> tuple[ToRemember, ...]:
        with self._db.read() as connection:
            return tuple(ToRemember(*one) for one in output_row(connection, output).to_remember or ())


def _is_voted_on(job: str) -> ColumnElement[bool]:
    """Until a person has decided, a job ends when its last comparison does."""
    return exists().where(votes.c.output == outputs.c.ident, outputs.c.job == job)


def _put(connection: Connection, job: str, one: Compared, now: datetime) -> None:
    before, after = one.before, one.record.output
    if after.job != job or after.ident != before.ident or before.state not in COMPARED:
        raise Breach("Only an assessed or approved output of the job is compared.")
    if after.state is not before.state and (before.state, after.state) != BACK:
        raise Breach(f"No output goes from {before.state} to {after.state}.")
    row = output_row(connection, before.ident, lock=True)
    if (row.state, row.staff_hash, row.findings_hash) != (before.state, before.staff_hash, before.findings_hash):
        raise Conflict("stale", f"Output {before.ident!r} has moved on; nothing was changed.")
    same = (after.staff_hash, after.findings_hash) == (before.staff_hash, before.findings_hash)
    values: dict[str, object] = {
        "state": after.state,
        "memory_version": after.memory_version,
        "updated": now,
        "size": after.size,
        "release_hash": after.release_hash,
        "staff_hash": after.staff_hash,
        "findings_hash": after.findings_hash,
        "evidence_digest": one.record.evidence_digest,
        "verdict": after.verdict,
        "to_remember": remember_json(one.record),
    }
    if not same:  # findings that were set aside were those of another output
        values |= {"overrides": [], "claimed_by": None, "reason": None}
    connection.execute(update(outputs).where(outputs.c.ident == before.ident).values(values))
