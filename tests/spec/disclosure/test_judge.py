"""Small drawn tables and their releases: the documentation of disclosure control."""

from dataclasses import replace
from decimal import Decimal

import pytest

from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan, Sort, TableRef
from broker.domain.plans.plan import GroupKey, OutputColumn, PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from tests.oracles.judge_output import judge_output

PROFILE = DisclosureRules(name="npd", source="test", t=10)
LA = GroupKey(1, ColumnRef(1, ScalarType.TEXT), ScalarType.TEXT, ("201", "202", "203"), "npd.census.LA")
N, ONES, MEAN = ColumnRef(10, ScalarType.INT), ColumnRef(11, ScalarType.INT), ColumnRef(12, ScalarType.DECIMAL)


def plan(
    *columns: tuple[str, Scalar],
    keys: tuple[GroupKey, ...] = (LA,),
    implied: tuple[PlannedStatistic, ...] = (),
    order: tuple[tuple[Scalar, bool], ...] = (),
) -> PlannedOutput:
    statistics = (
        PlannedStatistic(10, Measure.COUNT_ROWS, None, ScalarType.INT),
        PlannedStatistic(11, Measure.ONES, None, ScalarType.INT),
        PlannedStatistic(12, Measure.MEAN, None, ScalarType.DECIMAL, bounds=(0, 90)),
        *implied,
    )
    shown = tuple(OutputColumn(f"k{k.ident}", ColumnRef(k.ident, k.type), "key") for k in keys)
    shown += tuple(OutputColumn(n, e, "derived") for n, e in columns)
    table = PlannedTable(Scan("npd.census", (), 0, None), 0, keys, statistics)
    return PlannedOutput("t", "pupil", (table,), Sort(TableRef(0), order) if order else TableRef(0), shown)


def cell(keys: tuple[Value, ...], ones: int, rest: int, scores: int = 46) -> CellEvidence:
    n = ones + rest
    mean = StatisticEvidence(scores, n, n, 0, 0, 80, 79, 1, 80, scores * n)
    found = {10: StatisticEvidence(n, n, n), 11: StatisticEvidence(ones, ones, ones, rest, rest, total=ones), 12: mean}
    return CellEvidence(keys, n, n, found)


def lines(assessment: Assessment) -> list[str]:
    return released_csv(assessment).decode().splitlines()


def evidence(*cells: CellEvidence) -> OutputEvidence:
    return OutputEvidence("t", (TableEvidence(cells, sum(c.persons for c in cells)),))


def test_counts_are_rounded_and_small_and_empty_rows_are_alike() -> None:
    found = judge_output(plan(("n", N)), evidence(cell(("201",), 30, 23), cell(("202",), 2, 2)), PROFILE)
    assert lines(found) == ["k1,n", "201,55", "202,c", "203,c"]
    assert found.verdict is Verdict.SUPPRESS
    assert not found.small
    assert {f.rule for f in found.findings} == {"F1", "F2"}


def test_a_share_is_made_of_protected_counts() -> None:
    share = Call(
        "divide",
        (Call("multiply", (Literal(Decimal("100.0"), ScalarType.DECIMAL), ONES), ScalarType.DECIMAL), N),
        ScalarType.DECIMAL,
    )
    found = judge_output(
        plan(("n", N), ("share", share)), evidence(cell(("201",), 64, 31), cell(("203",), 4, 60)), PROFILE
    )
    assert lines(found)[1] == "201,95,68"  # 6500 / 95: 63 to 67 of 93 to 97 are 65 to 72 %
    assert lines(found)[3] == "203,65,c", "four with the property: the share goes, the count stays"


def test_arithmetic_cannot_undo_rounding() -> None:
    """COUNT(*)+1 rounded last would tell the remainder; here it is the rounded count, plus one."""
    one = Call("add", (N, Literal(1, ScalarType.INT)), ScalarType.INT)
    for n in (53, 54, 55, 56, 57):
        assert lines(judge_output(plan(("n", one)), evidence(cell(("201",), 20, n - 20)), PROFILE))[1] == "201,56"


def test_hidden_stays_hidden_through_coalesce_and_case() -> None:
    blank = Call("coalesce", (N, Literal(0, ScalarType.INT)), ScalarType.INT)
    found = judge_output(plan(("n", blank)), evidence(cell(("201",), 30, 30), cell(("202",), 3, 3)), PROFILE)
    assert lines(found)[2] == "202,c"


