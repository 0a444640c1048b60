"""Reviews of an output: checkers' votes and the rule that turns them into a decision; messages and the rule that
decides which need a second person."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.errors import Invalid
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.plain_text import check_plain_text


class VoteChoice(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Vote:
    """The vote of one checker, bound to exactly what they saw. `overrides`: findings that it sets aside, and `why`."""

    output: str
    checker: str
    choice: VoteChoice
    reason: str
    staff_hash: str
    findings_hash: str
    memory_version: str
    cast: datetime
    overrides: tuple[str, ...] = ()
    why: str = ""


OutputDecision = tuple[OutputState, str | None, Sequence[AuditEvent]]
"""Decision of a set of votes: the new state, the reason to show, and its audit events."""


def votes_needed(policy_votes: int, overriding: bool) -> int:
    """Number of equal votes that decide: the policy's number, and at least two if a finding is set aside."""
    return max(policy_votes, 2) if overriding else max(policy_votes, 1)


def agreed_choice(votes: tuple[Vote, ...], needed: int) -> VoteChoice | None:
    """The choice that has at least `needed` votes, and more than any other; None if there is none yet. A disagreement
    needs a third vote; three checkers with three choices leave it undecided."""
    ranked = Counter(v.choice for v in votes).most_common(2)
    if not ranked or ranked[0][1] < needed or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


MAX_MESSAGE_LENGTH = 2000


class Audience(StrEnum):
    """Who reads a message: only checkers, or the project's researchers too."""

    STAFF = "staff"
    RESEARCHERS = "researchers"


@dataclass(frozen=True, slots=True)
class Message:
    """One message in the thread of an output. `held`: it contains a figure, so researchers read it only after another
    checker has confirmed it. `number`: position in the thread; 0 until it is stored."""

    output: str
    author: str
    at: datetime
    audience: Audience
    text: str
    held: bool = False
    confirmed_by: str | None = None
    number: int = 0

    @property
    def waits(self) -> bool:
        """Whether a second person must read it before researchers do."""
        return self.held and self.confirmed_by is None


def has_figure(text: str) -> bool:
    """Whether a text has numerals of any script, including fractions and superscripts. They may repeat a figure that
    the checker saw."""
    return any(c.isnumeric() for c in text)


def check_message_text(text: str, pointer: str) -> str:
    """The text without surrounding blanks. Raises Invalid if it is empty, too long or unreadable."""
    words = text.replace("\r\n", "\n").strip()
    if not words or len(words) > MAX_MESSAGE_LENGTH:
        raise Invalid("words", f"Write between one and {MAX_MESSAGE_LENGTH:,} characters.", pointer)
    check_plain_text(words, "text", pointer, lines=True)
    return words
