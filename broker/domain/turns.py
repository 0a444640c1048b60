"""Whose turn it is: the project that had the workers least goes first. Pure; times are those that are told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from broker.domain.jobs import Job, TimeSlots


def used_by_project(begun: Iterable[Job], slots: TimeSlots, now: datetime, window: timedelta) -> Mapping[str, float]:
    """How many seconds of a worker each project had in the window before `now`, or has for sure. A job takes one to the
    end of its slot of time, so that turns tell no more of it than slots do."""
    used: dict[str, float] = {}
    for job in begun:
        until = slots.told_end(job, now)
        if job.started is not None and until is not None:
            lasted = until - max(job.started, now - window)
            project = job.submission.project
            used[project] = used.get(project, 0.0) + max(lasted.total_seconds(), 0.0)
    return used


def in_order(waiting: Iterable[Job], used: Mapping[str, float], slots: TimeSlots) -> list[Job]:
    """The waiting jobs as they are taken, as if each that goes before takes a worker for the first slot of time; the
    first one is exact. Of projects that had as much, the one whose job waits longest goes first."""
    own: Counter[str] = Counter()
    turns: list[tuple[float, datetime, str, Job]] = []
    for job in sorted(waiting, key=lambda j: (j.created, j.ident)):
        project = job.submission.project
        turns.append((used.get(project, 0.0) + own[project] * slots.seconds[0], job.created, job.ident, job))
        own[project] += 1
    return [job for *_, job in sorted(turns, key=lambda turn: turn[:3])]
