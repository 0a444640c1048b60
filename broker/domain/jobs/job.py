"""Submissions, jobs and their outputs: states, transitions as data, failure codes, the displayed state, and the fair
order between projects."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.findings import Verdict


class OutputState(StrEnum):
    ASSESSED = "assessed"
    WITHHELD = "withheld"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RETURNED = "returned"
    REJECTED = "rejected"
    RELEASED = "released"
    RECALLED = "recalled"
    WITHDRAWN = "withdrawn"


OUTPUT_TRANSITIONS: dict[OutputState, frozenset[OutputState]] = {
    OutputState.ASSESSED: frozenset(
        {OutputState.WITHHELD, OutputState.IN_REVIEW, OutputState.APPROVED, OutputState.WITHDRAWN}
    ),
    OutputState.IN_REVIEW: frozenset(
        {OutputState.RETURNED, OutputState.REJECTED, OutputState.APPROVED, OutputState.WITHDRAWN}
    ),
    OutputState.APPROVED: frozenset({OutputState.RELEASED, OutputState.IN_REVIEW}),
    OutputState.RELEASED: frozenset({OutputState.RECALLED}),
    OutputState.WITHHELD: frozenset(),
    OutputState.RETURNED: frozenset(),
    OutputState.REJECTED: frozenset(),
    OutputState.RECALLED: frozenset(),
    OutputState.WITHDRAWN: frozenset(),
}
"""`approved` returns to `in_review` only if the release history changed the output: a release in the meantime shows
more of it than its checkers saw, so their votes were about another output."""

UNDECIDED_STATES: frozenset[OutputState] = frozenset({OutputState.ASSESSED, OutputState.IN_REVIEW})
DECIDED_STATES: frozenset[OutputState] = frozenset(OutputState) - UNDECIDED_STATES
"""Output states that need no further decision."""


class OutputKind(StrEnum):
    TABLE = "table"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Output:
    """One table or file of a job. `staff_hash` (keyed) binds what checkers saw. `release_hash` is the SHA-256 of the
    bytes to release. Both name content in the content store. `memory_version`: version of the release history that it
    was compared with; None before the comparison."""

    ident: str
    job: str
    name: str
    kind: OutputKind
    description: str
    state: OutputState
    media_type: str
    size: int
    release_hash: str | None
    staff_hash: str
    findings_hash: str
    verdict: Verdict
    created: datetime
    claimed_by: str | None = None
    reason: str | None = None
    overrides: tuple[str, ...] = field(default=())
    memory_version: str | None = None


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
"""`assessing` lasts from the end of the sandbox until every output is decided. A failure that is not yet reported looks
like a running job, so its researcher can withdraw it like one."""

QUEUED_OR_RUNNING: frozenset[JobState] = frozenset({JobState.QUEUED, JobState.RUNNING})
FINAL_JOB_STATES: frozenset[JobState] = frozenset(
    {JobState.REFUSED, JobState.DECIDED, JobState.FAILED, JobState.WITHDRAWN}
)
"""Workers do not change jobs in these states."""


PRIVATE_LINE, PRIVATE_SCRIPT_LINE = "-- private:", "# private:"
"""First words of the canonical text of a private job: of a query, and of a script."""


OUTPUT_LINE = "-- output:"
"""Line before each statement of a SQL job's canonical text whose rows are an output."""


class FailureCode(StrEnum):
    """Reason why a job failed, for staff. Researchers see only its `coarse_outcome` at once."""

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
    """The four words that a researcher learns at once about a job that ran (invariant 10)."""

    ENDED = "ended"
    FAILED = "failed"
    LIMIT = "limit"
    WITHHELD = "withheld"


def coarse_outcome(code: FailureCode) -> CoarseOutcome:
    limits = {FailureCode.TIME_LIMIT, FailureCode.MEMORY_LIMIT, FailureCode.OUTPUT_LIMIT}
    return CoarseOutcome.LIMIT if code in limits else CoarseOutcome.FAILED


INITIAL_OUTPUT_STATES = OUTPUT_TRANSITIONS[OutputState.ASSESSED] - {OutputState.WITHDRAWN} | {OutputState.ASSESSED}


