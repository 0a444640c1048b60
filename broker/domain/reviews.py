"""Votes of checkers, and the rule that turns votes into a decision."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.audit import AuditEvent
from broker.domain.outputs import OutputState


class Choice(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Vote:
    """One checker's word, bound to exactly what they saw. `overrides` are the findings it sets aside, and `why`."""

    output: str
    checker: str
    choice: Choice
    reason: str
    staff_hash: str
    findings_hash: str
    memory_version: str
    cast: datetime
    overrides: tuple[str, ...] = ()
    why: str = ""


Decided = tuple[OutputState, str | None, Sequence[AuditEvent]]
"""What a set of votes decides: the state to move to, the reason to show, and the audit events of that."""


def votes_needed(policy_votes: int, overriding: bool) -> int:
    """How many equal votes decide: what policy asks, and two wherever a finding is set aside."""
    return max(policy_votes, 2) if overriding else max(policy_votes, 1)


def decision(votes: tuple[Vote, ...], needed: int) -> Choice | None:
    """The choice that `needed` independent votes agree on, and more than on any other; None while there is none.

    Disagreement opens a third vote: three checkers with three choices leave it open still.
    """
    ranked = Counter(v.choice for v in votes).most_common(2)
    if not ranked or ranked[0][1] < needed or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
