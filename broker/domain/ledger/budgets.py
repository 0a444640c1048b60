"""What is looked at in the ledger: balances, their history, and what stands beside the claim. No sums are made."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.amounts import Amount
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.spends import SpendState


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: its cap, what is spent for good, and what jobs hold that have not read yet."""

    account: Account
    cap: Amount
    spent: Amount
    reserved: Amount

    @property
    def used(self) -> Amount:
        return self.spent + self.reserved

    @property
    def left(self) -> Amount:
        return self.cap - self.used

    @property
    def share_left(self) -> float:
        """The smaller of what is left of both parts, as a share of the cap."""
        used = self.used.share_of(self.cap)
        return float(1 - used) if used is not None and self.cap.micro else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """An account just after one of its spends moved: what a plot is drawn from."""

    at: datetime
    job: str
    state: SpendState
    spent: Amount
    reserved: Amount


class Beside(StrEnum):
    """What stands beside the claim: an exact release of the broker, or a table that was public anyway."""

    EXACT = "exact"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Aside:
    """Something exact about a data set that the claim does not cover. `source` is a release's id, or names the public
    table; `project` and `snapshot` are empty for public tables."""

    kind: Beside
    source: str
    dataset: str
    project: str = ""
    snapshot: str = ""


def over_allotted(balances: Iterable[Balance]) -> tuple[Account, ...]:
    """Allotments that are larger than their unit's cap: it will stop them before they are used up."""
    found = list(balances)
    caps = {b.account: b.cap for b in found}
    return tuple(
        b.account
        for b in found
        if (whole := caps.get(Account(b.account.unit))) is not None
        and whole.accounting is b.cap.accounting
        and not b.cap.within(whole)
    )