def check_advance(
    before: JobState, after: JobState, failure: FailureCode | None, made: Collection[OutputState]
) -> None:
    """Raises Breach for a change of a job's state that nothing may make. `made`: states of the outputs that come with
    it."""
    if after not in JOB_TRANSITIONS[before]:
        raise Breach(f"No job goes from {before} to {after}.")
    if after is JobState.RUNNING:
        raise Breach("A job starts by a lease only.")
    if after is JobState.QUEUED:
        raise Breach("A job is given back by its lease only.")
    if (failure is not None) != (after is JobState.FAILED):
        raise Breach("A failure code belongs to a failed job, and a failed job has one.")
    if made and after is not JobState.ASSESSING:
        raise Breach("Outputs come into being when a job goes to assessing.")
    if any(state not in INITIAL_OUTPUT_STATES for state in made):
        raise Breach("A new output is assessed, or what assessing may make of it.")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a researcher submits. `client_id` makes repeating it harmless; `replaces` names an earlier job."""

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
    """A submission after it was accepted or refused.

    `attempt` rejects late results of earlier attempts. `worker`: the slot that ran it last. `policy`: the policy at
    acceptance; `assessed_policy`: the policy under which its outputs were judged. `read_saved`: idents of the
    saved definitions that its text read at acceptance; every later check uses these. `saved_names`: names that it
    saved. `started`: start of its first attempt. `ended`: end of its last attempt, including its comparison.
    `released_before`: number of tables that had been released when it started."""

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
        """Number of outputs that the text of a SQL job names, at least 1."""
        return max(1, self.canonical.count(OUTPUT_LINE))

    @property
    def names_its_outputs(self) -> bool:
        """Whether the text alone names its outputs. The names of a script's files may depend on the data that it
        read."""
        return self.submission.kind is JobKind.SQL or self.is_private


@dataclass(frozen=True, slots=True)
class TimeSlots:
    """The times that a job may appear to take: a few growing numbers of seconds; after the last one, each is twice the
    one before. `compare_seconds`: time allowed to compare one table of a SQL job with one released table."""

    seconds: tuple[float, ...]
    compare_seconds: float = 0.0

    def displayed_end(self, job: Job, now: datetime) -> datetime | None:
        """End of the time slot in which a started job has ended, or runs at `now`; None if it has not started. It
        depends on the job's text and on the number of releases before its start; it depends on the job's data only
        through the number of the slot."""
        if job.started is None:
            return None
        took = ((job.ended or now) - job.started).total_seconds()  # a running job counts up to now
        return self.end(job.started, max(took, self._comparing_seconds(job)))

    def end(self, began: datetime, took: float) -> datetime:
        """End of the slot of something that began at `began` and took `took` seconds."""
        return began + timedelta(seconds=self._slot_end(took))

    def _comparing_seconds(self, job: Job) -> float:
        """Time allowed for the comparison, in seconds, whatever it really takes."""
        # private jobs compare nothing, and the time is defined for SQL jobs only
        compares = job.submission.kind is JobKind.SQL and not job.is_private
        return job.output_count * job.released_before * self.compare_seconds if compares else 0.0

    def _slot_end(self, took: float) -> float:
        slot = next((s for s in self.seconds if took <= s), 0.0)
        longest = self.seconds[-1]
        while not slot:
            longest *= 2
            slot = longest if took <= longest else 0.0
        return slot


class DisplayedState(StrEnum):
    """What a researcher sees of a job. `waiting` covers withheld and in_review alike (invariant 9)."""

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
    """The one word that a researcher sees. A pure function of the states of the job and its outputs, and of the clock
    through `appears_running`, which holds until the end of the slot in which the job ended. `hide_withheld` is true
    until a person could have decided; until then, a withheld output looks like one in review. `saved`: the job saved a
    definition; without outputs, that is all it did."""
    if appears_running:  # first, because every later word would reveal that the job has ended
        return DisplayedState.RUNNING
    if state in {JobState.SUBMITTED, JobState.QUEUED}:
        return DisplayedState.QUEUED
    if state is JobState.FAILED:
        is_limit = failure is not None and coarse_outcome(failure) is CoarseOutcome.LIMIT
        return DisplayedState.LIMIT if is_limit else DisplayedState.FAILED
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
    """Worker seconds of each project in the window before `now`, including those that are certain to follow. A job
    counts to the end of its time slot, so that the order of jobs reveals no more than the slots do."""
    used: dict[str, float] = {}
    for job in begun:
        until = slots.displayed_end(job, now)
        if job.started is not None and until is not None:
            lasted = until - max(job.started, now - window)  # only the part inside the window counts
            project = job.submission.project
            used[project] = used.get(project, 0.0) + max(lasted.total_seconds(), 0.0)
    return used


def fair_order(waiting: Iterable[Job], used: Mapping[str, float], slots: TimeSlots) -> list[Job]:
    """The waiting jobs in the order in which they will run, assuming that each earlier one takes a worker for the first
    time slot. The first position is exact. Between projects with equal use, the job that waits longest goes first."""
    own: Counter[str] = Counter()
    turns: list[tuple[float, datetime, str, Job]] = []
    for job in sorted(waiting, key=lambda j: (j.created, j.ident)):
        project = job.submission.project
        turns.append((used.get(project, 0.0) + own[project] * slots.seconds[0], job.created, job.ident, job))
        own[project] += 1
    return [job for *_, job in sorted(turns, key=lambda turn: turn[:3])]
