"""Small drawn tables and their releases: the documentation of disclosure control."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tables_kit import LA, judged_table, key_of, lines, output_of

from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.disclosure.records.released_tables import released_record
from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Sort, TableRef
from broker.domain.plans.plan import GroupKey, PlannedOutput, PlannedStatistic
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy

PROFILE = DisclosureRules(name="npd", source="test", t=10)
FREE = replace(PROFILE, zeros=ZeroPolicy.PUBLISH)
N, ONES, MEAN = ColumnRef(10, ScalarType.INT), ColumnRef(11, ScalarType.INT), ColumnRef(12, ScalarType.DECIMAL)
STATISTICS = (
    PlannedStatistic(10, Measure.COUNT_ROWS, None, ScalarType.INT),
    PlannedStatistic(11, Measure.ONES, None, ScalarType.INT),
    PlannedStatistic(12, Measure.MEAN, None, ScalarType.DECIMAL, bounds=(0, 90)),
)


def plan(
    keys: tuple[GroupKey, ...] = (LA,), implied: Sequence[PlannedStatistic] = (), **columns: Scalar
) -> PlannedOutput:
    return output_of((*STATISTICS, *implied), keys, columns or {"n": N})


def cell(la: str | int | None, ones: int, rest: int, *more_keys: Value) -> CellEvidence:
    n = ones + rest
    mean = StatisticEvidence(46, n, n, 0, 0, 80, 79, 1, 80, 46 * n)
    found = {10: StatisticEvidence(n, n, n), 11: StatisticEvidence(ones, ones, ones, rest, rest, total=ones), 12: mean}
    return CellEvidence((la, *more_keys), n, n, found)


def judged(
    *cells: CellEvidence, of: PlannedOutput | None = None, profile: DisclosureRules = PROFILE, lists: Any = None
) -> Assessment:
    return judged_table(of or plan(), cells, profile, *([lists] if lists else []))


def call(op: str, *args: Scalar) -> Call:
    return Call(op, args, ScalarType.DECIMAL)


def test_counts_are_rounded_and_small_and_empty_rows_are_alike() -> None:
    found = judged(cell("201", 30, 23), cell("202", 2, 2))
    assert lines(found) == ["k1,n", "201,55", "202,c", "203,c"]
    assert (found.verdict, found.small) == (Verdict.SUPPRESS, False)
    assert {f.rule for f in found.findings} == {"F1", "F2"}


def test_a_share_is_made_of_protected_counts() -> None:
    share = call("divide", call("multiply", Literal(Decimal("100.0"), ScalarType.DECIMAL), ONES), N)
    found = judged(cell("201", 64, 31), cell("203", 4, 60), of=plan(n=N, share=share))
    assert lines(found)[1] == "201,95,68"  # 6500 / 95: 63 to 67 of 93 to 97 are 65 to 72 %
    assert lines(found)[3] == "203,65,c", "four with the property: the share goes, the count stays"


@pytest.mark.parametrize("n", range(53, 58))
def test_arithmetic_cannot_undo_rounding(n: int) -> None:
    """COUNT(*)+1 rounded last would tell the remainder; here it is the rounded count, plus one."""
    one = call("add", N, Literal(1, ScalarType.INT))
    assert lines(judged(cell("201", 20, n - 20), of=plan(n=one)))[1] == "201,56"


def test_hidden_stays_hidden_through_coalesce_and_case() -> None:
    blank = call("coalesce", N, Literal(0, ScalarType.INT))
    assert lines(judged(cell("201", 30, 30), cell("202", 3, 3), of=plan(n=blank)))[2] == "202,c"


@pytest.mark.parametrize(("n", "shown"), [(20, 50), (4000, Decimal("46.0"))])
def test_means_are_rounded_to_more_than_one_contribution_moves(n: int, shown: Decimal) -> None:
    """To 2.5 large contributions over so many: to tens with 20 pupils, and to tenths with 4,000."""
    assert judged(cell("201", n // 2, n // 2), of=plan(m=MEAN)).rows[0].released[1] == shown


def test_rows_come_from_the_list_and_others_only_if_they_pass() -> None:
    found = judged(cell("203", 40, 40), cell("998", 2, 2), cell("999", 50, 50), cell(None, 20, 20))
    assert lines(found) == ["k1,n", "201,c", "202,c", "203,80", "999,100", "(missing),40"]


@pytest.mark.parametrize(
    ("listed", "most", "shown"),
    [
        ([100, 101, 102], PROFILE.max_listed_rows, ["100,80", "101,c", "102,c"]),
        (None, PROFILE.max_listed_rows, ["100,80"]),
        ([100, 101, 102], 2, ["100,80"]),
    ],
)
def test_a_register_lists_rows_and_without_a_list_only_large_cells_are_rows(
    listed: list[int] | None, most: int, shown: list[str]
) -> None:
    schools = plan((key_of(kind=ScalarType.INT, variable="npd.census.URN"),))
    lists = {"npd.census.URN": listed} if listed else None
    found = judged(
        cell(100, 40, 40), cell(101, 2, 2), of=schools, profile=replace(PROFILE, max_listed_rows=most), lists=lists
    )
    assert lines(found) == ["k1,n", *shown]


@pytest.mark.parametrize("zeros", list(ZeroPolicy))
def test_a_small_population_answers_like_an_empty_one(zeros: ZeroPolicy) -> None:
    """WHERE fits one child: the table does not tell the child's group, nor that there is a child."""
    none, one = (judged(*cells, profile=replace(PROFILE, zeros=zeros)) for cells in ([], [cell("202", 1, 0)]))
    assert lines(none) == lines(one) == ["k1,n", "201,c", "202,c", "203,c"]
    assert (none.small, none.verdict) == (one.small, one.verdict) == (True, Verdict.SUPPRESS)
    assert released_record(none, PROFILE) == released_record(one, PROFILE)


