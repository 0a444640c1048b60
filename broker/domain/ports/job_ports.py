"""Store ports for work and its leases, jobs, rehearsals, outputs, votes, messages and releases. Docstrings are the
contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FailureCode, Job, JobState, Output, OutputState
from broker.domain.jobs.job_check import JobCheck
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep, RequestedRehearsal, ScriptRehearsal
from broker.domain.jobs.reviews import Message, Vote
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ledger.spends import ExactDisclosure
from broker.domain.ports import store_records
from broker.domain.projects.saved_definitions import SavedEntry
from broker.domain.release_history import HistoryUpdate


class WorkStore(Protocol):
    """What workers have to do, and who does it. Work is due as long as the state of its subject says so: nothing has to
    be added, and nothing can be lost. A method that ends work ends its lease in the same transaction."""

    def work_due(self, kinds: frozenset[WorkKind], now: datetime) -> list[WorkItem]:
        """Work of these kinds that nobody does and that does not rest, oldest first."""

    def lease_work(
        self, kind: WorkKind, subject: str, worker: str, until: datetime, now: datetime,
        events: Sequence[AuditEvent] = (),
    ) -> WorkItem | None:  # fmt: skip
        """Lease work as its subject's next attempt, even if it rests. None if it is not due (any more), or somebody has
        it. A run makes a queued job running; its first attempt records when the job started, and how many tables had
        been released by then."""

    def needs_comparison(self, job: str) -> bool:
        """Whether a table of the job has not been compared with the release history. Until then, the job is not
        routed."""

    def renew_work(self, item: WorkItem, until: datetime, now: datetime) -> bool:
        """Prolong a lease. False if the attempt no longer has it, or if it has lapsed by `now`."""

    def works_on(self, item: WorkItem) -> bool:
        """Whether the attempt has its lease, lapsed or not."""

    def give_back(
        self, item: WorkItem, rests_until: datetime, now: datetime, events: Sequence[AuditEvent] = ()
    ) -> None:
        """End the lease without a result. A running job or rehearsal becomes queued again. Raises Conflict("stale") if
        the attempt has lost its lease."""

    def wake(self, kind: WorkKind, subject: str | None = None) -> None:
        """End the rest of one subject's work, or of all work of this kind."""

    def work_lapsed(self, now: datetime) -> list[WorkItem]:
        """Work whose lease has lapsed: its worker is gone."""

    def work_leased(self) -> list[WorkItem]:
        """All work that somebody does. The sweeper must not touch its sandboxes."""


class JobStore(Protocol):
    """Jobs, and what was understood of their texts."""

    def accept(
        self, job: Job, events: Sequence[AuditEvent], saved_entries: Sequence[SavedEntry] = (),
        most_unread: int | None = None, check: JobCheck | None = None,
    ) -> Job:  # fmt: skip
        """Insert a job in `queued` or `refused`, with the definitions that a queued one saves and what the check
        understood of its text. If (researcher,
        client_id) exists, return the stored job if its submission is equal; otherwise raise
        Conflict("client-id-reused"). Raises Conflict("unread-scripts") if the project would have more than
        `most_unread` scripts that no checker has read."""

    def job_check(self, job: str) -> JobCheck | None:
        """Return what was understood of a job's text; None for a job of an earlier store."""

    def put_job_check(self, job: str, check: JobCheck) -> None:
        """Replace what was understood of a job's text. Raises Unknown for the job."""

    def job(self, ident: str) -> Job: ...

    def jobs(self, wanted: store_records.ListFilter) -> list[Job]:
        """Newest first. `after` is the ident of the last job of the previous page."""

    def jobs_begun(
        self, since: datetime, project: str | None = None, states: frozenset[JobState] | None = None
    ) -> list[Job]:
        """Jobs that started and have not ended, or ended after `since`, in order of their start. `project`, `states`:
        only those of this project, and in one of these states."""

    def active_jobs(self, project: str) -> int:
        """Number of the project's jobs that are queued or running."""

    def jobs_in(self, states: frozenset[JobState]) -> dict[JobState, int]:
        """Number of jobs in each of these states."""

    def jobs_named(self, idents: frozenset[str]) -> dict[str, Job]:
        """Existing jobs with these idents."""

    def advance(
        self, job: str, attempt: int | None, before: JobState, after: JobState, now: datetime,
        events: Sequence[AuditEvent], *, failure: FailureCode | None = None, image: str | None = None,
        runtime: str | None = None, snapshot: str | None = None, assessed_policy: str | None = None,
        outputs: Sequence[store_records.OutputRecord] = (), small: bool = False, history_changed: bool = False,
    ) -> None:  # fmt: skip
        """Change the state of a job. `outputs` are inserted with it; `small` and `history_changed` count for the
        project. `attempt` None means any attempt (withdraw, decide)."""

    def name_vault(self, item: WorkItem, vault: str) -> None:
        """Record the vault that an attempt at a job reads, so that it is retained until the job ends. Raises
        Conflict("stale") if the attempt has lost its lease."""

    def vaults_in_use(self, *, reading: bool = False) -> frozenset[str]:
        """Keys of the vaults that unfinished jobs name; with `reading`, only of jobs that may read them before a person
        decides: they wait, run or are compared."""

    def small_jobs(self, project: str) -> int: ...

    def history_changed_jobs(self, project: str) -> int:
        """Number of jobs of which earlier releases hid or withheld anything. Each job counts once, however often it was
        compared."""


