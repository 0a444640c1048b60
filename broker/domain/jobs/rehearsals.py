"""Rehearsals on synthetic data: the run that precedes a script's run on real data, and those that people request; no
real data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.jobs.job import Submission


@dataclass(frozen=True, slots=True)
class ScriptRehearsal:
    """Of one job. `passed` is None where policy has no synthetic run; `trace` names what it printed, on the shelf, and
    `trace_from` is when its author may read that.

    `met` is when it was first let run on real rows, `log` names what it printed there: for checkers only. `problems`:
    it left something that could not be used. `reason` is what a checker has told its researchers of all that, once,
    and `told_by` who.
    """

    job: str
    passed: bool | None = None
    trace: str | None = None
    log: str | None = None
    reason: str | None = None
    told_by: str | None = None
    told_at: datetime | None = None
    trace_from: datetime | None = None
    met: datetime | None = None
    problems: bool | None = None


class RehearsalState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


REHEARSAL_TRANSITIONS: dict[RehearsalState, frozenset[RehearsalState]] = {
    RehearsalState.QUEUED: frozenset({RehearsalState.RUNNING, RehearsalState.CANCELLED}),
    RehearsalState.RUNNING: frozenset(
        {RehearsalState.QUEUED, RehearsalState.DONE, RehearsalState.FAILED, RehearsalState.CANCELLED}
    ),
    RehearsalState.DONE: frozenset({RehearsalState.CANCELLED}),
    RehearsalState.FAILED: frozenset({RehearsalState.CANCELLED}),
    RehearsalState.CANCELLED: frozenset(),
}
"""Back to `queued` when its worker was lost. What needs no run is `done` when it is asked for. What is cancelled at its
end is thrown away: its author may not know yet that it is there."""

OPEN_REHEARSAL_STATES = frozenset({RehearsalState.QUEUED, RehearsalState.RUNNING})


def states_before(state: RehearsalState) -> frozenset[RehearsalState]:
    """The states from which a rehearsal may come to this one."""
    return frozenset(before for before, after in REHEARSAL_TRANSITIONS.items() if state in after)


class RehearsalStep(StrEnum):
    """How far a running one is."""

    MAKING = "making"
    RUNNING = "running"
    JUDGING = "judging"

    @property
    def number(self) -> int:
        """Its place, from 1: all that is told of how far a rehearsal is."""
        return list(RehearsalStep).index(self) + 1


@dataclass(frozen=True, slots=True)
class RequestedRehearsal:
    """`document` is what came of it, as JSON; empty before. `about` is how many seconds the step `making` takes."""

    ident: str
    person: str
    submission: Submission
    state: RehearsalState
    created: datetime
    updated: datetime
    attempt: int = 0
    started: datetime | None = None
    lease_until: datetime | None = None
    step: RehearsalStep | None = None
    about: int = 0
    document: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_REHEARSAL_STATES
