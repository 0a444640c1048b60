"""Moves of jobs: changes of state by compare-and-set, compared outputs, and the vaults in use."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FINAL_JOB_STATES, UNDECIDED_STATES, FailureCode, JobState, OutputState, check_advance
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, PendingHistoryEntry
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import pick, refused_as
from broker.storage.history_store import lock_for_files
from broker.storage.job_stores.job_store import job_row
from broker.storage.job_stores.output_store import output_row, output_values, to_remember_json
from broker.storage.ledger.spend_store import settle_with_job
from broker.storage.public_table_store import vaults_of_public_tables
from broker.storage.signed_log_store import SqlSignedLogs
from broker.storage.tables.job_tables import jobs, outputs, votes
from broker.storage.work_store import READS_DATA, check_lease, end_lease, end_leases, stale

BACK_TO_REVIEW = (OutputState.APPROVED, OutputState.IN_REVIEW)
COMPARABLE_STATES = frozenset({OutputState.ASSESSED, OutputState.APPROVED})


class SqlComparisons(StorePart):
    """The part of the store that replaces outputs by what their comparison made of them."""

    def put_compared(
        self, item: WorkItem, found: Sequence[ComparedOutput], now: datetime, events: Sequence[AuditEvent],
        history_changed: bool = False,
    ) -> None:  # fmt: skip
        job = item.subject
        with self._change(events) as connection:
            # First in the transaction, so that no file is retired before the output names it.
            lock_for_files(connection, [one.file for c in found for one in c.record.pending_history])
            if job_row(connection, job, lock=True).state != JobState.ASSESSING:
                raise stale("job", job)
            # A release that compares again goes on.
            (end_lease if item.kind is WorkKind.COMPARE else check_lease)(connection, item)
            # Never set back: a job counts once for its project, however often it is compared.
            if history_changed:
                connection.execute(update(jobs).where(jobs.c.ident == job).values(history_changed=True))
            # Once a person has voted, the end is already shown and must not move.
            connection.execute(update(jobs).where(jobs.c.ident == job, ~_is_voted_on(job)).values(ended=now))
            for one in found:
                _put_compared_output(connection, job, one, now)

    def pending_history(self, output: str) -> tuple[PendingHistoryEntry, ...]:
        row = self._db.found_by(output_row, output)
        return tuple(PendingHistoryEntry(*one) for one in row.to_remember or ())


def _is_voted_on(job: str) -> ColumnElement[bool]:
    """Whether an output of the job has a vote. Until then, a job ends when its last comparison ends."""
    return exists().where(votes.c.output == outputs.c.ident, outputs.c.job == job)


def _put_compared_output(connection: Connection, job: str, one: ComparedOutput, now: datetime) -> None:
    before, after = one.before, one.record.output
    if after.job != job or after.ident != before.ident or before.state not in COMPARABLE_STATES:
        raise Breach("Only an assessed or approved output of the job is compared.")
    if after.state is not before.state and (before.state, after.state) != BACK_TO_REVIEW:
        raise Breach(f"No output goes from {before.state} to {after.state}.")
    # Read again under the lock: a checker may have decided during the comparison.
    row = output_row(connection, before.ident, lock=True)
    if (row.state, row.staff_hash, row.findings_hash) != (before.state, before.staff_hash, before.findings_hash):
        raise Conflict("stale", f"Output {before.ident!r} has moved on; nothing was changed.")
    same = (after.staff_hash, after.findings_hash) == (before.staff_hash, before.findings_hash)
    values = pick(after, "state", "memory_version", "size", "release_hash", "staff_hash", "findings_hash", "verdict")
    values |= {"evidence_digest": one.record.evidence_digest, "to_remember": to_remember_json(one.record)}
    values["updated"] = now
    if not same:  # the findings that were set aside were about another version of the output
        values |= {"overrides": [], "claimed_by": None, "reason": None}
    connection.execute(update(outputs).where(outputs.c.ident == before.ident).values(values))


class SqlJobTransitions(SqlSignedLogs):
    """The part of the store that moves jobs from state to state. Each write compares `attempt`, so a late writer
    changes nothing."""

    def advance(
        self, job: str, attempt: int | None, before: JobState, after: JobState, now: datetime,
        events: Sequence[AuditEvent], *, failure: FailureCode | None = None, image: str | None = None,
        runtime: str | None = None, snapshot: str | None = None, assessed_policy: str | None = None,
        outputs: Sequence[OutputRecord] = (), small: bool = False, history_changed: bool = False,
    ) -> None:  # fmt: skip
        check_advance(before, after, failure, [record.output.state for record in outputs])
        facts: dict[str, object] = {"image": image, "runtime": runtime, "snapshot": snapshot, "failure": failure}
        facts |= {"assessed_policy": assessed_policy, "small": small or None}
        facts |= {"history_changed": history_changed or None}
        known = {key: value for key, value in facts.items() if value is not None}
        with self._db.write() as connection:
            lock_for_files(connection, [one.file for record in outputs for one in record.pending_history])
            _move_job(connection, job, attempt, before, after, now, known)
            _insert_outputs(connection, job, outputs)
            withdrawn = _settle_outputs(connection, job, after, now)
            # A job can end even while the ledger accepts nothing; the reconciler then settles its spend.
            ends = after in FINAL_JOB_STATES and self.ledger.holds_signed_head(connection)
            settled = settle_with_job(connection, job, after, now) if ends else []
            append_events(connection, [*events, *withdrawn, *settled])
        # Sign only if the ledger has changed.
        if settled:
            self.ledger.sign()

    def name_vault(self, item: WorkItem, vault: str) -> None:
        with self._db.write() as connection:
            connection.execute(update(jobs).where(jobs.c.ident == item.subject).values(vault=vault))
            check_lease(connection, item)

    def vaults_in_use(self, *, reading: bool = False) -> frozenset[str]:
        wanted = READS_DATA if reading else jobs.c.state.not_in(sorted(FINAL_JOB_STATES))
        query = select(jobs.c.vault).where(wanted, jobs.c.vault.is_not(None)).distinct()
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars()) | vaults_of_public_tables(connection)


def _move_job(
    connection: Connection, job: str, attempt: int | None, before: JobState, after: JobState, now: datetime,
    known: dict[str, object],
) -> None:  # fmt: skip
    where = [jobs.c.ident == job, jobs.c.state == before]
    # None: whoever withdraws or decides does not know the attempt.
    if attempt is not None:
        where.append(jobs.c.attempt == attempt)
    values: dict[str, object] = {"state": after, "updated": now, **known}
    if after is JobState.WITHDRAWN:
        # A failure that is not disclosed yet looks like a running job, so it can be withdrawn like one.
        values |= {"failure": None, "ended": func.coalesce(jobs.c.ended, now)}
    elif after is JobState.FAILED or (before, after) == (JobState.RUNNING, JobState.ASSESSING):
        values["ended"] = now
    if connection.execute(update(jobs).where(*where).values(values)).rowcount != 1:
        # Raises Unknown if there is no such job; otherwise another writer was faster.
        job_row(connection, job)
        raise stale("job", job)
    end_leases(connection, job)


def _insert_outputs(connection: Connection, job: str, records: Sequence[OutputRecord]) -> None:
    if any(r.output.job != job for r in records):
        raise Breach("An output of another job cannot come with this one.")
    rows = [output_values(record, position) for position, record in enumerate(records, 1)]
    with refused_as(Breach(f"The outputs of job {job!r} are not distinct.")):
        if rows:
            connection.execute(insert(outputs), rows)


def _settle_outputs(connection: Connection, job: str, after: JobState, now: datetime) -> list[AuditEvent]:
    """Withdraw the undecided outputs of a job that stops, and return the audit events. Raises Breach if a job is
    decided before all its outputs are."""
    undecided = (outputs.c.job == job, outputs.c.state.in_(sorted(UNDECIDED_STATES)))
    query = select(outputs.c.ident).where(*undecided).order_by(outputs.c.position).with_for_update()
    if after not in {JobState.WITHDRAWN, JobState.FAILED, JobState.DECIDED}:
        return []
    left = list(connection.execute(query).scalars())
    if left and after is JobState.DECIDED:
        raise Breach(f"Job {job!r} has {len(left)} undecided outputs.")
    gone = {"state": OutputState.WITHDRAWN, "updated": now, "claimed_by": None}
    connection.execute(update(outputs).where(*undecided).values(gone))
    return [AuditEvent(now, SYSTEM.ident, "output.withdrawn", output, (("job", job),)) for output in left]
