"""Disclosure rules as frozen models: thresholds and parameters, a sentence for each, and whether one set is as strict
as another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from broker.domain.stated_values import NOT_STATED, OR_NULL, STATED, Condition, Faults, Keys, Positive, Whole, at_least
from broker.policy.policy_model import PolicyModel

PARAMETER_SENTENCES = {
    "t": "The smallest number of persons behind a released figure.",
    "zeros": "What happens to cells without persons: a checker reviews them, they are hidden, or they are shown.",
    "full": (
        "What happens to cells with all or nearly all of their total: a checker reviews them, they are hidden, or "
        "they are shown."
    ),
    "full_share": "The share of its total from which a cell counts as full, 0 to 1.",
    "coalition": "The number of members of a group who may combine what they know.",
    "p_percent": "The smallest remainder after the two largest contributions, in percent of the largest.",
    "prior_q": "How closely others already know each contribution, in percent.",
    "dominance_n": "The number of largest contributions that dominance_k limits together.",
    "dominance_k": "The largest share of a total that these contributions may be, in percent.",
    "round_base": "Counts are released as multiples of this number. 1 means that they are not rounded.",
    "mean_digits": (
        "The largest number of decimals of a mean of amounts up to 100; smaller amounts have more. Fewer persons mean "
        "coarser steps, of 1, 2 or 5."
    ),
    "percent_digits": "The largest number of decimals of a percentage.",
    "sum_digits": "The largest number of decimals of a sum. A negative number rounds to tens or hundreds.",
    "min_interval": "The narrowest range of persons that may be worked out about a hidden count.",
    "attacker": (
        "What is known of the shown figures to somebody who looks for persons whom no figure is about: what rounding "
        "leaves of them, or their exact values."
    ),
    "dof": "The smallest residual degrees of freedom of a model. A standard deviation needs one person more than this.",
    "max_leverage": "The largest influence of one row on its own fitted value, 0 to 1.",
    "max_influence": "The largest change of a coefficient by one person, in standard errors.",
    "fit_digits": "Significant digits of coefficients and standard errors.",
    "file_digits": "Significant digits of fractions in tables that scripts wrote.",
    "many_rows": "The number of rows from which a script's table may be about individual persons.",
    "many_values": "The number of different values from which a script's column may be about individual persons.",
    "extreme_percent": (
        "The percentiles of a script's table that count as extremes: up to this number, and from 100 minus this number."
    ),
    "nearly_all": "The share of different rows or values from which this applies, 0 to 1.",
    "whisker": "The ends of a box plot, as a share from either side.",
    "max_listed_rows": (
        "The largest number of rows that are listed from code lists. Beyond it, only cells that pass the rules are "
        "listed."
    ),
    "max_group_steps": "The largest number of rows that joins and windows over groups may read.",
    "max_joint_cells": "The largest joint table of linked tables, in cells. Beyond it, a checker reviews the output.",
    "max_joint_targets": "The largest number of small joint cells that are protected although they are not released.",
    "reach": (
        "The smallest number of people, by public sizes, that a part of a text may select or exclude without a "
        "review. By default, three times the smallest number of persons behind a figure."
    ),
    "small_quota": (
        "The number of jobs about small populations that a project may have before a checker reviews all of its "
        "outputs."
    ),
    "protects_institutions": "Whether schools and enterprises are protected like persons.",
    "min_institutions": "The smallest number of institutions behind a released figure, if institutions are protected.",
    "suppressed_symbol": "The symbol in place of a hidden figure.",
    "rounding": "How counts are changed: to multiples of a base, or by keyed noise.",
    "noise_deviation": "The largest change of a count by keyed noise.",
    "noise_variance": "Variance of keyed noise.",
    "noise_least": "No noisy count is between 0 and this number.",
}


class ZeroPolicy(StrEnum):
    """What a zero cell needs: review, suppression like a small cell, or nothing."""

    REVIEW = "review"
    SUPPRESS = "suppress"
    PUBLISH = "publish"


class AttackerKnowledge(StrEnum):
    """What an attacker who looks for persons whom no figure is about knows of the figures that are shown: what rounding
    leaves of them, or their exact values, as a school knows its own. Hidden figures are protected from both."""

    ROUNDED = "rounded"
    EXACT = "exact"


class Rounding(StrEnum):
    """How counts that pass are changed: rounded to a multiple of a base, or by keyed noise."""

    CONVENTIONAL = "conventional"
    CELL_KEY = "cell_key"


_IS_PERCENT = Condition(lambda percent: 0 < percent <= 100, "{key!r} is a percentage above 0 and at most 100, or null.")
_IS_FULL = Condition(lambda share: 0.5 < share <= 1, "full_share is a share above one half.")
_IS_NEARLY_ALL = Condition(lambda share: 0 < share < 1, "nearly_all is a share above 0 and below 1.")
_IS_WHISKER = Condition(lambda share: 0 < share < 0.25, "whisker is a share above 0 and under a quarter.")
_IS_EXTREME = Condition(lambda percent: 0 <= percent < 50, "extreme_percent is a percentage below 50.")
Percent = Annotated[float | None, OR_NULL, _IS_PERCENT]
NOISE_KEYS = ("noise_deviation", "noise_variance", "noise_least")
PositiveFigure = Annotated[float, Condition(lambda value: value > 0, "{key!r} is above 0.")]


@dataclass(frozen=True, kw_only=True)
class DisclosureRules(PolicyModel):
    """A set of disclosure rules with its parameters. Thresholds are defined nowhere else.

    - `t`: fewest distinct persons behind a released statistic (F1, M1)
    - `zeros`, `full`: treatment of zero cells (F2) and full cells (F3: one category has the share `full_share`)
    - `coalition`: F4: members of a group who may combine what they know about it
    - `p_percent`: M3: least remainder after the two largest contributors, in percent of the largest. If None, M5
      derives its threshold from (2, dominance_k)
    - `prior_q`: M4: how well contributions are known beforehand, in percent; None: off
    - `dominance_n`, `dominance_k`: M2 (n,k); None: off
    - `round_base`: conventional rounding of counts (1: none)
    - `rounding`: conventional or cell_key. With cell_key, counts get noise of at most `noise_deviation` with variance
      `noise_variance`, and no count lies between 0 and `noise_least`. The three are secret
    - `whisker`: Q4: position of the ends of a box plot, as a share from either side
    - `dof`: D1: fewest persons, less one, behind a deviation; R1: least residual degrees of freedom
    - `max_leverage`, `max_influence`: R2: most that one row may decide its own fitted value, and most standard errors
      by which one person may move a coefficient
    - `many_rows`, `many_values`, `nearly_all`: T4 and T5: number of rows or values from which a script's table is
      treated as one of single persons, if at least the share `nearly_all` of its rows differ
    - `extreme_percent`: Q2: percentiles of a script's own table that count as extremes, at either end
    - `fit_digits`, `file_digits`: significant digits of released coefficients and standard errors, and of fractions in
      tables that scripts wrote
    - `mean_digits`, `percent_digits`, `sum_digits`: digits after the decimal point of released figures (a negative
      `sum_digits` rounds to tens, hundreds)
    - `min_interval`: least width of the interval that an attacker can derive for a suppressed count
    - `attacker`: whether persons whom no figure is about are protected from somebody who knows the figures as they are
      shown, or exactly
    - `max_listed_rows`: largest cross product of code lists that is written out; beyond it, only cells that pass
    - `max_group_steps`: most rows that operators after the aggregation may process (joins, windows)
    - `max_joint_cells`: most cells of the joint table of linked tables of a job; beyond it, a checker reviews
    - `max_joint_targets`: most joint cells of 1 to t-1 persons that are protected although nobody releases them
    - `reach`: fewest people, by public sizes, that a combined part of a text may select or leave out without review;
      None: three times t
    - `small_quota`: jobs about small populations only that a project may have before a checker reviews all
    - `protects_institutions`, `min_institutions`: F6, and F3 and M3 for schools (Digital Economy Act)"""

    name: str
    source: str
    t: Annotated[int, at_least(2)]
    zeros: Annotated[ZeroPolicy, STATED] = ZeroPolicy.REVIEW
    full: Annotated[ZeroPolicy, STATED] = ZeroPolicy.REVIEW
    full_share: Annotated[float, _IS_FULL, STATED] = 1.0
    coalition: Whole = 1
    p_percent: Percent = 10.0
    prior_q: Percent = None
    dominance_n: Annotated[Positive, STATED] = 2
    dominance_k: Percent = None
    round_base: Annotated[Positive, STATED] = 5
    mean_digits: Annotated[int, STATED] = 1
    percent_digits: Annotated[int, STATED] = 1
    sum_digits: Annotated[int, STATED] = 0
    min_interval: Annotated[Whole, STATED] = 10
    attacker: AttackerKnowledge = AttackerKnowledge.ROUNDED
    dof: Annotated[Whole, STATED] = 10
    max_leverage: PositiveFigure = 0.9
    max_influence: PositiveFigure = 1.0
    fit_digits: Positive = 4
    file_digits: Positive = 5
    many_rows: Whole = 200
    many_values: Whole = 100
    nearly_all: Annotated[float, _IS_NEARLY_ALL] = 0.9
    extreme_percent: Annotated[float, _IS_EXTREME] = 1
    whisker: Annotated[float, _IS_WHISKER] = 0.1
    max_listed_rows: Annotated[Positive, STATED] = 20000
    max_group_steps: Positive = 2_000_000
    max_joint_cells: Positive = 20000
    max_joint_targets: Whole = 2000
    reach: Annotated[Whole | None, OR_NULL] = None
    small_quota: Annotated[Whole, STATED] = 3
    protects_institutions: bool = False
    min_institutions: Annotated[Positive, STATED] = 3
    suppressed_symbol: Annotated[Literal["c"], NOT_STATED] = "c"
    rounding: Rounding = Rounding.CONVENTIONAL
    noise_deviation: Positive = 5
    noise_variance: float = 3.0
    noise_least: Whole = 2

    def faults(self, stated: Keys) -> Faults:
        """Every count that passes the threshold gets noise of full width, so that no count is exact."""
        widest, least = self.noise_deviation, self.noise_least
        if self.rounding is not Rounding.CELL_KEY:
            yield from (
                (k, "policy-range", f"{k!r} belongs to the rounding cell_key.") for k in NOISE_KEYS if k in stated
            )
            return
        yield from (("", "missing-key", f"The key {k!r} is needed here.") for k in NOISE_KEYS if k not in stated)
        if not 0 < self.noise_variance < widest**2:
            yield "noise_variance", "policy-range", "The variance is above 0 and below the deviation's square."
        if least > widest + 1:
            yield "noise_least", "policy-range", "noise_least is at most one more than noise_deviation."
        if widest + least > self.t:  # otherwise the noise could move a count of t persons below noise_least
            yield "noise_deviation", "policy-range", "noise_deviation and noise_least together are at most t."

    @property
    def min_reach(self) -> int:
        """Value of `reach`, or its default."""
        return 3 * self.t if self.reach is None else self.reach


STRICTER_IF_LARGER = ("t", "coalition", "min_interval", "dof", "noise_deviation", "noise_variance", "noise_least")
STRICTER_IF_SMALLER = (
    "full_share",
    "mean_digits",
    "percent_digits",
    "sum_digits",
    "fit_digits",
    "max_leverage",
    "max_influence",
)
MUST_BE_EQUAL = ("rounding", "prior_q", "dominance_n", "whisker")
ZERO_POLICY_ORDER = (ZeroPolicy.PUBLISH, ZeroPolicy.REVIEW, ZeroPolicy.SUPPRESS)


def is_as_strict(rules: DisclosureRules, other: DisclosureRules) -> bool:
    """Whether every output that passed under `rules` could have been released under `other` too, with the same figures
    or finer ones. Parameters without an order must be equal."""
    pairs = [(getattr(rules, name), getattr(other, name)) for name in STRICTER_IF_LARGER]
    pairs += [(getattr(other, name), getattr(rules, name)) for name in STRICTER_IF_SMALLER]
    pairs += [
        (ZERO_POLICY_ORDER.index(rules.zeros), ZERO_POLICY_ORDER.index(other.zeros)),
        (ZERO_POLICY_ORDER.index(rules.full), ZERO_POLICY_ORDER.index(other.full)),
        (rules.attacker is AttackerKnowledge.EXACT, other.attacker is AttackerKnowledge.EXACT),
    ]
    pairs += [(rules.p_percent or 0, other.p_percent or 0), (_max_concentration(other), _max_concentration(rules))]
    return (
        all(mine >= theirs for mine, theirs in pairs)
        and all(getattr(rules, name) == getattr(other, name) for name in MUST_BE_EQUAL)
        and rules.round_base % other.round_base == 0  # a multiple of the other base reveals no more than the base
        and _min_institutions(rules) >= _min_institutions(other)
    )


def _max_concentration(rules: DisclosureRules) -> float:
    """Largest share, in percent, that the largest contributors may have; 100 if no rule limits it."""
    return 100 if rules.dominance_k is None else rules.dominance_k


def _min_institutions(rules: DisclosureRules) -> int:
    return rules.min_institutions if rules.protects_institutions else 0
