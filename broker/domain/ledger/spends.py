"""Spends of jobs with their states and transitions as data, balances of accounts, and exact disclosures outside the
guarantee."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.ledger.privacy_loss import Cost, Loss, PrivacyAccount, PrivacyAmount, costs_to_json


class SpendState(StrEnum):
    """`charged` holds from just before the first read of person data: from then on nothing comes back."""

    RESERVED = "reserved"
    CHARGED = "charged"
    RELEASED = "released"
    WITHHELD = "withheld"
    REFUNDED = "refunded"


SPEND_TRANSITIONS: dict[SpendState, frozenset[SpendState]] = {
    SpendState.RESERVED: frozenset({SpendState.CHARGED, SpendState.REFUNDED}),
    SpendState.CHARGED: frozenset({SpendState.RELEASED, SpendState.WITHHELD}),
    SpendState.RELEASED: frozenset(),
    SpendState.WITHHELD: frozenset(),
    SpendState.REFUNDED: frozenset(),
}

SPENT_STATES: frozenset[SpendState] = frozenset({SpendState.CHARGED, SpendState.RELEASED, SpendState.WITHHELD})
"""States whose amounts are gone for good."""


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """What a job asks for, before anything of it runs. `question` is `question_of` what is measured, and how."""

    job: str
    project: str
    snapshot: str
    question: str
    costs: tuple[Cost, ...]

    def __post_init__(self) -> None:
        if len({c.unit for c in self.costs}) != len(self.costs) or not self.costs:
            raise Breach("A job costs at least one unit, and each unit once.")

    @property
    def charges(self) -> dict[PrivacyAccount, Loss]:
        """In the order in which accounts are always locked."""
        found: dict[PrivacyAccount, Loss] = {}
        for cost in self.costs:
            found |= cost.charges(self.project)
        return dict(sorted(found.items()))

    def is_same_as(self, other: "SpendRequest") -> bool:
        """The same question at the same price, on the same snapshot in the same project: by whichever job."""
        mine, theirs = ((a.project, a.snapshot, a.question, costs_to_json(a.costs)) for a in (self, other))
        return mine == theirs


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Where the noisy answer is kept, and its keyed hash: the only hash of it that may appear elsewhere."""

    keyed_hash: str
    place: str


@dataclass(frozen=True, slots=True)
class Spend:
    """One job's place in the ledger. It outlives the job and the project."""

    request: SpendRequest
    state: SpendState
    created: datetime
    updated: datetime
    answer: StoredAnswer | None = None

    @property
    def state_without_release(self) -> SpendState:
        """How it ends if its job leaves nothing: refunded if nothing was read, else withheld."""
        return SpendState.REFUNDED if self.state is SpendState.RESERVED else SpendState.WITHHELD


def can_move_spend(before: SpendState, after: SpendState) -> bool:
    return after in SPEND_TRANSITIONS[before]


def question_hash(plan_hash: str, bounds: str, mechanism: str) -> str:
    """One hash for what is measured, within which bounds, by which mechanism (with its parameters)."""
    text = json.dumps([plan_hash, bounds, mechanism], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: its cap, what is spent for good, and what jobs hold that have not read yet."""

    account: PrivacyAccount
    cap: PrivacyAmount
    spent: PrivacyAmount
    reserved: PrivacyAmount

    @property
    def used(self) -> PrivacyAmount:
        return self.spent + self.reserved

    @property
    def left(self) -> PrivacyAmount:
        return self.cap - self.used

    @property
    def share_left(self) -> float:
        """The smaller of what is left of both parts, as a share of the cap."""
        used = self.used.share_of(self.cap)
        return float(1 - used) if used is not None and self.cap.micro else 0.0


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """An account just after one of its spends moved: what a plot is drawn from."""

    at: datetime
    job: str
    state: SpendState
    spent: PrivacyAmount
    reserved: PrivacyAmount


class DisclosureSource(StrEnum):
    """What stands beside the claim: an exact release of the broker, or a table that was public anyway."""

    EXACT = "exact"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class ExactDisclosure:
    """Something exact about a data set that the claim does not cover. `source` is a release's id, or names the public
    table; `project` and `snapshot` are empty for public tables."""

    kind: DisclosureSource
    source: str
    dataset: str
    project: str = ""
    snapshot: str = ""


def over_allotted(balances: Iterable[Balance]) -> tuple[PrivacyAccount, ...]:
    """Allotments that are larger than their unit's cap: it will stop them before they are used up."""
    found = list(balances)
    caps = {b.account: b.cap for b in found}
    return tuple(
        b.account
        for b in found
        if (whole := caps.get(PrivacyAccount(b.account.unit))) is not None
        and whole.accounting is b.cap.accounting
        and not b.cap.within(whole)
    )
