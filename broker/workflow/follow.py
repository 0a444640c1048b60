"""How far a job is, as its researcher may know it: a coarse place in the queue, whole minutes against the limit, and
of a private script the slot that runs by its schedule. Looks at the clock and at public numbers, never at a sandbox."""

from dataclasses import dataclass

from broker.domain.jobs import PRIVATE_SCRIPT_LINE, Job, Kind, Shown
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.policy.models import Policies
from broker.policy.service import Service
from broker.python_jobs.private.line import lasting, private_line, slot_at, slots_of
from broker.workflow import browse
from broker.workflow.limits import limits_for
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import reach_job
from broker.workflow.turns import in_turn

UNDER_WAY: frozenset[str] = frozenset({Shown.QUEUED, Shown.RUNNING, Shown.WAITING, "assessing"})
"""Words of a job that will still change by itself; `assessing` is what staff are shown."""

MOST_BEFORE = (0, 5, 20)
"""A place is told in steps: when exactly others' jobs end is nobody's business."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Of a private script: `slot` is the one that runs by the schedule, `slots` how many there are. All are as long
    whatever their blocks do, so this is the same for every script with that line."""

    slot: int
    slots: int
    lasts_seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """`ahead`: at most so many jobs stand before it in the queue (None: it does not wait, or more do than are told).
    `minutes` that it has run, None where it does not; `blocks`, where it runs in slots."""

    waits: bool
    ahead: int | None
    minutes: int | None
    limit: int
    blocks: Slots | None = None


def followed(ports: Ports, person: Person, ident: str) -> tuple[browse.JobView, Progress]:
    """A job without its text, and how far it is: what a page asks for again and again."""
    view = browse.brief(ports, person, ident)
    return view, progress(ports, person, view)


def progress(ports: Ports, person: Person, view: browse.JobView) -> Progress:
    """Made of what the view tells and of the clock, so that it can tell no more."""
    job = reach_job(ports, person, Action.VIEW_JOB, view.ident).job
    policies = policies_in_force(ports.store)
    most = max(1, round(limits_for(Kind(view.kind), policies).wall_seconds / 60))
    waits, runs = view.state == Shown.QUEUED, view.state == Shown.RUNNING
    return Progress(
        waits=waits,
        ahead=_ahead(ports, policies, job) if waits else None,
        minutes=_minutes(ports, view, most) if runs else None,
        limit=most,
        blocks=_slots(job, policies.service, _passed(ports, view)) if runs else None,
    )


def _ahead(ports: Ports, policies: Policies, job: Job) -> int | None:
    waiting = [one.ident for one in in_turn(ports, policies)]
    before = waiting.index(job.ident) if job.ident in waiting else 0
    return next((most for most in MOST_BEFORE if before <= most), None)


def _minutes(ports: Ports, view: browse.JobView, most: int) -> int:
    """Since the whole minute at which it is told to have begun."""
    return min(int(_passed(ports, view) // 60), most)


def _passed(ports: Ports, view: browse.JobView) -> float:
    return max((ports.clock.now() - view.updated).total_seconds(), 0.0)


def _slots(job: Job, service: Service, passed: float) -> Slots | None:
    asks = private_line(job.canonical, None, service).asks if job.canonical.startswith(PRIVATE_SCRIPT_LINE) else None
    if asks is None:
        return None
    return Slots(slot_at(asks, service, passed), slots_of(asks, service), lasting(asks, service))
