"""Outputs in the store: read, list, claim, move. Their contents are in the content store, never here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.outputs import OUTPUT_TRANSITIONS, Output, OutputKind, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import ListFilter, OutputRecord
from broker.storage.audit_store import append_events
from broker.storage.database import Database
from broker.storage.tables.job_tables import jobs, outputs, recalls, votes

VOTE_NEEDED: dict[OutputState, VoteChoice] = {
    OutputState.APPROVED: VoteChoice.APPROVE,
    OutputState.REJECTED: VoteChoice.REJECT,
    OutputState.RETURNED: VoteChoice.RETURN,
}
"""An output that leaves review for one of these states needs at least one such vote."""

IS_CURRENT_VOTE = (votes.c.staff_hash == outputs.c.staff_hash, votes.c.findings_hash == outputs.c.findings_hash)
"""Condition for a vote on the output as it is now, not as it was before the release history changed it."""


def output_of(row: Row[Any]) -> Output:
    return Output(
        ident=row.ident,
        job=row.job,
        name=row.name,
        kind=OutputKind(row.kind),
        description=row.description,
        state=OutputState(row.state),
        media_type=row.media_type,
        size=row.size,
        release_hash=row.release_hash,
        staff_hash=row.staff_hash,
        findings_hash=row.findings_hash,
        verdict=Verdict(row.verdict),
        created=row.created,
        claimed_by=row.claimed_by,
        reason=row.reason,
        overrides=tuple(row.overrides),
        memory_version=row.memory_version,
    )


def output_values(record: OutputRecord, position: int) -> dict[str, object]:
    """Return a new output's row. Nobody has claimed it or set a finding aside yet."""
    output = record.output
    return {
        "ident": output.ident,
        "job": output.job,
        "position": position,
        "name": output.name,
        "kind": output.kind,
        "description": output.description,
        "state": output.state,
        "media_type": output.media_type,
        "size": output.size,
        "release_hash": output.release_hash,
        "staff_hash": output.staff_hash,
        "findings_hash": output.findings_hash,
        "evidence_digest": record.evidence_digest,
        "verdict": output.verdict,
        "created": output.created,
        "updated": output.created,
        "reason": output.reason,
        "overrides": list(output.overrides),
        "memory_version": output.memory_version,
        "to_remember": to_remember_json(record),
    }


def to_remember_json(record: OutputRecord) -> list[list[object]] | None:
    return [[one.table, one.file, one.digest] for one in record.pending_history] or None


