"""The input of a rule, and the comparisons that several rules make."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.postprocessing.exact_arithmetic import as_number

POLICY_VERDICTS: dict[ZeroPolicy, Verdict | None] = {
    ZeroPolicy.REVIEW: Verdict.REVIEW,
    ZeroPolicy.SUPPRESS: Verdict.SUPPRESS,
    ZeroPolicy.PUBLISH: None,
}


@dataclass(frozen=True, slots=True)
class RuleInput:
    """The input of a rule: one statistic in one cell of `cell_persons` people.

    protected           the value that would be released
    bounds              the catalogue's smallest and largest value of one row
    institutions, largest_institution   the number of institutions in the cell, and the persons of the largest; None:
                                        not requested
    by_institution      the cell belongs to one institution: it is judged by its people only
    margin              the cell is a total
    span                QUANTILE: the smallest share of rows between it and a requested neighbour (0 and 1 are
                        neighbours too); None: unknown
    box                 QUANTILE: its distance (a share) from the nearer end of a box plot; None: it is in none
    mean_of_units       MEAN: its protected mean, in units of the last decimal place of its amounts
    some                MEAN: persons with a non-zero total, who are those of its sum; None: unknown
    most_rows           the most rows that one person can have, by the catalogue; None: unknown
    """

    measure: Measure
    evidence: StatisticEvidence
    cell_persons: int
    needs_review: str | None = None
    bounds: tuple[Value, Value] | None = None
    institutions: int | None = None
    protected: Value = None
    mean_of_units: Decimal | None = None
    largest_institution: int | None = None
    by_institution: bool = False
    margin: bool = False
    span: Decimal | None = None
    box: Decimal | None = None
    some: int | None = None
    most_rows: int | None = None


RuleResult = Finding | None


@cache
def decimal(value: float | None) -> Decimal | None:
    """A parameter of the profile, exactly as written there."""
    return None if value is None else Decimal(str(value))


def p_percent_of(profile: DisclosureRules) -> Decimal | None:
    """The p of the p% rule. If the profile has only a (2,k) rule, the equivalent p, from k = 100 * 100/(100+p)."""
    k = decimal(profile.dominance_k)
    if profile.p_percent is not None or k is None or profile.dominance_n != 2:
        return decimal(profile.p_percent)
    return 100 * (100 / k - 1)


def is_too_close(largest: Decimal, second: Decimal, total: Decimal, p: Decimal) -> bool:
    """Whether the second contributor, who subtracts their own contribution from the total, overestimates the largest by
    less than p%."""
    return largest > 0 and (total - largest - second) * 100 < p * largest


def exact(value: Value) -> Decimal:
    return Decimal(as_number(value))
