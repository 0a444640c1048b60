"""Submissions and jobs: states, transitions as data, failure codes, and what a researcher is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.outputs import DECIDED_STATES, OutputState


class Kind(StrEnum):
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


class Word(StrEnum):
    """The four words that a researcher learns at once of a job that ran (invariant 10)."""

    ENDED = "ended"
    FAILED = "failed"
    LIMIT = "limit"
    WITHHELD = "withheld"


def coarse_word(code: FailureCode) -> Word:
    limits = {FailureCode.TIME_LIMIT, FailureCode.MEMORY_LIMIT, FailureCode.OUTPUT_LIMIT}
    return Word.LIMIT if code in limits else Word.FAILED


@dataclass(frozen=True, slots=True)
class Submission:
    """What a researcher sends. `client_id` makes sending it again harmless; `replaces` names an earlier job."""

    project: str
    kind: Kind
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
    `kept` are the names that it kept. `started` is the begin of its first attempt; `ended` is when its last one, with
    the comparison that belongs to it, was over; `remembered` is how many tables had been released when it began.
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
    kept: tuple[str, ...] = ()
    remembered: int = 0

    @property
    def is_private(self) -> bool:
        """Whether its answers are differentially private."""
        line = PRIVATE_LINE if self.submission.kind is Kind.SQL else PRIVATE_SCRIPT_LINE
        return self.canonical.startswith(line)

    @property
    def tables(self) -> int:
        """How many outputs the text of a SQL job names; at least one."""
        return max(1, self.canonical.count(OUTPUT_LINE))

    @property
    def names_its_outputs(self) -> bool:
        """Whether its text alone says what its outputs are called; what a script leaves is named by what it read."""
        return self.submission.kind is Kind.SQL or self.is_private


@dataclass(frozen=True, slots=True)
class TimeSlots:
    """The times that a job may be told to take: few, in seconds, and growing; after the last one, each is twice the one
    before. `compare_seconds` is what comparing one table of a SQL job with one released table may take."""

    seconds: tuple[float, ...]
    compare_seconds: float = 0.0

    def told_end(self, job: Job, now: datetime) -> datetime | None:
        """The end of the slot in which a job that was started has ended, or runs at `now`. It depends on the job's
        text and on how much was released before it began; on what the job met it depends by the slot's number only."""
        if job.started is None:
            return None
        took = ((job.ended or now) - job.started).total_seconds()
        return self.end(job.started, max(took, self._least(job)))

    def end(self, began: datetime, took: float) -> datetime:
        """The end of the slot in which something has ended that began then and took so many seconds."""
        return began + timedelta(seconds=self._slot(took))

    def _least(self, job: Job) -> float:
        """What comparing may take, however much or little of it turns out to be needed."""
        compares = job.submission.kind is Kind.SQL and not job.is_private
        return job.tables * job.remembered * self.compare_seconds if compares else 0.0

    def _slot(self, took: float) -> float:
        found = next((s for s in self.seconds if took <= s), 0.0)
        longest = self.seconds[-1]
        while not found:
            longest *= 2
            found = longest if took <= longest else 0.0
        return found


def can_advance(before: JobState, after: JobState) -> bool:
    return after in JOB_TRANSITIONS[before]


class Shown(StrEnum):
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
    KEPT = "kept"


def shown_state(
    state: JobState, failure: FailureCode | None, outputs: tuple[OutputState, ...], hide_withheld: bool,
    kept: bool = False, looks_running: bool = False,
) -> Shown:  # fmt: skip
    """The one word a researcher is shown: a pure function of the job's and its outputs' states, and of the clock by
    `looks_running`, which holds until the end of the slot in which the job has ended.

    `hide_withheld` is true until a decision could have been made by a person: while it is, a withheld output
    looks like one in review. `kept`: the job kept something; where it has no output, that is all that it did.
    """
    if looks_running:
        return Shown.RUNNING
    if state in {JobState.SUBMITTED, JobState.QUEUED}:
        return Shown.QUEUED
    if state is JobState.FAILED:
        return Shown.LIMIT if failure is not None and coarse_word(failure) is Word.LIMIT else Shown.FAILED
    if state in {JobState.REFUSED, JobState.RUNNING, JobState.WITHDRAWN}:
        return Shown(state.value)
    if state is JobState.ASSESSING or not all(s in DECIDED_STATES for s in outputs):
        return Shown.WAITING
    if kept and not outputs:
        return Shown.KEPT
    if hide_withheld and OutputState.WITHHELD in outputs and OutputState.RELEASED not in outputs:
        return Shown.WAITING
    for output, word in (
        (OutputState.RELEASED, Shown.RELEASED),
        (OutputState.APPROVED, Shown.WAITING),
        (OutputState.RECALLED, Shown.RECALLED),
        (OutputState.RETURNED, Shown.RETURNED),
    ):
        if output in outputs:
            return word
    return Shown.NOT_RELEASED
