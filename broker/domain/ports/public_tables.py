"""The part of the store port for tables that were published elsewhere. Docstrings are the contract."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.public_tables import PublicTable, Reproduced
from broker.domain.remembered import Remembering


class PublicTableStore(Protocol):
    """Public tables: asked for, confirmed by another, run by a worker, in the memory. What was asked for never changes.

    A worker runs one under a lease of its own; a lapsed lease is taken by the next worker with another attempt, and
    whatever the one before would still write is Conflict("stale").
    """

    def ask_public_table(self, asked: PublicTable, event: AuditEvent) -> None:
        """Conflict("already-asked") if one of the same name stands."""

    def public_tables(self, limit: int = 200) -> list[PublicTable]:
        """Newest first, without their figures, which can be large."""

    def public_table(self, ident: str) -> PublicTable: ...

    def confirm_public_table(self, ident: str, by: str, now: datetime, event: AuditEvent) -> None:
        """Forbidden("second-administrator") if `by` asked for it, Conflict("wrong-state") unless it waits."""

    def withdraw_public_table(self, ident: str, now: datetime, event: AuditEvent) -> None: ...

    def public_tables_to_run(self, now: datetime) -> list[PublicTable]:
        """Confirmed ones that no worker runs at the moment, oldest first; without their figures, too."""

    def lease_public_table(self, ident: str, until: datetime, now: datetime) -> int | None:
        """The attempt; None where it is not to be run, or somebody runs it."""

    def renew_public_table(self, ident: str, attempt: int, until: datetime, now: datetime) -> bool: ...

    def name_public_vault(self, ident: str, attempt: int, vault: str) -> bool:
        """The vault that the attempt reads: while it has its lease the vault is in use (`vaults_in_use`), and the
        snapshot is superseded by nobody. False, and nothing is named, where the snapshot is retired."""

    def rest_public_table(self, ident: str, attempt: int, until: datetime) -> None:
        """It could not be run now: nobody tries before `until`, and its vault is in nobody's use."""

    def public_tables_alive(self) -> frozenset[tuple[str, int]]:
        """The attempts that have a lease."""

    def enter_public_table(
        self,
        ident: str,
        attempt: int,
        found: Reproduced,
        remembering: Remembering,
        now: datetime,
        events: Sequence[AuditEvent],
        entry: int | None = None,
    ) -> None:
        """What was found and its one entry in the memory, in one transaction, as `ReleaseStore.release` does it:
        Conflict("memory-moved") if the version is not `seen` any more, Breach while the memory does not hold its last
        signed head. `entry`: the memory has it already (a restored back-up forgot that it was noted here), and
        nothing is remembered."""
