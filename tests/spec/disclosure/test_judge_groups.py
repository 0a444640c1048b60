"""Outputs of several tables, and of figures over groups: released values, findings for staff, and reviews."""

from dataclasses import replace
from decimal import Decimal

import pytest
from groups_kit import HLA, HN, LA, YEAR, M, N, agg, calls, col, counted, evidence_of, key, lit
from tables_kit import lines

from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import (
    Aggregate,
    Filter,
    Join,
    JoinHow,
    PostAggregation,
    Project,
    TableRef,
    Union,
    Window,
    WindowColumn,
)
from broker.domain.plans.plan import (
    DeviationForm,
    OutputColumn,
    PlannedOutput,
    PlannedStatistic,
    PlannedTable,
    QuantileForm,
)
from broker.domain.plans.scalars import Scalar, ScalarType
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from tests.oracles.judge_output import judge_output

PROFILE = DisclosureRules(name="npd", source="test", t=10)
COUNT, OTHER = (PlannedStatistic(ident, Measure.COUNT_ROWS, None, ScalarType.INT) for ident in (N, HN))
T, U = TableRef(0), TableRef(1)
G = counted(0, (key(LA, ("a", "b", "d")),), COUNT)
H = counted(0, (key(HLA, ("a", "b", "d")),), OTHER)
OPEN = counted(0, (key(LA),), COUNT)


def output(
    program: PostAggregation, *columns: tuple[str, Scalar], tables: tuple[PlannedTable, ...] = (G, H)
) -> PlannedOutput:
    shown = (OutputColumn(n, e, "key" if n == "la" else "derived") for n, e in columns)
    return PlannedOutput("t", "pupil", tables, program, tuple(shown))


def sizes(count: int, **cells: int) -> TableEvidence:
    return evidence_of({(la,): (n, n, None) for la, n in cells.items()}, count)


def judged(planned: PlannedOutput, *tables: TableEvidence, profile: DisclosureRules = PROFILE) -> Assessment:
    found = judge_output(planned, OutputEvidence("t", tables), profile)
    assert assessment_from_json(assessment_to_json(found)) == found
    return found


LA_, N_ = ("la", col(LA)), ("n", col(N))
SAME_LA = calls("equal_text", LA, HLA)
TOTAL = Project(Aggregate(T, (), ((30, agg("sum", col(N))),)), ((31, lit(None)),))
WITH_TOTAL = Union((T, TOTAL), ((40, (LA, 31)), (41, (N, 30))))


def of_open(program: PostAggregation, of: TableEvidence) -> Assessment:
    """Of columns 40 and 41, over the table whose areas nobody lists."""
    return judged(output(program, ("la", col(40)), ("n", col(41)), tables=(OPEN,)), of)


def test_having_and_shares_see_rounded_counts() -> None:
    """12343 children or 12344: HAVING COUNT(*) >= 12344 says the same of both."""
    program = Filter(T, calls("at_most", lit(12344), N))
    for n in (12343, 12344):
        assert lines(judged(output(program, LA_, N_, tables=(G,)), sizes(N, a=n, b=4))) == ["la,n", "a,12345"]
    share = Window(T, (WindowColumn(30, agg("sum", col(N)), (), ()),))
    found = judged(output(share, LA_, ("share", calls("divide", N, 30)), tables=(G,)), sizes(N, a=52, b=98, d=4))
    assert lines(found) == ["la,share", "a,0.3333", "b,0.6667", "d,c"]
    assert any("Hidden figures are left out" in n for n in found.notes)
    assert not any("condition" in n for n in found.notes)


def test_groups_joined_with_groups_show_what_both_sides_may_show() -> None:
    rate = Join(T, U, JoinHow.INNER, SAME_LA)
    planned = output(rate, LA_, ("rate", calls("divide", N, HN)))
    found = judged(planned, sizes(N, a=20, b=30, d=40), sizes(HN, a=40, b=4, d=50))
    assert lines(found) == ["la,rate", "a,0.5", "b,c", "d,0.8"]
    assert found.verdict is Verdict.SUPPRESS
    assert [(f.rule, f.verdict, f.cell, f.column) for f in found.findings] == [("F1", Verdict.SUPPRESS, ("b",), "rate")]
    assert [r.persons for r in found.rows] == [20, 4, 40]


