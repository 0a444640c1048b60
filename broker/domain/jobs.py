"""Submissions and jobs: states, transitions as data, failure codes, and what a researcher is shown."""

from dataclasses import dataclass
from datetime import datetime
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
    JobState.FAILED: frozenset(),
    JobState.WITHDRAWN: frozenset(),
}
"""`assessing` holds from the moment the sandbox has ended until every output is decided."""

FINAL_JOB_STATES: frozenset[JobState] = frozenset(s for s, after in JOB_TRANSITIONS.items() if not after)


PRIVATE_LINE, PRIVATE_SCRIPT_LINE = "-- private:", "# private:"
"""How the canonical text of a private job begins: of a query, of a script."""


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
    `kept` are the names that it kept.
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

    @property
    def is_private(self) -> bool:
        """Whether its answers are differentially private."""
        line = PRIVATE_LINE if self.submission.kind is Kind.SQL else PRIVATE_SCRIPT_LINE
        return self.canonical.startswith(line)

    @property
    def names_its_outputs(self) -> bool:
        """Whether its text alone says what its outputs are called; what a script leaves is named by what it read."""
        return self.submission.kind is Kind.SQL or self.is_private


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
    kept: bool = False,
) -> Shown:  # fmt: skip
    """The one word a researcher is shown: a pure function of the job's and its outputs' states.

    `hide_withheld` is true until a decision could have been made by a person: while it is, a withheld output
    looks like one in review. `kept`: the job kept something; where it has no output, that is all that it did.
    """
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
