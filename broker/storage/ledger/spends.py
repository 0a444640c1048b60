"""How spends move on: charge, answer, release, withhold, refund. Every move is judged under the spend's lock."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs import FINAL_JOB_STATES, JobState
from broker.domain.ledger.chain import EntryKind
from broker.domain.ledger.spends import Answer, Spend, SpendState, can_move
from broker.domain.outputs import OutputState
from broker.domain.people import SYSTEM
from broker.storage.chain import append
from broker.storage.ledger.accounts import give_back, locked, spend
from broker.storage.ledger.found import charges_of, spend_in
from broker.storage.ledger.tables import ledger_spends
from broker.storage.ledger.writing import LedgerWriting, append_entry
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import releases

OPEN = frozenset({SpendState.RESERVED, SpendState.CHARGED})


class Spends(LedgerWriting):
    """The part of the store that moves spends on."""

    def spend_of(self, job: str) -> Spend | None:
        with self._db.read() as connection:
            return spend_in(connection, job)

    def charge(self, job: str, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        with self._ledger() as connection:
            known = _known(connection, job)
            if known.state in {SpendState.CHARGED, SpendState.RELEASED}:
                return known
            moved = move_spend(connection, job, SpendState.CHARGED, now)
            append(connection, events)
            return moved

    def store_answer(self, job: str, answer: Answer, now: datetime, events: Sequence[AuditEvent]) -> Answer:
        with self._ledger() as connection:
            known = _known(connection, job)
            if known.answer is not None:
                return known.answer
            if known.state is not SpendState.CHARGED:
                raise _moved_on(job, known.state)
            stored = {"answer_hash": answer.keyed_hash, "answer_place": answer.place}
            connection.execute(update(ledger_spends).where(ledger_spends.c.job == job).values(**stored, updated=now))
            body = json.dumps({"hash": answer.keyed_hash, "place": answer.place}, sort_keys=True)
            append_entry(connection, now, EntryKind.ANSWERED, job, body)
            append(connection, events)
            return answer

    def settle_spend(self, job: str, after: SpendState, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        with self._ledger() as connection:
            known = _known(connection, job)
            if known.state is after:
                return known
            moved = move_spend(connection, job, after, now)
            append(connection, events)
            return moved

    def unsettled_spends(self, before: datetime) -> list[Spend]:
        """Spends older than `before` that wait for nobody: their job was never accepted, or is at its end."""
        unfinished = exists().where(jobs.c.ident == ledger_spends.c.job, jobs.c.state.not_in(sorted(FINAL_JOB_STATES)))
        query = select(ledger_spends.c.job).where(
            ledger_spends.c.state.in_(sorted(OPEN)), ledger_spends.c.created < before, ~unfinished, ~_leaves()
        )
        with self._db.read() as connection:
            idents = connection.execute(query.order_by(ledger_spends.c.created, ledger_spends.c.job)).scalars().all()
            return [found for job in idents if (found := spend_in(connection, job)) is not None]


def _leaves() -> ColumnElement[bool]:
    """The job is decided, and its release is still to be made."""
    approved = exists().where(outputs.c.job == ledger_spends.c.job, outputs.c.state == OutputState.APPROVED)
    return and_(approved, ~exists().where(releases.c.job == ledger_spends.c.job))


def move_spend(connection: Connection, job: str, after: SpendState, now: datetime) -> Spend:
    """One move with its entry, and what it does to the accounts. The table says what may follow."""
    known = spend_in(connection, job, lock=True)
    if known is None:
        raise Unknown("spend", job)
    if not can_move(known.state, after):
        raise _moved_on(job, known.state)
    if after is SpendState.RELEASED and known.answer is None:
        raise Conflict("no-answer", f"Job {job!r} has no stored answer that could be released.")
    if known.state is SpendState.RESERVED:
        charges = charges_of(connection, job)
        locked(connection, charges)
        (spend if after is SpendState.CHARGED else give_back)(connection, charges)
    connection.execute(update(ledger_spends).where(ledger_spends.c.job == job).values(state=after, updated=now))
    append_entry(connection, now, EntryKind(after.value), job)
    return Spend(known.asked, after, known.created, now, known.answer)


def settle_with_job(connection: Connection, job: str, after: JobState, now: datetime) -> list[AuditEvent]:
    """A job that ends without a release takes its spend with it."""
    known = spend_in(connection, job, lock=True)
    if known is None or known.state not in OPEN or (after is JobState.DECIDED and _is_approved(connection, job)):
        return []
    end = move_spend(connection, job, known.without_release, now).state
    return [AuditEvent(now, SYSTEM.ident, f"spend.{end.value}", job)]


def settle_with_release(connection: Connection, job: str, now: datetime) -> list[AuditEvent]:
    """A release takes the spend of its job with it. One that was never charged has nothing that could leave."""
    if spend_in(connection, job) is None:
        return []
    move_spend(connection, job, SpendState.RELEASED, now)
    return [AuditEvent(now, SYSTEM.ident, "spend.released", job)]


def _is_approved(connection: Connection, job: str) -> bool:
    query = select(outputs.c.ident).where(outputs.c.job == job, outputs.c.state == OutputState.APPROVED)
    return connection.execute(query.limit(1)).first() is not None


def _known(connection: Connection, job: str) -> Spend:
    found = spend_in(connection, job, lock=True)
    if found is None:
        raise Unknown("spend", job)
    return found


def _moved_on(job: str, state: SpendState) -> Conflict:
    return Conflict("stale", f"The spend of job {job!r} is {state.value}; nothing was changed.")
