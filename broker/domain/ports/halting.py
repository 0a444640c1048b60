"""The parts of the store port for what administrators stop and whom they erase. Docstrings are the contract."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.erasures import Erasure
from broker.domain.stops import Stop, StopKind


class StopStore(Protocol):
    """What administrators have stopped. While a stop stands, `accept` takes no job of its subject and `release` lets
    nothing of it leave (Conflict("stopped")), and `lease` gives none."""

    def stop(self, stop: Stop, holders: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Begin a stop, revoke every token and session of `holders`, and make a stopped person inactive; all in one
        transaction. Conflict("already-stopped") if one stands."""

    def stops(self, *, standing_only: bool = False, limit: int = 200) -> list[Stop]:
        """Newest first."""

    def stop_of(self, kind: StopKind, subject: str) -> Stop | None:
        """The one that stands."""

    def ask_to_lift(
        self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]
    ) -> None: ...

    def lift_stop(self, kind: StopKind, subject: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Forbidden("second-administrator") unless another administrator asked."""

    def unfinished_but_stopped(self, states: frozenset[str]) -> list[str]:
        """Jobs in `states` whose project or researcher is stopped, oldest first."""


class ErasureStore(Protocol):
    """Whose rows no snapshot holds any more. An event about several erasures is written for each, about its number."""

    def ask_erasure(self, asked: Erasure, event: AuditEvent) -> int:
        """Its number; Conflict("already-asked") if one for the same digest stands."""

    def erasures(self, limit: int = 200) -> list[Erasure]:
        """Newest first."""

    def erasure(self, number: int) -> Erasure: ...

    def erased_digests(self) -> dict[int, str]:
        """Of every confirmed erasure, by its number."""

    def confirm_erasure(self, number: int, by: str, now: datetime, event: AuditEvent) -> None:
        """Forbidden("second-administrator") if `by` asked for it, Conflict("wrong-state") unless it waits."""

    def withdraw_erasure(self, number: int, now: datetime, event: AuditEvent) -> None: ...

    def note_left_out(self, numbers: Sequence[int], snapshot: str, now: datetime, event: AuditEvent) -> None:
        """Of those of which nothing is noted yet: `snapshot` is the first one without them."""

    def supersede_snapshot(self, ident: str, since: datetime, now: datetime, events: Sequence[AuditEvent]) -> bool:
        """Retire it, if it is not; False, and nothing is done, while a job that was accepted until `since` waits or
        runs, and so may come to read it, or while a public table is run on it."""

    def note_erased(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> None: ...