def test_means_are_rounded_to_more_than_one_contribution_moves() -> None:
    """To 2.5 large contributions over so many: to tens with 20 pupils, and to tenths with 4,000."""
    shown = [
        judge_output(plan(("m", MEAN)), evidence(cell(("201",), n // 2, n // 2)), PROFILE).rows[0].released[1]
        for n in (20, 4000)
    ]
    assert shown == [50, Decimal("46.0")]


def test_rows_come_from_the_list_and_others_only_if_they_pass() -> None:
    odd, small, none = cell(("999",), 50, 50), cell(("998",), 2, 2), cell((None,), 20, 20)
    found = judge_output(plan(("n", N)), evidence(cell(("203",), 40, 40), small, odd, none), PROFILE)
    assert lines(found) == ["k1,n", "201,c", "202,c", "203,80", "999,100", "(missing),40"]


def test_a_register_lists_rows_and_without_a_list_only_large_cells_are_rows() -> None:
    school = GroupKey(1, ColumnRef(1, ScalarType.INT), ScalarType.INT, None, "npd.census.URN")
    seen = evidence(cell((100,), 40, 40), cell((101,), 2, 2))
    listed = judge_output(plan(("n", N), keys=(school,)), seen, PROFILE, {"npd.census.URN": [100, 101, 102]})
    assert lines(listed) == ["k1,n", "100,80", "101,c", "102,c"]
    assert lines(judge_output(plan(("n", N), keys=(school,)), seen, PROFILE)) == ["k1,n", "100,80"]
    short = replace(PROFILE, max_listed_rows=2)
    assert lines(judge_output(plan(("n", N), keys=(school,)), seen, short, {"npd.census.URN": [100, 101, 102]})) == [
        "k1,n",
        "100,80",
    ]


@pytest.mark.parametrize("zeros", list(ZeroPolicy))
def test_a_small_population_answers_like_an_empty_one(zeros: ZeroPolicy) -> None:
    """WHERE fits one child: the table does not tell the child's group, nor that there is a child."""
    profile = replace(PROFILE, zeros=zeros)
    none = judge_output(plan(("n", N)), evidence(), profile)
    one = judge_output(plan(("n", N)), evidence(cell(("202",), 1, 0)), profile)
    assert lines(none) == lines(one) == ["k1,n", "201,c", "202,c", "203,c"]
    assert none.small
    assert one.small
    assert none.verdict is one.verdict is Verdict.SUPPRESS
    assert released_record(none, PROFILE) == released_record(one, PROFILE)


def test_zeros_are_shown_only_where_policy_says_and_nothing_is_hidden() -> None:
    free = replace(PROFILE, zeros=ZeroPolicy.PUBLISH)
    assert lines(judge_output(plan(("n", N)), evidence(cell(("201",), 30, 30)), free)) == [
        "k1,n",
        "201,60",
        "202,0",
        "203,0",
    ]
    beside = judge_output(plan(("n", N)), evidence(cell(("201",), 30, 30), cell(("202",), 3, 3)), free)
    assert lines(beside) == ["k1,n", "201,60", "202,c", "203,c"]


def test_what_is_implied_is_judged_and_never_shown() -> None:
    """A mean over CASE branches: the branch that four persons take hides the mean."""
    implied = (PlannedStatistic(13, Measure.ONES, None, ScalarType.INT, implied_by=12),)
    large, branch = cell(("201",), 50, 50), StatisticEvidence(4, 4, 4, 96, 96, total=4)
    seen = CellEvidence(large.keys, 100, 100, {**large.statistics, 13: branch})
    found = judge_output(plan(("n", N), ("m", MEAN), implied=implied), evidence(seen), PROFILE)
    assert lines(found) == ["k1,n,m", "201,100,c", "202,c,c", "203,c,c"]


def test_order_is_that_of_released_values_then_of_the_list() -> None:
    """51 and 53 both leave as 50 and 55; 53 and 54 leave alike, so list order stands between them."""
    seen = evidence(cell(("201",), 20, 33), cell(("202",), 20, 34), cell(("203",), 2, 2))
    down = judge_output(plan(("n", N), order=((N, True),)), seen, PROFILE)
    assert lines(down) == ["k1,n", "201,55", "202,55", "203,c"]
    up = judge_output(plan(("n", N), order=((N, False),)), seen, PROFILE)
    assert lines(up) == lines(down), "hidden rows stand last either way"


def test_a_category_that_holds_all_of_a_line_is_hidden() -> None:
    flag = GroupKey(2, ColumnRef(2, ScalarType.INT), ScalarType.INT, (0, 1), None)
    seen = evidence(*(cell((la, f), 30, 30) for la, f in (("201", 0), ("201", 1), ("202", 0), ("202", 1), ("203", 1))))
    found = judge_output(plan(("n", N), keys=(LA, flag)), seen, PROFILE)
    assert lines(found)[-2:] == ["203,0,c", "203,1,c"]
    only = judge_output(
        plan(("n", N), keys=(LA, flag)), evidence(cell(("201", 1), 30, 30), cell(("202", 1), 30, 30)), PROFILE
    )
    assert lines(only)[2] == "201,1,60", "follows from the filter: every row has the value"


def test_a_count_of_distinct_values_goes_to_a_person() -> None:
    table = PlannedTable(
        Scan("x", (), 0, None), 0, (), (PlannedStatistic(10, Measure.COUNT_DISTINCT, N, ScalarType.INT),)
    )
    p = PlannedOutput("t", "pupil", (table,), TableRef(0), (OutputColumn("schools", N, "count_distinct"),))
    found = judge_output(
        p, evidence(CellEvidence((), 90, 90, {10: StatisticEvidence(41, 90, 90, contributors=41)})), PROFILE
    )
    assert (found.verdict, lines(found)) == (Verdict.REVIEW, ["schools", "40"])


def test_an_unknown_operation_is_never_guessed() -> None:
    with pytest.raises(Breach, match="cube"):
        judge_output(plan(("n", Call("cube", (N,), ScalarType.INT))), evidence(cell(("201",), 30, 30)), PROFILE)


def test_the_staff_form_comes_back_and_the_released_form_holds_no_evidence() -> None:
    found = judge_output(plan(("n", N), ("m", MEAN)), evidence(cell(("201",), 30, 23), cell(("202",), 2, 2)), PROFILE)
    assert assessment_from_json(assessment_to_json(found)) == found
    told = repr(released_record(found, PROFILE))
    assert "F1" not in told
    assert "53" not in told
    assert "small" not in told
