"""Submissions and jobs: states, transitions as data, failure codes, the displayed state, and the fair order between
projects."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.jobs.outputs import DECIDED_STATES, OutputState


class JobKind(StrEnum):
    SQL = "sql"
    PYTHON = "python"


class JobState(StrEnum):
    SUBMITTED = "submitted"
    REFUSED = "refused"
    QUEUED = "queued"
    RUNNING = "running"
    ASSESSING = "assessing"
    DECIDED = "decided"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.SUBMITTED: frozenset({JobState.REFUSED, JobState.QUEUED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.WITHDRAWN}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.ASSESSING, JobState.FAILED, JobState.WITHDRAWN}),
    JobState.ASSESSING: frozenset({JobState.DECIDED, JobState.FAILED, JobState.WITHDRAWN}),
    JobState.REFUSED: frozenset(),
    JobState.DECIDED: frozenset(),
    JobState.FAILED: frozenset({JobState.WITHDRAWN}),
    JobState.WITHDRAWN: frozenset(),
}
"""`assessing` holds from the moment the sandbox has ended until every output is decided. A failure that is not told yet
looks like a job that runs, so its researcher can withdraw it like one."""

FINAL_JOB_STATES: frozenset[JobState] = frozenset(
    {JobState.REFUSED, JobState.DECIDED, JobState.FAILED, JobState.WITHDRAWN}
)
"""No worker moves a job on from these."""


PRIVATE_LINE, PRIVATE_SCRIPT_LINE = "-- private:", "# private:"
"""How the canonical text of a private job begins: of a query, of a script."""


OUTPUT_LINE = "-- output:"
"""What stands before each statement of a SQL job's canonical text whose rows are an output."""


class FailureCode(StrEnum):
    """Why a job failed, for staff. What a researcher sees at once is `coarse_word` of it."""

    CRASHED = "crashed"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    ENGINE_ERROR = "engine_error"
    BAD_FRAMES = "bad_frames"
    POLICY_CHANGED = "policy_changed"
    PLAN_CHANGED = "plan_changed"
    INFRASTRUCTURE = "infrastructure"


class CoarseOutcome(StrEnum):
    """The four words that a researcher learns at once of a job that ran (invariant 10)."""

    ENDED = "ended"
    FAILED = "failed"
    LIMIT = "limit"
    WITHHELD = "withheld"


def coarse_outcome(code: FailureCode) -> CoarseOutcome:
    limits = {FailureCode.TIME_LIMIT, FailureCode.MEMORY_LIMIT, FailureCode.OUTPUT_LIMIT}
    return CoarseOutcome.LIMIT if code in limits else CoarseOutcome.FAILED


@dataclass(frozen=True, slots=True)
class Submission:
    """What a researcher sends. `client_id` makes sending it again harmless; `replaces` names an earlier job."""

    project: str
    kind: JobKind
    dialect: str
    text: str
    title: str
    purpose: str
    descriptions: tuple[tuple[str, str], ...] = ()
    client_id: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A submission on its way. `attempt` fences late results; `lease_until` is the running worker's promise.

    `policy` is the one under which it was accepted, `assessed_policy` the one under which its outputs were judged.
    `read_saved` are the idents of the kept definitions that its text read then: it is checked with these ever after.
    `saved_names` are the names that it kept. `started` is the begin of its first attempt; `ended` is when its last one,
    with the comparison that belongs to it, was over; `released_before` is how many tables had been released when it
    began.
    """

    ident: str
    submission: Submission
    researcher: str
    state: JobState
    created: datetime
    updated: datetime
    canonical: str
    plan_hash: str
    policy: str
    snapshot: str | None = None
    attempt: int = 0
    worker: str | None = None
    lease_until: datetime | None = None
    failure: FailureCode | None = None
    image: str | None = None
    runtime: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    assessed_policy: str | None = None
    read_saved: tuple[str, ...] = ()
    saved_names: tuple[str, ...] = ()
    released_before: int = 0

    @property
    def is_private(self) -> bool:
        """Whether its answers are differentially private."""
        line = PRIVATE_LINE if self.submission.kind is JobKind.SQL else PRIVATE_SCRIPT_LINE
        return self.canonical.startswith(line)

    @property
    def output_count(self) -> int:
        """How many outputs the text of a SQL job names; at least one."""
        return max(1, self.canonical.count(OUTPUT_LINE))

    @property
    def names_its_outputs(self) -> bool:
        """Whether its text alone says what its outputs are called; what a script leaves is named by what it read."""
        return self.submission.kind is JobKind.SQL or self.is_private


@dataclass(frozen=True, slots=True)
class TimeSlots:
    """The times that a job may be told to take: few, in seconds, and growing; after the last one, each is twice the one
    before. `compare_seconds` is what comparing one table of a SQL job with one released table may take."""

    seconds: tuple[float, ...]
    compare_seconds: float = 0.0

    def displayed_end(self, job: Job, now: datetime) -> datetime | None:
        """The end of the slot in which a job that was started has ended, or runs at `now`. It depends on the job's
        text and on how much was released before it began; on what the job met it depends by the slot's number only."""
        if job.started is None:
            return None
        took = ((job.ended or now) - job.started).total_seconds()
        return self.end(job.started, max(took, self._comparing_seconds(job)))

    def end(self, began: datetime, took: float) -> datetime:
        """The end of the slot in which something has ended that began then and took so many seconds."""
        return began + timedelta(seconds=self._slot_end(took))

    def _comparing_seconds(self, job: Job) -> float:
        """What comparing may take, however much or little of it turns out to be needed."""
        compares = job.submission.kind is JobKind.SQL and not job.is_private
        return job.output_count * job.released_before * self.compare_seconds if compares else 0.0

    def _slot_end(self, took: float) -> float:
        slot = next((s for s in self.seconds if took <= s), 0.0)
        longest = self.seconds[-1]
        while not slot:
            longest *= 2
            slot = longest if took <= longest else 0.0
        return slot


