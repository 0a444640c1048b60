"""Spends of jobs with their states and transitions as data, balances of accounts, and exact disclosures outside the
guarantee."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.ledger.privacy_loss import Cost, Loss, PrivacyAccount, PrivacyAmount, costs_to_json


class SpendState(StrEnum):
    """State of a spend. `charged` begins just before the first read of person data; from then on, nothing is
    refunded."""

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
"""States whose amounts are spent for good."""


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """What a job requests before any of it runs. `question`: `question_hash` of what is measured, and how."""

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
        """Losses by account, in the order in which accounts are always locked."""
        found: dict[PrivacyAccount, Loss] = {}
        for cost in self.costs:
            found |= cost.charges(self.project)
        return dict(sorted(found.items()))  # sorted, because one fixed order of locks cannot deadlock

    def is_same_as(self, other: "SpendRequest") -> bool:
        """Whether both are the same question at the same cost, on the same snapshot in the same project, from any
        job."""
        mine, theirs = ((a.project, a.snapshot, a.question, costs_to_json(a.costs)) for a in (self, other))
        return mine == theirs


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Place of the noisy answer, and its keyed hash: the only hash of it that may appear elsewhere."""

    keyed_hash: str
    place: str


@dataclass(frozen=True, slots=True)
class Spend:
    """The spend of one job in the ledger. It outlives the job and the project."""

    request: SpendRequest
    state: SpendState
    created: datetime
    updated: datetime
    answer: StoredAnswer | None = None

    @property
    def state_without_release(self) -> SpendState:
        """Final state if the job releases nothing: refunded if nothing was read, otherwise withheld."""
        return SpendState.REFUNDED if self.state is SpendState.RESERVED else SpendState.WITHHELD


def question_hash(plan_hash: str, bounds: str, mechanism: str) -> str:
    """One hash of what is measured, within which bounds, by which mechanism (with its parameters)."""
    text = json.dumps([plan_hash, bounds, mechanism], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: its cap, the amount spent for good, and the amount reserved by jobs that have not read data yet."""

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
        """The smaller of both parts' remainders, as a share of the cap."""
        used = self.used.share_of(self.cap)
        return float(1 - used) if used is not None and self.cap.micro else 0.0


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """An account just after one of its spends changed state: a point of a plot."""

    at: datetime
    job: str
    state: SpendState
    spent: PrivacyAmount
    reserved: PrivacyAmount


class DisclosureSource(StrEnum):
    """Source of an exact disclosure outside the guarantee: a release of the broker, or a public table."""

    EXACT = "exact"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class ExactDisclosure:
    """Exact information about a data set that the privacy guarantee does not cover. `source`: a release's id, or the
    name of a public table. `project` and `snapshot` are empty for public tables."""

    kind: DisclosureSource
    source: str
    dataset: str
    project: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class MissingLedgerEntries:
    """What a restored ledger lacks: the caps that were set, and the spends, since its back-up."""

    caps: Mapping[PrivacyAccount, PrivacyAmount] = field(default_factory=dict)
    spends: tuple[SpendRequest, ...] = ()


def over_allotted(balances: Iterable[Balance]) -> tuple[PrivacyAccount, ...]:
    """Allotments that are larger than their unit's cap. The cap stops spending before they are used up."""
    found = list(balances)
    caps = {b.account: b.cap for b in found}
    return tuple(
        b.account
        for b in found
        if (whole := caps.get(PrivacyAccount(b.account.unit))) is not None
        and whole.accounting is b.cap.accounting
        and not b.cap.within(whole)
    )
