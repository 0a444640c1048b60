"""Rules on sums and means, and on how much of a count of rows is one person's. Only on what persons contribute."""

from decimal import Decimal

from broker.disclosure.rules.percentage import allows_all_counts, counts_shown_as, has_whole_total
from broker.disclosure.rules.rule_input import (
    MAGNITUDES,
    NON_ADDITIVE,
    ROW_COUNTS,
    RuleInput,
    RuleResult,
    decimal,
    exact,
    finding,
    is_too_close,
    p_percent_of,
)
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.plan import Measure
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number

TOO_CLOSE = "The second contributor could estimate the largest too closely."


def contributors(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M1: fewer contributors than the threshold behind a sum, mean, quantile or deviation."""
    if rule_input.measure not in MAGNITUDES | NON_ADDITIVE or not 0 < rule_input.evidence.persons < profile.t:
        return None
    sentence = "Fewer persons than the threshold contribute to this figure."
    return finding("M1", Verdict.SUPPRESS, sentence, persons=rule_input.evidence.persons)


def dominance(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M2: the n largest contributors hold more than k percent. Evidence knows two; for more, a person looks."""
    k = decimal(profile.dominance_k)
    if k is None or not _has_amounts(rule_input):
        return None
    if profile.dominance_n > 2:
        return finding("M2", Verdict.REVIEW, "The profile asks about more than two contributors; evidence holds two.")
    largest, second, total = _amounts(rule_input.evidence)
    held = largest if profile.dominance_n == 1 else largest + second
    if total <= 0 or held * 100 <= k * total:
        return None
    return finding("M2", Verdict.SUPPRESS, "A few contributors make most of this figure.", largest=largest, total=total)


def p_percent(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M3: what is left after the two largest is under p percent of the largest."""
    p = decimal(profile.p_percent)
    if p is None or not _has_amounts(rule_input):
        return None
    largest, second, total = _amounts(rule_input.evidence)
    if not is_too_close(largest, second, total, p):
        return None
    return finding("M3", Verdict.SUPPRESS, TOO_CLOSE, largest=largest, second=second, total=total)


def rows_of_one_person(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M3: of a count of rows, what is left after the two persons with most rows is under p percent of the most."""
    p, e = p_percent_of(profile), rule_input.evidence
    if p is None or rule_input.measure not in ROW_COUNTS:
        return None
    sides = [(e.rows, e.persons, e.largest, e.second)]
    if rule_input.measure in {Measure.ONES, Measure.SHARE}:
        sides = [(e.rows, e.persons, None, None), (e.rest_rows, e.rest, None, None)]
    for rows, persons, most, second in sides:
        largest, next_largest = _most_rows(rows, persons, most, second)
        if rows > persons >= profile.t and is_too_close(Decimal(largest), Decimal(next_largest), Decimal(rows), p):
            sentence = "Most of these rows are one person's."
            return finding("M3", Verdict.SUPPRESS, sentence, largest=largest, second=next_largest, rows=rows)
    return None


def _most_rows(rows: int, persons: int, most: object, second: object) -> tuple[int, int]:
    """The rows of the two persons who have most. Unknown, the first may have all but one row of everybody else."""
    if not isinstance(most, int):
        return rows - persons + 1, min(1, persons - 1)
    return most, second if isinstance(second, int) else most


def prior_posterior(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M4: as M3, where others' contributions are known beforehand to within q percent."""
    p, q = decimal(profile.p_percent), decimal(profile.prior_q)
    if p is None or q is None or not _has_amounts(rule_input):
        return None
    largest, second, total = _amounts(rule_input.evidence)
    if not is_too_close(largest, second, total, 100 * p / q):
        return None
    sentence = "With what is known beforehand, the largest contributor could be estimated too closely."
    return finding("M4", Verdict.SUPPRESS, sentence, largest=largest, second=second, total=total)


def equivalent_p_percent(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M5: as M3, with the p that stands for a (2,k) rule where the profile has no p of its own."""
    p = p_percent_of(profile)
    if profile.p_percent is not None or p is None or not _has_amounts(rule_input):
        return None
    largest, second, total = _amounts(rule_input.evidence)
    if not is_too_close(largest, second, total, p):
        return None
    return finding("M5", Verdict.SUPPRESS, TOO_CLOSE, largest=largest, second=second, total=total, p=round(p, 2))


def negatives(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """M7: dominance means nothing where contributions can be negative."""
    if rule_input.measure not in MAGNITUDES or not _negative(rule_input.evidence):
        return None
    return finding(
        "M7", Verdict.REVIEW, "Negative contributions: dominance cannot be judged.", lowest=rule_input.evidence.low
    )


def mean_as_sum(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M8: a mean passes only as its sum does: too few persons have anything that adds to it."""
    if (
        rule_input.measure is not Measure.MEAN
        or rule_input.some is None
        or not 0 < rule_input.some < profile.t <= rule_input.evidence.persons
    ):
        return None
    sentence = "Fewer persons than the threshold contribute to the sum of this mean."
    return finding("M8", Verdict.SUPPRESS, sentence, persons=rule_input.some)


def mean_reveals_count(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M8: the digits of a mean leave every count possible that is shown as the same."""
    if (
        rule_input.measure is not Measure.MEAN
        or rule_input.protected is None
        or not rule_input.evidence.rows
        or profile.round_base == 1
    ):
        return None
    mean, counts = exact(rule_input.protected), counts_shown_as(rule_input.evidence.rows, profile)
    if allows_all_counts(mean, counts.start) or all(has_whole_total(mean, n) for n in counts):
        return None
    sentence = "The digits of this mean rule out counts that its rounded count allows."
    return finding("M8", Verdict.SUPPRESS, sentence, rows=rule_input.evidence.rows)


def all_equal(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """M9: everybody's total is the same, or that of most with fewer than t others: the figure tells each, and whether
    there are such few. Exempt where the catalogue allows one value only."""
    e = rule_input.evidence
    if (
        rule_input.measure not in MAGNITUDES
        or not e.rows
        or not (_is_one_value(e) or _has_few_others(rule_input, profile))
    ):
        return None
    if (
        rule_input.bounds is not None
        and rule_input.bounds[0] is not None
        and rule_input.bounds[0] == rule_input.bounds[1]
    ):
        return None
    return finding("M9", Verdict.SUPPRESS, "(Nearly) every contributor has the same value.", others=e.others or 0)


def _is_one_value(e: StatisticEvidence) -> bool:
    return e.low is not None and e.low == e.high


def _has_few_others(rule_input: RuleInput, profile: DisclosureRules) -> bool:
    """Whether fewer than t have another total than most have. Persons with a total of nothing are no persons of a sum,
    and stand behind its rows."""
    e = rule_input.evidence
    if e.others is None:
        return False
    some = rule_input.measure is Measure.SUM and not (e.low is not None and as_number(e.low) > 0)
    return e.others < profile.t and 2 * e.others < (e.rows if some else e.persons)


def _has_amounts(rule_input: RuleInput) -> bool:
    e = rule_input.evidence
    return rule_input.measure in MAGNITUDES and e.largest is not None and e.total is not None and not _negative(e)


def _negative(evidence: StatisticEvidence) -> bool:
    return evidence.low is not None and as_number(evidence.low) < 0


def _amounts(evidence: StatisticEvidence) -> tuple[Decimal, Decimal, Decimal]:
    """Largest, second and total; a second that is not known may be as much as the largest."""
    largest = exact(evidence.largest)
    return largest, largest if evidence.second is None else exact(evidence.second), exact(evidence.total)
