"""A small ledger on each database, and short calls for tests."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import ExactDisclosure, SpendRequest, SpendState, StoredAnswer, question_hash
from broker.storage.ledger.ledger_verification import enter_asides
from broker.storage.signed_log_store import SignedHeadStore
from broker.storage.sql_store import SqlStore, open_store

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
UNIT, PROJECT, TABLE = "pupil", "P0733", "npd.absence"
WHOLE, OWN, OWN_TABLE, SHARED_TABLE = (
    PrivacyAccount(UNIT), PrivacyAccount(UNIT, PROJECT), PrivacyAccount(UNIT, PROJECT, TABLE),
    PrivacyAccount(UNIT, "", TABLE)
)  # fmt: skip


def eps(micro: int) -> PrivacyAmount:
    return PrivacyAmount(Accounting.PURE, micro)


ANY = ReleaseMaximum(eps(10**9))


def spend_request(
    job: str, micro: int = 100, *, project: str = PROJECT, question: str = "", table: str = TABLE, unit: str = UNIT,
    snapshot: str = "s1",
) -> SpendRequest:  # fmt: skip
    """A job that costs so many millionths, of one table. Each asks something else unless told so."""
    loss = Loss((eps(micro),))
    cost = Cost(unit, loss, ((table, loss),))
    return SpendRequest(job, project, snapshot, question_hash(question or job, "0..1", "laplace"), (cost,))


def answer(job: str) -> StoredAnswer:
    return StoredAnswer(f"keyed-{job}", f"place-{job}")


@dataclass
class Steps:
    """A store, and each step of a spend as one short call; time goes on by itself."""

    store: SqlStore

    def __post_init__(self) -> None:
        self._minutes = count(1)

    def now(self) -> datetime:
        return START + timedelta(minutes=next(self._minutes))

    def event(self, action: str, subject: str) -> list[AuditEvent]:
        return [AuditEvent(START, "system", action, subject)]

    def allot(self, account: PrivacyAccount, cap: int | PrivacyAmount) -> None:
        amount = eps(cap) if isinstance(cap, int) else cap
        self.store.allot(account, amount, self.now(), self.event("budget.allotted", account.name))

    def reserve(self, what: SpendRequest | str, maximum: ReleaseMaximum = ANY):
        what = spend_request(what) if isinstance(what, str) else what
        return self.store.reserve(what, maximum, self.now(), self.event("spend.reserved", what.job))

    def charge(self, job: str):
        return self.store.charge(job, self.now(), self.event("spend.charged", job))

    def answer(self, job: str, found: StoredAnswer | None = None):
        return self.store.store_answer(job, found or answer(job), self.now(), self.event("spend.answered", job))

    def settle(self, job: str, after: SpendState):
        return self.store.settle_spend(job, after, self.now(), self.event(f"spend.{after.value}", job))

    def disclose(self, *exact: ExactDisclosure) -> None:
        """Enter exact disclosures, as a release does."""
        with self.store.ledger.change() as connection:
            enter_asides(connection, exact, self.now())

    def released(self, what: SpendRequest | str) -> None:
        """The whole way."""
        job = self.reserve(what).request.job
        self.charge(job)
        self.answer(job)
        self.settle(job, SpendState.RELEASED)

    def used(self, account: PrivacyAccount = WHOLE) -> tuple[int, int]:
        """(spent, reserved)"""
        [found] = [b for b in self.store.balances() if b.account == account]
        return found.spent.micro, found.reserved.micro


def opened(url: str, folder) -> SqlStore:
    return open_store(url, SignedHeadStore(folder))


def begin(command: list[object]) -> subprocess.Popen[str]:
    """A process of this checkout's broker, spoken to by lines."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, command)], text=True, env=env, **pipes)
