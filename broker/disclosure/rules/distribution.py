"""Rules on quantiles, extremes, modes, box plots and deviations: none of them may be one person's own value."""

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from broker.disclosure.rules.magnitude import M9
from broker.disclosure.rules.percentage import whole_rows
from broker.disclosure.rules.rule import Rule, RuleEntry
from broker.disclosure.rules.rule_columns import CellMask, RuleInputColumns, any_cell, no_cell
from broker.disclosure.rules.rule_input import POLICY_VERDICTS, RuleInput, RuleResult, decimal
from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from broker.evidence.evidence_columns import Mask
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number

Q1 = RuleEntry(
    "Q1",
    "Enough persons are in each band of a quantile and near its value.",
    ("t", "mean_digits"),
    acro_check="threshold",
)
Q2 = RuleEntry(
    "Q2",
    "A smallest or largest value is one person's own, unless the catalogue sets it or enough persons share it.",
    ("t",),
)
Q3 = RuleEntry(
    "Q3",
    "Enough persons have the most frequent value, but not everybody or nearly everybody.",
    ("t", "full", "full_share"),
)
Q4 = RuleEntry("Q4", "A box plot is drawn from quantiles that pass the rules, never from extremes.", ("whisker",))
D1 = RuleEntry("D1", "A deviation has enough degrees of freedom.", ("dof",), acro_check="threshold")


def quantile_spans(fractions: Iterable[Decimal]) -> dict[Decimal, Decimal]:
    """For each requested quantile the smaller share of rows between it and a neighbour. 0 and 1 are neighbours too."""
    places = [Decimal(0), *sorted(set(fractions)), Decimal(1)]
    around = zip(places, places[1:], places[2:], strict=False)
    return {at: min(at - lower, upper - at) for lower, at, upper in around}


def _find_few_between_quantiles(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Fewer than t persons lie between a quantile and the next, or no rounding of it is shared by t persons."""
    if not rule_input.evidence.persons:
        return None
    between = persons_between(rule_input)
    if rule_input.evidence.step_number is not None and between >= profile.t:
        return None
    sentence = "Too few persons are between this quantile and the next, or near its value."
    return Q1.finding(Verdict.SUPPRESS, sentence, between=between, step_number=rule_input.evidence.step_number)


def _few_between_quantiles_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    # No known rounding, or possibly too few persons: the rule must decide.
    return ~(columns.known("step_number") & _cells_with_enough_between(columns, profile.t))


def _cells_with_enough_between(columns: RuleInputColumns, t: int) -> Mask:
    """Cells where `persons_between` is certainly at least t."""
    rows, people = columns["rows"], columns["persons"]
    if columns.span is None:
        return people < people  # False everywhere
    inside = float(columns.span) * rows * (1 - 1e-12) - 1  # rounded down, with a margin
    most = rows - people + 1
    if columns.is_whole("largest"):
        most = np.where(columns.known("largest"), columns["largest"], most)
    else:
        most = np.where(columns.known("largest"), np.maximum(columns["largest"], most), most)
    # The factors near 1 cover rounding errors of floats: the prefilter may choose too many cells, never too few.
    found: Mask = (inside > (t - 1) * np.maximum(1, most) * (1 + 1e-12)) | (people - rows + inside > t)
    return found


few_between_quantiles = Rule(
    Q1, _find_few_between_quantiles, _few_between_quantiles_cells, frozenset({Measure.QUANTILE})
)


def persons_between(rule_input: RuleInput) -> int:
    """A lower bound of the persons between the quantile and its nearer neighbour: the rows there divided by the most
    rows of one person, or all persons less the rows outside, whichever is larger."""
    e = rule_input.evidence
    if rule_input.span is None:
        return 0
    inside = whole_rows(rule_input.span, e.rows)
    # Unknown: all rows but one of each other person.
    most = e.largest if isinstance(e.largest, int) else e.rows - e.persons + 1
    return max(0, -(-inside // max(1, most)), e.persons - (e.rows - inside))


def _find_extreme_value(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """A smallest or largest value belongs to fewer than t persons, and is not the catalogue's bound."""
    e = rule_input.evidence
    if not e.persons:
        return None
    # The catalogue's bound is public, so it discloses nobody's value.
    if (e.ties or 0) >= profile.t or _is_bound(rule_input):
        return None
    return Q2.finding(Verdict.REFUSE, "Only a few persons have the smallest or largest value.", ties=e.ties or 0)


def _extreme_value_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return ~(columns.known("ties") & (columns["ties"] >= profile.t))


extreme_value = Rule(Q2, _find_extreme_value, _extreme_value_cells, frozenset({Measure.LOWEST, Measure.HIGHEST}))


def _is_bound(rule_input: RuleInput) -> bool:
    if rule_input.bounds is None:
        return False
    bound, value = rule_input.bounds[0 if rule_input.measure is Measure.LOWEST else 1], rule_input.evidence.value
    return bound is not None and value is not None and as_number(bound) == as_number(value)


def _find_common_value(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """The most common value is that of fewer than t persons, or of (nearly) all."""
    e = rule_input.evidence
    if not e.persons:
        return None
    ties, share = e.ties or 0, decimal(profile.full_share) or Decimal(1)
    full = POLICY_VERDICTS[profile.full] if ties >= share * e.persons else None
    verdict = Verdict.SUPPRESS if ties < profile.t else full  # too few holders always suppress it
    if verdict is None:
        return None
    return Q3.finding(
        verdict, "The most common value belongs to a few persons, or to everybody or nearly everybody.", ties=ties
    )


common_value = Rule(Q3, _find_common_value, any_cell, frozenset({Measure.MODE}))


def _find_box_plot_ends(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """A box plot is drawn between quantiles, never to its extremes."""
    whisker = decimal(profile.whisker)
    if rule_input.box is None or whisker is None or rule_input.box >= whisker:
        return None
    return Q4.finding(Verdict.REFUSE, "The ends of this box plot are too near the extremes.", at=rule_input.box)


box_plot_ends = Rule(Q4, _find_box_plot_ends, no_cell, frozenset({Measure.QUANTILE}))


def _find_few_degrees_of_freedom(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """A deviation, or a statistic of two variables, has fewer degrees of freedom (persons less one) than the profile
    requires."""
    persons = rule_input.evidence.persons
    if not persons or persons - 1 >= profile.dof:
        return None
    return D1.finding(Verdict.SUPPRESS, "This statistic has too few degrees of freedom.", dof=persons - 1)


def _few_degrees_of_freedom_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return ~(columns["persons"] - 1 >= profile.dof)


few_degrees_of_freedom = Rule(
    D1, _find_few_degrees_of_freedom, _few_degrees_of_freedom_cells, frozenset({Measure.DEVIATION, Measure.MOMENT})
)


def _find_zero_deviation(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """A deviation that is 0, or is shown as 0, discloses that everybody has (nearly) the mean."""
    value = rule_input.evidence.value
    if value is None or 0 not in (as_number(value), rule_input.protected):
        return None
    return M9.finding(Verdict.SUPPRESS, "All contributors have the same value, or nearly the same.", value=value)


def _zero_deviation_cells(columns: RuleInputColumns, _: DisclosureRules) -> CellMask:
    """The prefilter does not know the released value, so it chooses every deviation."""
    return columns.known("value")


zero_deviation = Rule(
    M9, _find_zero_deviation, _zero_deviation_cells, frozenset({Measure.DEVIATION}), reads_protected=True
)


RULES = (few_between_quantiles, extreme_value, common_value, box_plot_ends, few_degrees_of_freedom, zero_deviation)
