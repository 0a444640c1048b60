"""Each rule on one statistic: what it says, and that its thresholds come from the profile."""

from dataclasses import replace

import pytest

from broker.disclosure.linking.joint_cells import JointAmount, JointCell, JointCellIndex
from broker.disclosure.linking.linked_system import PatternInput, build_linked_system
from broker.disclosure.rules import RuleInput, findings_of
from broker.disclosure.suppression.suppression_task import least_width
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from broker.evidence.table_families import TableFamily
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy

PROFILE = DisclosureRules(name="npd", source="test", t=10)


def said(ask: RuleInput, profile: DisclosureRules = PROFILE) -> dict[str, Verdict]:
    return {f.rule: f.verdict for f in findings_of(ask, profile)}


def people(values: list[int]) -> StatisticEvidence:
    big, n = [*sorted(map(abs, values), reverse=True), 0], len(values)
    return StatisticEvidence(sum(values), n, n, 0, 0, big[0], big[1], min(values), max(values), sum(values))


@pytest.mark.parametrize(("rows", "persons", "rules"), [
    (0, 0, {"F2"}), (1, 1, {"F1"}), (9, 9, {"F1"}), (10, 10, set()), (4000, 4000, set()), (100, 1, {"F1"}),
])  # fmt: skip
def test_a_count_needs_the_threshold_of_persons_and_not_of_rows(rows: int, persons: int, rules: set[str]) -> None:
    assert set(said(RuleInput(Measure.COUNT_ROWS, StatisticEvidence(rows, rows, persons), persons))) == rules


@pytest.mark.parametrize(("rows", "persons", "most", "rules"), [
    (310, 30, None, {"M3"}),  # one person could have 281 of them
    (309, 30, None, set()),
    (310, 30, 30, set()),  # ten rows for each row of a child, of which a year has three at most
    (31, 30, 2, set()), (5000, 30, 4000, {"M3"}), (310, 9, 30, {"F1"}),
])  # fmt: skip
def test_rows_may_be_one_persons_as_far_as_the_catalogue_allows(rows, persons, most, rules) -> None:
    one_side = StatisticEvidence(rows, rows, persons, rest=399, rest_rows=400, total=rows)
    other_side = StatisticEvidence(400, 400, 399, rest=persons, rest_rows=rows, total=400)
    for evidence in (one_side, other_side):
        assert set(said(RuleInput(Measure.ONES, evidence, 399 + persons, most_rows=most))) == rules


@pytest.mark.parametrize(("ones", "rest", "rules"), [
    (3, 40000, {"F1"}), (40000, 3, {"F1"}), (0, 500, {"F3"}), (500, 0, {"F3"}), (10, 10, set()), (0, 4, {"F1", "F3"}),
])  # fmt: skip
def test_a_conditional_sum_is_a_count_of_ones_and_of_the_rest(ones: int, rest: int, rules: set[str]) -> None:
    for measure in (Measure.ONES, Measure.SHARE):
        ask = RuleInput(measure, StatisticEvidence(ones, ones, ones, rest, rest, total=ones), ones + rest)
        of_a_share = {"P1"} if "F1" in rules and measure is Measure.SHARE else set()
        assert set(said(ask)) == rules | of_a_share


def test_what_zero_and_full_need_is_the_profiles_word() -> None:
    zero = RuleInput(Measure.COUNT_ROWS, StatisticEvidence(0, 0, 0), 0)
    full = RuleInput(Measure.ONES, StatisticEvidence(50, 50, 50, total=50), 50)
    for policy, verdict in ((ZeroPolicy.REVIEW, Verdict.REVIEW), (ZeroPolicy.SUPPRESS, Verdict.SUPPRESS)):
        profile = replace(PROFILE, zeros=policy, full=policy)
        assert said(zero, profile) == {"F2": verdict}
        assert said(full, profile) == {"F3": verdict}
    free = replace(PROFILE, zeros=ZeroPolicy.PUBLISH, full=ZeroPolicy.PUBLISH)
    assert said(zero, free) == said(full, free) == {}


@pytest.mark.parametrize(("values", "rules"), [
    ([5] * 9 + [6], set()), (list(range(1, 10)), {"F1", "M1"}), ([1000, 500] + [1] * 12, {"M3"}),
    ([1000, 900] + [10] * 10, set()), ([7] * 30, {"M9"}), ([-3] + [50] * 20 + [40], {"M7"}),
])  # fmt: skip
def test_sums_and_means(values: list[int], rules: set[str]) -> None:
    for measure in (Measure.SUM, Measure.MEAN):
        assert set(said(RuleInput(measure, people(values), len(values)))) == rules


def test_few_contributors_in_a_large_cell() -> None:
    assert set(said(RuleInput(Measure.MEAN, people([4, 5, 6]), 500))) == {"M1"}


def test_dominance_only_where_the_profile_requires_it() -> None:
    ask = RuleInput(Measure.SUM, people([100] + [10] * 11), 12)
    assert said(ask) == {}
    assert set(said(ask, replace(PROFILE, dominance_n=1, dominance_k=40.0))) == {"M2"}
    assert said(ask, replace(PROFILE, dominance_n=3, dominance_k=40.0)) == {"M2": Verdict.REVIEW}


def test_one_possible_value_is_no_secret() -> None:
    assert said(RuleInput(Measure.SUM, people([1] * 40), 40, bounds=(1, 1))) == {}


def test_figures_without_an_automatic_verdict_need_a_review() -> None:
    distinct = RuleInput(Measure.COUNT_DISTINCT, StatisticEvidence(40, 900, 900, contributors=40), 900)
    assert said(distinct) == {"A2": Verdict.REVIEW}
    other = RuleInput(Measure.SUM, people(list(range(40))), 40, needs_review="a product of two columns")
    assert said(other) == {"A1": Verdict.REVIEW}


def test_derived_amounts_are_as_wide_as_the_profiles_dominance_rule() -> None:
    """(2, 80) stands for 25 percent; a profile without any rule on dominance asks for no more than a unit."""
    by_two = replace(PROFILE, p_percent=None, dominance_k=80.0)
    assert [least_width(100.0, p) for p in (PROFILE, by_two, replace(PROFILE, p_percent=None))] == [10.0, 25.0, 1.0]
    assert [least_width(one, PROFILE, whole=False) for one in (100.0, 1.0, 0.0)] == [10.0, 0.1, 0.0]
    assert least_width(1.0, replace(PROFILE, p_percent=None), whole=False) == 0.1
    for profile in (PROFILE, by_two):
        amounts = JointCellIndex([JointCell({}, 30, 30, {"x": JointAmount(3000.0, 100.0, 0.0)})])
        found = build_linked_system(PatternInput(TableFamily((), (), None), {}, {}, amounts, {}, {}, profile), "x")
        assert found.widths == [least_width(100.0, profile)]
