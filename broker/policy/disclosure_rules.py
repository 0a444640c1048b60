"""Disclosure rules as frozen models: thresholds and parameters, a sentence for each, and whether one set is as strict
as another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from broker.policy.policy_model import PolicyModel

PARAMETER_SENTENCES = {
    "t": "Fewest persons behind a released figure.",
    "zeros": "What happens to cells of nobody: a person looks, they are hidden, or nothing.",
    "full": "What happens to cells that hold (nearly) all of their total: as for zeros.",
    "full_share": "Share of its total from which a cell counts as full, 0 to 1.",
    "coalition": "Members of one group who may put together what they know of it.",
    "p_percent": "Least rest after the two largest contributions, in percent of the largest.",
    "prior_q": "How well contributions are known beforehand, in percent of them.",
    "dominance_n": "So many largest contributions together are held against the next figure.",
    "dominance_k": "Most that these may be of a total, in percent of it.",
    "round_base": "Counts leave as multiples of it; 1 leaves them as they are.",
    "mean_digits": "Most digits of a mean after the point; below zero rounds to tens, hundreds.",
    "percent_digits": "Most digits of a percentage after the point.",
    "sum_digits": "Most digits of a sum after the point; below zero rounds to tens, hundreds.",
    "min_interval": "Least width of what can be worked out about a hidden count, in persons.",
    "dof": "Least residual degrees of freedom of a model; one person more is the least behind a deviation.",
    "max_leverage": "Most that one row may decide its own fitted value, 0 to 1.",
    "max_influence": "Most that one person may move a coefficient, in standard errors.",
    "fit_digits": "Significant digits of coefficients and standard errors.",
    "file_digits": "Significant digits of fractions in tables that scripts wrote.",
    "many_rows": "Rows from which a script's table is looked at as one of single persons.",
    "many_values": "Different values from which a script's column is looked at so.",
    "extreme_percent": "Percentiles of a script's table that count as extremes: up to it, and from 100 less it.",
    "nearly_all": "Share of rows that must differ for that, 0 to 1.",
    "whisker": "Where the ends of a box plot stand, as a share from either side.",
    "max_listed_rows": "Most rows that are written out from code lists; beyond it, only cells that pass.",
    "max_group_steps": "Most rows that joins and windows above the groups look at.",
    "max_joint_cells": "Most cells of a joint table of linked tables; beyond it a person looks.",
    "max_joint_targets": "Most small joint cells that are protected although nobody releases them.",
    "reach": "Fewest people, by public sizes, that a part of a text may hold or leave out without a person; where it "
    "is not set, three times the fewest persons behind a figure.",
    "small_quota": "Jobs of wholly small populations that a project may have before a person looks at all.",
    "protects_institutions": "Whether schools and enterprises are protected as persons are.",
    "min_institutions": "Fewest institutions behind a released figure, where they are protected.",
    "suppressed_symbol": "What stands in place of a hidden figure.",
    "rounding": "How counts are changed: to multiples of a base, or by keyed noise.",
    "noise_deviation": "Most that keyed noise moves a count.",
    "noise_variance": "Variance of keyed noise.",
    "noise_least": "No noisy count stands between 0 and this.",
}


class ZeroPolicy(StrEnum):
    """What a zero cell needs: a person's look, suppression like a small cell, or nothing."""

    REVIEW = "review"
    SUPPRESS = "suppress"
    PUBLISH = "publish"


class Rounding(StrEnum):
    """How counts that pass are changed: to a multiple of a base, or by keyed noise."""

    CONVENTIONAL = "conventional"
    CELL_KEY = "cell_key"


