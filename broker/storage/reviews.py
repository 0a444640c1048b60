"""Votes in the store: cast once, bound to what was seen, never changed. Who may vote is decided above."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.outputs import OutputState
from broker.domain.ports import Cast
from broker.domain.reviews import Choice, Decided, Vote
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.messages import add
from broker.storage.outputs import IS_ON_IT, move, output_row
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import votes


def vote_of(row: Row[Any]) -> Vote:
    return Vote(
        output=row.output,
        checker=row.checker,
        choice=Choice(row.choice),
        reason=row.reason,
        staff_hash=row.staff_hash,
        findings_hash=row.findings_hash,
        memory_version=row.memory_version,
        cast=row.cast_at,
        overrides=tuple(row.overrides),
        why=row.why or "",
    )


class Reviews:
    """The part of the store that keeps votes."""

    _db: Database

    def cast(
        self,
        vote: Vote,
        events: Sequence[AuditEvent],
        *,
        decide: Callable[[tuple[Vote, ...]], Decided | None] | None = None,
    ) -> None:
        self.cast_all([Cast(vote, events, decide)])

    def cast_all(self, casts: Sequence[Cast]) -> None:
        """What a `decide` decides is done with its vote or not at all, so two checkers at once cannot both miss the
        decision. Outputs are locked in one order, so that two who vote on the same ones wait and do not block."""
        with self._db.write() as connection:
            for cast in sorted(casts, key=lambda c: c.vote.output):
                append(connection, _cast(connection, cast))

    def votes_of(self, output: str) -> list[Vote]:
        """Those on what the output is now, in the order in which they were cast."""
        with self._db.read() as connection:
            return _standing(_votes(connection, output), output_row(connection, output))

    def voted(self, outputs: frozenset[str]) -> frozenset[str]:
        query = select(votes.c.output).where(votes.c.output.in_(sorted(outputs))).distinct()
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def voted_by(self, checker: str, idents: frozenset[str]) -> frozenset[str]:
        query = select(votes.c.output).where(votes.c.checker == checker, votes.c.output.in_(sorted(idents)))
        query = query.join(outputs, outputs.c.ident == votes.c.output).where(*IS_ON_IT)
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def voters_on_projects_of(self, researcher: str, projects: frozenset[str] = frozenset()) -> frozenset[str]:
        theirs = or_(jobs.c.researcher == researcher, jobs.c.project.in_(sorted(projects)))
        query = (
            select(votes.c.checker)
            .distinct()
            .join(outputs, outputs.c.ident == votes.c.output)
            .join(jobs, jobs.c.ident == outputs.c.job)
            .where(theirs)
        )
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars())


def _cast(connection: Connection, cast: Cast) -> Sequence[AuditEvent]:
    """One vote with what it decides and says; the events of all that."""
    vote = cast.vote
    row = output_row(connection, vote.output, lock=True)
    _check_open(row, vote)
    every = _votes(connection, vote.output)
    earlier = _standing(every, row)
    if any(v.checker == vote.checker for v in earlier):
        raise Conflict("already-voted", "You have voted on this output already.")
    _insert(connection, vote, len(every) + 1, row)
    for message in cast.says:
        add(connection, message)
    decided = cast.decide((*earlier, vote)) if cast.decide is not None else None
    if decided is None:
        return cast.events
    after, reason, more = decided
    move(connection, vote.output, OutputState.IN_REVIEW, after, vote.cast, reason)
    return (*cast.events, *more)


def _check_open(row: Row[Any], vote: Vote) -> None:
    if row.state != OutputState.IN_REVIEW:
        raise Conflict("stale", f"Output {vote.output!r} is not in review (any more).")
    if (row.staff_hash, row.findings_hash) != (vote.staff_hash, vote.findings_hash):
        raise Conflict("stale", f"Output {vote.output!r} is not what this vote was cast on.")


def _votes(connection: Connection, output: str) -> list[Vote]:
    query = select(votes).where(votes.c.output == output).order_by(votes.c.position)
    return [vote_of(row) for row in connection.execute(query)]


def _standing(found: Sequence[Vote], row: Row[Any]) -> list[Vote]:
    """Votes that were cast on another state of the output are kept, and count no more."""
    return [v for v in found if (v.staff_hash, v.findings_hash) == (row.staff_hash, row.findings_hash)]


def _insert(connection: Connection, vote: Vote, position: int, row: Row[Any]) -> None:
    connection.execute(
        insert(votes).values(
            output=vote.output,
            checker=vote.checker,
            position=position,
            choice=vote.choice,
            reason=vote.reason,
            staff_hash=vote.staff_hash,
            findings_hash=vote.findings_hash,
            memory_version=vote.memory_version,
            cast_at=vote.cast,
            overrides=list(vote.overrides),
            why=vote.why or None,
        )
    )
    if vote.overrides and vote.choice is Choice.APPROVE:
        both = sorted({*row.overrides, *vote.overrides})
        connection.execute(update(outputs).where(outputs.c.ident == vote.output).values(overrides=both))
