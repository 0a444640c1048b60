"""Outputs of a job and their states, with the transitions between them."""

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
"""`approved` returns to `in_review` only if the release history changed the output: a release in the meantime shows
more of it than its checkers saw, so their votes were about another output."""

DECIDED_STATES: frozenset[OutputState] = frozenset(set(OutputState) - {OutputState.ASSESSED, OutputState.IN_REVIEW})
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
