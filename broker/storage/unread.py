"""Scripts that met real rows and that nobody has read: which a checker has to read, and how many a project has."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from broker.domain.errors import Conflict
from broker.domain.jobs import PRIVATE_SCRIPT_LINE, JobState, Kind
from broker.domain.outputs import OutputState
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import votes
from broker.storage.tables.scripts import rehearsals, script_reads

SCRIPTS = jobs.outerjoin(rehearsals, rehearsals.c.job == jobs.c.ident)


def to_read() -> ColumnElement[bool]:
    """Of `SCRIPTS`: it met real rows, nobody has read it, and it failed, was withdrawn, or left something that could
    not be used, or nothing."""
    useful = and_(outputs.c.job == jobs.c.ident, outputs.c.state != OutputState.WITHHELD)
    left_nothing = or_(rehearsals.c.problems.is_(True), ~exists().where(useful))
    over = jobs.c.state.in_([JobState.ASSESSING, JobState.DECIDED])
    return and_(_unread(), or_(_ended_early(), and_(over, left_nothing)))


def check_few(connection: Connection, project: str, now: datetime, most: int) -> None:
    """Raise Conflict("unread-scripts") where a project has more than `most` scripts that met real rows or may, and that
    no checker has looked at. Which they are follows from texts, trials and people's acts alone, so that a refusal tells
    nothing of real rows: one in review counts like one that is withheld, or that failed."""
    counted: int = connection.execute(_counted(project, now)).scalar_one()
    if counted > most:
        sentence = (
            f"{most} scripts of the project ran on real data, or wait to, and no checker has read them yet. "
            "Send this one when a checker has read, or decided on, one of them."
        )
        raise Conflict("unread-scripts", sentence)


def _counted(project: str, now: datetime) -> Select[int]:
    script = and_(jobs.c.kind == Kind.PYTHON, ~jobs.c.canonical.startswith(PRIVATE_SCRIPT_LINE, autoescape=True))
    voted = select(votes.c.output).join(outputs, outputs.c.ident == votes.c.output).where(outputs.c.job == jobs.c.ident)
    met = and_(_unread(), or_(_ended_early(), ~voted.exists()))
    under_way = jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])
    untold = and_(jobs.c.state == JobState.FAILED, rehearsals.c.met.is_(None), rehearsals.c.trace_from > now)
    query = select(func.count()).select_from(SCRIPTS).where(jobs.c.project == project, script)
    return query.where(or_(under_way, untold, met))


def _unread() -> ColumnElement[bool]:
    return and_(rehearsals.c.met.is_not(None), ~exists().where(script_reads.c.job == jobs.c.ident))


def _ended_early() -> ColumnElement[bool]:
    """A vote on an output is no reading of a script that was withdrawn after it."""
    return jobs.c.state.in_([JobState.FAILED, JobState.WITHDRAWN])
