"""Outputs of a job and their states: what one is, and which moves it may make."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
"""`approved` goes back to `in_review` only where memory has changed it: what was released meanwhile shows more of it
than its checkers saw, and it is another output than the one that they voted on."""

DECIDED_STATES: frozenset[OutputState] = frozenset(set(OutputState) - {OutputState.ASSESSED, OutputState.IN_REVIEW})
"""An output in one of these needs nobody's decision any more."""


class OutputKind(StrEnum):
    TABLE = "table"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Output:
    """One table or file of a job. `staff_hash` (keyed) binds what checkers saw; `release_hash` is the SHA-256 of
    the bytes that would leave; both name content in the outputs' store. `memory_version` is the state of memory that it
    was compared with; None before that."""

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
