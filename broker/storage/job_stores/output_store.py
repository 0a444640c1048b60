"""Outputs in the store: read, list, claim, move. Their contents are in the content store, never here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OUTPUT_TRANSITIONS, Output, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import ListFilter, OutputRecord
from broker.storage.audit_store import StorePart
from broker.storage.database import columns_of, find_row, value_of
from broker.storage.job_stores.job_store import listed
from broker.storage.tables.job_tables import jobs, outputs, recalls, votes

VOTE_NEEDED: dict[OutputState, VoteChoice] = {
    OutputState.APPROVED: VoteChoice.APPROVE,
    OutputState.REJECTED: VoteChoice.REJECT,
    OutputState.RETURNED: VoteChoice.RETURN,
}
"""An output that leaves review for one of these states needs at least one such vote."""

IS_CURRENT_VOTE = (votes.c.staff_hash == outputs.c.staff_hash, votes.c.findings_hash == outputs.c.findings_hash)
"""Condition for a vote on the output as it is now, not as it was before the release history changed it."""


def output_values(record: OutputRecord, position: int) -> dict[str, object]:
    """Return a new output's row. Nobody has claimed it or set a finding aside yet."""
    more = {"evidence_digest": record.evidence_digest, "to_remember": to_remember_json(record), "claimed_by": None}
    return columns_of(outputs, record.output, position=position, updated=record.output.created, **more)


def to_remember_json(record: OutputRecord) -> list[list[object]] | None:
    return [[one.table, one.file, one.digest] for one in record.pending_history] or None


class SqlOutputs(StorePart):
    """The part of the store for outputs and their states."""

    def output(self, ident: str) -> Output:
        return value_of(Output, self._db.found_by(output_row, ident))

    def outputs_of(self, job: str) -> list[Output]:
        """Return the outputs in the order in which the job made them; empty for a job without outputs."""
        query = select(outputs).where(outputs.c.job == job).order_by(outputs.c.position)
        return [value_of(Output, row) for row in self._db.rows(query)]

    def outputs_of_jobs(self, jobs: frozenset[str]) -> dict[str, list[Output]]:
        query = select(outputs).where(outputs.c.job.in_(sorted(jobs))).order_by(outputs.c.job, outputs.c.position)
        found: dict[str, list[Output]] = {}
        for row in self._db.rows(query):
            found.setdefault(row.job, []).append(value_of(Output, row))
        return found

    def outputs(self, wanted: ListFilter) -> list[Output]:
        query = select(outputs).join(jobs, jobs.c.ident == outputs.c.job)
        return [value_of(Output, row) for row in self._db.found_by(listed, query, outputs, "output", wanted)]

    def outputs_in(self, state: OutputState) -> int:
        query = select(func.count()).where(outputs.c.state == state)
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def outputs_in_review(self, limit: int) -> list[Output]:
        waiting = select(outputs).where(outputs.c.state == OutputState.IN_REVIEW)
        query = waiting.order_by(outputs.c.created, outputs.c.job, outputs.c.position).limit(limit)
        return [value_of(Output, row) for row in self._db.rows(query)]

    def outputs_named(self, idents: frozenset[str]) -> list[Output]:
        query = select(outputs).where(outputs.c.ident.in_(sorted(idents)))
        return [value_of(Output, row) for row in self._db.rows(query)]

    def last_released(self, project: str, name: str, before: str) -> Output | None:
        own = select(outputs.c.job).where(outputs.c.ident == before).scalar_subquery()
        same = (jobs.c.project == project, outputs.c.name == name, outputs.c.job != own)
        query = select(outputs).join(jobs, jobs.c.ident == outputs.c.job)
        query = query.where(*same, outputs.c.state == OutputState.RELEASED).order_by(outputs.c.updated.desc()).limit(1)
        row = self._db.row(query)
        return None if row is None else value_of(Output, row)

    def evidence_digest(self, output: str) -> str:
        return str(self._db.found_by(output_row, output).evidence_digest)

    def move_output(
        self, output: str, before: OutputState, after: OutputState, now: datetime, events: Sequence[AuditEvent], *,
        reason: str | None = None,
    ) -> None:  # fmt: skip
        if after is OutputState.RELEASED:
            raise Breach("An output is released with its job's release only.")
        # An approved output may only go back with its changed content, which `put_compared` writes.
        if before is OutputState.APPROVED:
            raise Breach("Only memory sends an approved output back, with what it is now.")
        with self._change(events) as connection:
            move_output_row(connection, output, before, after, now, reason)

    def claim(self, output: str, checker: str | None, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            row = output_row(connection, output, lock=True)
            if row.state != OutputState.IN_REVIEW:
                raise Conflict("stale", f"Output {output!r} is not in review, or not any more.")
            if checker is not None and row.claimed_by not in {None, checker}:
                raise Conflict("claimed", f"Output {output!r} is claimed by another checker.")
            connection.execute(update(outputs).where(outputs.c.ident == output).values(claimed_by=checker))


def output_row(connection: Connection, ident: str, *, lock: bool = False) -> Row[Any]:
    return find_row(connection, outputs, "output", ident, lock=lock)


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
