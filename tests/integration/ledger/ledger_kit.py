"""A little ledger on each database, and the words in which tests ask it."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from broker.domain.amounts import Accounting, Amount
from broker.domain.audit import AuditEvent
from broker.domain.ledger.amounts import Account, Cost, Loss
from broker.domain.ledger.refusals import ReleaseMaximum
from broker.domain.ledger.spends import Answer, Asked, SpendState, question_of
from broker.storage.store import SqlStore, open_store
from broker.storage.witness import FolderWitness

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
UNIT, PROJECT, TABLE = "pupil", "P0733", "npd.absence"
WHOLE, OWN, OWN_TABLE, SHARED_TABLE = (
    Account(UNIT), Account(UNIT, PROJECT), Account(UNIT, PROJECT, TABLE), Account(UNIT, "", TABLE)
)  # fmt: skip


def eps(micro: int) -> Amount:
    return Amount(Accounting.PURE, micro)


ANY = ReleaseMaximum(eps(10**9))


def asked(
    job: str, micro: int = 100, *, project: str = PROJECT, question: str = "", table: str = TABLE, unit: str = UNIT,
    snapshot: str = "s1",
) -> Asked:  # fmt: skip
    """A job that costs so many millionths, of one table. Each asks something else unless told so."""
    loss = Loss((eps(micro),))
    cost = Cost(unit, loss, ((table, loss),))
    return Asked(job, project, snapshot, question_of(question or job, "0..1", "laplace"), (cost,))


def answer(job: str) -> Answer:
    return Answer(f"keyed-{job}", f"place-{job}")


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

    def allot(self, account: Account, cap: int | Amount) -> None:
        amount = eps(cap) if isinstance(cap, int) else cap
        self.store.allot(account, amount, self.now(), self.event("budget.allotted", account.name))

    def reserve(self, what: Asked | str, maximum: ReleaseMaximum = ANY):
        what = asked(what) if isinstance(what, str) else what
        return self.store.reserve(what, maximum, self.now(), self.event("spend.reserved", what.job))

    def charge(self, job: str):
        return self.store.charge(job, self.now(), self.event("spend.charged", job))

    def answer(self, job: str, found: Answer | None = None):
        return self.store.store_answer(job, found or answer(job), self.now(), self.event("spend.answered", job))

    def settle(self, job: str, after: SpendState):
        return self.store.settle_spend(job, after, self.now(), self.event(f"spend.{after.value}", job))

    def released(self, what: Asked | str) -> None:
        """The whole way."""
        job = self.reserve(what).asked.job
        self.charge(job)
        self.answer(job)
        self.settle(job, SpendState.RELEASED)

    def used(self, account: Account = WHOLE) -> tuple[int, int]:
        """(spent, reserved)"""
        [found] = [b for b in self.store.balances() if b.account == account]
        return found.spent.micro, found.reserved.micro


def at_the_same_price(what: Asked, job: str) -> Asked:
    return replace(what, job=job)


def opened(url: str, folder) -> SqlStore:
    return open_store(url, FolderWitness(folder))


def begin(command: list[object]) -> subprocess.Popen[str]:
    """A process of this checkout's broker, spoken to by lines."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, command)], text=True, env=env, **pipes)
