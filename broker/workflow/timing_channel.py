"""Decides, in one place, what a job's state and times may show a researcher (invariants 9 and 10)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from broker.domain.errors import Invalid
from broker.domain.jobs.job import QUEUED_OR_RUNNING, Job, JobState, Output, OutputState, TimeSlots
from broker.domain.ports import Ports
from broker.policy.policy_set import PolicySet
from broker.workflow.policies_in_force import policies_if_any

SLOTS_FOR_STEPS = 3
"""Number of first time slots that the worker may take for steps that wait for nobody."""

HIDES_END = frozenset({JobState.ASSESSING, JobState.FAILED})
"""States of a job that may have ended, and about which no person has decided."""

MIN_REAL_SLOT_SECONDS = 60
"""Seconds. On real data no time finer than a minute is shown anywhere."""


def withheld_hidden_until(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str] | None = None
) -> datetime | None:
    """Return until when the job must still look as if a person had to decide about a withheld output, or about one that
    it did not leave; None if nothing is to be hidden (any more).

    This lasts until a person has decided about another output of the job, until a checker has reported to its
    researchers why the job gave nothing, or until the time in which a person could have done so is over. Meanwhile the
    job stays `assessing`, so that withdrawing it works alike too. `handled` is the result of `handled_by_people`, if
    the caller has it.
    """
    if job.saved_names and not outputs:
        return None  # it requested no output, and everybody knew that beforehand
    # Nothing is withheld, so there is nothing to hide.
    if outputs and all(o.state is not OutputState.WITHHELD for o in outputs):
        return None
    # By then a person would have decided, so disclosing the state reveals nothing more.
    until = job.created + timedelta(hours=policies.service.withheld_told_after_hours)
    over = ports.clock.now() >= until or _is_handled_by_people(ports, job, outputs, handled)
    return None if over else until


def handled_by_people(ports: Ports, outputs: Mapping[str, Sequence[Output]]) -> frozenset[str]:
    """Return the idents of outputs with votes and of jobs about which a checker has reported something.

    `outputs` maps job idents to their outputs, so that a page of many jobs needs one lookup.
    """
    idents = frozenset(o.ident for found in outputs.values() for o in found)
    voted = ports.store.voted(idents) if idents else frozenset()
    return voted | (ports.store.reported_jobs(frozenset(outputs)) if outputs else frozenset())


def _is_handled_by_people(ports: Ports, job: Job, outputs: Sequence[Output], handled: frozenset[str] | None) -> bool:
    known = handled_by_people(ports, {job.ident: outputs}) if handled is None else handled
    return not known.isdisjoint({job.ident, *(o.ident for o in outputs)})


def appears_running(
    ports: Ports, policies: PolicySet, job: Job, outputs: list[Output], handled: frozenset[str] | None = None
) -> bool:
    """Whether researchers see the job as running.

    They do from the start of its first attempt to the end of the time slot in which the last attempt ended, and then
    while the job goes on to a release that needs no person.
    """
    if job.state in QUEUED_OR_RUNNING:
        return job.started is not None
    if reads_nothing(job, outputs):  # its time reveals nothing
        return False
    now = ports.clock.now()
    if end_hidden_until(ports, policies, job, now) is not None:
        return True
    if job.state not in {JobState.ASSESSING, JobState.DECIDED}:
        return False
    if not outputs or any(o.state not in {OutputState.ASSESSED, OutputState.APPROVED} for o in outputs):
        return False
    since = max(job.updated, time_slots_of(ports, policies).displayed_end(job, now) or job.updated)
    # A job that stays longer on this way waits for a person, and is shown as such.
    held = now >= since + SLOTS_FOR_STEPS * timedelta(seconds=time_slots_of(ports, policies).seconds[0])
    return not held and not _is_handled_by_people(ports, job, outputs, handled)


def reads_nothing(job: Job, outputs: list[Output]) -> bool:
    """Whether the text only saved definitions. Such a job's time reveals nothing about the data."""
    return bool(job.saved_names) and not outputs and job.state is not JobState.FAILED


def end_hidden_until(ports: Ports, policies: PolicySet, job: Job, now: datetime) -> datetime | None:
    """Return until when a job that has ended must still look as if it ran: until its coarse time slot is over. None if
    its end is not hidden (any more).

    A script's running time is an output in itself (`sleep(score)`). A SQL job's time reveals what it was compared
    with. A private job may disclose only what it is charged for, and its time is not. Once a person has decided, the
    state is shown.
    """
    until = disclosed_end(ports, policies, job)
    return until if until is not None and now < until else None


def disclosed_end(ports: Ports, policies: PolicySet, job: Job) -> datetime | None:
    """Return the end that may be shown before a person has decided: the end of the job's time slot. None: the job has
    not ended, or a person has decided."""
    if job.state not in HIDES_END:  # a person has decided, or it has not ended
        return None
    return time_slots_of(ports, policies).displayed_end(job, ports.clock.now())


def trial_disclosed_at(ports: Ports, policies: PolicySet, job: Job, began: datetime, ended: datetime) -> datetime:
    """Return when the author of a script may read how it did on synthetic rows.

    That is at once, unless the script had to wait until a neighbour's real rows were free: then at the end of its time
    slot. They are free at the end of the neighbour's time slot, so a short wait reveals no more than that.
    """
    started = job.started or began
    if began - started <= timedelta(seconds=policies.service.rehearsal_prompt_seconds):
        return ended  # it hardly waited
    return time_slots_of(ports, policies).end(started, (ended - started).total_seconds())


def time_slots_of(ports: Ports, policies: PolicySet) -> TimeSlots:
    """Return the time slots for this broker's data: those for synthetic data if it has no other."""
    service = policies.service
    seconds = service.synthetic_time_slots if ports.synthetic_only else service.time_slots
    return TimeSlots(seconds, service.compare_milliseconds / 1000)


def check_slots_in_force(ports: Ports) -> None:
    """Check the time slots of the policy set in force, if there is one. A server calls this before it starts."""
    if (policies := policies_if_any(ports.store)) is not None:
        check_slots(ports, policies)


def check_slots(ports: Ports, policies: PolicySet) -> None:
    """Raises Invalid if the first slot is too short for real data."""
    first = time_slots_of(ports, policies).seconds[0]
    if not ports.synthetic_only and first < MIN_REAL_SLOT_SECONDS:
        raise Invalid(
            "time-slots",
            f"time_slots in service.yaml begin at {first} seconds. On real data the first slot must last at "
            f"least {MIN_REAL_SLOT_SECONDS} seconds: a shorter slot would reveal how long a job took. If the "
            "broker has synthetic data only, set BROKER_SYNTHETIC_ONLY=true; it then uses synthetic_time_slots.",
            "/service/time_slots",
        )


def whole_minute(moment: datetime) -> datetime:
    """Return the end of the minute. A finer time would reveal how long a job ran."""
    return minute_of(moment) + timedelta(minutes=1)


def minute_of(moment: datetime) -> datetime:
    """Return the start of the minute. Researchers and the public see no finer times of requests."""
    return moment.replace(second=0, microsecond=0)
