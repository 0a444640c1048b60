"""Released bytes are the same for two populations that differ in zero or small counts: decoders, order."""

from dataclasses import replace
from decimal import Decimal

from groups_kit import N, calls, col, lit
from hypothesis import assume, given, strategies as st

from broker.disclosure.records.assessment_json import assessment_from_json, assessment_to_json
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan, Sort, TableRef
from broker.domain.plans.plan import GroupKey, OutputColumn, PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ColumnRef, Scalar, ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.postprocessing.exact_arithmetic import as_number, rounded
from tests.oracles.judge_output import judge_output

PROFILE = DisclosureRules(name="npd", source="test", t=10)
LA = GroupKey(1, ColumnRef(1, ScalarType.TEXT), ScalarType.TEXT, ("a", "b", "c"), None)
SEX = GroupKey(2, ColumnRef(2, ScalarType.TEXT), ScalarType.TEXT, ("x", "y"), None)
COUNT = col(N)
PLACES = [(la, sex) for la in ("a", "b", "c") for sex in ("x", "y")]


def plan(figure: Scalar, down: bool) -> PlannedOutput:
    columns = (
        OutputColumn("la", LA.expression, "key"),
        OutputColumn("sex", SEX.expression, "key"),
        OutputColumn("n", figure, "derived"),
    )
    statistics = (PlannedStatistic(N, Measure.COUNT_ROWS, None, ScalarType.INT),)
    table = PlannedTable(Scan("x", (), 0, None), 0, (LA, SEX), statistics)
    return PlannedOutput("t", "pupil", (table,), Sort(TableRef(0), ((figure, down),)), columns)


def found(counts: list[int]) -> OutputEvidence:
    cells = [CellEvidence(p, n, n, {N: StatisticEvidence(n, n, n)}) for p, n in zip(PLACES, counts, strict=True) if n]
    return OutputEvidence("t", (TableEvidence(tuple(cells), sum(counts)),))


def bytes_of(counts: list[int], figure: Scalar = COUNT, down: bool = True) -> bytes:
    return released_csv(judge_output(plan(figure, down), found(counts), PROFILE))


def large(n: int) -> bool:
    return n >= PROFILE.t


@given(st.lists(st.sampled_from([0, 1, 4, 9, 12, 33, 60]), min_size=6, max_size=6), st.data())
def test_zero_and_small_leave_the_same_bytes_and_record(counts: list[int], data: st.DataObject) -> None:
    other = [n if large(n) else data.draw(st.integers(0, 9)) for n in counts]
    assume(sum(n for n in counts if large(n)) >= PROFILE.t)
    one, two = (
        judge_output(plan(COUNT, down=True), found(c), replace(PROFILE, full=ZeroPolicy.PUBLISH))
        for c in (counts, other)
    )
    assert released_csv(one) == released_csv(two)
    assert released_record(one, PROFILE) == released_record(two, PROFILE)
    assert (one.verdict, one.small) == (two.verdict, two.small)
    assert assessment_from_json(assessment_to_json(one)) == one


@given(st.integers(0, 9), st.integers(0, 5), st.integers(0, 9), st.integers(0, 5))
def test_populations_under_the_threshold_all_answer_alike(n: int, at: int, m: int, there: int) -> None:
    one, two = [0] * 6, [0] * 6
    one[at], two[there] = n, m
    assert bytes_of(one) == bytes_of(two)


FORMS: list[Scalar] = [
    calls("add", N, lit(1)),
    calls("multiply", N, lit(Decimal("0.001"))),
    calls("divide", lit(Decimal(1)), N),
    calls("subtract", N, calls("multiply", lit(7), calls("divide_truncated", N, lit(7)))),
    calls("nullif", N, lit(55)),
    calls("round", calls("divide", N, lit(Decimal(3))), lit(4)),
]


@given(st.sampled_from(FORMS), st.lists(st.integers(10, 400), min_size=6, max_size=6), st.booleans(), st.data())
def test_no_form_separates_counts_with_equal_rounding(
    form: Scalar, counts: list[int], down: bool, data: st.DataObject
) -> None:
    """The decoder: tables whose counts round alike leave the same bytes, whatever is computed or sorted."""
    near = []
    for n in counts:
        middle = (2 * n + 5) // 10 * 5
        near.append(data.draw(st.integers(max(10, middle - 2), middle + 2)))
    assert bytes_of(counts, form, down=down) == bytes_of(near, form, down=down)


people = st.lists(st.integers(0, 90), min_size=10, max_size=60)


def measured(values: list[int]) -> StatisticEvidence:
    big = [*sorted(values, reverse=True), 0]
    mean: Value = Decimal(sum(values)) / len(values)
    return StatisticEvidence(
        mean, len(values), sum(v > 0 for v in values), 0, 0, big[0], big[1], min(values), max(values), sum(values)
    )


@given(people)
def test_a_sum_is_made_of_protected_mean_and_count(values: list[int]) -> None:
    """A released sum is the released mean times the rounded count, without the digits that its error leaves open."""
    columns = tuple(
        OutputColumn(name, ColumnRef(ident, ScalarType.INT), name) for ident, name in ((11, "sum"), (12, "mean"))
    )
    statistics = tuple(
        PlannedStatistic(ident, measure, None, ScalarType.INT, bounds=(0, 90))
        for ident, measure in ((11, Measure.SUM), (12, Measure.MEAN))
    )
    table = PlannedTable(Scan("x", (), 0, None), 0, (), statistics)
    p = PlannedOutput("t", "pupil", (table,), TableRef(0), columns)
    cell = CellEvidence((), len(values), len(values), {11: measured(values), 12: measured(values)})
    row = judge_output(p, OutputEvidence("t", (TableEvidence((cell,), len(values)),)), PROFILE).rows[0]
    told, mean = row.released
    assert (told is None) == row.suppressed[0]
    if told is not None and mean is not None:
        error = row.max_errors[0]
        assert isinstance(told, int)
        assert error is not None
        product = as_number(mean) * ((2 * len(values) + 5) // 10 * 5)
        assert told in {rounded(product, -zeros) for zeros in range(5) if 10**zeros <= 2 * as_number(error)}
