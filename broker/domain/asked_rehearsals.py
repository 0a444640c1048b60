"""A rehearsal that somebody asked the server for: whose it is, how far it is, what came of it. Nothing of real data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.jobs import Submission


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

OPEN = frozenset({RehearsalState.QUEUED, RehearsalState.RUNNING})


def came_from(state: RehearsalState) -> frozenset[RehearsalState]:
    """The states from which a rehearsal may come to this one."""
    return frozenset(before for before, after in REHEARSAL_TRANSITIONS.items() if state in after)


class Step(StrEnum):
    """How far a running one is."""

    MAKING = "making"
    RUNNING = "running"
    JUDGING = "judging"

    @property
    def number(self) -> int:
        """Its place, from 1: all that is told of how far a rehearsal is."""
        return list(Step).index(self) + 1


@dataclass(frozen=True, slots=True)
class AskedRehearsal:
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
    step: Step | None = None
    about: int = 0
    document: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN
