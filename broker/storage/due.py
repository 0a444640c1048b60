"""What is due, for reconciler, reaper and sweepers: jobs that wait, run, have lapsed or stand between two steps, and
the vaults that they name. Moves nothing."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select

from broker.domain.jobs import FINAL_JOB_STATES, JobState
from broker.domain.outputs import OutputState
from broker.domain.ports import Reap
from broker.storage.database import Database
from broker.storage.public_tables import vaults_of_public_tables
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import releases


class Due:
    """The part of the store that is asked what there is to do."""

    _db: Database

    def vaults_in_use(self, *, reading: bool = False) -> frozenset[str]:
        unfinished = jobs.c.state.not_in(sorted(FINAL_JOB_STATES))
        wanted = jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)) if reading else unfinished
        query = select(jobs.c.vault).where(wanted, jobs.c.vault.is_not(None)).distinct()
        with self._db.read() as connection:
            return frozenset(connection.execute(query).scalars()) | vaults_of_public_tables(connection)

    def lapsed(self, now: datetime) -> list[Reap]:
        late = or_(
            and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_until < now),
            and_(jobs.c.state == JobState.ASSESSING, jobs.c.comparing_until < now),
        )
        query = select(jobs.c.ident, jobs.c.attempt).where(late).order_by(jobs.c.lease_until, jobs.c.ident)
        with self._db.read() as connection:
            return [Reap(row.ident, row.attempt) for row in connection.execute(query)]

    def waiting(self) -> list[tuple[str, int]]:
        return self._where(jobs.c.state == JobState.QUEUED)

    def alive(self) -> frozenset[tuple[str, int]]:
        compares = and_(jobs.c.state == JobState.ASSESSING, jobs.c.comparing_until.is_not(None))
        return frozenset(self._where(or_(jobs.c.state == JobState.RUNNING, compares)))

    def _where(self, condition: ColumnElement[bool]) -> list[tuple[str, int]]:
        query = select(jobs.c.ident, jobs.c.attempt).where(condition)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(jobs.c.created, jobs.c.ident))
            return [(row.ident, row.attempt) for row in rows]

    def unsettled(self) -> list[str]:
        due = or_(
            and_(jobs.c.state == JobState.ASSESSING, or_(_has(OutputState.ASSESSED), ~_has(OutputState.IN_REVIEW))),
            and_(jobs.c.state == JobState.DECIDED, _has(OutputState.APPROVED), ~_released()),
        )
        query = select(jobs.c.ident).where(due).order_by(jobs.c.created, jobs.c.ident)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())


def _has(state: OutputState) -> ColumnElement[bool]:
    return exists().where(outputs.c.job == jobs.c.ident, outputs.c.state == state)


def _released() -> ColumnElement[bool]:
    return exists().where(releases.c.job == jobs.c.ident)