class OutputStore(Protocol):
    """Outputs, claims and votes."""

    def output(self, ident: str) -> Output: ...

    def outputs_of(self, job: str) -> list[Output]: ...

    def outputs_of_jobs(self, jobs: frozenset[str]) -> dict[str, list[Output]]:
        """Like `outputs_of`, for many jobs at once. Jobs without outputs are left out."""

    def outputs(self, wanted: store_records.ListFilter) -> list[Output]: ...

    def outputs_in(self, state: OutputState) -> int:
        """Number of outputs in this state."""

    def evidence_digest(self, output: str) -> str: ...

    def move_output(
        self, output: str, before: OutputState, after: OutputState, now: datetime, events: Sequence[AuditEvent], *,
        reason: str | None = None,
    ) -> None: ...  # fmt: skip

    def claim(self, output: str, checker: str | None, events: Sequence[AuditEvent]) -> None:
        """Set or clear (None) the checker who works on an output."""

    def outputs_in_review(self, limit: int) -> list[Output]:
        """Oldest first."""

    def outputs_named(self, idents: frozenset[str]) -> list[Output]:
        """Existing outputs with these idents, in no order."""

    def last_released(self, project: str, name: str, before: str) -> Output | None:
        """The project's newest released output with this name, from another job than that of the output `before`."""

    def cast_all(self, casts: Sequence[store_records.VoteRecord]) -> None:
        """Store votes on outputs, with their messages: all of it or nothing. Raises Conflict("already-voted") if a
        checker has already voted on the output. `decide` of a vote receives all votes, including this one, in the same
        transaction; its decision is stored with the vote or not at all."""

    def voted_by(self, checker: str, idents: frozenset[str]) -> frozenset[str]:
        """Which of these outputs the checker has voted on."""

    def votes_of(self, output: str) -> list[Vote]:
        """Votes on the output as it is now. The release history may have changed it since earlier votes, which no
        longer count."""

    def voted(self, outputs: frozenset[str]) -> frozenset[str]:
        """Which of these outputs anybody has voted on."""

    def voters_on_projects_of(self, researcher: str, projects: frozenset[str] = frozenset()) -> frozenset[str]:
        """Checkers who have voted on an output of a job by `researcher`, or of one of `projects`."""


class ComparingStore(Protocol):
    """Results of comparisons of a job's outputs with the release history."""

    def put_compared(
        self, item: WorkItem, found: Sequence[store_records.ComparedOutput], now: datetime,
        events: Sequence[AuditEvent], history_changed: bool = False,
    ) -> None:  # fmt: skip
        """Replace outputs by the results of their comparison and end its lease (a release that compares again keeps its
        own); all of it or nothing. A job that is
        `history_changed` stays so: it counts once, however often it is compared. This may return an approved output to
        review; votes on its earlier form no longer count. Raises Conflict("stale") if the lease is lost or an output is
        no longer the one that was compared."""

    def pending_history(self, output: str) -> tuple[store_records.PendingHistoryEntry, ...]:
        """Entries of the release history that the output's release will add."""


class MessageStore(Protocol):
    """Messages about outputs, each thread in the order of writing."""

    def say(self, message: Message, events: Sequence[AuditEvent]) -> None:
        """Add a message at the end of its output's thread."""

    def messages_on(self, outputs: frozenset[str]) -> list[Message]:
        """Messages about any of these outputs, oldest first."""

    def messages_that_wait(self, limit: int) -> list[Message]:
        """Messages that are held until a second person has confirmed them, oldest first."""

    def confirm(self, output: str, number: int, by: str, events: Sequence[AuditEvent]) -> None:
        """Confirm a message once. Raises Forbidden("second-person") for its author, Conflict("confirmed-already") if
        nothing waits."""


