"""Profiles as frozen models: which disclosure rules there are, and at which thresholds. No I/O; rules read them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from broker.policy.base import Model


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
class Profile(Model):
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
    def least_reach(self) -> int:
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