def test_zeros_are_shown_only_where_policy_says_and_nothing_is_hidden() -> None:
    assert lines(judged(cell("201", 30, 30), profile=FREE)) == ["k1,n", "201,60", "202,0", "203,0"]
    beside = judged(cell("201", 30, 30), cell("202", 3, 3), profile=FREE)
    assert lines(beside) == ["k1,n", "201,60", "202,c", "203,c"]


def test_what_is_implied_is_judged_and_never_shown() -> None:
    """A mean over CASE branches: the branch that four persons take hides the mean."""
    implied = (PlannedStatistic(13, Measure.ONES, None, ScalarType.INT, implied_by=12),)
    large, branch = cell("201", 50, 50), StatisticEvidence(4, 4, 4, 96, 96, total=4)
    seen = replace(large, statistics={**large.statistics, 13: branch})
    found = judged(seen, of=plan(implied=implied, n=N, m=MEAN))
    assert lines(found) == ["k1,n,m", "201,100,c", "202,c,c", "203,c,c"]


@pytest.mark.parametrize("down", [True, False])
def test_order_is_that_of_released_values_then_of_the_list(down: bool) -> None:
    """53 and 54 leave alike, so list order stands between them; hidden rows stand last either way."""
    ordered = replace(plan(), program=Sort(TableRef(0), ((N, down),)))
    found = judged(cell("201", 20, 33), cell("202", 20, 34), cell("203", 2, 2), of=ordered)
    assert lines(found) == ["k1,n", "201,55", "202,55", "203,c"]


def test_a_category_that_holds_all_of_a_line_is_hidden() -> None:
    by_flag = plan((LA, key_of(0, 1, ident=2, kind=ScalarType.INT)))
    flags = {"201": (0, 1), "202": (0, 1), "203": (1,)}
    found = judged(*(cell(la, 30, 30, f) for la, of_la in flags.items() for f in of_la), of=by_flag)
    assert lines(found)[-2:] == ["203,0,c", "203,1,c"]
    only = judged(cell("201", 30, 30, 1), cell("202", 30, 30, 1), of=by_flag)
    assert lines(only)[2] == "201,1,60", "follows from the filter: every row has the value"


def test_a_count_of_distinct_values_goes_to_a_person() -> None:
    schools = output_of((PlannedStatistic(10, Measure.COUNT_DISTINCT, N, ScalarType.INT),), ())
    seen = CellEvidence((), 90, 90, {10: StatisticEvidence(41, 90, 90, contributors=41)})
    found = judged(seen, of=schools)
    assert (found.verdict, lines(found)) == (Verdict.REVIEW, ["count_distinct", "40"])


def test_an_unknown_operation_is_never_guessed() -> None:
    with pytest.raises(Breach, match="cube"):
        judged(cell("201", 30, 30), of=plan(n=call("cube", N)))


def test_the_staff_form_comes_back_and_the_released_form_holds_no_evidence() -> None:
    found = judged(cell("201", 30, 23), cell("202", 2, 2), of=plan(n=N, m=MEAN))
    assert assessment_from_json(assessment_to_json(found)) == found
    told = repr(released_record(found, PROFILE))
    assert not [word for word in ("F1", "53", "small") if word in told]
