"""Store ports for the append-only records: signed logs, which are the privacy ledger and the release history, and
public tables. Docstrings are the contract."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from broker.domain import release_history
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ledger import spends
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.public_tables import PublicTable, Reproduction
from broker.domain.signed_log import ChainCheck, ChainHead

Missing = TypeVar("Missing", contravariant=True)


class SignedLog(Protocol[Missing]):
    """Entries that each name the hash of the one before, and a signed head that stands outside the database. It only
    grows: the database itself refuses any other change. While it lacks its last signed head (a restored back-up), every
    change of it raises Breach; and a change returns only after the new head is signed, so what a caller was told cannot
    be forgotten unnoticed. `Missing`: what a restored log lacks."""

    def head(self) -> ChainHead | None:
        """The signed head, without figures; None without signed heads. Exported, it shows later whether the log was
        rewritten or cut."""

    def verify(self, heads: Sequence[ChainHead] = ()) -> ChainCheck:
        """Check the chain, find the last signed head and `heads` in it, and compare every other table of the log with
        the entries."""

    def is_intact(self) -> bool:
        """Whether it has its last signed head."""

    def lost_head(self) -> ChainHead | None:
        """The last signed head, if the log lacks it; None if it has it, or if there is no head."""

    def restore(
        self, lost: ChainHead, missing: Missing, by: frozenset[str], now: datetime, events: Sequence[AuditEvent]
    ) -> None:
        """After a restored back-up: enter what it forgot, and name the lost head, which ends the Breach. Raises
        Forbidden("second-administrator") with fewer than two administrators, and Conflict("nothing-lost") unless `lost`
        is the missing head."""

    def attest(self, exported: ChainHead, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """If the signed head itself was lost: accept an exported head as the last one. Raises Forbidden and Conflict
        like `restore`."""


class LedgerStore(Protocol):
    """One charge for each job, never above any cap, never refunded after the first read, whatever crashes or races.

    1. A job reserves before it is queued or run, charges immediately before the first read of person data, and stores
       its noisy answer before anything else reads it. A later attempt of the job does the same and finds what is
       stored.
    2. Every change takes its audit events and writes them in the same transaction. If nothing changes (a repeated
       request), no event is written.
    3. Every change is one of `ledger`, which is a signed log.
    4. A job that ends by `JobStore.advance` without a release ends its spend (reserved → refunded, charged → withheld);
       `ReleaseStore.release` releases it. Each is one transaction."""

    @property
    def ledger(self) -> SignedLog[spends.MissingLedgerEntries]:
        """Missing entries are entered as spent."""

    def allot(self, account: PrivacyAccount, cap: PrivacyAmount, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Set the cap of an account. A new account begins with what was spent in its scope before. Raises
        Conflict("no-cap") if the unit's own account does not exist yet, Conflict("accounting") for another accounting
        than the account's, Conflict("cap-below-use") below what is spent and reserved, Conflict("stale") if somebody
        else opened it at the same time."""

    def balances(self, unit: str | None = None, project: str | None = None) -> list[spends.Balance]:
        """Balances by account: all, or those of a unit, or the project's own. Shared accounts are for staff only,
        because they reveal other projects' spending."""

    def balance_history(self, account: PrivacyAccount) -> list[spends.BalancePoint]:
        """The account after each change of a spend, oldest first. Of a shared account for staff only."""

    def reserve(
        self, request: spends.SpendRequest, maximum: ReleaseMaximum, now: datetime, events: Sequence[AuditEvent]
    ) -> spends.Spend:
        """The job's spend, reserved now or (a repeated request, in any state) before. If the same answer was released
        to the project at the same cost from the same snapshot, return that job's spend: `spend.request.job` is then
        another job, its answer may be given again, and nothing is reserved. Raises OverBudget if an account is missing
        or has not enough, and Refused above the maximum of one release; nothing is changed then. Raises
        Conflict("spend-differs") if the job requested something else before."""

    def spend_of(self, job: str) -> spends.Spend | None:
        """The job's own spend. If it has an `answer`, no run is needed: that answer is given."""

    def charge(self, job: str, now: datetime, events: Sequence[AuditEvent]) -> spends.Spend:
        """Reserved → charged. A spend that is charged or released already is returned unchanged, with its answer if
        there is one. Raises Conflict("stale") if it was refunded or withheld: nothing may be read then."""

    def store_answer(
        self, job: str, answer: spends.StoredAnswer, now: datetime, events: Sequence[AuditEvent]
    ) -> spends.StoredAnswer:
        """Store the place of the answer. The first one stays, and is returned. Its bytes must be in the content store
        before. Raises Conflict("stale") unless the spend is charged."""

    def settle_spend(
        self, job: str, after: spends.SpendState, now: datetime, events: Sequence[AuditEvent]
    ) -> spends.Spend:
        """Move a spend to released (Conflict("no-answer") without an answer), withheld or refunded; no effect if it is
        there already. Raises Conflict("stale") for a transition that does not exist, above all a refund after the
        charge."""

    def unsettled_spends(self, before: datetime) -> list[spends.Spend]:
        """Open spends older than `before` whose job was never accepted, or has ended without a release to come. The
        reconciler refunds (reserved) or withholds (charged) them."""

    def exact_disclosures(self, datasets: Collection[str]) -> list[spends.ExactDisclosure]: ...


