"""Rehearsals on synthetic data: the run that precedes a script's run on real data, and those that people request. No
real data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.jobs.job import Submission


@dataclass(frozen=True, slots=True)
class ScriptRehearsal:
    """The rehearsal of one job, and its run on real rows.

    `passed`: None if policy has no synthetic run. `trace`: hash of what it printed, in the content store; `trace_from`:
    when its author may read that. `met`: when it was first allowed to run on real rows; `log`: hash of what it printed
    there, for checkers only. `problems`: it left something unusable. `reason`: what a checker told the researchers
    about all this, once; `told_by`: that checker."""

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
"""A rehearsal returns to `queued` if its worker was lost. One that needs no run is `done` on request. One that is
cancelled when it ends is discarded, because its author may not know yet that it ended."""

OPEN_REHEARSAL_STATES = frozenset({RehearsalState.QUEUED, RehearsalState.RUNNING})


def states_before(state: RehearsalState) -> frozenset[RehearsalState]:
    """States from which a rehearsal can reach this state."""
    return frozenset(before for before, after in REHEARSAL_TRANSITIONS.items() if state in after)


class RehearsalStep(StrEnum):
    """Step of a running rehearsal."""

    MAKING = "making"
    RUNNING = "running"
    JUDGING = "judging"

    @property
    def number(self) -> int:
        """Its number, from 1. No other progress of a rehearsal is reported."""
        return list(RehearsalStep).index(self) + 1


@dataclass(frozen=True, slots=True)
class RequestedRehearsal:
    """A rehearsal that a person requested. `document`: its result as JSON; empty before the end. `about`: expected
    seconds of the step `making`."""

    ident: str
    person: str
    submission: Submission
    state: RehearsalState
    created: datetime
    updated: datetime
    attempt: int = 0
    started: datetime | None = None
    step: RehearsalStep | None = None
    about: int = 0
    document: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_REHEARSAL_STATES
