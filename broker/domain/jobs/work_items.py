"""What workers have to do: one kind of work on one subject, and the attempt that somebody makes at it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MAX_REST = 20
"""Most leases between two attempts at an item."""


class WorkKind(StrEnum):
    """RUN, COMPARE and RELEASE are of jobs, in this order; a job never has more than one of them at a time."""

    RUN = "run"
    COMPARE = "compare"
    RELEASE = "release"
    REHEARSAL = "rehearsal"
    PUBLIC_TABLE = "public_table"


JOB_WORK = frozenset({WorkKind.RUN, WorkKind.COMPARE, WorkKind.RELEASE})


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Work on a job, rehearsal or public table. `attempt`: number of the subject's last attempt at any kind of work. It
    names sandboxes and fences off the writes of earlier attempts."""

    kind: WorkKind
    subject: str
    attempt: int


def rest_of(item: WorkItem, lease: timedelta) -> timedelta:
    """How long an item rests that was given back: longer after each attempt, so that an engine that is away for a
    minute does not use up all attempts."""
    return min(item.attempt, MAX_REST) * lease
