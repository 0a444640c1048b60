"""The store port's part for rehearsals: of scripts before they meet real data, and those that somebody asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.asked_rehearsals import AskedRehearsal, RehearsalState, Step
from broker.domain.audit import AuditEvent
from broker.domain.rehearsals import Rehearsal


class RehearsalStore(Protocol):
    """How scripts did on the synthetic NPD and on real rows, and who has read them. What is noted stands in place of
    what was noted of an earlier attempt; Conflict("stale") if the attempt runs no more."""

    def note_rehearsal(self, job: str, attempt: int, passed: bool, trace: str, trace_from: datetime) -> None:
        """How it did on synthetic rows; its author may read `trace` from then on."""

    def note_met(self, job: str, attempt: int, now: datetime) -> None:
        """It is let run on real rows now."""

    def note_print(self, job: str, attempt: int, log: str) -> None:
        """What it printed there; of an attempt that was withdrawn, too."""

    def note_problems(self, job: str, attempt: int) -> None:
        """It left something that could not be used."""

    def rehearsal(self, job: str) -> Rehearsal | None: ...

    def scripts_to_read(self) -> list[str]:
        """Jobs that met real rows, and failed, were withdrawn or left nothing or something unusable, and that nobody
        has read; oldest first."""

    def read_script(self, job: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Somebody has read it. Who was first stays."""

    def tell_failure(self, job: str, by: str, reason: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Once, by somebody who has read it; Conflict("told-already") where there is nothing to tell any more."""

    def told_jobs(self, idents: frozenset[str]) -> frozenset[str]:
        """Those of these jobs of which a checker has told their researchers something."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many rehearsals one person may have under way, and how many in all."""

    under_way: int
    kept: int


class AskedRehearsalStore(Protocol):
    """Rehearsals that people ask for: few a person, and none for long."""

    def ask_rehearsal(self, asked: AskedRehearsal, room: Room, events: Sequence[AuditEvent]) -> None:
        """Insert it, in place of the person's oldest ones that are at their end. Conflict("too-many-rehearsals") while
        as many as may be are under way."""

    def asked_rehearsal(self, ident: str) -> AskedRehearsal: ...

    def rehearsals_of(self, person: str) -> list[AskedRehearsal]:
        """Newest first, without their documents."""

    def lease_rehearsal(self, ident: str, until: datetime, now: datetime) -> AskedRehearsal | None:
        """Queued → running with attempt+1; None if it is not queued (any more)."""

    def renew_rehearsal(self, ident: str, attempt: int, until: datetime, now: datetime) -> bool:
        """False if the attempt is no longer the running one, or its lease has lapsed."""

    def note_step(self, ident: str, attempt: int, step: Step, about: int = 0) -> None:
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

    def rehearsals_waiting(self) -> list[AskedRehearsal]:
        """Oldest first."""

    def rehearsals_lapsed(self, now: datetime) -> list[tuple[str, int]]:
        """(ident, attempt) of running ones whose lease has lapsed."""

    def rehearsals_alive(self) -> frozenset[tuple[str, int]]:
        """(ident, attempt) of running ones: what the sweeper must leave alone."""

    def drop_rehearsals(self, before: datetime) -> int:
        """Remove those that came to their end before; how many."""