class SqlOutputs:
    """The part of the store for outputs and their states."""

    _db: Database

    def output(self, ident: str) -> Output:
        with self._db.read() as connection:
            return output_of(output_row(connection, ident))

    def outputs_of(self, job: str) -> list[Output]:
        """Return the outputs in the order in which the job made them; empty for a job without outputs."""
        query = select(outputs).where(outputs.c.job == job).order_by(outputs.c.position)
        with self._db.read() as connection:
            return [output_of(row) for row in connection.execute(query)]

    def outputs_of_jobs(self, jobs: frozenset[str]) -> dict[str, list[Output]]:
        query = select(outputs).where(outputs.c.job.in_(sorted(jobs))).order_by(outputs.c.job, outputs.c.position)
        found: dict[str, list[Output]] = {}
        with self._db.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.job, []).append(output_of(row))
        return found

    def outputs(self, wanted: ListFilter) -> list[Output]:
        query = select(outputs).join(jobs, jobs.c.ident == outputs.c.job)
        if wanted.projects is not None:
            query = query.where(jobs.c.project.in_(sorted(wanted.projects)))
        if wanted.states is not None:
            query = query.where(outputs.c.state.in_(sorted(wanted.states)))
        if wanted.researcher is not None:
            query = query.where(jobs.c.researcher == wanted.researcher)
        with self._db.read() as connection:
            if wanted.after is not None:
                query = query.where(_older_than(output_row(connection, wanted.after)))
            query = query.order_by(outputs.c.created.desc(), outputs.c.ident.desc()).limit(wanted.limit)
            return [output_of(row) for row in connection.execute(query)]

    def outputs_in(self, state: OutputState) -> int:
        query = select(func.count()).where(outputs.c.state == state)
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def outputs_in_review(self, limit: int) -> list[Output]:
        waiting = select(outputs).where(outputs.c.state == OutputState.IN_REVIEW)
        query = waiting.order_by(outputs.c.created, outputs.c.job, outputs.c.position).limit(limit)
        with self._db.read() as connection:
            return [output_of(row) for row in connection.execute(query)]

    def outputs_named(self, idents: frozenset[str]) -> list[Output]:
        with self._db.read() as connection:
            rows = connection.execute(select(outputs).where(outputs.c.ident.in_(sorted(idents))))
            return [output_of(row) for row in rows]

    def last_released(self, project: str, name: str, before: str) -> Output | None:
        own = select(outputs.c.job).where(outputs.c.ident == before).scalar_subquery()
        same = (jobs.c.project == project, outputs.c.name == name, outputs.c.job != own)
        query = select(outputs).join(jobs, jobs.c.ident == outputs.c.job)
        query = query.where(*same, outputs.c.state == OutputState.RELEASED).order_by(outputs.c.updated.desc()).limit(1)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else output_of(row)

    def evidence_digest(self, output: str) -> str:
        with self._db.read() as connection:
            return str(output_row(connection, output).evidence_digest)

    def move_output(
        self,
        output: str,
        before: OutputState,
        after: OutputState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        reason: str | None = None,
    ) -> None:
        if after is OutputState.RELEASED:
            raise Breach("An output is released with its job's release only.")
        # An approved output may only go back with its changed content, which `put_compared` writes.
        if before is OutputState.APPROVED:
            raise Breach("Only memory sends an approved output back, with what it is now.")
        with self._db.write() as connection:
            move_output_row(connection, output, before, after, now, reason)
            append_events(connection, events)

    def claim(self, output: str, checker: str | None, events: Sequence[AuditEvent]) -> None:
        with self._db.write() as connection:
            row = output_row(connection, output, lock=True)
            if row.state != OutputState.IN_REVIEW:
                raise Conflict("stale", f"Output {output!r} is not in review, or not any more.")
            if checker is not None and row.claimed_by not in {None, checker}:
                raise Conflict("claimed", f"Output {output!r} is claimed by another checker.")
            connection.execute(update(outputs).where(outputs.c.ident == output).values(claimed_by=checker))
            append_events(connection, events)


def output_row(connection: Connection, ident: str, *, lock: bool = False) -> Row[Any]:
    query = select(outputs).where(outputs.c.ident == ident)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Unknown("output", ident)
    return row


def move_output_row(
    connection: Connection, output: str, before: OutputState, after: OutputState, now: datetime, reason: str | None
) -> None:
    """Make one allowed move by compare-and-set, within the caller's transaction. Raises Conflict("stale") if the
    output is in another state by now, Breach for a move that is not allowed."""
    if after not in OUTPUT_TRANSITIONS[before]:
        raise Breach(f"No output goes from {before} to {after}.")
    # Locked, so that two writers cannot both find the state that they expect.
    row = output_row(connection, output, lock=True)
    if row.state != before:
        raise Conflict("stale", f"Output {output!r} has moved on; nothing was changed.")
    # The store itself ensures that no output leaves review without a vote (invariant 1).
    if before is OutputState.IN_REVIEW and after in VOTE_NEEDED:
        _check_voted(connection, output, VOTE_NEEDED[after])
    values: dict[str, object] = {"state": after, "updated": now, "claimed_by": None}
    if reason is not None:
        values["reason"] = reason
    connection.execute(update(outputs).where(outputs.c.ident == output).values(values))
    if after is OutputState.RECALLED:
        connection.execute(insert(recalls).values(output=output, recalled_at=now, reason=reason or ""))


def _check_voted(connection: Connection, output: str, choice: VoteChoice) -> None:
    query = select(votes.c.checker).join(outputs, outputs.c.ident == votes.c.output)
    query = query.where(votes.c.output == output, votes.c.choice == choice, *IS_CURRENT_VOTE)
    if connection.execute(query.limit(1)).first() is None:
        raise Breach(f"Output {output!r} has no vote to {choice}.")


def _older_than(row: Row[Any]) -> Any:
    # Outputs of the same moment are ordered by ident, so that no page skips or repeats one.
    return or_(outputs.c.created < row.created, and_(outputs.c.created == row.created, outputs.c.ident < row.ident))
