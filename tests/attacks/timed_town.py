"""A broker with one slot of a worker under a clock that a test draws, and observers who look at every door always.

The whole way is the broker's own: accepted, whose turn it is, leased, run, compared, held to the end of a slot of time,
released. The clock stands still but where something lasts; then whoever watches looks again and again."""

import heapq
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import ALL_RELEASES
from broker.worker.reconcile import release_due
from broker.workflow.job_scheduling import WorkerSlot
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.reviewing import script_failures
from broker.workflow.slot_work import run_next_job
from broker.workflow.submission import job_submission
from broker.workflow.views import job_progress, job_views, privacy_budgets, public_register
from broker.workflow.views.person_notices import notices_for
from tests.attacks.script_town import broker
from tests.one_worker import due, run_rehearsal, unwatched
from tests.unit.workflow.conftest import PROJECT, REX, ROSA, SQL, Broker

START = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
OTHER_PROJECT = "P0998"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class DrawnClock:
    """The clock moves only while something waits or lasts. It does what is `due`, and calls `observe` each `step`."""

    step: float
    at: datetime = START
    observe: Callable[[], None] = lambda: None
    due: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.wait_until(self.at + timedelta(seconds=seconds))

    def at_second(self, second: float, act: Callable[[], object]) -> None:
        heapq.heappush(self.due, (START + timedelta(seconds=second), len(self.due), act))

    def wait_until(self, moment: datetime) -> None:
        while self.at < moment:
            passed = math.floor((self.at - START).total_seconds() / self.step) + 1
            next_observation = START + timedelta(seconds=passed * self.step)
            self.at = min([moment, next_observation, *(when for when, *_ in self.due[:1])])
            while self.due and self.due[0][0] <= self.at:
                heapq.heappop(self.due)[2]()
            if self.at == next_observation:
                self.observe()


@dataclass
class Watched:
    """The town's broker with two projects, and an account of an observer in each."""

    npd: Broker
    clock: DrawnClock
    lasts: Callable[[str, Any], float]
    names: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[float, str]] = field(default_factory=list)
    observing: bool = False

    def send(self, name: str, text: str = SQL, by: str = ROSA, project: str = PROJECT) -> str:
        job = self.npd.send(text, by=by, project=project)
        self.names[job] = name
        return job

    def rehearse(self, name: str, by: str = REX) -> str:
        asked = Submission(OTHER_PROJECT, JobKind.SQL, "", SQL, "t", "p")
        _, made = rehearsal_requests.request_rehearsal(self.npd.ports, self.npd.person(by), asked)
        assert made is not None
        self.names[made.ident] = name
        return made.ident

    def work(self) -> None:
        """All that there is, by one slot of a worker, until nothing waits and nothing is due."""
        ports = self.npd.ports
        while True:
            if run_next_job(ports, WorkerSlot(), "w", unwatched):
                continue
            if waiting := due(ports, WorkKind.REHEARSAL):
                run_rehearsal(ports, waiting[0].subject)
            elif self.clock.due:
                self.clock.wait_until(self.clock.due[0][0])
            else:
                return

    def observe(self) -> None:
        """What the supervisor does beside the slots, and all that both accounts are shown; kept where it changes."""
        if self.observing:
            return
        self.observing = True
        release_due(self.npd.ports)
        told = self.plain(repr([self.doors(by) for by in (ROSA, REX)]))
        if not self.seen or self.seen[-1][1] != told:
            self.seen.append(((self.clock.at - START).total_seconds(), told))
        self.observing = False

    def plain(self, text: str) -> str:
        known = UUID.sub(lambda found: self.names.get(found[0], "ID"), text)
        return re.sub(r"\b[0-9a-f]{64}\b", "HASH", known)

    def doors(self, by: str) -> list[object]:
        ports, person = self.npd.ports, self.npd.person(by)
        views = job_views.visible_jobs(ports, person)
        told: list[object] = list(views)
        # As a page tells outputs; without the check of the text, which is the same each time.
        told += [job_views._decided_outputs(ports.store.outputs_of(v.ident), True) for v in views]
        told += [job_progress.progress(ports, person, v) for v in views]
        told += [script_failures.view_trace(ports, person, v.ident) for v in views]
        told += [n.sentence + n.path for n in notices_for(ports, person)]
        told += [(s.rehearsal.ident, s.word) for s in rehearsal_requests.list_rehearsals(ports, person)]
        told += public_register.list_releases(ports, ALL_RELEASES)
        for project in job_views.my_projects(ports, person):
            told += [privacy_budgets.project_budget(ports, person, project.ident), self.room(by, project.ident)]
        return told

    def room(self, by: str, project: str) -> str:
        """Whether one more job would be taken: asked with a text that the store never sees, as it names no job here."""
        given = Submission(project, JobKind.SQL, "tsql", SQL, "t", "p")
        try:
            job_submission._check_queue_room(self.npd.ports, self.npd.policies, project, given)
        except Conflict as conflict:
            return conflict.code
        return "room"

    def tries(self, act: Callable[[], object]) -> None:
        """What comes of it is seen, too."""
        try:
            act()
        except (Conflict, Unknown) as refused:
            self.seen.append((0.0, type(refused).__name__))
        else:
            self.seen.append((0.0, "done"))


@contextmanager
def watched(lasts: Callable[[str, Any], float], step: float = 20.0, **service: Any) -> Iterator[Watched]:
    """`lasts` says how many seconds a run of a job takes, by the job's name and the sandbox's request."""
    with broker() as npd:
        clock = DrawnClock(step)
        town = Watched(npd, clock, lasts)
        npd.ports = replace(npd.ports, clock=clock, synthetic_only=False, lease=timedelta(days=1))
        npd.sandbox.during = lambda request: clock.sleep(lasts(town.names.get(request.job, ""), request))
        own = npd.policies.project(PROJECT)
        assert own is not None
        other = replace(own, ident=OTHER_PROJECT, researchers=frozenset({REX}), votes=0)
        others = tuple(p for p in npd.policies.projects if p.ident != PROJECT)
        first = replace(own, researchers=frozenset({ROSA}))
        limits = replace(npd.policies.service, **service)
        npd.policies = npd.put_in_force(replace(npd.policies, projects=(first, other, *others), service=limits))
        clock.observe = town.observe
        yield town


def bits(found: Iterable[object]) -> float:
    """The entropy of what was found: as nothing else is drawn, what it tells of the secret."""
    counts = Counter(found)
    every = sum(counts.values())
    return -sum(n / every * math.log2(n / every) for n in counts.values())