def test_a_total_over_shown_figures_discloses_nothing_new() -> None:
    found = of_open(WITH_TOTAL, sizes(N, a=20, b=30))
    assert (lines(found), found.verdict) == (["la,n", "a,20", "b,30", ",50"], Verdict.PUBLISH)
    assert lines(of_open(WITH_TOTAL, sizes(N, a=20, b=3))) == ["la,n", "a,20", ",20"]
    twice = Union((T, T), ((40, (LA, LA)), (41, (N, N))))
    assert of_open(twice, sizes(N, a=20)).verdict is Verdict.PUBLISH


def test_a_missing_key_is_named_and_a_total_is_not() -> None:
    missing = evidence_of({(None,): (20, 20, None)}, N)
    assert lines(of_open(WITH_TOTAL, missing)) == ["la,n", "(missing),20", ",20"]


def test_a_small_population_of_any_table_hides_everything() -> None:
    rate = Join(T, U, JoinHow.LEFT, SAME_LA)
    planned = output(rate, LA_, N_, ("m", col(HN)))
    small, none = (judged(planned, sizes(N, a=20, b=30, d=40), few) for few in (sizes(HN, a=9), sizes(HN)))
    assert lines(small) == lines(none) == ["la,n,m", "a,c,c", "b,c,c", "d,c,c"]
    assert (small.verdict, small.small) == (none.verdict, none.small) == (small.verdict, True)
    assert [f.figures for f in small.findings if f.rule == "W1"] == [(("persons", "9"),)]


def test_zeros_are_hidden_in_every_table_if_anything_is_hidden_in_one() -> None:
    free = replace(PROFILE, zeros=ZeroPolicy.PUBLISH)
    rows = Join(T, U, JoinHow.INNER, SAME_LA)
    planned = output(rows, LA_, N_, ("m", col(HN)))
    for of_b, shown in ((30, ["a,20,20", "b,30,30", "d,0,40"]), (4, ["a,20,20", "b,30,c", "d,c,40"])):
        found = judged(planned, sizes(N, a=20, b=30), sizes(HN, a=20, b=of_b, d=40), profile=free)
        assert lines(found)[1:] == shown


def test_a_table_that_is_not_shown_is_judged_for_staff_and_reviewed() -> None:
    schools = PlannedTable(H.contributions, 0, H.keys, H.statistics, shown=False)
    planned = output(T, LA_, N_, tables=(G, schools))
    found = judged(planned, sizes(N, a=20, b=30, d=40), sizes(HN, a=90, b=3))
    assert lines(found)[1:] == ["a,20", "b,30", "d,40"]
    assert found.verdict is Verdict.REVIEW
    assert [(f.rule, f.cell, f.column) for f in found.findings] == [("F1", ("b",), None), ("A3", None, None)]
    with pytest.raises(Breach, match="must not be shown"):
        judged(output(U, ("m", col(HN)), tables=(G, schools)), sizes(N, a=20), sizes(HN, a=90))


def test_a_figure_that_only_a_condition_reads_has_no_column_and_can_need_a_review() -> None:
    outside = "An argument outside the closed list."
    wild = PlannedStatistic(M, Measure.SUM, col(90), ScalarType.INT, needs_review=outside)
    table = counted(0, (key(LA),), COUNT, wild)
    program = Filter(T, calls("less", M, lit(1000)))
    cells = tuple(
        CellEvidence((la,), 20, 20, {
            N: StatisticEvidence(20, 20, 20),
            M: StatisticEvidence(total, n, n, largest=30, second=30, low=10, high=30, total=total),
        })
        for la, n, total in (("a", 20, 400), ("b", 3, 90))
    )  # fmt: skip
    found = judged(output(program, LA_, N_, tables=(table,)), TableEvidence(cells, 40))
    assert lines(found) == ["la,n", "a,20"], "of b too few have a value: the condition is unknown"
    assert found.verdict is Verdict.REVIEW
    assert [(f.rule, f.cell, f.column) for f in found.findings] == [("M1", ("b",), None), ("A1", None, None)]


