"""What its author is told of a rehearsal, and when: how long one waited must not tell of others' jobs on real data."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from broker.domain.asked_rehearsals import OPEN, AskedRehearsal, RehearsalState, Step
from broker.domain.jobs import Kind, TimeSlots
from broker.policy.service import Service


@dataclass(frozen=True, slots=True)
class Seen:
    """A rehearsal as its author is told of it: `found` is its document, None before its end; `seconds` since it was
    asked for, and `limit` of those that its run may take."""

    asked: AskedRehearsal
    state: RehearsalState
    step: Step | None
    found: dict[str, Any] | None
    seconds: int = 0
    limit: int = 0

    @property
    def steps(self) -> int:
        """How many there are."""
        return len(Step)

    @property
    def word(self) -> str:
        """Changes when there is more to tell."""
        return f"{self.state}-{self.step or ''}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def seen(asked: AskedRehearsal, now: datetime, service: Service, slots: TimeSlots) -> Seen:
    """When a worker became free tells when somebody's job on real data ended. So one that had to wait for a worker
    looks as if it waited, and then is told of, in the slots of time in which jobs are."""
    done = asked.state in {RehearsalState.DONE, RehearsalState.FAILED}
    waits = {"seconds": max(0, int((now - asked.created).total_seconds())), "limit": _limit(asked, service)}
    if _was_prompt(asked, service) or (done and now >= _slot_end(asked, slots)) or not (done or asked.started):
        return Seen(asked, asked.state, asked.step, json.loads(asked.document) if asked.document else None, **waits)
    if asked.state is RehearsalState.CANCELLED:
        return Seen(asked, asked.state, None, None)
    return Seen(asked, RehearsalState.QUEUED, None, None, **waits)


def _limit(asked: AskedRehearsal, service: Service) -> int:
    short = service.of_rehearsals
    return short.python_wall_seconds if asked.submission.kind is Kind.PYTHON else short.sql_wall_seconds


def _was_prompt(asked: AskedRehearsal, service: Service) -> bool:
    """It began at once, or needed no worker at all."""
    if asked.started is None:
        return not asked.is_open
    return asked.attempt < 2 and asked.started - asked.created <= timedelta(seconds=service.rehearsal_prompt_seconds)


def _slot_end(asked: AskedRehearsal, slots: TimeSlots) -> datetime:
    return slots.end(asked.created, (asked.updated - asked.created).total_seconds())