def can_advance(before: JobState, after: JobState) -> bool:
    return after in JOB_TRANSITIONS[before]


class DisplayedState(StrEnum):
    """What a researcher is shown of a job; `waiting` covers withheld and in_review alike (invariant 9)."""

    REFUSED = "refused"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting for a decision"
    FAILED = "failed"
    LIMIT = "limit"
    RELEASED = "released"
    RECALLED = "recalled"
    NOT_RELEASED = "not released"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    SAVED = "kept"


def displayed_state(
    state: JobState, failure: FailureCode | None, outputs: tuple[OutputState, ...], hide_withheld: bool,
    saved: bool = False, appears_running: bool = False,
) -> DisplayedState:  # fmt: skip
    """The one word a researcher is shown: a pure function of the job's and its outputs' states, and of the clock by
    `appears_running`, which holds until the end of the slot in which the job has ended.

    `hide_withheld` is true until a decision could have been made by a person: while it is, a withheld output
    looks like one in review. `saved`: the job kept something; where it has no output, that is all that it did.
    """
    if appears_running:
        return DisplayedState.RUNNING
    if state in {JobState.SUBMITTED, JobState.QUEUED}:
        return DisplayedState.QUEUED
    if state is JobState.FAILED:
        return (
            DisplayedState.LIMIT
            if failure is not None and coarse_outcome(failure) is CoarseOutcome.LIMIT
            else DisplayedState.FAILED
        )
    if state in {JobState.REFUSED, JobState.RUNNING, JobState.WITHDRAWN}:
        return DisplayedState(state.value)
    if state is JobState.ASSESSING or not all(s in DECIDED_STATES for s in outputs):
        return DisplayedState.WAITING
    if saved and not outputs:
        return DisplayedState.SAVED
    if hide_withheld and OutputState.WITHHELD in outputs and OutputState.RELEASED not in outputs:
        return DisplayedState.WAITING
    for output, displayed in (
        (OutputState.RELEASED, DisplayedState.RELEASED),
        (OutputState.APPROVED, DisplayedState.WAITING),
        (OutputState.RECALLED, DisplayedState.RECALLED),
        (OutputState.RETURNED, DisplayedState.RETURNED),
    ):
        if output in outputs:
            return displayed
    return DisplayedState.NOT_RELEASED


def seconds_used(begun: Iterable[Job], slots: TimeSlots, now: datetime, window: timedelta) -> Mapping[str, float]:
    """How many seconds of a worker each project had in the window before `now`, or has for sure. A job takes one to the
    end of its slot of time, so that turns tell no more of it than slots do."""
    used: dict[str, float] = {}
    for job in begun:
        until = slots.displayed_end(job, now)
        if job.started is not None and until is not None:
            lasted = until - max(job.started, now - window)
            project = job.submission.project
            used[project] = used.get(project, 0.0) + max(lasted.total_seconds(), 0.0)
    return used


def fair_order(waiting: Iterable[Job], used: Mapping[str, float], slots: TimeSlots) -> list[Job]:
    """The waiting jobs as they are taken, as if each that goes before takes a worker for the first slot of time; the
    first one is exact. Of projects that had as much, the one whose job waits longest goes first."""
    own: Counter[str] = Counter()
    turns: list[tuple[float, datetime, str, Job]] = []
    for job in sorted(waiting, key=lambda j: (j.created, j.ident)):
        project = job.submission.project
        turns.append((used.get(project, 0.0) + own[project] * slots.seconds[0], job.created, job.ident, job))
        own[project] += 1
    return [job for *_, job in sorted(turns, key=lambda turn: turn[:3])]
