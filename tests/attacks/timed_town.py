"""A broker with one slot of a worker under a clock that a test draws, and observers who look at every door always.

The whole way is the broker's own: accepted, whose turn it is, leased, run, compared, held to the end of a slot of time,
released. The clock stands still but where something lasts; then whoever watches looks again and again.
`work_side_by_side` has two slots that take scripts, each a thread with a sandbox of its own, on one machine."""

import heapq
import itertools
import math
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import DataKind, RegisterFilter
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.real_synthetic_lock import RealSyntheticLock, SlotHold
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
from tests.unit.workflow.conftest import PROJECT, PYTHON, REX, ROSA, SQL, Broker, OneAtATime

START = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
OTHER_PROJECT = "P0998"
LOOK_SECONDS = 1.0
"""How often a slot that has nothing to do, and who has requested a rehearsal, looks again."""
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
class SharedClock(DrawnClock):
    """The same for several threads. One of them runs at a time: whoever waits lets the one go on that is due next."""

    waiting: list[tuple[datetime, int, threading.Event]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def wait_until(self, moment: datetime) -> None:
        turn = self.enter(moment)
        self.pass_on()
        turn.wait()

    def enter(self, moment: datetime) -> threading.Event:
        heapq.heappush(self.waiting, (max(moment, self.at), next(self.numbers), turn := threading.Event()))
        return turn

    def pass_on(self) -> None:
        if self.waiting:
            moment, _, turn = heapq.heappop(self.waiting)
            super().wait_until(moment)
            turn.set()

    def run(self, acts: Iterable[Callable[[], None]]) -> None:
        """Run each in a thread of its own, until all have ended."""

        def take_turns(turn: threading.Event, act: Callable[[], None]) -> None:
            turn.wait()
            try:
                act()
            finally:
                self.pass_on()

        with ThreadPoolExecutor(8) as pool:
            ends = [pool.submit(take_turns, self.enter(START), act) for act in acts]
            self.pass_on()
        for end in ends:
            end.result()


@dataclass
class LaneSandbox(OneAtATime):
    """A fake sandbox whose rows are held by the broker's own lock, as in a process of its own."""

    clock: Any = None
    machine: Any = None
    _slot_hold: SlotHold | None = None

    @contextmanager
    def holding(self, job: str, attempt: int, rows: DataKind, wait: bool = True) -> Iterator[bool]:
        while True:
            with self.machine.holding(f"{job}-{attempt}", rows, False, self._slot_hold) as turn:
                if turn or not wait:
                    yield turn
                    return
            self.clock.sleep(LOOK_SECONDS)

    holding_to_slot_end = DockerSandbox.holding_to_slot_end


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

    def rehearse(self, name: str, by: str = REX, kind: JobKind = JobKind.SQL, text: str = SQL) -> str:
        asked = Submission(OTHER_PROJECT, kind, "", text, "t", "p")
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

    def work_side_by_side(self, until: float, *others: Callable[[], None]) -> None:
        """All that there is, by two slots of a worker that take scripts, while `others` act in threads of their own."""
        end = START + timedelta(seconds=until)

        def lane(number: int, folder: str) -> None:
            machine, sandbox = RealSyntheticLock(Path(folder), lambda name: None), self.npd.sandbox
            ours = LaneSandbox(**vars(sandbox) | {"clock": self.clock, "machine": machine})
            ports, slot = replace(self.npd.ports, sandbox=ours), WorkerSlot(number, 3)
            while self.clock.at < end:
                waiting = [item.subject for item in due(ports, WorkKind.REHEARSAL)]
                if not run_next_job(ports, slot, f"w{number}", unwatched) and not any(
                    run_rehearsal(ports, ident) for ident in waiting
                ):
                    self.clock.sleep(LOOK_SECONDS)

        now = SimpleNamespace(time=lambda: self.clock.at.timestamp())
        with tempfile.TemporaryDirectory() as folder, mock.patch("broker.sandbox.real_synthetic_lock.time", now):
            self.clock.run([partial(lane, 1, folder), partial(lane, 2, folder), *others])

    def rehearse_again_and_again(self, until: float, patience: float = 3) -> None:
        """Request a rehearsal of a script and cancel it if its end is not shown soon: when they go shows more than how
        long each waits."""
        ports, person = self.npd.ports, self.npd.person(REX)
        while (self.clock.at - START).total_seconds() < until:
            asked = self.rehearse("rehearsal", kind=JobKind.PYTHON, text=PYTHON)
            since = self.clock.at
            while rehearsal_requests.view_rehearsal(ports, person, asked).is_open:
                if self.clock.at >= since + timedelta(seconds=patience):
                    rehearsal_requests.cancel_rehearsal(ports, person, asked)
                    break
                self.clock.sleep(LOOK_SECONDS)
            else:
                self.seen.append(((self.clock.at - START).total_seconds(), "a rehearsal"))
                self.clock.sleep(5)

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
        told += public_register.list_releases(ports, RegisterFilter())
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
def watched(
    lasts: Callable[[str, Any], float], step: float = 20.0, clocks: type[DrawnClock] = DrawnClock, **service: Any
) -> Iterator[Watched]:
    """`lasts` says how many seconds a run of a job takes, by the job's name and the sandbox's request."""
    with broker() as npd:
        clock = clocks(step)
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
