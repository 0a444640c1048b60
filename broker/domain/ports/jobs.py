"""The part of the store port for jobs: accepted, leased, moved on, and found again. Docstrings are the contract."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.jobs import FailureCode, Job, JobState
from broker.domain.ports.records import Filter, Lease, OutputRecord, Reap
from broker.domain.saved import SavedEntry


class JobStore(Protocol):
    """Jobs and their leases."""

    def accept(
        self,
        job: Job,
        events: Sequence[AuditEvent],
        keeps: Sequence[SavedEntry] = (),
        most_unread: int | None = None,
    ) -> Job:
        """Insert a job in `queued` or `refused`, and what a queued one keeps. If (researcher, client_id) exists: return
        the stored job when its submission is equal, else raise Conflict("client-id-reused"). `most_unread`: raise
        Conflict("unread-scripts") where the project would have more scripts than these that no checker has read."""

    def job(self, ident: str) -> Job: ...

    def jobs(self, wanted: Filter) -> list[Job]:
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

    def lapsed(self, now: datetime) -> list[Reap]:
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
