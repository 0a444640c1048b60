"""What a researcher must not read from a job's state and times: invariants 9 and 10, in one place."""

import math
from datetime import datetime, timedelta

from broker.domain.jobs import Job, JobState, Kind
from broker.domain.outputs import Output, OutputState
from broker.domain.ports import Ports
from broker.policy.models import Policies

FEW = 3
"""Slots of time that the worker may take for steps that wait for nobody."""


def hides_withheld(
    ports: Ports, policies: Policies, job: Job, outputs: list[Output], voted: frozenset[str] | None = None
) -> bool:
    """Whether the job must still look as if a person were to decide about a withheld output, or one it did not leave.

    It must until a person has decided about another output of the job, or until the time is over in which a
    person could have. While it does, the job stays `assessing`, so that withdrawing it works alike too.
    """
    if job.kept and not outputs:
        return False  # it asked for no output, and everybody knew that beforehand
    if outputs and all(o.state is not OutputState.WITHHELD for o in outputs):
        return False
    told_after = timedelta(hours=policies.service.withheld_told_after_hours)
    if ports.clock.now() - job.created >= told_after:
        return False
    return not _has_votes(ports, outputs, voted)


def _has_votes(ports: Ports, outputs: list[Output], voted: frozenset[str] | None) -> bool:
    """`voted`: outputs with votes, where a page of many jobs has looked for all of them already."""
    idents = frozenset(o.ident for o in outputs)
    return bool(idents & (ports.store.voted(idents) if voted is None else voted))


def looks_running(
    ports: Ports, policies: Policies, job: Job, outputs: list[Output], voted: frozenset[str] | None = None
) -> bool:
    """`hides_end`, and of a private job also while it is on its way from there to its release without anybody who
    decides. What is held on that way for longer than a few slots waits for people."""
    now = ports.clock.now()
    if hides_end(policies, job, now):
        return True
    if not job.is_private or job.state not in {JobState.ASSESSING, JobState.DECIDED}:
        return False
    if any(o.state not in {OutputState.ASSESSED, OutputState.APPROVED} for o in outputs):
        return False
    since = max(job.updated, _end_of_slot(policies, job) or job.updated)
    held = now >= since + FEW * timedelta(seconds=policies.service.time_slot_seconds)
    return not held and not _has_votes(ports, outputs, voted)


def hides_end(policies: Policies, job: Job, now: datetime) -> bool:
    """Whether a script or private job that has ended must still look as if it ran: until the end of a coarse slot of
    time.

    How long a script ran is an output (`sleep(score)`), and of a private job all outputs are paid for. Another SQL job
    has no loops, so its time tells too little to hide. Once a person has decided, the job's state is told.
    """
    until = told_end(policies, job)
    return until is not None and now < until


def told_end(policies: Policies, job: Job) -> datetime | None:
    """When a script or private job has ended, as far as anybody is told before a person has decided: its slot's end."""
    takes_time = job.submission.kind is Kind.PYTHON or job.is_private
    if not takes_time or job.state not in {JobState.ASSESSING, JobState.FAILED}:
        return None
    return _end_of_slot(policies, job)


def _end_of_slot(policies: Policies, job: Job) -> datetime | None:
    if job.started is None or job.ended is None:
        return None
    slot = policies.service.time_slot_seconds
    slots = math.ceil(max((job.ended - job.started).total_seconds(), 0.001) / slot)
    return job.started + timedelta(seconds=slots * slot)


def whole_minute(moment: datetime) -> datetime:
    """The end of the minute: how long a job ran tells nothing finer."""
    return minute_of(moment) + timedelta(minutes=1)


def minute_of(moment: datetime) -> datetime:
    """The minute in which something was asked for: what researchers and the public read has no finer times."""
    return moment.replace(second=0, microsecond=0)
