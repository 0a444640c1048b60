"""The rules: each a small pure function from one statistic's evidence to a finding. No thresholds of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from broker.disclosure.evaluate import number
from broker.domain.outputs import Finding, StatisticEvidence, Verdict
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.models import Profile, ZeroPolicy

SEVERITY: dict[Verdict, int] = {v: i for i, v in enumerate(Verdict)}
COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.COUNT_DISTINCT})
BINARY = frozenset({Measure.ONES, Measure.SHARE})
MAGNITUDES = frozenset({Measure.SUM, Measure.MEAN})
PLACES = frozenset({Measure.QUANTILE, Measure.DEVIATION})
OF_POLICY: dict[ZeroPolicy, Verdict | None] = {
    ZeroPolicy.REVIEW: Verdict.REVIEW,
    ZeroPolicy.SUPPRESS: Verdict.SUPPRESS,
    ZeroPolicy.PUBLISH: None,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule is asked about: one statistic in one cell of `cell_persons` people. `protected` is what would be
    shown of it."""

    measure: Measure
    evidence: StatisticEvidence
    cell_persons: int
    needs_review: str | None = None
    bounds: tuple[Value, Value] | None = None
    institutions: int | None = None
    protected: Value = None


Answer = Finding | None


def worst(verdicts: list[Verdict]) -> Verdict:
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.PUBLISH)


def _finding(rule: str, verdict: Verdict, sentence: str, **figures: object) -> Finding:
    return Finding(rule, verdict, sentence, tuple((k, str(v)) for k, v in figures.items()))


def small_cell(ask: Question, profile: Profile) -> Answer:
    """F1: persons 1 to t-1 behind the cell, the count, or either side of a 0/1 statistic."""
    sides = [ask.cell_persons]
    if ask.measure in COUNTS | BINARY | PLACES:
        sides.append(ask.evidence.persons)
    if ask.measure in BINARY:
        sides.append(ask.evidence.rest)
    low = [n for n in sides if 0 < n < profile.t]
    if not low:
        return None
    return _finding(
        "F1", Verdict.SUPPRESS, "Fewer persons than the threshold stand behind this figure.", persons=min(low)
    )


def zero_cell(ask: Question, profile: Profile) -> Answer:
    """F2: nobody at all, which tells that each member of the group has another value."""
    verdict = OF_POLICY[profile.zeros]
    counted = COUNTS | MAGNITUDES | PLACES
    empty = ask.cell_persons == 0 or (ask.measure in counted and ask.evidence.persons == 0)
    return _finding("F2", verdict, "Nobody stands behind this figure.") if empty and verdict else None


def full_cell(ask: Question, profile: Profile) -> Answer:
    """F3: in a cell of people, everybody or nobody has the property."""
    verdict = OF_POLICY[profile.full]
    if ask.measure not in BINARY or ask.cell_persons == 0 or verdict is None:
        return None
    if ask.evidence.persons and ask.evidence.rest:
        return None
    sentence = "Everybody in this cell has the property, or nobody has."
    return _finding("F3", verdict, sentence, ones=ask.evidence.persons, rest=ask.evidence.rest)


def institutions(ask: Question, profile: Profile) -> Answer:
    """F6: too few institutions, where the profile protects them."""
    found = ask.institutions
    if not profile.protects_institutions or found is None or not 0 < found < profile.min_institutions:
        return None
    return _finding("F6", Verdict.SUPPRESS, "Too few institutions stand behind this figure.", institutions=found)


def contributors(ask: Question, profile: Profile) -> Answer:
    """M1: fewer contributors than the threshold behind a sum, mean, quantile or deviation."""
    if ask.measure not in MAGNITUDES | PLACES or not 0 < ask.evidence.persons < profile.t:
        return None
    sentence = "Fewer persons than the threshold contribute to this figure."
    return _finding("M1", Verdict.SUPPRESS, sentence, persons=ask.evidence.persons)


def dominance(ask: Question, profile: Profile) -> Answer:
    """M2: the n largest contributors hold more than k percent. Evidence knows two; for more, a person looks."""
    if profile.dominance_k is None or not _has_amounts(ask):
        return None
    if profile.dominance_n > 2:
        return _finding("M2", Verdict.REVIEW, "The profile asks about more than two contributors; evidence holds two.")
    largest, second, total = _amounts(ask.evidence)
    held = largest if profile.dominance_n == 1 else largest + second
    if total <= 0 or held * 100 <= Decimal(str(profile.dominance_k)) * total:
        return None
    return _finding(
        "M2", Verdict.SUPPRESS, "A few contributors make most of this figure.", largest=largest, total=total
    )


