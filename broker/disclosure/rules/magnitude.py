"""Rules on sums and means, and on counts of rows that are mostly one person's. They use only the contributions of
persons."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from broker.disclosure.rules import rule_columns
from broker.disclosure.rules.percentage import allows_all_counts, counts_shown_as, has_whole_total
from broker.disclosure.rules.rule import DOMINANCE, INSTITUTIONS, ROUNDING, Rule, RuleEntry
from broker.disclosure.rules.rule_input import RuleInput, RuleResult, decimal, exact, is_too_close, p_percent_of
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.measure import BINARY, MAGNITUDES, NON_ADDITIVE, RATIOS, ROW_COUNTS
from broker.domain.plans.scalars import Value
from broker.evidence.evidence_columns import Mask, Numbers
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number

M1 = RuleEntry(
    "M1",
    "At least the threshold of persons contribute to each sum, mean, quantile or deviation.",
    ("t",),
    acro_check="threshold",
)
M2 = RuleEntry(
    "M2",
    "The few largest contributors make up no more of a figure than the disclosure rules allow.",
    ("dominance_n", "dominance_k"),
    acro_check="nk-rule",
)
M3 = RuleEntry(
    "M3",
    "The second largest contributor cannot estimate the largest too closely.",
    ("t", *DOMINANCE, *INSTITUTIONS),
    acro_check="p-ratio",
)
M4 = RuleEntry(
    "M4",
    "Somebody who already knows each contribution approximately cannot estimate one more closely.",
    ("p_percent", "prior_q"),
    acro_check="p-ratio",
)
M5 = RuleEntry(
    "M5", "The rule on the two largest contributors is at least as strict as the rule on the remainder.", DOMINANCE
)
M7 = RuleEntry("M7", "Dominance rules cannot judge contributions that can be negative.", acro_check="negative")
M8 = RuleEntry(
    "M8",
    "A mean is assessed like its sum, and is shown with a protected count.",
    ("t", "mean_digits", "sum_digits", *ROUNDING),
)
M9 = RuleEntry(
    "M9",
    "The contributors do not all have the same value, and neither do all but a few below the threshold.",
    ("t",),
    acro_check="all-values-are-same",
)


TOO_CLOSE = "The second contributor could estimate the largest too closely."


def _find_contributors(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Fewer contributors than the threshold behind a sum, mean, quantile or deviation."""
    if not 0 < rule_input.evidence.persons < profile.t:
        return None
    sentence = "Fewer persons than the threshold contribute to this figure."
    return M1.finding(Verdict.SUPPRESS, sentence, persons=rule_input.evidence.persons)


def _contributors_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    return rule_columns.is_few(columns["persons"], profile.t)


contributors = Rule(M1, _find_contributors, _contributors_cells, MAGNITUDES | NON_ADDITIVE)


def _find_dominance(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """The n largest contributors hold more than k percent. Evidence has two contributors; for n > 2 a person must
    review."""
    k = decimal(profile.dominance_k)
    if k is None or not _has_amounts(rule_input):
        return None
    if profile.dominance_n > 2:
        return M2.finding(
            Verdict.REVIEW, "The disclosure rules need more than two contributors, but the evidence has only two."
        )
    largest, second, total = _amounts(rule_input.evidence)
    held = largest if profile.dominance_n == 1 else largest + second
    if total <= 0 or held * 100 <= k * total:  # multiplied out: no division to round
        return None
    return M2.finding(Verdict.SUPPRESS, "A few contributors make up most of this figure.", largest=largest, total=total)


def _dominance_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    k = decimal(profile.dominance_k)
    if k is None:
        return rule_columns.NO_CELL
    if profile.dominance_n > 2:
        return _cells_with_amounts(columns)
    largest, second, total = _amount_columns(columns)
    held = largest if profile.dominance_n == 1 else largest + second
    # The size of the numbers compared, by which rounding errors of floats are bounded.
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + float(k))
    return _cells_with_amounts(columns) & ~rule_columns.surely_less(held * 100, float(k) * total, scale)


