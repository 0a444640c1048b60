"""Store ports for jobs and their leases, rehearsals, outputs, votes, messages and releases; the docstrings are the
contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FailureCode, Job, JobState
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep, RequestedRehearsal, ScriptRehearsal
from broker.domain.jobs.reviews import Message, OutputDecision, Vote
from broker.domain.ledger.spends import ExactDisclosure
from broker.domain.ports.store_records import (
    ALL_RELEASES,
    ComparedOutput,
    LapsedLease,
    Lease,
    ListFilter,
    OutputRecord,
    PendingHistoryEntry,
    RegisterCount,
    RegisterEntry,
    RegisterFilter,
    Release,
    VoteRecord,
)
from broker.domain.projects.saved_definitions import SavedEntry
from broker.domain.release_history import HistoryUpdate


class JobStore(Protocol):
    """Jobs and their leases."""

    def accept(
        self,
        job: Job,
        events: Sequence[AuditEvent],
        saved_entries: Sequence[SavedEntry] = (),
        most_unread: int | None = None,
    ) -> Job:
        """Insert a job in `queued` or `refused`, and what a queued one keeps. If (researcher, client_id) exists: return
        the stored job when its submission is equal, else raise Conflict("client-id-reused"). `most_unread`: raise
        Conflict("unread-scripts") where the project would have more scripts than these that no checker has read."""

    def job(self, ident: str) -> Job: ...

    def jobs(self, wanted: ListFilter) -> list[Job]:
        """Newest first; `after` is the ident of the last job of the page before."""

    def jobs_begun(self, since: datetime) -> list[Job]:
        """Jobs that were started and have not ended, or since then, the one that began first at the head."""

    def jobs_in(self, states: frozenset[JobState]) -> dict[JobState, int]:
        """How many jobs are in each of these states."""

    def jobs_named(self, idents: frozenset[str]) -> dict[str, Job]:
        """Those of these idents that there are."""

    def lease(
        self, job: str, worker: str, until: datetime, now: datetime, events: Sequence[AuditEvent]
    ) -> Lease | None:
        """Queued → running with attempt+1, by compare-and-set; None if it is not queued (any more). The first attempt
        says when the job began, and how much was remembered then."""

    def renew(self, job: str, attempt: int, until: datetime, now: datetime | None = None) -> bool:
        """Prolong a lease, of a run or a comparison; False if the attempt is no longer the one that has it, or (by
        `now`) it has lapsed: a lapsed lease never comes back, so that whoever ends the attempt is not overtaken."""

    def advance(
        self,
        job: str,
        attempt: int | None,
        before: JobState,
        after: JobState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        failure: FailureCode | None = None,
        image: str | None = None,
        runtime: str | None = None,
        snapshot: str | None = None,
        assessed_policy: str | None = None,
        outputs: Sequence[OutputRecord] = (),
        small: bool = False,
        history_changed: bool = False,
    ) -> None:
        """Move a job's state; `outputs` are inserted with it, `small` and `history_changed` count for the project.
        `attempt` None means: whatever attempt it is at (withdraw, decide)."""

    def lapsed(self, now: datetime) -> list[LapsedLease]:
        """Running jobs whose lease has lapsed, and jobs the lease on whose comparison has."""

    def waiting(self) -> list[tuple[str, int]]:
        """(job, attempt) of every queued job, oldest first: what the reconciler offers again."""

    def alive(self) -> frozenset[tuple[str, int]]:
        """(job, attempt) of every job that runs or is compared: what the sweeper must leave alone."""

    def unsettled(self) -> list[str]:
        """Jobs whose next step waits for nobody (a process died between two steps), oldest first: `assessing` with an
        output to route or none left to decide, or `decided` with approved outputs and no release."""

    def name_vault(self, job: str, attempt: int, vault: str) -> None:
        """Say which vault a running attempt reads, so that it is kept until the job is at its end. Conflict("stale") if
        it runs no more."""

    def vaults_in_use(self, *, reading: bool = False) -> frozenset[str]:
        """Keys of the vaults that unfinished jobs name; with `reading`, those that wait or run and so may read it."""

    def small_jobs(self, project: str) -> int: ...

    def history_changed_jobs(self, project: str) -> int:
        """Jobs that what was released before changed, hid or withheld, each once however often it was compared."""


class OutputStore(Protocol):
    """Outputs, claims and votes."""

    def output(self, ident: str) -> Output: ...

    def outputs_of(self, job: str) -> list[Output]: ...

    def outputs_of_jobs(self, jobs: frozenset[str]) -> dict[str, list[Output]]:
        """As `outputs_of`, of many at once; without those that have none."""

    def outputs(self, wanted: ListFilter) -> list[Output]: ...

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
        decide: Callable[[tuple[Vote, ...]], OutputDecision | None] | None = None,
    ) -> None:
        """Store a vote; Conflict("already-voted") if this checker has one on this output. `decide` sees all votes,
        this one included, in the same transaction; what it decides is done with the vote or not at all."""

    def cast_all(self, casts: Sequence[VoteRecord]) -> None:
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
        found: Sequence[ComparedOutput],
        now: datetime,
        events: Sequence[AuditEvent],
        history_changed: bool = False,
    ) -> None:
        """Put what comparing made of outputs in their place, and give the right up; all of it or nothing. A job that is
        `history_changed` stays so: it counts once, however often it is compared. An approved
        output may go back to review so: votes on what it was count no more. Conflict("stale") if the right is lost or
        an output is not what was compared."""

    def pending_history(self, output: str) -> tuple[PendingHistoryEntry, ...]:
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
        exact_disclosures: Sequence[ExactDisclosure] = (),
        history_update: HistoryUpdate | None = None,
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

    def register(self, wanted: RegisterFilter = ALL_RELEASES) -> list[RegisterEntry]:
        """Newest first. Unknown("release") where `after` is none."""

    def releases_made(self) -> int: ...

    def register_counts(self) -> list[RegisterCount]:
        """One for each project that ever released, by project."""


class ScriptRehearsalStore(Protocol):
    """How scripts did on the synthetic NPD and on real rows, and who has read them. What is noted stands in place of
    what was noted of an earlier attempt; Conflict("stale") if the attempt runs no more."""

    def note_rehearsal(self, job: str, attempt: int, passed: bool, trace: str, trace_from: datetime) -> None:
        """How it did on synthetic rows; its author may read `trace` from then on."""

    def note_real_run(self, job: str, attempt: int, now: datetime) -> None:
        """It is let run on real rows now."""

    def note_log(self, job: str, attempt: int, log: str) -> None:
        """What it printed there; of an attempt that was withdrawn, too."""

    def note_problems(self, job: str, attempt: int) -> None:
        """It left something that could not be used."""

    def rehearsal(self, job: str) -> ScriptRehearsal | None: ...

    def scripts_to_read(self) -> list[str]:
        """Jobs that met real rows, and failed, were withdrawn or left nothing or something unusable, and that nobody
        has read; oldest first."""

    def read_script(self, job: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Somebody has read it. Who was first stays."""

    def disclose_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Once, by somebody who has read it; Conflict("told-already") where there is nothing to tell any more."""

    def reported_jobs(self, idents: frozenset[str]) -> frozenset[str]:
        """Those of these jobs of which a checker has told their researchers something."""


@dataclass(frozen=True, slots=True)
class RehearsalQuota:
    """How many rehearsals one person may have under way, and how many in all."""

    under_way: int
    retained: int


class RequestedRehearsalStore(Protocol):
    """Rehearsals that people ask for: few a person, and none for long."""

    def request_rehearsal(
        self, rehearsal: RequestedRehearsal, quota: RehearsalQuota, events: Sequence[AuditEvent]
    ) -> None:
        """Insert it, in place of the person's oldest ones that are at their end. Conflict("too-many-rehearsals") while
        as many as may be are under way."""

    def requested_rehearsal(self, ident: str) -> RequestedRehearsal: ...

    def rehearsals_of(self, person: str) -> list[RequestedRehearsal]:
        """Newest first, without their documents."""

    def lease_rehearsal(self, ident: str, until: datetime, now: datetime) -> RequestedRehearsal | None:
        """Queued → running with attempt+1; None if it is not queued (any more)."""

    def renew_rehearsal(self, ident: str, attempt: int, until: datetime, now: datetime) -> bool:
        """False if the attempt is no longer the running one, or its lease has lapsed."""

    def note_step(self, ident: str, attempt: int, step: RehearsalStep, about: int = 0) -> None:
        """Conflict("stale") if the attempt runs no more."""

    def end_rehearsal(
        self,
        ident: str,
        attempt: int,
        state: RehearsalState,
        document: str,
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        """Running → done or failed, while its lease holds; else Conflict("stale")."""

    def give_back_rehearsal(self, ident: str, attempt: int, now: datetime) -> None:
        """Running → queued; Conflict("stale")."""

    def fail_lapsed_rehearsal(
        self, ident: str, attempt: int, document: str, now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        """Running → failed, whether or not its lease holds; Conflict("stale")."""

    def cancel_rehearsal(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> bool:
        """Whatever its state → cancelled, without a document; False if it was cancelled before."""

    def rehearsals_waiting(self) -> list[RequestedRehearsal]:
        """Oldest first."""

    def rehearsals_lapsed(self, now: datetime) -> list[tuple[str, int]]:
        """(ident, attempt) of running ones whose lease has lapsed."""

    def rehearsals_alive(self) -> frozenset[tuple[str, int]]:
        """(ident, attempt) of running ones: what the sweeper must leave alone."""

    def drop_rehearsals(self, before: datetime) -> int:
        """Remove those that came to their end before; how many."""