def p_percent(ask: Question, profile: Profile) -> Answer:
    """M3: what is left after the two largest is under p percent of the largest."""
    if profile.p_percent is None or not _has_amounts(ask):
        return None
    largest, second, total = _amounts(ask.evidence)
    if largest == 0 or (total - largest - second) * 100 >= Decimal(str(profile.p_percent)) * largest:
        return None
    sentence = "The second contributor could estimate the largest too closely."
    return _finding("M3", Verdict.SUPPRESS, sentence, largest=largest, second=second, total=total)


def negatives(ask: Question, _: Profile) -> Answer:
    """M7: dominance means nothing where contributions can be negative."""
    low = ask.evidence.low
    if ask.measure not in MAGNITUDES or low is None or number(low) >= 0:
        return None
    return _finding("M7", Verdict.REVIEW, "Negative contributions: dominance cannot be judged.", lowest=low)


def all_equal(ask: Question, profile: Profile) -> Answer:
    """M9: everybody's total is the same, or that of all but fewer than t: the figure tells each, and whether there are
    such few. Exempt where the catalogue allows one value only."""
    e = ask.evidence
    few = e.others is not None and e.others < profile.t and 2 * e.others < e.persons
    equal = e.low is not None and e.low == e.high
    if ask.measure not in MAGNITUDES or not (few or equal):
        return None
    if ask.bounds is not None and ask.bounds[0] is not None and ask.bounds[0] == ask.bounds[1]:
        return None
    return _finding("M9", Verdict.SUPPRESS, "Every contributor has the same value.", lowest=e.low, others=e.others)


def no_deviation(ask: Question, _: Profile) -> Answer:
    """M9: a deviation of nothing, or shown as nothing, says that everybody has (nearly) the mean."""
    value = ask.evidence.value
    if ask.measure is not Measure.DEVIATION or value is None or 0 not in (number(value), ask.protected):
        return None
    return _finding("M9", Verdict.SUPPRESS, "Every contributor has (nearly) the same value.", value=value)


def distinct_values(ask: Question, _: Profile) -> Answer:
    """A2: the contributors of a count of distinct values are the values: a person looks."""
    if ask.measure is not Measure.COUNT_DISTINCT:
        return None
    return _finding("A2", Verdict.REVIEW, "A count of distinct values has no automatic verdict.")


def outside_list(ask: Question, _: Profile) -> Answer:
    """A1: the argument is outside the closed list of the algebra, or the statistic always is."""
    always = "A quantile or deviation has no automatic verdict." if ask.measure in PLACES else None
    why = ask.needs_review or always
    return None if why is None else _finding("A1", Verdict.REVIEW, why)


def _has_amounts(ask: Question) -> bool:
    e = ask.evidence
    return ask.measure in MAGNITUDES and e.largest is not None and e.total is not None and not _negative(e)


def _negative(evidence: StatisticEvidence) -> bool:
    return evidence.low is not None and number(evidence.low) < 0


def _amounts(evidence: StatisticEvidence) -> tuple[Decimal, Decimal, Decimal]:
    """The two largest and the total; a second that is not known is as large as the largest, if there is one."""
    second = evidence.second
    if second is None:
        second = evidence.largest if evidence.persons > 1 else 0
    return Decimal(number(evidence.largest)), Decimal(number(second)), Decimal(number(evidence.total))


Rule = Callable[[Question, Profile], Answer]

STATIC: tuple[Rule, ...] = (distinct_values, outside_list)
"""Rules that follow from the plan alone, whatever the data are."""

RULES: tuple[Rule, ...] = (
    small_cell, zero_cell, full_cell, institutions, contributors, dominance, p_percent, negatives, all_equal,
    no_deviation, *STATIC,
)  # fmt: skip


def findings_of(ask: Question, profile: Profile, rules: tuple[Rule, ...] = RULES) -> tuple[Finding, ...]:
    """Every rule's word on one statistic in one cell."""
    return tuple(found for rule in rules if (found := rule(ask, profile)) is not None)