def _cells_with_amounts(columns: rule_columns.RuleInputColumns) -> Mask:
    return columns.known("largest") & columns.known("total")


def _amount_columns(columns: rule_columns.RuleInputColumns) -> tuple[Numbers, Numbers, Numbers]:
    largest = columns["largest"]
    return largest, np.where(columns.known("second"), columns["second"], largest), columns["total"]  # as `_amounts`


ROUNDED_UP = 1 + 1e-12
"""A margin is a binary fraction, which may lie below the exact one by which the rules judge."""


def _dominance_margin(profile: DisclosureRules) -> float | None:
    k = profile.dominance_k
    return None if k is None else max(100 * profile.dominance_n / k, 1 + 100 / k) * ROUNDED_UP


dominance = Rule(M2, _find_dominance, _dominance_cells, MAGNITUDES, margin=_dominance_margin)


def _close_amounts_rule(
    entry: RuleEntry, p_of: Callable[[DisclosureRules], Decimal | None], sentence: str, shows_p: bool = False
) -> Rule:
    """The rule that the total without the two largest contributions is at least p percent of the largest."""

    def find(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
        p = p_of(profile)
        if p is None or not _has_amounts(rule_input):  # the rule is off, or M7 applies
            return None
        largest, second, total = _amounts(rule_input.evidence)
        if not is_too_close(largest, second, total, p):
            return None
        figures = {"p": round(p, 2)} if shows_p else {}
        return entry.finding(Verdict.SUPPRESS, sentence, largest=largest, second=second, total=total, **figures)

    def cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
        p = p_of(profile)
        if p is None:
            return rule_columns.NO_CELL
        return _cells_with_amounts(columns) & rule_columns.may_be_too_close(*_amount_columns(columns), float(p))

    return Rule(entry, find, cells, MAGNITUDES, margin=lambda profile: _close_margin(p_of(profile)))


def _close_margin(p: Decimal | None) -> float | None:
    """From this margin on no two contributions are too close to the total, by `is_too_close`."""
    return None if p is None else float(2 + p / 100) * ROUNDED_UP


def _prior_p_percent(profile: DisclosureRules) -> Decimal | None:
    """The p for an attacker who knows each contribution to within q percent beforehand."""
    p, q = decimal(profile.p_percent), decimal(profile.prior_q)
    return None if p is None or q is None else 100 * p / q


def _equivalent_p_percent(profile: DisclosureRules) -> Decimal | None:
    """The p that is equivalent to a (2,k) rule, if the profile has no p of its own."""
    return p_percent_of(profile) if profile.p_percent is None else None


p_percent = _close_amounts_rule(M3, lambda profile: decimal(profile.p_percent), TOO_CLOSE)
prior_posterior = _close_amounts_rule(
    M4, _prior_p_percent, "With prior knowledge, the largest contributor could be estimated too closely."
)
equivalent_p_percent = _close_amounts_rule(M5, _equivalent_p_percent, TOO_CLOSE, shows_p=True)


def _find_rows_of_one_person(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """A count of rows, without those of the two persons with most rows, is less than p percent of the rows of the
    first."""
    p, e = p_percent_of(profile), rule_input.evidence
    if p is None:
        return None
    sides = [(e.rows, e.persons, e.largest, e.second)]
    if rule_input.measure in BINARY:
        # Both sides of a 0/1 statistic are counts; their largest contributors are unknown.
        sides = [(e.rows, e.persons, None, None), (e.rest_rows, e.rest, None, None)]
    for rows, persons, most, second in sides:
        largest, next_largest = _most_rows(rows, persons, most, second, rule_input.most_rows)
        # Fewer than t is for F1.
        if rows > persons >= profile.t and is_too_close(Decimal(largest), Decimal(next_largest), Decimal(rows), p):
            sentence = "Most of these rows belong to one person."
            return M3.finding(Verdict.SUPPRESS, sentence, largest=largest, second=next_largest, rows=rows)
    return None


def _rows_of_one_person_cells(
    columns: rule_columns.RuleInputColumns, profile: DisclosureRules
) -> rule_columns.CellMask:
    p, measure = p_percent_of(profile), columns.statistic.measure
    if p is None:
        return rule_columns.NO_CELL
    found = _cells_of_close_rows(columns, "rows", "persons", known=measure not in BINARY, profile=profile, p=float(p))
    if measure in BINARY:
        found = found | _cells_of_close_rows(columns, "rest_rows", "rest", known=False, profile=profile, p=float(p))
    return found


def _cells_of_close_rows(
    columns: rule_columns.RuleInputColumns, rows: str, persons: str, known: bool, profile: DisclosureRules, p: float
) -> Mask:
    """The rows of the two persons with most are used only where they are known as integers. Any other value is not a
    number of rows."""
    many, people = columns[rows], columns[persons]
    most = np.minimum(many - people + 1, allowed := columns.statistic.growth.most or np.inf)
    second = np.where(people > 1, np.minimum(many - most - people + 2, allowed), 0)
    close = rule_columns.may_be_too_close(most, second, many, p)
    if known:
        seen = columns["largest"]
        next_seen = np.where(columns.known("second"), np.maximum(columns["second"], seen), seen)
        if columns.is_whole("second"):
            next_seen = np.where(columns.known("second"), columns["second"], seen)
        measured = rule_columns.may_be_too_close(seen, next_seen, many, p)
        if not columns.is_whole("largest"):
            measured = measured | close
        close = np.where(columns.known("largest"), measured, close)
    return close & ~((many <= people) & (many < rule_columns.EXACT_FLOATS)) & ~(people < profile.t)


rows_of_one_person = Rule(
    M3,
    _find_rows_of_one_person,
    _rows_of_one_person_cells,
    ROW_COUNTS,
    margin=lambda profile: _close_margin(p_percent_of(profile)),
)


def _most_rows(rows: int, persons: int, most: object, second: object, allowed: int | None) -> tuple[int, int]:
    """The rows of the two persons with most rows. If unknown, they may have all rows but one for each other person, as
    far as the catalogue allows one person so many: the rows of others then decide nothing."""
    if not isinstance(most, int):  # not a number of rows
        largest = min(rows - persons + 1, allowed or rows)
        return largest, min(rows - largest - persons + 2, allowed or rows) if persons > 1 else 0
    return most, second if isinstance(second, int) else most


def _find_negatives(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """Dominance rules cannot judge contributions that are negative. Those with bounds need none (`_has_amounts`)."""
    if not _negative(rule_input.evidence) or _are_signed(rule_input.bounds):
        return None
    return M7.finding(
        Verdict.REVIEW, "Negative contributions: dominance cannot be judged.", lowest=rule_input.evidence.low
    )


def _negatives_cells(columns: rule_columns.RuleInputColumns, _: DisclosureRules) -> rule_columns.CellMask:
    return columns.known("low") & ~(columns["low"] >= 0)


negatives = Rule(M7, _find_negatives, _negatives_cells, MAGNITUDES)


def _find_mean_as_sum(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Fewer than t persons have a non-zero contribution to the sum of a mean."""
    if rule_input.some is None or not 0 < rule_input.some < profile.t <= rule_input.evidence.persons:
        return None
    sentence = "Fewer persons than the threshold contribute to the sum of this mean."
    return M8.finding(Verdict.SUPPRESS, sentence, persons=rule_input.some)


mean_as_sum = Rule(M8, _find_mean_as_sum, rule_columns.no_cell, MAGNITUDES & RATIOS)


def _find_mean_reveals_count(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """The digits of a mean must be possible with every count that is rounded to the same value."""
    if (mean := rule_input.mean_of_units) is None or not rule_input.evidence.rows or profile.round_base == 1:
        return None
    counts = counts_shown_as(rule_input.evidence.rows, profile)
    if allows_all_counts(mean, counts.start) or all(has_whole_total(mean, n) for n in counts):
        return None
    sentence = "The digits of this mean rule out counts that its rounded count allows."
    return M8.finding(Verdict.SUPPRESS, sentence, rows=rule_input.evidence.rows)


def _mean_reveals_count_cells(columns: rule_columns.RuleInputColumns, _: DisclosureRules) -> rule_columns.CellMask:
    """A mean of a table has no more digits than all counts that are shown as its own allow (`protected_means`). So the
    rule decides about files, and of a table about cells without a known count."""
    return ~(columns["rows"] >= 1)  # negated: NaN is chosen


mean_reveals_count = Rule(
    M8, _find_mean_reveals_count, _mean_reveals_count_cells, MAGNITUDES & RATIOS, reads_protected=True
)


def _find_all_equal(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Everybody's total is the same, or fewer than t persons have a total other than that of most. The figure then
    discloses each total, and whether there are such few. Exempt if the catalogue allows one value only."""
    e = rule_input.evidence
    if not e.rows or not (_is_one_value(e) or _has_few_others(rule_input, profile)):
        return None
    if _has_one_value(rule_input.bounds):
        return None
    return M9.finding(
        Verdict.SUPPRESS, "Every contributor, or nearly every one, has the same value.", others=e.others or 0
    )


def _all_equal_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    if _has_one_value(columns.statistic.bounds):
        return rule_columns.NO_CELL
    low, high, others = columns["low"], columns["high"], columns["others"]
    # Not `==`: NaN must be chosen.
    equal = columns.known("low") & columns.known("high") & ~((low < high) | (low > high))
    alike = _most_counted_columns(columns) - others
    return equal | (columns.known("others") & ~(others >= profile.t) & ~(alike < profile.t))


def _has_one_value(bounds: tuple[Value, Value] | None) -> bool:
    return bounds is not None and bounds[0] is not None and bounds[0] == bounds[1]


def _most_counted_columns(columns: rule_columns.RuleInputColumns) -> Numbers:
    """The number that the persons with another total are compared with: for some sums it is their rows."""
    if columns.statistic.measure in RATIOS:
        return columns["persons"]
    return np.maximum(columns["rows"], columns["persons"])


all_equal = Rule(M9, _find_all_equal, _all_equal_cells, MAGNITUDES)


def _is_one_value(e: StatisticEvidence) -> bool:
    return e.low is not None and e.low == e.high


def _has_few_others(rule_input: RuleInput, profile: DisclosureRules) -> bool:
    """Whether t persons or more have the same total, and fewer than t another one. Both are compared with the threshold
    alone, so that no other number of persons decides. For a sum, persons with a total of 0 do not count as persons but
    are among its rows."""
    e = rule_input.evidence
    if e.others is None:
        return False
    # Some totals may be 0.
    some = rule_input.measure not in RATIOS and not (e.low is not None and as_number(e.low) > 0)
    return e.others < profile.t <= (e.rows if some else e.persons) - e.others


def _has_amounts(rule_input: RuleInput) -> bool:
    """Whether contributions are compared. Those that the catalogue bounds, and that can be negative, are not: the mean
    is rounded by the distance of the bounds (`mean_step`), so that nobody's contribution is known more closely than by
    a quarter of that. The bounds decide, and not the data: a verdict would else tell whether somebody is below 0."""
    e = rule_input.evidence
    return e.largest is not None and e.total is not None and not (_are_signed(rule_input.bounds) or _negative(e))


def _are_signed(bounds: tuple[Value, Value] | None) -> bool:
    return bounds is not None and None not in bounds and as_number(bounds[0]) < 0


def _negative(evidence: StatisticEvidence) -> bool:
    return evidence.low is not None and as_number(evidence.low) < 0


def _amounts(evidence: StatisticEvidence) -> tuple[Decimal, Decimal, Decimal]:
    """Largest, second and total. An unknown second contribution may be as large as the first."""
    largest = exact(evidence.largest)
    return largest, largest if evidence.second is None else exact(evidence.second), exact(evidence.total)


RULES = (
    contributors,
    dominance,
    p_percent,
    rows_of_one_person,
    prior_posterior,
    equivalent_p_percent,
    negatives,
    mean_as_sum,
    mean_reveals_count,
    all_equal,
)
