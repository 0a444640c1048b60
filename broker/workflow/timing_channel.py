"""What a researcher must not read from a job's state and times (invariants 9 and 10), in one place."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from broker.domain.errors import Invalid, Unknown
from broker.domain.jobs.job import Job, JobState, TimeSlots
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.ports import Ports
from broker.policy.policy_set import PolicySet
from broker.workflow.policies_in_force import policies_in_force

SLOTS_FOR_STEPS = 3
"""First slots of time that the worker may take for steps that wait for nobody."""

MIN_REAL_SLOT_SECONDS = 60
"""Seconds: no times finer than a minute are told of real data anywhere."""


def hides_withheld(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str] | None = None
) -> bool:
    """Whether the job must still look as if a person were to decide about a withheld output, or one it did not leave.

    It must until a person has decided about another output of the job or has told its researchers why nothing came of
    it, or until the time is over in which a person could have. While it does, the job stays `assessing`, so that
    withdrawing it works alike too.
    """
    if job.saved_names and not outputs:
        return False  # it asked for no output, and everybody knew that beforehand
    if outputs and all(o.state is not OutputState.WITHHELD for o in outputs):
        return False
    disclosed_after = timedelta(hours=policies.service.withheld_told_after_hours)
    if ports.clock.now() - job.created >= disclosed_after:
        return False
    return not _is_handled_by_people(ports, job, outputs, handled)


def handled_by_people(ports: Ports, outputs: Mapping[str, Sequence[Output]]) -> frozenset[str]:
    """Of jobs with their outputs, by idents: the outputs with votes, and the jobs of which a checker has told
    something. What a page of many jobs looks up for all of them."""
    voted = ports.store.voted(frozenset(o.ident for found in outputs.values() for o in found))
    return voted | ports.store.reported_jobs(frozenset(outputs))


def _is_handled_by_people(ports: Ports, job: Job, outputs: Sequence[Output], handled: frozenset[str] | None) -> bool:
    known = handled_by_people(ports, {job.ident: outputs}) if handled is None else handled
    return not known.isdisjoint({job.ident, *(o.ident for o in outputs)})


def appears_running(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str] | None = None
) -> bool:
    """Whether its researcher is shown that it runs: from the begin of its first attempt to the end of the slot in which
    the last one ended, and on its way from there to a release without anybody who decides. What is held on that way for
    longer than a few slots waits for people."""
    if job.state in {JobState.QUEUED, JobState.RUNNING}:
        return job.started is not None
    if reads_nothing(job, outputs):
        return False
    now = ports.clock.now()
    if hides_end(ports, policies, job, now):
        return True
    if job.state not in {JobState.ASSESSING, JobState.DECIDED}:
        return False
    if not outputs or any(o.state not in {OutputState.ASSESSED, OutputState.APPROVED} for o in outputs):
        return False
    since = max(job.updated, _disclosed_end(ports, policies, job, now) or job.updated)
    held = now >= since + SLOTS_FOR_STEPS * timedelta(seconds=time_slots_of(ports, policies).seconds[0])
    return not held and not _is_handled_by_people(ports, job, outputs, handled)


def reads_nothing(job: Job, outputs: list[Output]) -> bool:
    """Whether all that its text asked for was to keep something: its time tells nothing of any data."""
    return bool(job.saved_names) and not outputs and job.state is not JobState.FAILED


def hides_end(ports: Ports, policies: PolicySet, job: Job, now: datetime) -> bool:
    """Whether a job that has ended must still look as if it ran: until the end of a coarse slot of time.

    How long a script ran is an output (`sleep(score)`); how long a SQL job took tells what it was compared with, and
    of a private job all outputs are paid for. Once a person has decided, the job's state is told.
    """
    until = disclosed_end(ports, policies, job)
    return until is not None and now < until


def disclosed_end(ports: Ports, policies: PolicySet, job: Job) -> datetime | None:
    """When a job has ended, as far as anybody is told before a person has decided: its slot's end."""
    if job.state not in {JobState.ASSESSING, JobState.FAILED}:
        return None
    return _disclosed_end(ports, policies, job, ports.clock.now())


def trial_disclosed_at(ports: Ports, policies: PolicySet, job: Job, began: datetime, ended: datetime) -> datetime:
    """When the author of a script may read how it did on synthetic rows: at once, or, where it had to wait until a
    neighbour's real rows were gone, at the end of the slot: else the wait would tell when the neighbour ended."""
    started = job.started or began
    if began - started <= timedelta(seconds=policies.service.rehearsal_prompt_seconds):
        return ended
    return time_slots_of(ports, policies).end(started, (ended - started).total_seconds())


def _disclosed_end(ports: Ports, policies: PolicySet, job: Job, now: datetime) -> datetime | None:
    return time_slots_of(ports, policies).displayed_end(job, now)


def time_slots_of(ports: Ports, policies: PolicySet) -> TimeSlots:
    """The slots of time that hold for this broker's data."""
    service = policies.service
    seconds = service.synthetic_time_slots if ports.synthetic_only else service.time_slots
    return TimeSlots(seconds, service.compare_milliseconds / 1000)


def check_slots_in_force(ports: Ports) -> None:
    """The same for the set in force, if there is one yet: what a server asks before it starts."""
    try:
        policies = policies_in_force(ports.store)
    except Unknown:
        return
    check_slots(ports, policies)


def check_slots(ports: Ports, policies: PolicySet) -> None:
    """Raise Invalid where real data would be told of in slots that tell too much."""
    first = time_slots_of(ports, policies).seconds[0]
    if not ports.synthetic_only and first < MIN_REAL_SLOT_SECONDS:
        raise Invalid(
            "time-slots",
            f"time_slots in service.yaml begin at {first} seconds. On real data the first slot lasts at least "
            f"{MIN_REAL_SLOT_SECONDS} seconds: a shorter one tells how long a job took. For a broker that holds "
            "synthetic data only, set BROKER_SYNTHETIC_ONLY=true; synthetic_time_slots hold there.",
            "/service/time_slots",
        )


def whole_minute(moment: datetime) -> datetime:
    """The end of the minute: how long a job ran tells nothing finer."""
    return minute_of(moment) + timedelta(minutes=1)


def minute_of(moment: datetime) -> datetime:
    """The minute in which something was asked for: what researchers and the public read has no finer times."""
    return moment.replace(second=0, microsecond=0)
