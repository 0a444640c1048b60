"""Votes and messages on outputs in the store: added, never changed. The workflow decides who may add one."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import Message, Vote, VoteChoice
from broker.domain.ports import VoteRecord
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import columns_of, value_of
from broker.storage.job_stores.output_store import IS_CURRENT_VOTE, move_output_row, output_row
from broker.storage.tables.job_tables import jobs, messages, outputs, votes


class SqlMessages(StorePart):
    """The part of the store for messages about outputs."""

    def say(self, message: Message, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            # The lock of the output's row gives messages at the same moment different numbers.
            output_row(connection, message.output, lock=True)
            add_message(connection, message)

    def messages_on(self, outputs: frozenset[str]) -> list[Message]:
        query = sa.select(messages).where(messages.c.output.in_(sorted(outputs)))
        rows = self._db.rows(query.order_by(messages.c.at, messages.c.number))
        return [value_of(Message, row) for row in rows]

    def messages_that_wait(self, limit: int) -> list[Message]:
        waiting = (messages.c.held, messages.c.confirmed_by.is_(None))
        query = sa.select(messages).where(*waiting).order_by(messages.c.at, messages.c.number).limit(limit)
        return [value_of(Message, row) for row in self._db.rows(query)]

    def confirm(self, output: str, number: int, by: str, events: Sequence[AuditEvent]) -> None:
        one = (messages.c.output == output, messages.c.number == number)
        with self._change(events) as connection:
            output_row(connection, output, lock=True)
            row = connection.execute(sa.select(messages).where(*one)).one_or_none()
            if row is None:
                raise Unknown("message", f"{output}/{number}")
            # Nobody confirms their own message.
            if row.author == by:
                raise Forbidden("second-person", "Another checker has to confirm your message.")
            if not value_of(Message, row).waits:
                raise Conflict("confirmed-already", "This message does not need to be confirmed.")
            connection.execute(sa.update(messages).where(*one).values(confirmed_by=by))


def add_message(connection: sa.Connection, message: Message) -> None:
    """Add a message at the end of its thread, within the caller's transaction, which holds the lock of the output's
    row."""
    last = sa.select(sa.func.coalesce(sa.func.max(messages.c.number), 0)).where(messages.c.output == message.output)
    values = columns_of(messages, message, number=connection.execute(last).scalar_one() + 1)
    connection.execute(sa.insert(messages).values(values))


class SqlVotes(StorePart):
    """The part of the store for votes."""

    def cast_all(self, casts: Sequence[VoteRecord]) -> None:
        """Cast votes, all or none. A decision is made in the same transaction as its vote, so two checkers at once
        cannot both miss it."""
        with self._db.write() as connection:
            # Always lock outputs in the same order, so that two checkers of the same outputs wait and do not block
            # each other.
            for cast in sorted(casts, key=lambda c: c.vote.output):
                append_events(connection, _cast_vote(connection, cast))

    def votes_of(self, output: str) -> list[Vote]:
        """Return the votes on the output as it is now, in the order in which they were cast."""
        with self._db.read() as connection:
            return _current_votes(_all_votes(connection, output), output_row(connection, output))

    def voted(self, outputs: frozenset[str]) -> frozenset[str]:
        query = sa.select(votes.c.output).where(votes.c.output.in_(sorted(outputs))).distinct()
        return frozenset(self._db.values(query))

    def voted_by(self, checker: str, idents: frozenset[str]) -> frozenset[str]:
        query = sa.select(votes.c.output).where(votes.c.checker == checker, votes.c.output.in_(sorted(idents)))
        query = query.join(outputs, outputs.c.ident == votes.c.output).where(*IS_CURRENT_VOTE)
        return frozenset(self._db.values(query))

    def voters_on_projects_of(self, researcher: str, projects: frozenset[str] = frozenset()) -> frozenset[str]:
        # Every vote counts here, also one that later changes made void: the checker has judged their work.
        theirs = sa.or_(jobs.c.researcher == researcher, jobs.c.project.in_(sorted(projects)))
        query = (
            sa.select(votes.c.checker)
            .distinct()
            .join(outputs, outputs.c.ident == votes.c.output)
            .join(jobs, jobs.c.ident == outputs.c.job)
            .where(theirs)
        )
        return frozenset(self._db.values(query))


def _cast_vote(connection: sa.Connection, cast: VoteRecord) -> Sequence[AuditEvent]:
    """Store one vote with its messages and what it decides, and return the audit events."""
    vote = cast.vote
    row = output_row(connection, vote.output, lock=True)
    # Under the lock: the vote binds to what the checker saw, so it fails if the output has changed.
    _check_open(row, vote)
    every = _all_votes(connection, vote.output)
    earlier = _current_votes(every, row)
    if any(v.checker == vote.checker for v in earlier):
        raise Conflict("already-voted", "You have already voted on this output.")
    _insert_vote(connection, vote, len(every) + 1, row)
    for message in cast.says:
        add_message(connection, message)
    # All votes and the decision are in one transaction, so a decision is never missed.
    decided = cast.decide((*earlier, vote)) if cast.decide is not None else None
    if decided is None:
        return cast.events
    after, reason, more = decided
    move_output_row(connection, vote.output, OutputState.IN_REVIEW, after, vote.cast, reason)
    return (*cast.events, *more)


def _check_open(row: sa.Row[Any], vote: Vote) -> None:
    if row.state != OutputState.IN_REVIEW:
        raise Conflict("stale", f"Output {vote.output!r} is not in review, or not any more.")
    if (row.staff_hash, row.findings_hash) != (vote.staff_hash, vote.findings_hash):
        raise Conflict("stale", f"Output {vote.output!r} has changed since this vote was cast.")


def _all_votes(connection: sa.Connection, output: str) -> list[Vote]:
    query = sa.select(votes).where(votes.c.output == output).order_by(votes.c.position)
    return [value_of(Vote, row, cast=row.cast_at, why=row.why or "") for row in connection.execute(query)]


def _current_votes(found: Sequence[Vote], row: sa.Row[Any]) -> list[Vote]:
    """Return the votes on the output as it is now. Votes on an earlier version stay stored, but no longer count."""
    return [v for v in found if (v.staff_hash, v.findings_hash) == (row.staff_hash, row.findings_hash)]


def _insert_vote(connection: sa.Connection, vote: Vote, position: int, row: sa.Row[Any]) -> None:
    values = columns_of(votes, vote, position=position, cast_at=vote.cast, why=vote.why or None)
    connection.execute(sa.insert(votes).values(values))
    if vote.overrides and vote.choice is VoteChoice.APPROVE:
        both = sorted({*row.overrides, *vote.overrides})
        connection.execute(sa.update(outputs).where(outputs.c.ident == vote.output).values(overrides=both))
