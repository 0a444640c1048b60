"""Rules on quantiles, extremes, modes, box plots and deviations: they must not be one person's own."""

from collections.abc import Iterable
from decimal import Decimal

from broker.disclosure.rules.percentage import whole_rows
from broker.disclosure.rules.rule_input import EXTREMES, POLICY_VERDICTS, RuleInput, RuleResult, decimal, finding
from broker.domain.findings import Verdict
from broker.domain.plans.plan import Measure
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number


def quantile_spans(fractions: Iterable[Decimal]) -> dict[Decimal, Decimal]:
    """Of each quantile that is asked for, the lesser share of rows between it and a neighbour; the ends are two."""
    places = [Decimal(0), *sorted(set(fractions)), Decimal(1)]
    around = zip(places, places[1:], places[2:], strict=False)
    return {at: min(at - lower, upper - at) for lower, at, upper in around}


def few_between_quantiles(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Q1: fewer than t persons between a quantile and the next one, or no rounding of it that t persons share."""
    if rule_input.measure is not Measure.QUANTILE or not rule_input.evidence.persons:
        return None
    between = persons_between(rule_input)
    if rule_input.evidence.bin is not None and between >= profile.t:
        return None
    sentence = "Too few persons stand between this quantile and the next, or near its value."
    return finding("Q1", Verdict.SUPPRESS, sentence, between=between, bin=rule_input.evidence.bin)


def persons_between(rule_input: RuleInput) -> int:
    """No fewer persons than these stand between the quantile and its nearer neighbour: each of its rows is of one who
    has no more than so many, and only so many persons can stand wholly outside."""
    e = rule_input.evidence
    if rule_input.span is None:
        return 0
    inside = whole_rows(rule_input.span, e.rows)
    most = e.largest if isinstance(e.largest, int) else e.rows - e.persons + 1
    return max(0, -(-inside // max(1, most)), e.persons - (e.rows - inside))


def extreme_value(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Q2: a least or greatest value is one person's, unless it is the catalogue's bound or t persons have it."""
    e = rule_input.evidence
    if rule_input.measure not in EXTREMES or not e.persons:
        return None
    if (e.ties or 0) >= profile.t or _is_bound(rule_input):
        return None
    return finding("Q2", Verdict.REFUSE, "The least or greatest value is that of few persons.", ties=e.ties or 0)


def _is_bound(rule_input: RuleInput) -> bool:
    if rule_input.bounds is None:
        return False
    bound: Value = rule_input.bounds[0 if rule_input.measure is Measure.LOWEST else 1]
    return (
        bound is not None
        and rule_input.evidence.value is not None
        and as_number(bound) == as_number(rule_input.evidence.value)
    )


def common_value(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Q3: the most common value is that of fewer than t persons, or of (nearly) all."""
    e = rule_input.evidence
    if rule_input.measure is not Measure.MODE or not e.persons:
        return None
    ties, share = e.ties or 0, decimal(profile.full_share) or Decimal(1)
    full = POLICY_VERDICTS[profile.full] if ties >= share * e.persons else None
    verdict = Verdict.SUPPRESS if ties < profile.t else full
    if verdict is None:
        return None
    return finding("Q3", verdict, "The most common value is that of few persons, or of (nearly) all.", ties=ties)


def box_plot_ends(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Q4: a box plot is drawn between quantiles, never to its extremes."""
    whisker = decimal(profile.whisker)
    if rule_input.box is None or whisker is None or rule_input.box >= whisker:
        return None
    return finding("Q4", Verdict.REFUSE, "The ends of this box plot stand too near the extremes.", at=rule_input.box)


def few_degrees_of_freedom(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """D1: a deviation has fewer degrees of freedom (persons less one) than the profile asks for."""
    persons = rule_input.evidence.persons
    if rule_input.measure is not Measure.DEVIATION or not persons or persons - 1 >= profile.dof:
        return None
    return finding("D1", Verdict.SUPPRESS, "Too few degrees of freedom behind this deviation.", dof=persons - 1)


def zero_deviation(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """M9: a deviation of nothing, or shown as nothing, says that everybody has (nearly) the mean."""
    value = rule_input.evidence.value
    if (
        rule_input.measure is not Measure.DEVIATION
        or value is None
        or 0 not in (as_number(value), rule_input.protected)
    ):
        return None
    return finding("M9", Verdict.SUPPRESS, "Every contributor has (nearly) the same value.", value=value)