def test_counting_groups_is_judged_by_their_figures() -> None:
    """The number of schools: those of which something may be shown, though the count of children stands nowhere."""
    program = Aggregate(T, (), ((30, agg("count_rows")),))
    counted_persons = judged(output(program, ("schools", col(30)), tables=(OPEN,)), sizes(N, a=20, b=3, d=40))
    cells = tuple(CellEvidence((la,), n, n, {}) for la, n in (("a", 20), ("b", 3), ("d", 40)))
    bare = output(program, ("schools", col(30)), tables=(counted(0, (key(LA),)),))
    for found in (counted_persons, judged(bare, TableEvidence(cells, 63))):
        assert lines(found) == ["schools", "2"]


# persons, the median and its step, a deviation and a variance | what leaves | why
ROUNDED = [
    (5000, (46.25, -3), 12.345, 152.399, "46.3,12.35,152", ""),
    (500, (46.25, -3), 12.345, 152.399, "46.3,12.5,150", ""),
    (50, (46.25, -3), 12.345, 152.399, "46.3,10,200", ""),
    (50, (46.25, 3), 12.345, 152.399, "50,10,200", "ten persons have 45 to 55"),
    (50, (46.25, 2), 12.345, 152.399, "45,10,200", "ten persons have 42.5 to 47.5"),
    (50, (46.25, -2), 12.345, 152.399, "46.2,10,200", "ten persons have 46.1 to 46.3"),
    (50, (46.25, None), 12.345, 152.399, "c,10,200", "however it is rounded, fewer share it"),
    (19, (46.25, -3), 12.345, 152.399, "c,10,c", "nine below the median; a variance that rounds to nothing"),
    (5000, (46.25, -3), 0.0, 0.0, "46.3,c,c", ""),
    (50, (46.25, -3), 0.4, 0.16, "46.3,c,c", "a deviation shown as nothing says as much"),
    (9, (46.25, -3), 12.345, 152.399, "c,c,c", ""),
]


@pytest.mark.parametrize(("n", "median", "deviation", "variance", "line", "why"), ROUNDED)
def test_quantiles_and_deviations_are_rounded(
    n: int, median: tuple[float, int | None], deviation: float, variance: float, line: str, why: str
) -> None:
    forms = (
        (Measure.QUANTILE, QuantileForm(Decimal("0.5"))), (Measure.DEVIATION, DeviationForm()),
        (Measure.DEVIATION, DeviationForm(is_variance=True)),
    )  # fmt: skip
    places = [
        PlannedStatistic(i, measure, col(90), ScalarType.DOUBLE, bounds=(0, 90), form=form)
        for i, (measure, form) in enumerate(forms, 30)
    ]
    planned = output(T, *((f"c{s.ident}", col(s.ident)) for s in places), tables=(counted(0, (), *places),))
    found = {
        30: StatisticEvidence(median[0], n, n, step_number=median[1]),
        31: StatisticEvidence(deviation, n, n), 32: StatisticEvidence(variance, n, n),
    }  # fmt: skip
    assessment = judged(planned, TableEvidence((CellEvidence((), 5000, 5000, found),), 5000))
    assert lines(assessment)[1] == line, why


def test_evidence_of_other_tables_is_a_breach() -> None:
    with pytest.raises(Breach, match="other tables"):
        judged(output(T, LA_, N_), sizes(N, a=20))
    with pytest.raises(Breach, match="one id"):
        judged(output(T, LA_, N_, tables=(G, G)), sizes(N, a=20), sizes(N, a=20))


def test_squares_of_squares_end_the_job_before_they_fill_the_memory() -> None:
    program: PostAggregation = T
    for number in range(30):
        last = number + 99 if number else N
        program = Project(program, ((number + 100, calls("multiply", last, last)),))
    with pytest.raises(Breach, match="no engine"):
        judged(output(program, LA_, ("n", col(129)), tables=(OPEN,)), sizes(N, a=20))


def test_years_are_keys_of_their_own() -> None:
    """Growth by LAG: the first year has none, and beside a hidden year there is none."""
    table = counted(0, (key(YEAR, (16, 17, 18, 19)),), COUNT)
    lag = Window(T, (WindowColumn(30, agg("lag", col(N), lit(1)), (), ((col(YEAR), False),)),))
    planned = output(lag, ("year", col(YEAR)), ("growth", calls("subtract", N, 30)), tables=(table,))
    rows = evidence_of({(16,): (20, 20, None), (17,): (32, 32, None), (18,): (3, 3, None), (19,): (50, 50, None)}, N)
    assert lines(judged(planned, rows)) == ["year,growth", "16,", "17,10", "18,c", "19,c"]
