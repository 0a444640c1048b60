"""Chooses the job that a free worker takes next: the waiting job with the fairest claim, by the store alone.

The queue only gives a hint.
"""

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.errors import Unavailable
from broker.domain.jobs.job import Job, JobKind, JobState, fair_order, seconds_used
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import ListFilter, Ports
from broker.policy.policy_set import PolicySet
from broker.workflow.timing_channel import HIDES_END, end_hidden_until, time_slots_of

MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """One slot of a worker: its number, from 0, and the number of slots that the worker has."""

    number: int = 0
    of: int = 1

    def takes_scripts(self, policies: PolicySet) -> bool:
        """Whether this slot runs scripts. Policy reserves some slots of a worker for SQL, but never all of them."""
        return self.number >= min(policies.service.short_lane_slots, self.of - 1)  # at least one slot


def jobs_in_turn(ports: Ports, policies: PolicySet) -> list[Job]:
    """Return every waiting job, the one whose turn it is first."""
    now, slots = ports.clock.now(), time_slots_of(ports, policies)
    window = timedelta(seconds=policies.service.fair_window_seconds)
    # Read the waiting jobs before the begun ones: a job that a worker takes in between is in both lists, counts for
    # its project, and leasing it fails.
    waiting = ports.store.jobs(ListFilter(states=frozenset({JobState.QUEUED.value}), limit=MAX_WAITING))
    used = seconds_used(recently_begun(ports, policies), slots, now, window)
    return fair_order(waiting, used, slots)


def next_job(ports: Ports, policies: PolicySet, slot: WorkerSlot, passed: Container[str] = ()) -> str | None:
    """Return the job that the slot takes now, leaving out those in `passed` and those that rest, or None."""
    scripts = slot.takes_scripts(policies)
    due = {item.subject for item in ports.store.work_due(frozenset({WorkKind.RUN}), ports.clock.now())}
    free = (job for job in jobs_in_turn(ports, policies) if job.ident in due and job.ident not in passed)
    return next((job.ident for job in free if scripts or job.submission.kind is JobKind.SQL), None)


def offer(ports: Ports, item: WorkItem) -> None:
    """Offer work to the queue. If the queue does not answer, the reconciler finds it in the store."""
    with suppress(Unavailable):
        ports.queue.offer(item)


def apparently_running(ports: Ports, policies: PolicySet, project: str) -> list[Job]:
    """Return the jobs of a project that have ended but must still look as if they ran."""
    ended = ports.store.jobs_begun(_since(ports, policies), project, HIDES_END)
    return [j for j in ended if end_hidden_until(ports, policies, j, ports.clock.now())]


def recently_begun(ports: Ports, policies: PolicySet) -> list[Job]:
    """Return the jobs that may occupy a worker's slot, or did so within the window that decides turns."""
    return ports.store.jobs_begun(_since(ports, policies))


def _since(ports: Ports, policies: PolicySet) -> datetime:
    # A job counts until its time slot ends, so the window is longer by the longest slot.
    longest = time_slots_of(ports, policies).seconds[-1]
    return ports.clock.now() - timedelta(seconds=policies.service.fair_window_seconds + longest)