class ReleaseStore(Protocol):
    """Releases and the register."""

    def release(
        self, release: store_records.Release, manifest: str, now: datetime, events: Sequence[AuditEvent], *,
        exact_disclosures: Sequence[ExactDisclosure] = (), history_update: HistoryUpdate | None = None,
        content: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """In one transaction, under the snapshot's lock: insert the release (unique for each job), move its outputs
        approved → released, release the job's spend if it has one, enter new exact disclosures in the ledger, and enter
        the released tables in the release history (see `ReleaseHistoryStore`; None: nothing of it has members). Raises
        Conflict("already-released") on a second release, and Conflict("memory-moved") if something was released since
        the comparison. `content`: hash of each output's bytes as read for the manifest; raises Conflict("stale") if an
        output has others by now."""

    def release_of(self, job: str) -> store_records.Release | None: ...

    def manifest(self, release: str) -> str: ...

    def register(self, wanted: store_records.RegisterFilter) -> list[store_records.RegisterEntry]:
        """Newest first. Raises Unknown("release") if `after` does not exist."""

    def register_counts(self) -> list[store_records.RegisterCount]:
        """One for each project that ever released, ordered by project."""


class ScriptRehearsalStore(Protocol):
    """Results of scripts on the synthetic NPD and on real rows, and who has read the scripts. A note replaces the note
    of an earlier attempt. Raises Conflict("stale") if the attempt no longer runs."""

    def note_rehearsal(self, job: str, attempt: int, passed: bool, trace: str, trace_from: datetime) -> None:
        """Note the result on synthetic rows. Its author may read `trace` from `trace_from` on."""

    def note_real_run(self, job: str, attempt: int, now: datetime) -> None:
        """Note that it may now run on real rows."""

    def note_log(self, job: str, attempt: int, log: str) -> None:
        """Note what it printed on real rows, also for an attempt that was withdrawn."""

    def note_problems(self, job: str, attempt: int) -> None:
        """Note that it left something unusable."""

    def rehearsal(self, job: str) -> ScriptRehearsal | None: ...

    def scripts_to_read(self) -> list[str]:
        """Jobs that read real rows, then failed, were withdrawn, or left nothing or something unusable, and that nobody
        has read; oldest first."""

    def read_script(self, job: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Note that a person has read it. The first reader is retained."""

    def disclose_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Store a checker's report, once, from a person who has read it. Raises Conflict("told-already") if there is
        nothing left to report."""

    def reported_jobs(self, idents: frozenset[str]) -> frozenset[str]:
        """Which of these jobs have a checker's report to their researchers."""


@dataclass(frozen=True, slots=True)
class RehearsalQuota:
    """Most rehearsals of one person that are under way, and most in all."""

    under_way: int
    retained: int


class RequestedRehearsalStore(Protocol):
    """Rehearsals that people request: few for each person, and none stored for long."""

    def request_rehearsal(
        self, rehearsal: RequestedRehearsal, quota: RehearsalQuota, events: Sequence[AuditEvent]
    ) -> None:
        """Insert a rehearsal and remove the person's oldest finished ones beyond the quota. Raises
        Conflict("too-many-rehearsals") if too many are under way."""

    def requested_rehearsal(self, ident: str) -> RequestedRehearsal: ...

    def rehearsals_of(self, person: str) -> list[RequestedRehearsal]:
        """Newest first, without their documents."""

    def note_step(self, item: WorkItem, step: RehearsalStep, about: int = 0) -> None:
        """Raises Conflict("stale") if the attempt has lost its lease."""

    def end_rehearsal(
        self, item: WorkItem, state: RehearsalState, document: str, now: datetime, events: Sequence[AuditEvent], *,
        lapsed: bool = False,
    ) -> None:  # fmt: skip
        """Running → done or failed, while its lease holds; with `lapsed`, also afterwards. Otherwise raises
        Conflict("stale")."""

    def cancel_rehearsal(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> bool:
        """Any state → cancelled, without a document. False if it was cancelled before."""

    def drop_rehearsals(self, before: datetime) -> int:
        """Remove rehearsals that ended before a moment. Returns their number."""
