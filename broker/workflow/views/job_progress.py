"""How far a job is, as its researcher may know it: a coarse place in the queue and whole minutes."""

from dataclasses import dataclass

from broker.domain.identity.people import Action, Person
from broker.domain.jobs.job import PRIVATE_SCRIPT_LINE, DisplayedState, Job, JobKind
from broker.domain.ports import Ports
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.private_directive import read_private_directive, slot_by_schedule, slot_count, total_seconds
from broker.workflow.access import reach_job
from broker.workflow.job_scheduling import jobs_in_turn
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.run_context import limits_for
from broker.workflow.views import job_views

UNDER_WAY: frozenset[str] = frozenset(
    {DisplayedState.QUEUED, DisplayedState.RUNNING, DisplayedState.WAITING, "assessing"}
)
"""States of a job that will still change without the researcher. `assessing` is what staff see."""

QUEUE_STEPS = (0, 5, 20)
"""Steps in which a place in the queue is shown. An exact place would reveal when other jobs end."""


@dataclass(frozen=True, slots=True)
class BlockSlots:
    """Slots of a private script. `slot`: the one that runs by the schedule; `slots`: their number.

    All slots have the same length whatever their blocks do, so this is the same for every script with that line.
    """

    slot: int
    slots: int
    lasts_seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """`ahead`: at most this many jobs are before it in the queue; not set if it does not wait, or if more are.
    `minutes`: how long it runs, of at most `limit`; not set if it does not run. `blocks`: set if it runs in slots."""

    waits: bool
    ahead: int | None
    minutes: int | None
    limit: int
    blocks: BlockSlots | None


def followed_job(ports: Ports, person: Person, ident: str) -> tuple[job_views.JobView, Progress]:
    """Return a job without its text, and its progress: what a page requests again and again."""
    view = job_views.view_job(ports, person, ident, whole=False)
    return view, progress(ports, person, view)


def progress(ports: Ports, person: Person, view: job_views.JobView) -> Progress:
    """Return the progress. It is made from the view and the clock, so it discloses no more than these."""
    job = reach_job(ports, person, Action.VIEW_JOB, view.ident).job
    policies = policies_in_force(ports.store)
    most = max(1, round(limits_for(JobKind(view.kind), policies).wall_seconds / 60))
    waits, runs = view.state == DisplayedState.QUEUED, view.state == DisplayedState.RUNNING
    return Progress(
        waits=waits,
        ahead=_ahead(ports, policies, job) if waits else None,
        minutes=_minutes(ports, view, most) if runs else None,
        limit=most,
        blocks=_block_slots(job, policies.service, _seconds_passed(ports, view)) if runs else None,
    )


def _ahead(ports: Ports, policies: PolicySet, job: Job) -> int | None:
    waiting = [one.ident for one in jobs_in_turn(ports, policies)]
    # A worker may have taken it since the view was made.
    before = waiting.index(job.ident) if job.ident in waiting else 0
    return next((most for most in QUEUE_STEPS if before <= most), None)


def _minutes(ports: Ports, view: job_views.JobView, most: int) -> int:
    """Return the minutes since the whole minute that is shown as its start."""
    # Never more than the limit, although the clock runs on while the end is hidden.
    return min(int(_seconds_passed(ports, view) // 60), most)


def _seconds_passed(ports: Ports, view: job_views.JobView) -> float:
    return max((ports.clock.now() - view.updated).total_seconds(), 0.0)


def _block_slots(job: Job, service: ServiceLimits, passed: float) -> BlockSlots | None:
    parameters = (
        read_private_directive(job.canonical, None, service).directive
        if job.canonical.startswith(PRIVATE_SCRIPT_LINE)
        else None
    )
    if parameters is None:
        return None
    return BlockSlots(
        slot_by_schedule(parameters, service, passed),
        slot_count(parameters, service),
        total_seconds(parameters, service),
    )
