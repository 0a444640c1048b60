"""The store port's part about outputs: votes, threads and releases. Docstrings are the contract."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.ledger.budgets import Aside
from broker.domain.messages import Message
from broker.domain.outputs import Output, OutputState
from broker.domain.ports.records import (
    EVERY_RELEASE,
    Cast,
    Compared,
    Filter,
    RegisterCount,
    RegisterEntry,
    RegisterFilter,
    Release,
    ToRemember,
)
from broker.domain.remembered import Remembering
from broker.domain.reviews import Decided, Vote


class OutputStore(Protocol):
    """Outputs, claims and votes."""

    def output(self, ident: str) -> Output: ...

    def outputs_of(self, job: str) -> list[Output]: ...

    def outputs_of_jobs(self, jobs: frozenset[str]) -> dict[str, list[Output]]:
        """As `outputs_of`, of many at once; without those that have none."""

    def outputs(self, wanted: Filter) -> list[Output]: ...

    def outputs_in(self, state: OutputState) -> int:
        """How many outputs are in this state."""

    def evidence_digest(self, output: str) -> str: ...

    def move_output(
        self,
        output: str,
        before: OutputState,
        after: OutputState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        reason: str | None = None,
    ) -> None: ...

    def claim(self, output: str, checker: str | None, events: Sequence[AuditEvent]) -> None:
        """Set or clear (None) the checker who works on an output."""

    def outputs_in_review(self, limit: int) -> list[Output]:
        """Oldest first."""

    def outputs_named(self, idents: frozenset[str]) -> list[Output]:
        """Those of these idents that there are, in no order."""

    def last_released(self, project: str, name: str, before: str) -> Output | None:
        """The project's newest released output of this name, of another job than that of the output `before`."""

    def cast(
        self,
        vote: Vote,
        events: Sequence[AuditEvent],
        *,
        decide: Callable[[tuple[Vote, ...]], Decided | None] | None = None,
    ) -> None:
        """Store a vote; Conflict("already-voted") if this checker has one on this output. `decide` sees all votes,
        this one included, in the same transaction; what it decides is done with the vote or not at all."""

    def cast_all(self, casts: Sequence[Cast]) -> None:
        """Store votes on several outputs as `cast` does, and what is said with them: all of it or nothing."""

    def voted_by(self, checker: str, idents: frozenset[str]) -> frozenset[str]:
        """Which of these outputs the checker has voted on."""

    def votes_of(self, output: str) -> list[Vote]:
        """Those on what the output is now: memory may have changed it since others were cast, which count no more."""

    def voted(self, outputs: frozenset[str]) -> frozenset[str]:
        """Those of these outputs that anybody has voted on."""

    def voters_on_projects_of(self, researcher: str, projects: frozenset[str] = frozenset()) -> frozenset[str]:
        """Checkers who have voted on an output of a job by `researcher`, or of one of `projects`."""


class ComparingStore(Protocol):
    """Who compares a job's outputs with memory now, and what came of it."""

    def lease_comparison(self, job: str, until: datetime) -> int | None:
        """The right to compare the outputs of an `assessing` job until `until`, as its next attempt, whose number it
        gives; `renew` prolongs it. None if somebody has it, the job is in another state, or it is stopped."""

    def end_comparison(self, job: str, attempt: int) -> None:
        """Give that right up, so that another may have it."""

    def put_compared(
        self,
        job: str,
        attempt: int,
        found: Sequence[Compared],
        now: datetime,
        events: Sequence[AuditEvent],
        history_changed: bool = False,
    ) -> None:
        """Put what comparing made of outputs in their place, and give the right up; all of it or nothing. A job that is
        `history_changed` stays so: it counts once, however often it is compared. An approved
        output may go back to review so: votes on what it was count no more. Conflict("stale") if the right is lost or
        an output is not what was compared."""

    def to_remember(self, output: str) -> tuple[ToRemember, ...]:
        """What goes into memory with the output's release."""


class MessageStore(Protocol):
    """What is said about outputs: each thread in the order in which it was written."""

    def say(self, message: Message, events: Sequence[AuditEvent]) -> None:
        """Add a message at the end of its output's thread."""

    def messages_on(self, outputs: frozenset[str]) -> list[Message]:
        """Those about any of these outputs, oldest first."""

    def messages_that_wait(self, limit: int) -> list[Message]:
        """Those that are held until a second person has confirmed them, oldest first."""

    def confirm(self, output: str, number: int, by: str, events: Sequence[AuditEvent]) -> None:
        """Once: Forbidden("second-person") for its author, Conflict("confirmed-already") where nothing waits."""


class ReleaseStore(Protocol):
    """Releases and the register."""

    def release(
        self,
        release: Release,
        manifest: str,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        asides: Sequence[Aside] = (),
        remembering: Remembering | None = None,
        content: Mapping[str, str] | None = None,
    ) -> None:
        """In one transaction under the snapshot's lock: insert the release (unique per job), move its outputs
        approved → released, release the job's spend if it has one, enter in the ledger what stands beside the claim
        from now on, and in the memory what was released (see `MemoryStore`; None: nothing of it has members).
        Conflict("already-released") on a second one, Conflict("memory-moved") where something was released since it was
        compared with the memory. `content` has the hash of each output's bytes as it was read for
        the manifest; Conflict("stale") where an output has others by now."""

    def release_of(self, job: str) -> Release | None: ...

    def manifest(self, release: str) -> str: ...

    def register(self, wanted: RegisterFilter = EVERY_RELEASE) -> list[RegisterEntry]:
        """Newest first. Unknown("release") where `after` is none."""

    def releases_made(self) -> int: ...

    def register_counts(self) -> list[RegisterCount]:
        """One for each project that ever released, by project."""
