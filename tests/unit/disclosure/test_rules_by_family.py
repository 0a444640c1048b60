"""Rules that need more than a line: equal totals, rows of one person, institutions, percentages, places, shapes."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from math import ceil, floor
from pkgutil import iter_modules
from typing import Any, cast

import pytest
from hypothesis import example, given, settings, strategies as st

from broker.disclosure import rules as families
from broker.disclosure.protected_means import mean_of_units
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.disclosure.rounded_counts import CellSize, round_rows
from broker.disclosure.rules import RULES, RuleInput, findings_of
from broker.disclosure.rules.distribution import persons_between, quantile_spans
from broker.disclosure.rules.percentage import counts_shown_as, has_whole_total, parts_shown_as
from broker.disclosure.rules.rule import Rule, no_margin
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from tests.unit.disclosure.test_rules import PROFILE, said

pytestmark = pytest.mark.slow

SCHOOLS = replace(PROFILE, protects_institutions=True)


def mean_of(values: list[int], measure: Measure = Measure.MEAN) -> RuleInput:
    big = sorted(map(abs, values), reverse=True)
    persons = len(values) if measure is Measure.MEAN else sum(v != 0 for v in values)
    evidence = StatisticEvidence(
        sum(values), len(values), persons, largest=big[0], second=big[1], low=min(values), high=max(values),
        total=sum(values), others=len(values) - max(Counter(values).values()),
    )  # fmt: skip
    return RuleInput(measure, evidence, len(values))


@pytest.mark.parametrize("measure", [Measure.SUM, Measure.MEAN])
@pytest.mark.parametrize(("values", "hidden"), [
    ([7] * 30, True), ([7] * 30 + [8] * 9, True), ([7] * 30 + [8] * 10, False), (list(range(1, 20)), False),
    ([7] * 10 + list(range(20, 29)), True),
    ([7] * 9 + list(range(20, 29)), False),
    ([0] * 30 + [5] * 12, False),
    ([0] * 40, True),
])  # fmt: skip
def test_one_total_of_nearly_all_is_hidden(values: list[int], hidden: bool, measure: Measure) -> None:
    """Nineteen different totals are no secret of anybody; ten equal ones of nineteen are."""
    assert ("M9" in said(mean_of(values, measure))) == hidden


def test_a_second_that_is_not_known_may_be_as_large_as_the_first() -> None:
    evidence = StatisticEvidence(1000, 40, 40, largest=480, second=30, low=1, high=480, total=1000)
    assert said(RuleInput(Measure.SUM, evidence, 40)) == {}
    assert said(RuleInput(Measure.SUM, replace(evidence, second=None), 40)) == {"M3": Verdict.SUPPRESS}


@pytest.mark.parametrize(("rows", "persons", "most", "second", "hidden"), [
    (400, 20, 350, 20, True), (100, 20, 40, 6, False), (100, 20, 50, None, True), (100, 20, None, None, False),
    (400, 20, None, None, True), (20, 20, None, None, False), (400, 20, 20, 20, False),
])  # fmt: skip
def test_a_count_of_rows_is_not_one_persons(rows, persons, most, second, hidden) -> None:
    """Unknown, one person may have all rows but one of everybody else: of 400 rows of 20 persons, 381."""
    evidence = StatisticEvidence(rows, rows, persons, largest=most, second=second)
    assert said(RuleInput(Measure.COUNT_ROWS, evidence, persons)) == ({"M3": Verdict.SUPPRESS} if hidden else {})
    assert said(RuleInput(Measure.COUNT_PERSONS, evidence, persons)) == {}


def test_rows_are_rounded_by_persons_with_one_base() -> None:
    assert [round_rows(n, n, PROFILE) for n in (52, 53, 57)] == [50, 55, 55]
    shown = {round_rows(5 * n, n, PROFILE) for n in range(53, 58)}
    assert shown == {275}, "five rows of everybody do not tell how many there are"
    assert {round_rows(5 * n + more, n, PROFILE) for n in range(53, 58) for more in (-1, 0, 1)} == {275}
    assert round_rows(57, 23, replace(PROFILE, round_base=1)) == 57


def test_a_small_total_has_an_id_of_its_own() -> None:
    ask = RuleInput(Measure.COUNT_ROWS, StatisticEvidence(4, 4, 4), 4, margin=True)
    assert said(ask) == {"F1": Verdict.SUPPRESS, "F5": Verdict.SUPPRESS}
    assert said(replace(ask, margin=False)) == {"F1": Verdict.SUPPRESS}


def share(ones: int, rest: int, shown: str) -> RuleInput:
    evidence = StatisticEvidence(None, ones, ones, rest, rest)
    return RuleInput(Measure.SHARE, evidence, ones + rest, protected=Decimal(shown))


def test_digits_of_a_percentage_disclose_a_small_count_only_where_counts_are_exact() -> None:
    exact = replace(PROFILE, round_base=1)
    assert "P2" in said(share(3, 997, "0.003"), exact)
    assert "P2" in said(share(997, 3, "0.997"), exact)
    assert "P2" not in said(share(12, 988, "0.012"), exact)
    assert "P2" not in said(share(3, 39997, "0.000"), exact), "0.0 % of 40,000 may be nobody, or twenty"
    assert "P2" not in said(share(3, 997, "0.005")), "of rounded counts it tells these"
    assert {"F1", "P1"} <= said(share(3, 997, "0.005")).keys()


@pytest.mark.parametrize("digits", [2, 3])
def test_what_a_percentage_leaves_possible_is_what_is_written_so(digits: int) -> None:
    step = Decimal(1).scaleb(-digits)
    for count in range(1, 130):
        written = [(Decimal(part) / count).quantize(step, rounding="ROUND_HALF_UP") for part in range(count + 1)]
        for one in written:
            last = count - written[::-1].index(one)
            assert parts_shown_as(one, count, digits) == (written.index(one), last)


def test_digits_of_a_mean_leave_every_count_possible() -> None:
    """2.25 over 8 to 12 rows is possible of 8 and 12 alone; 2.3 of each from ten on."""
    fine = replace(PROFILE, mean_digits=3)
    ask = RuleInput(Measure.MEAN, StatisticEvidence(None, 12, 12, total=27), 12, mean_of_units=Decimal("2.250"))
    assert said(ask, fine) == {"M8": Verdict.SUPPRESS}
    assert said(replace(ask, mean_of_units=Decimal("2.3")), fine) == {}
    assert list(counts_shown_as(12, PROFILE)) == [10, 11, 12]
    assert [n for n in range(8, 13) if has_whole_total(Decimal("2.250"), n)] == [8, 12]
    for rows in range(10, 300):
        evidence = StatisticEvidence(None, rows, rows, largest=1, total=rows // 3)
        statistic = PlannedStatistic(1, Measure.MEAN, None, ScalarType.DECIMAL)
        of_units = mean_of_units(statistic, evidence, fine, CellSize(rows, rows))
        ask = RuleInput(Measure.MEAN, evidence, rows, mean_of_units=of_units)
        assert "M8" not in said(ask, fine), "no such digits leave"


def test_a_mean_passes_only_as_its_sum_does() -> None:
    ask = mean_of([0] * 6 + list(range(1, 10)))
    assert said(replace(ask, some=9)) == {"M8": Verdict.SUPPRESS}
    assert said(replace(ask, some=10)) == {}


def test_a_quantile_needs_persons_on_either_side_and_near_its_value() -> None:
    def rule_input(n, span, near, rows=None, most=None) -> RuleInput:
        evidence = StatisticEvidence(5, rows or n, n, step_number=near, largest=most)
        return RuleInput(Measure.QUANTILE, evidence, n, span=None if span is None else Decimal(span))

    assert said(rule_input(20, "0.5", 0)) == {}
    assert said(rule_input(19, "0.5", 0)) == {"Q1": Verdict.SUPPRESS}
    assert said(rule_input(99, "0.1", 0)) == {"Q1": Verdict.SUPPRESS}
    assert said(rule_input(100, "0.1", 0)) == {}
    assert said(rule_input(100, "0.1", None)) == said(rule_input(100, None, 0)) == {"Q1": Verdict.SUPPRESS}, "unknown"
    assert said(rule_input(20, "0.5", 0, rows=60, most=3)) == {}
    assert said(rule_input(20, "0.5", 0, rows=60, most=4)) == {"Q1": Verdict.SUPPRESS}
    assert persons_between(rule_input(20, "0.5", 0, rows=22)) == 9, "two of twenty may have all that is above one each"


def test_neighbours_of_a_quantile_are_the_requested_ranks_and_the_ends() -> None:
    found = quantile_spans(map(Decimal, ("0.5", "0.9", "0.25")))
    assert {str(k): str(v) for k, v in found.items()} == {"0.25": "0.25", "0.5": "0.25", "0.9": "0.1"}
    assert quantile_spans([Decimal(0)]) == {Decimal(0): Decimal(0)}


def test_an_extreme_is_one_persons_unless_many_tie_or_the_catalogue_has_it() -> None:
    ask = RuleInput(Measure.HIGHEST, StatisticEvidence(90, 500, 500, ties=9), 500, bounds=(0, 100))
    assert said(ask) == {"Q2": Verdict.REFUSE}
    assert said(replace(ask, evidence=replace(ask.evidence, ties=10))) == {}
    assert said(replace(ask, bounds=(0, 90))) == {}
    assert said(replace(ask, bounds=(90, 100))) == {"Q2": Verdict.REFUSE}
    assert said(replace(ask, measure=Measure.LOWEST, bounds=(90, 100))) == {}


def test_a_mode_is_that_of_enough_and_not_of_all() -> None:
    def rule_input(ties: int) -> RuleInput:
        return RuleInput(Measure.MODE, StatisticEvidence("N", 50, 50, ties=ties), 50)

    assert said(rule_input(9)) == {"Q3": Verdict.SUPPRESS}
    assert said(rule_input(10)) == said(rule_input(49)) == {}
    assert said(rule_input(50)) == {"Q3": Verdict.REVIEW}
    assert said(rule_input(45), replace(PROFILE, full_share=0.9, full=ZeroPolicy.SUPPRESS)) == {"Q3": Verdict.SUPPRESS}


def test_a_box_plot_does_not_reach_the_extremes() -> None:
    evidence, near = StatisticEvidence(5, 900, 900, step_number=0), Decimal("0.05")
    ask = RuleInput(Measure.QUANTILE, evidence, 900, span=near, box=near)
    assert said(ask) == {"Q4": Verdict.REFUSE}
    assert said(replace(ask, box=Decimal("0.1"))) == {}


@pytest.mark.parametrize(("persons", "rules"), [(10, {"A1", "D1"}), (11, {"A1"})])
def test_a_deviation_has_degrees_of_freedom_and_needs_a_review(persons: int, rules: set[str]) -> None:
    assert set(said(RuleInput(Measure.DEVIATION, StatisticEvidence(3.5, persons, persons), persons))) == rules


def test_every_rule_has_a_sentence_for_staff() -> None:
    assert {rule.entry.ident for rule in RULES} <= set(RULE_CATALOGUE)
    assert all(RULE_CATALOGUE[rule.entry.ident] is rule.entry for rule in RULES)


def test_every_rule_of_every_family_judges() -> None:
    """A rule that is missing in the `RULES` of its module, or a module that is missing in the package, does nothing."""
    modules = [import_module(m.name) for m in iter_modules(families.__path__, f"{families.__name__}.")]
    written = {rule for module in modules for rule in vars(module).values() if isinstance(rule, Rule)}
    assert written == set(RULES)
    assert len(written) == len(RULES)


class Spied:
    """A profile that knows what was read of it."""

    def __init__(self, profile: DisclosureRules) -> None:
        self._profile = profile
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._profile, name)


def everything(is_exact: bool) -> DisclosureRules:
    """A profile of which every rule asks something; without a p of its own where counts are exact."""
    p, base = (None, 1) if is_exact else (10.0, 5)
    return replace(SCHOOLS, prior_q=50.0, dominance_k=60.0, p_percent=p, round_base=base)


@settings(max_examples=300, deadline=None)
@example(largest=5409, second=1.0, further=0.0, p=None, q=None, n=2, k=60.0)  # total is 8/3 of largest
@given(
    st.integers(100, 10_000), st.floats(0, 1), st.floats(0, 3), st.sampled_from([None, 10.0, 33.3]),
    st.sampled_from([None, 20.0, 75.0]), st.sampled_from([1, 2]), st.sampled_from([None, 60.0, 87.5]),
)  # fmt: skip
def test_no_rule_has_a_finding_from_its_margin_on(largest, second, further, p, q, n, k) -> None:
    """And just below the margin it has one, if the second contribution is as large as the first."""
    profile = replace(PROFILE, p_percent=p, prior_q=q, dominance_n=n, dominance_k=k)
    for rule in RULES:
        margin = rule.margin(profile)
        measure = Measure.SUM if Measure.SUM in rule.measures else Measure.COUNT_ROWS
        if margin is not None:
            far = contributions(measure, ceil((margin + further) * largest), largest, int(second * largest))
            near = contributions(measure, floor(margin * largest) - 1, largest, largest)
            assert rule.find(far, profile) is None
            assert rule.find(near, profile) is not None or (rule.entry.ident, n) == ("M2", 1)


def contributions(measure: Measure, total: int, largest: int, second: int) -> RuleInput:
    return RuleInput(measure, StatisticEvidence(total, total, 12, largest=largest, second=second, total=total), 12)


amounts = st.none() | st.integers(-3, 60)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(Measure)), st.tuples(*[st.integers(0, 60)] * 5), st.tuples(*[amounts] * 8), st.integers(0, 60),
    st.booleans(),
)  # fmt: skip
def test_rules_run_only_on_their_measures(measure, counts, found, persons, is_box) -> None:
    evidence = StatisticEvidence(*counts, *found[:5], others=counts[0], step_number=found[5], ties=counts[1])
    box = Decimal("0.01") if is_box and measure is Measure.QUANTILE else None
    ask = RuleInput(
        measure, evidence, persons, institutions=found[6], protected=found[7], margin=is_box, box=box, some=counts[2]
    )
    assert findings_of(ask, everything(is_box)) == findings_of(ask, everything(is_box), RULES)
    for rule in RULES:
        spied = Spied(everything(is_box))
        rule.find(ask, cast(DisclosureRules, spied))
        assert spied.read <= set(rule.entry.parameters), rule.entry.ident


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(Measure)), st.tuples(*[st.integers(0, 60)] * 5), st.tuples(*[amounts] * 6), st.booleans(),
    amounts, amounts,
)  # fmt: skip
def test_rules_read_what_they_say(measure, counts, found, is_exact, largest, protected) -> None:
    """Without `reads_protected`, a rule does not get the released value; without a margin, it may get other largest
    contributions."""
    low, high, second, total, institutions, box = found
    evidence = StatisticEvidence(
        counts[0], *counts[1:], low=low, high=high, largest=counts[2], second=second, total=total, others=counts[3]
    )
    ask = RuleInput(measure, evidence, counts[1], institutions=institutions, protected=box, some=counts[4])
    profile = everything(is_exact)
    for rule in RULES:
        if not rule.reads_protected:
            assert rule.find(replace(ask, protected=protected), profile) == rule.find(ask, profile), rule.entry.ident
        if rule.margin is no_margin:
            other = replace(ask, evidence=replace(evidence, largest=largest, second=None))
            assert rule.find(other, profile) == rule.find(ask, profile), rule.entry.ident
