"""The contributions that dominance rules compare: the two largest of one person, and the total."""

from decimal import Decimal

from broker.disclosure.rules.rule_input import RuleInput, exact, most_rows_of_one
from broker.domain.evidence import StatisticEvidence
from broker.postprocessing.exact_arithmetic import as_number


def are_negative(evidence: StatisticEvidence) -> bool:
    return evidence.low is not None and as_number(evidence.low) < 0


Amounts = tuple[Decimal, Decimal, Decimal]
"""The largest contribution of a person, the second, and the total."""


def amounts_of(rule_input: RuleInput) -> Amounts | None:
    """None if they are unknown, or negative without bounds. An unknown second contribution may be as large as the
    first."""
    e = rule_input.evidence
    if e.largest is None or e.total is None:
        return None
    if are_negative(e):
        return shifted_amounts(rule_input)
    largest = exact(e.largest)
    return largest, largest if e.second is None else exact(e.second), exact(e.total)


def shifted_amounts(rule_input: RuleInput) -> Amounts | None:
    """Negative contributions as distances from the catalogue's nearer bound, which everybody knows: of these none is
    negative, and no contributions cancel out. Two persons may be as far from it as the bounds are from each other, with
    all rows that a person can have."""
    e, bounds = rule_input.evidence, rule_input.bounds
    if e.total is None or bounds is None or None in bounds:
        return None
    low, high, total = exact(bounds[0]), exact(bounds[1]), exact(e.total)
    largest = most_rows_of_one(rule_input) * (high - low)
    return largest, largest, min(total - e.rows * low, e.rows * high - total)
