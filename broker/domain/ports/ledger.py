"""The ledger port: what may be spent of each unit's privacy, and what was. Docstrings are the contract."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.amounts import Amount
from broker.domain.audit import AuditEvent
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Aside, Balance, Point
from broker.domain.ledger.chain import Head, LedgerCheck
from broker.domain.ledger.refusals import ReleaseMaximum
from broker.domain.ledger.spends import Answer, Asked, Spend, SpendState


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

    def allot(self, account: Account, cap: Amount, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Set an account's cap; a new account begins with what was spent in its scope before.

        Conflict("no-cap") before the unit's own account is there, Conflict("accounting") for another accounting than it
        has, Conflict("cap-below-use") below what is spent and reserved, Conflict("stale") if somebody opened it now."""

    def balances(self, unit: str | None = None, project: str | None = None) -> list[Balance]:
        """By account: all, or of a unit, or the project's own. Shared accounts are for staff: they tell of others."""

    def history(self, account: Account) -> list[Point]:
        """The account after each move of a spend, oldest first. Of a shared account for staff only."""

    def reserve(self, asked: Asked, maximum: ReleaseMaximum, now: datetime, events: Sequence[AuditEvent]) -> Spend:
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

    def store_answer(self, job: str, answer: Answer, now: datetime, events: Sequence[AuditEvent]) -> Answer:
        """Keep where the answer is; the first one stays, and is what is given back. Its bytes are on the shelf before.
        Conflict("stale") unless the spend is charged."""

    def settle_spend(self, job: str, after: SpendState, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        """To released (Conflict("no-answer") without one), withheld or refunded; harmless if it is there already.
        Conflict("stale") where the transition table has no such step: a refund after the charge above all."""

    def unsettled_spends(self, before: datetime) -> list[Spend]:
        """Open spends older than `before` whose job was never accepted, or is at its end with no release to come: what
        the reconciler refunds (reserved) or withholds (charged)."""

    def add_asides(self, asides: Sequence[Aside], now: datetime, events: Sequence[AuditEvent]) -> None:
        """Say what exact thing stands beside the claim. Those that are there already change nothing."""

    def asides(self, datasets: Collection[str]) -> list[Aside]: ...

    def ledger_head(self) -> Head | None:
        """The signed head, without figures: exported, it tells later whether the ledger was rewritten or cut."""

    def verify_ledger(self, heads: Sequence[Head] = ()) -> LedgerCheck:
        """Follow the chain, find the last signed head and `heads` in it, and make every total again from entries."""

    def reenter(
        self,
        lost: Head,
        caps: Mapping[Account, Amount],
        spends: Sequence[Asked],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        """After a restored back-up: enter what it forgot, as spent, and name the lost head, which ends the Breach.
        Forbidden("second-administrator") by fewer than two; Conflict("nothing-lost") unless `lost` is the head that is
        missed."""

    def vouch(self, exported: Head, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        """Where the signed head itself was lost: take one that was exported for the last. Forbidden and Conflict as
        for `reenter`."""
