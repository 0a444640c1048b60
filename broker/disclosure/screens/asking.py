"""What a screen is asked and how it answers: the questions of one statistic in all cells of a table, by column. No
screen stands here.

Screens reckon with floats, so they never say where a rule speaks, only where it surely does not: every comparison is of
what would silence the rule, with room for rounding, and what no float tells is NaN, of which no comparison holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from broker.disclosure.columns import Fields, Mask, Numbers
from broker.disclosure.rules import Question
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans import Statistic
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

ROOM = 1e-9
"""Of the largest number, how far a rule may be from what a screen reckons: floats are exact to about 1e-16."""
LEAST = 1e-290
"""Below it the products of a screen would lose their digits."""
WHOLE = 2.0**53
"""Up to here floats tell whole numbers apart."""


@dataclass(frozen=True)
class Questions:
    """What each cell's `Question` on a statistic has in common, and the columns of what they differ in."""

    statistic: Statistic
    evidence: Fields
    cells: Fields
    by_institution: bool = False
    margin: bool = False
    span: Decimal | None = None

    def __getitem__(self, name: str) -> Numbers:
        """A field of the evidence as floats."""
        return self.evidence(name).floats

    def known(self, name: str) -> Mask:
        return self.evidence(name).known

    def is_whole(self, name: str) -> bool:
        return self.evidence(name).is_whole

    def one(self, cell: CellEvidence | None, evidence: StatisticEvidence, protected: Value) -> Question:
        """The question on one cell. What it does not set no rule on a table can see."""
        return Question(
            self.statistic.measure,
            evidence,
            cell.persons if cell else 0,
            self.statistic.needs_review,
            self.statistic.bounds,
            institutions=cell.institutions if cell else None,
            protected=protected,
            largest_institution=cell.largest_institution if cell else None,
            by_institution=self.by_institution,
            margin=self.margin,
            span=self.span,
        )


Screen = Callable[[Questions, Profile], Mask | np.bool_]
"""Of which cells a rule may have something to say; never fewer than it has."""

NOWHERE = np.False_
ANYWHERE = np.True_


def few(counts: Numbers, t: int) -> Mask:
    """1 to t-1."""
    found: Mask = ~((counts <= 0) | (counts >= t))
    return found


def none(numbers: Numbers) -> Mask:
    """Exactly nothing."""
    found: Mask = ~((numbers < 0) | (numbers > 0))
    return found


def surely_less(one: Numbers, other: Numbers, scale: Numbers) -> Mask:
    """Whether one is less than the other however numbers of such a scale were rounded on the way to both."""
    found: Mask = one + ROOM * scale + LEAST < other
    return found


def too_close(largest: Numbers, second: Numbers, total: Numbers, p: float) -> Mask:
    """Where `rules.asking.is_too_close` may hold."""
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + p)
    found: Mask = ~surely_less(p * largest, (total - largest - second) * 100, scale)
    return found
