"""Store ports for the append-only records: the privacy ledger, the release history and public tables; the docstrings
are the contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.ledger_chain import ChainHead, LedgerCheck
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import (
    Balance,
    BalancePoint,
    ExactDisclosure,
    Spend,
    SpendRequest,
    SpendState,
    StoredAnswer,
)
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.public_tables import PublicTable, Reproduction
from broker.domain.release_history import (
    HistoryEntry,
    HistoryUpdate,
    HistoryVersion,
    KnownFigure,
    NewHistoryEntry,
    StoredMembers,
)


class LedgerStore(Protocol):
    """One charge a job, never over any cap, never refunded after the first read, whatever crashes or races.

    1. A job reserves before it is queued or run, charges immediately before the first read of person data, and stores
       its noisy answer before anything else sees it. A later attempt of the job does the same and finds what is there.
    2. Every change takes its audit events and writes them in the same transaction; where nothing changes (asked again)
       no event is written.
    3. Every change raises Breach while the ledger does not hold its last signed head (a restored back-up), and returns
       only after the new head is signed: what a caller was told cannot be forgotten unseen.
    4. A job that ends by `JobStore.advance` without a release takes its spend with it (reserved → refunded, charged →
       withheld), and `ReleaseStore.release` releases it, each in the same transaction.
    """

    def allot(self, account: PrivacyAccount, cap: PrivacyAmount, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Set an account's cap; a new account begins with what was spent in its scope before.

        Conflict("no-cap") before the unit's own account is there, Conflict("accounting") for another accounting than it
        has, Conflict("cap-below-use") below what is spent and reserved, Conflict("stale") if somebody opened it now."""

    def balances(self, unit: str | None = None, project: str | None = None) -> list[Balance]:
        """By account: all, or of a unit, or the project's own. Shared accounts are for staff: they tell of others."""

    def balance_history(self, account: PrivacyAccount) -> list[BalancePoint]:
        """The account after each move of a spend, oldest first. Of a shared account for staff only."""

    def reserve(
        self, request: SpendRequest, maximum: ReleaseMaximum, now: datetime, events: Sequence[AuditEvent]
    ) -> Spend:
        """The job's spend, reserved now or (asked again, in whatever state) before.

        If the project was released the same answer at the same price from the same snapshot, that job's spend:
        `spend.asked.job` is another then, its answer may be given again, and nothing is reserved.
        OverBudget if any account has not enough or is missing, Refused over the maximum for one release: then nothing
        was changed. Conflict("spend-differs") if the job asked for something else before."""

    def spend_of(self, job: str) -> Spend | None:
        """The job's own spend. One whose `answer` is there needs no run: the answer is what is given."""

    def charge(self, job: str, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        """Reserved → charged; a spend that is charged or released already is given back as it is, with its answer if
        there is one. Conflict("stale") if it was refunded or withheld: then nothing may be read."""

    def store_answer(self, job: str, answer: StoredAnswer, now: datetime, events: Sequence[AuditEvent]) -> StoredAnswer:
        """Keep where the answer is; the first one stays, and is what is given back. Its bytes are on the shelf before.
        Conflict("stale") unless the spend is charged."""

    def settle_spend(self, job: str, after: SpendState, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        """To released (Conflict("no-answer") without one), withheld or refunded; harmless if it is there already.
        Conflict("stale") where the transition table has no such step: a refund after the charge above all."""

    def unsettled_spends(self, before: datetime) -> list[Spend]:
        """Open spends older than `before` whose job was never accepted, or is at its end with no release to come: what
        the reconciler refunds (reserved) or withholds (charged)."""

    def add_exact_disclosures(
        self, disclosures: Sequence[ExactDisclosure], now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        """Say what exact thing stands beside the claim. Those that are there already change nothing."""

    def exact_disclosures(self, datasets: Collection[str]) -> list[ExactDisclosure]: ...

    def ledger_head(self) -> ChainHead | None:
        """The signed head, without figures: exported, it tells later whether the ledger was rewritten or cut."""

    def verify_ledger(self, heads: Sequence[ChainHead] = ()) -> LedgerCheck:
        """Follow the chain, find the last signed head and `heads` in it, and make every total again from entries."""

    def restore_ledger(
        self,
        lost: ChainHead,
        caps: Mapping[PrivacyAccount, PrivacyAmount],
        spends: Sequence[SpendRequest],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        """After a restored back-up: enter what it forgot, as spent, and name the lost head, which ends the Breach.
        Forbidden("second-administrator") by fewer than two; Conflict("nothing-lost") unless `lost` is the head that is
        missed."""

    def attest_ledger(self, exported: ChainHead, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Where the signed head itself was lost: take one that was exported for the last. Forbidden and Conflict as
        for `reenter`."""


class PublicTableStore(Protocol):
    """Public tables: asked for, confirmed by another, run by a worker, in the memory. What was asked for never changes.

    A worker runs one under a lease of its own; a lapsed lease is taken by the next worker with another attempt, and
    whatever the one before would still write is Conflict("stale").
    """

    def request_public_table(self, table: PublicTable, event: AuditEvent) -> None:
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
        found: Reproduction,
        remembering: HistoryUpdate,
        now: datetime,
        events: Sequence[AuditEvent],
        entry: int | None = None,
    ) -> None:
        """What was found and its one entry in the memory, in one transaction, as `ReleaseStore.release` does it:
        Conflict("memory-moved") if the version is not `seen` any more, Breach while the memory does not hold its last
        signed head. `entry`: the memory has it already (a restored back-up forgot that it was noted here), and
        nothing is remembered."""


@dataclass(frozen=True, slots=True)
class HistoryCheck:
    """What following the memory found: lines that hold, the number of the first that does not, signed heads that it
    does not know, numbers of entries whose tables say something else than the chain."""

    lines: int
    broken: int | None
    missing_heads: tuple[ChainHead, ...] = ()
    differs: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None and not self.missing_heads and not self.differs


class ReleaseHistoryStore(Protocol):
    """Everything that was ever released, as populations. It only grows: the database itself refuses anything else.

    1. `ReleaseStore.release` takes a `Remembering` and writes it in its transaction, under the one lock of the memory.
       Conflict("memory-moved") if the version is not `seen` any more: then nothing was released, and the caller
       compares with what came since. So two releases that were each compared alone are never both out.
    2. Every change, and every release, raises Breach while the memory does not hold its last signed head (a restored
       back-up), and returns only after the new head is signed.
    3. It survives a project's removal, a recall, and the destruction of data.
    """

    def history_version(self) -> HistoryVersion: ...

    def history_entries(
        self, *, after: HistoryVersion | None = None, recipe: str | None = None, release: str | None = None
    ) -> list[HistoryEntry]:
        """In order of number: all, or those after a version, of a recipe, of a release."""

    def members_of(self, entry: int) -> StoredMembers | None: ...

    def known_figures(self, entry: int) -> tuple[KnownFigure, ...]: ...

    def member_files(self) -> frozenset[str]:
        """The names of all files that entries name."""

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        """By reference population, for each of its cells the figures released so far that split it."""

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        """How large reference populations are, in place of what was said of them before."""

    def measured(self, snapshot: str) -> list[MeasuredPopulation]: ...

    def measured_minimums(self, snapshot: str) -> Mapping[str, int]:
        """By measured population, the policy's least number of persons when it was measured."""

    def measured_snapshots(self) -> frozenset[str]: ...

    def retire_member_files(self, files: Collection[str], now: datetime) -> frozenset[str]:
        """Those of these files of members that no entry names, nor an output that may still leave: from now on nothing
        can name them (Conflict for whoever tries), and they may be removed. None at all while the memory does not hold
        its last signed head: what no entry names may be what it forgot."""

    def record_history(self, update: HistoryUpdate, now: datetime, events: Sequence[AuditEvent]) -> HistoryVersion:
        """Without a release: public tables. As in 1."""

    def history_is_intact(self) -> bool:
        """Whether it holds its last signed head: anything else ends in the Breach of 2."""

    def lost_history_head(self) -> ChainHead | None:
        """The last signed head, where the memory does not hold it; None where it does, or where no head is there."""

    def history_head(self) -> ChainHead | None: ...

    def verify_history(self, heads: Sequence[ChainHead] = ()) -> HistoryCheck:
        """Follow the chain, find the last signed head and `heads` in it, and compare every entry with its line."""

    def restore_history(
        self,
        lost: ChainHead,
        entries: Sequence[NewHistoryEntry],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        """After a restored back-up: enter what it forgot (the files that no entry names tell), and name the lost head,
        which ends the Breach. Forbidden("second-administrator") by fewer than two; Conflict("nothing-lost") unless
        `lost` is the head that is missed."""

    def attest_history(self, exported: ChainHead, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Where the signed head itself was lost: take one that was exported for the last."""