class PublicTableStore(Protocol):
    """Public tables: requested, confirmed by another administrator, run by a worker, entered in the release history.
    The request never changes. A worker runs a table under a separate lease. After the lease lapses, the next worker
    takes it with another attempt, and late writes of the earlier attempt raise Conflict("stale")."""

    def request_public_table(self, table: PublicTable, event: AuditEvent) -> None:
        """Raises Conflict("already-asked") if an open one has the same name."""

    def public_tables(self, limit: int = 200) -> list[PublicTable]:
        """Newest first, without their figures, which can be large."""

    def public_table(self, ident: str) -> PublicTable: ...

    def confirm_public_table(self, ident: str, by: str, now: datetime, event: AuditEvent) -> None:
        """Raises Forbidden("second-administrator") if `by` requested it, Conflict("wrong-state") unless it waits."""

    def withdraw_public_table(self, ident: str, now: datetime, event: AuditEvent) -> None: ...

    def name_public_vault(self, item: WorkItem, vault: str) -> bool:
        """Record the vault that the attempt reads. While the attempt has its lease, the vault is in use
        (`vaults_in_use`), and the snapshot cannot be superseded. False, and nothing is recorded, if the snapshot is
        retired."""

    def enter_public_table(
        self, item: WorkItem, found: Reproduction, remembering: release_history.HistoryUpdate, now: datetime,
        events: Sequence[AuditEvent], entry: int | None = None,
    ) -> None:  # fmt: skip
        """Store the result and its one entry in the release history in one transaction, like `ReleaseStore.release`.
        Raises Conflict("memory-moved") if the version is no longer `seen`, and Breach while the release history lacks
        its last signed head. `entry`: the release history already has this entry (a restored back-up of this record
        forgot it), so none is added."""


class ReleaseHistoryStore(Protocol):
    """Everything that was ever released, as populations. It only grows: the database itself refuses any other change.

    1. `ReleaseStore.release` takes a `HistoryUpdate` and writes it in its transaction, under the one lock of the
       release history. It raises Conflict("memory-moved") if the version is no longer `seen`: nothing was released
       then, and the caller compares with what came since. So two releases that were each compared alone are never both
       released.
    2. Every change, and every release, is one of `history`, which is a signed log.
    3. It survives the removal of a project, a recall, and the destruction of data."""

    @property
    def history(self) -> SignedLog[Sequence[release_history.NewHistoryEntry]]:
        """Missing entries are taken from the files that no entry names."""

    def history_version(self) -> release_history.HistoryVersion: ...

    def history_entries(
        self, *, after: release_history.HistoryVersion | None = None, release: str | None = None
    ) -> list[release_history.HistoryEntry]:
        """Entries in order of number: all, or those after a version, or of a release."""

    def members_of(self, entry: int) -> release_history.StoredMembers | None: ...

    def known_figures(self, entry: int) -> tuple[release_history.KnownFigure, ...]: ...

    def member_files(self) -> frozenset[str]:
        """Names of all files that entries name."""

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        """By reference population, the number of released figures that split each of its cells."""

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        """Store the sizes of reference populations, replacing earlier ones."""

    def measured(self, snapshot: str) -> list[MeasuredPopulation]: ...

    def measured_minimums(self, snapshot: str) -> Mapping[str, int]:
        """By measured population, the policy's least number of persons when it was measured."""

    def measured_snapshots(self) -> frozenset[str]: ...

    def retire_member_files(self, files: Collection[str], now: datetime) -> frozenset[str]:
        """Retire those of these files of members that neither an entry nor an output that may still be released names.
        From now on nothing can name them (Conflict for whoever tries), and they may be removed. Returns their names;
        none while the release history lacks its last signed head, because it may have forgotten their entries."""
