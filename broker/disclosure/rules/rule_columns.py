"""The inputs of rules as columns. Prefilters use them to choose the cells that a rule must judge one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from broker.disclosure.rules.rule_input import RuleInput
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import Value
from broker.evidence.evidence_columns import EvidenceFields, Mask, Numbers
from broker.policy.disclosure_rules import DisclosureRules

RELATIVE_MARGIN = 1e-9
"""Relative tolerance of prefilters, by the largest number: a rule computes exactly, and floats are exact to about
1e-16."""
ABSOLUTE_MARGIN = 1e-290
"""Absolute tolerance: below it the products of a prefilter would lose their digits."""
EXACT_FLOATS = 2.0**53
"""Up to this number floats represent every whole number exactly."""


@dataclass(frozen=True)
class RuleInputColumns:
    """The inputs of a rule for all cells of a table: common parts, and the columns in which cells differ."""

    statistic: PlannedStatistic
    evidence: EvidenceFields
    cells: EvidenceFields
    by_institution: bool = False
    margin: bool = False
    span: Decimal | None = None

    def __getitem__(self, name: str) -> Numbers:
        """An evidence column as floats."""
        return self.evidence(name).floats

    def known(self, name: str) -> Mask:
        return self.evidence(name).known

    def is_whole(self, name: str) -> bool:
        return self.evidence(name).is_whole

    def for_cell(
        self, cell: CellEvidence | None, evidence: StatisticEvidence, protected: Value,
        mean_of_units: Decimal | None = None,
    ) -> RuleInput:  # fmt: skip
        """The input for one cell. Parts that are not set here exist for files only: no rule on a table reads them."""
        return RuleInput(
            self.statistic.measure,
            evidence,
            cell.persons if cell else 0,
            self.statistic.needs_review,
            self.statistic.bounds,
            institutions=cell.institutions if cell else None,
            protected=protected,
            mean_of_units=mean_of_units,
            largest_institution=cell.largest_institution if cell else None,
            by_institution=self.by_institution,
            margin=self.margin,
            span=self.span,
            most_rows=self.statistic.growth.most,
        )


CellMask = Mask | np.bool_
Prefilter = Callable[[RuleInputColumns, DisclosureRules], CellMask]
"""Chooses the cells on which a rule may have a finding: possibly too many, never too few. It decides nothing."""

NO_CELL = np.False_
ANY_CELL = np.True_


def is_few(counts: Numbers, t: int) -> Mask:
    """Whether a count is 1 to t-1, or NaN (unknown)."""
    # Written as a negation, so that NaN counts as chosen: comparisons with NaN are false.
    found: Mask = ~((counts <= 0) | (counts >= t))
    return found


def is_zero(numbers: Numbers) -> Mask:
    """Whether a number is 0, or NaN (unknown)."""
    found: Mask = ~((numbers < 0) | (numbers > 0))
    return found


def surely_less(one: Numbers, other: Numbers, scale: Numbers) -> Mask:
    """Whether `one` is less than `other`, however numbers of this scale were rounded while computing both."""
    found: Mask = one + RELATIVE_MARGIN * scale + ABSOLUTE_MARGIN < other
    return found


def may_be_too_close(largest: Numbers, second: Numbers, total: Numbers, p: float) -> Mask:
    """Where `rule_input.is_too_close` may be true."""
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + p)
    found: Mask = ~surely_less(p * largest, (total - largest - second) * 100, scale)
    return found


def no_cell(_: RuleInputColumns, __: DisclosureRules) -> CellMask:
    """The prefilter of rules that judge only files of person rows: the inputs of a table lack what they read."""
    return NO_CELL


def any_cell(_: RuleInputColumns, __: DisclosureRules) -> CellMask:
    """The prefilter of rules that must judge every cell."""
    return ANY_CELL