@dataclass(frozen=True, kw_only=True)
class DisclosureRules(PolicyModel):
    """A set of disclosure rules with its parameters; the only place where thresholds stand.

    t                   least distinct persons behind a released statistic (F1, M1)
    zeros, full         what zero cells (F2) and full cells (F3: one category holds the share `full_share`) need
    coalition           F4: so many members of a group may put together what they know of it
    p_percent           M3: the remainder after the two largest contributors, in percent of the largest; where it is
                        None, M5 takes what stands for it from (2, dominance_k)
    prior_q             M4: how well contributions are known beforehand, in percent; None switches it off
    dominance_n, dominance_k   M2 (n,k): None switches it off
    round_base          conventional rounding of counts (1: none)
    rounding            conventional, or cell_key: then counts get noise of at most `noise_deviation` and of variance
                        `noise_variance`, so that none comes out between 0 and `noise_least`; none of the three is told
    whisker             Q4: where the ends of a box plot stand, as a share from either side
    dof                 D1: least persons, less one, behind a deviation; R1: least residual degrees of freedom
    max_leverage, max_influence   R2: the most that one row may decide its own fitted value, and by how many standard
                        errors one person may move a coefficient
    many_rows, many_values, nearly_all   T4 and T5: from how many rows or values on a script's table is looked at as one
                        of single persons, where at least the share `nearly_all` of its rows are different
    extreme_percent     Q2: which percentiles of a script's own table are taken for extremes, at either end
    fit_digits, file_digits   significant digits of released coefficients and standard errors, and of fractions in
                        tables that scripts wrote
    mean_digits, percent_digits, sum_digits   significant digits after the decimal point of released figures
                        (`sum_digits` negative rounds to tens, hundreds)
    min_interval        least width of what an attacker derives about a suppressed count
    max_listed_rows     largest cross product of code lists that is written out; beyond it only cells that pass
    max_group_steps     most rows that are looked at by what stands above the groups of an output (joins, windows)
    max_joint_cells     most cells of the joint table of linked tables of a job; beyond it a person looks
    max_joint_targets   most joint cells of 1 to t-1 persons that nobody releases and that are protected all the same
    reach               fewest people, by public sizes, that a combined part of a text may hold or leave out without a
                        person; three times t where it is None
    small_quota         jobs of wholly small populations that a project may have before a person looks at all
    protects_institutions, min_institutions   F6, and F3 and M3 on schools (Digital Economy Act)
    """

    name: str
    source: str
    t: int
    zeros: ZeroPolicy = ZeroPolicy.REVIEW
    full: ZeroPolicy = ZeroPolicy.REVIEW
    full_share: float = 1.0
    coalition: int = 1
    p_percent: float | None = 10.0
    prior_q: float | None = None
    dominance_n: int = 2
    dominance_k: float | None = None
    round_base: int = 5
    mean_digits: int = 1
    percent_digits: int = 1
    sum_digits: int = 0
    min_interval: int = 10
    dof: int = 10
    max_leverage: float = 0.9
    max_influence: float = 1.0
    fit_digits: int = 4
    file_digits: int = 5
    many_rows: int = 200
    many_values: int = 100
    nearly_all: float = 0.9
    extreme_percent: float = 1
    whisker: float = 0.1
    max_listed_rows: int = 20000
    max_group_steps: int = 2_000_000
    max_joint_cells: int = 20000
    max_joint_targets: int = 2000
    reach: int | None = None
    small_quota: int = 3
    protects_institutions: bool = False
    min_institutions: int = 3
    suppressed_symbol: Literal["c"] = "c"
    rounding: Rounding = Rounding.CONVENTIONAL
    noise_deviation: int = 5
    noise_variance: float = 3.0
    noise_least: int = 2

    @property
    def min_reach(self) -> int:
        """See `reach`."""
        return 3 * self.t if self.reach is None else self.reach

    @property
    def margin(self) -> float | None:
        """How many times the largest contribution a total must be for no dominance rule (M2 to M5) to see anything,
        were every other contribution as large."""
        known = []
        if self.p_percent is not None:
            known.append(2 + self.p_percent / min(100, self.prior_q or 100))
        if self.dominance_k is not None:
            known.append(max(100 * self.dominance_n / self.dominance_k, 1 + 100 / self.dominance_k))
        return max(known, default=None)


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
    """What passed under `rules` could have left under `other` too, with the same figures or finer ones. Where two
    parameters cannot be ordered they have to be equal."""
    pairs = [(getattr(rules, name), getattr(other, name)) for name in STRICTER_IF_LARGER]
    pairs += [(getattr(other, name), getattr(rules, name)) for name in STRICTER_IF_SMALLER]
    pairs += [
        (ZERO_POLICY_ORDER.index(rules.zeros), ZERO_POLICY_ORDER.index(other.zeros)),
        (ZERO_POLICY_ORDER.index(rules.full), ZERO_POLICY_ORDER.index(other.full)),
    ]
    pairs += [(rules.p_percent or 0, other.p_percent or 0), (_max_concentration(other), _max_concentration(rules))]
    return (
        all(mine >= theirs for mine, theirs in pairs)
        and all(getattr(rules, name) == getattr(other, name) for name in MUST_BE_EQUAL)
        and rules.round_base % other.round_base == 0
        and _min_institutions(rules) >= _min_institutions(other)
    )


def _max_concentration(rules: DisclosureRules) -> float:
    """The share in percent that the largest contributors may have; all of it where nothing asks."""
    return 100 if rules.dominance_k is None else rules.dominance_k


def _min_institutions(rules: DisclosureRules) -> int:
    return rules.min_institutions if rules.protects_institutions else 0
