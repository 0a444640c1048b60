"""A spend: what one job costs, and how far it is. States and transitions as data; nothing is stored here."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.ledger.amounts import Account, Cost, Loss, costs_to_json


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

SPENT: frozenset[SpendState] = frozenset({SpendState.CHARGED, SpendState.RELEASED, SpendState.WITHHELD})
"""States whose amounts are gone for good."""


@dataclass(frozen=True, slots=True)
class Asked:
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
    def charges(self) -> dict[Account, Loss]:
        """In the order in which accounts are always locked."""
        found: dict[Account, Loss] = {}
        for cost in self.costs:
            found |= cost.charges(self.project)
        return dict(sorted(found.items()))

    def is_same_as(self, other: "Asked") -> bool:
        """The same question at the same price, on the same snapshot in the same project: by whichever job."""
        mine, theirs = ((a.project, a.snapshot, a.question, costs_to_json(a.costs)) for a in (self, other))
        return mine == theirs


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the noisy answer is kept, and its keyed hash: the only hash of it that may appear elsewhere."""

    keyed_hash: str
    place: str


@dataclass(frozen=True, slots=True)
class Spend:
    """One job's place in the ledger. It outlives the job and the project."""

    asked: Asked
    state: SpendState
    created: datetime
    updated: datetime
    answer: Answer | None = None

    @property
    def without_release(self) -> SpendState:
        """How it ends if its job leaves nothing: refunded if nothing was read, else withheld."""
        return SpendState.REFUNDED if self.state is SpendState.RESERVED else SpendState.WITHHELD


def can_move(before: SpendState, after: SpendState) -> bool:
    return after in SPEND_TRANSITIONS[before]


def question_of(plan_hash: str, bounds: str, mechanism: str) -> str:
    """One hash for what is measured, within which bounds, by which mechanism (with its parameters)."""
    text = json.dumps([plan_hash, bounds, mechanism], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
