"""No released figure is farther from the exact one than the largest error that is stated of it, and computed figures
are no farther than theirs."""

import statistics as plain
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, strategies as st

from broker.disclosure.protected_values import protected_value
from broker.disclosure.rounded_counts import CellSize
from broker.disclosure.rounding_errors import rounding_error
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic, QuantileForm, RowGrowth
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number
from broker.postprocessing.max_errors import stated_error
from broker.postprocessing.output_rows import CellOrigin, OutputCell, compute_cell, released_figure

PERSONS = st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=6), min_size=10, max_size=150)
"""The amounts of the rows of each person."""
PROFILES = st.builds(
    DisclosureRules, name=st.just("drawn"), source=st.just("test"), t=st.just(10),
    round_base=st.sampled_from([1, 3, 5, 10]), mean_digits=st.integers(-2, 3), percent_digits=st.integers(0, 2),
    sum_digits=st.integers(-2, 1),
)  # fmt: skip
SCALES = st.tuples(
    st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("-2.5"), Decimal(30)]),
    st.sampled_from([Decimal(0), Decimal("7.3")]),
)
GROWTHS = st.builds(RowGrowth, factor=st.sampled_from([1, 2, 4]), even=st.integers(1, 3))


@given(
    PERSONS, st.sampled_from([Measure.COUNT_ROWS, Measure.ONES, Measure.SHARE]), PROFILES, GROWTHS, st.integers(0, 400)
)
def test_a_count_or_share_is_within_its_error(
    persons: Sequence[Sequence[int]], measure: Measure, profile: DisclosureRules, growth: RowGrowth, above: int
) -> None:
    ones = [[amount > above for amount in rows] for rows in persons]
    counted = sum(map(sum, ones)) if measure is not Measure.COUNT_ROWS else sum(map(len, persons))
    all_rows, with_one = sum(map(len, persons)), sum(map(any, ones))
    whole = all_rows if measure is Measure.SHARE else 1
    evidence = StatisticEvidence(
        Decimal(counted) / whole, counted, len(persons) if measure is Measure.COUNT_ROWS else with_one,
        rest=sum(not all(row) for row in ones), rest_rows=all_rows - counted,
        total=None if measure is Measure.COUNT_ROWS else counted,
    )  # fmt: skip
    assume(evidence.persons >= profile.t)
    statistic = PlannedStatistic(0, measure, None, ScalarType.DECIMAL, growth=growth)
    check(statistic, evidence, profile, CellSize(all_rows, len(persons)), evidence.value)


@given(PERSONS, st.sampled_from([Measure.SUM, Measure.MEAN]), PROFILES, SCALES, st.booleans())
def test_a_sum_or_mean_is_within_its_error(
    persons: Sequence[Sequence[int]],
    measure: Measure,
    profile: DisclosureRules,
    scale: tuple[Decimal, Decimal],
    truncated: bool,
) -> None:
    factor, offset = scale
    amounts = [factor * amount + offset for rows in persons for amount in rows]
    total, rows = sum(amounts, Decimal(0)), len(amounts)
    bounds = sorted((offset, 400 * factor + offset))
    statistic = PlannedStatistic(
        0, measure, None, ScalarType.DECIMAL, scale=scale, bounds=(bounds[0], bounds[1]),
        truncated=truncated and measure is Measure.MEAN,
    )  # fmt: skip
    exact = total if measure is Measure.SUM else total / rows
    value: Value = int(exact) if statistic.truncated else exact
    evidence = StatisticEvidence(value, rows, len(persons), total=total, sizes=sum(map(abs, amounts), Decimal(0)))
    check(statistic, evidence, profile, CellSize(rows, len(persons)), value)


@given(PERSONS, PROFILES, st.integers(-3, 6))
def test_a_quantile_is_within_its_error(
    persons: Sequence[Sequence[int]], profile: DisclosureRules, number: int
) -> None:
    amounts = [amount for rows in persons for amount in rows]
    value = Decimal(plain.median(amounts))
    statistic = PlannedStatistic(0, Measure.QUANTILE, None, ScalarType.DECIMAL, form=QuantileForm(Decimal("0.5")))
    evidence = StatisticEvidence(value, len(amounts), len(persons), step_number=number)
    check(statistic, evidence, profile, CellSize(1, 1), value)


def check(
    statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules, cell: CellSize, exact: Value
) -> None:
    shown = protected_value(statistic, evidence, profile, None, cell)
    error = rounding_error(statistic, evidence, profile, None, cell)
    assert shown is not None
    assert error is not None
    apart = abs(as_number(shown) - as_number(exact))
    assert apart <= error * (1 + Decimal("1e-9")), (shown, exact, error)
    assert error <= stated_error(error) <= error * Decimal("1.1")


def column(ident: int) -> ColumnRef:
    return ColumnRef(ident, ScalarType.DECIMAL)


def call(op: str, *args: Any) -> Call:
    return Call(op, args, ScalarType.DECIMAL)


HUNDRED = Literal(Decimal(100), ScalarType.DECIMAL)
COMPUTED = {
    "percentage": call("divide", call("multiply", HUNDRED, column(1)), column(2)),
    "difference": call("subtract", column(1), column(2)),
    "change": call("divide", call("subtract", column(1), column(2)), column(2)),
    "rounded": call("round", call("divide", column(1), column(2)), Literal(1, ScalarType.INT)),
    "distance": call("abs", call("subtract", column(1), column(2))),
    "larger": call("greatest", column(1), column(2)),
    "of a whole that is not 0": call("divide", column(1), call("nullif", column(2), Literal(0, ScalarType.INT))),
    "without one value": call("nullif", column(1), HUNDRED),
    "only in large groups": Case(
        ((call("less", HUNDRED, column(2)), call("divide", column(1), column(2))),), NULL, ScalarType.DECIMAL
    ),
    "larger, by hand": Case(((call("at_most", column(2), column(1)), column(1)),), column(2), ScalarType.DECIMAL),
}
FIGURES = st.tuples(st.integers(10, 5_000), st.integers(0, 30), st.integers(-30, 30))
"""A released figure, its error, and how far the exact one is from it."""


@given(st.sampled_from(sorted(COMPUTED)), FIGURES, FIGURES)
def test_a_computed_figure_is_within_its_error(
    name: str, one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    cells = {}
    for ident, (released, error, apart) in ((1, one), (2, other)):
        assume(abs(apart) <= error and released > error)
        cells[ident] = OutputCell(released, released + apart, origin=CellOrigin.STATISTIC, max_error=error)
    found = compute_cell(COMPUTED[name], cells)
    value, error = released_figure(found)
    assert error is not None or not found.max_error
    if error is not None:
        assert abs(as_number(value) - as_number(found.exact)) <= as_number(error) * (1 + Decimal("1e-9"))


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**7), st.floats(-1, 1))
def test_a_released_statistic_has_no_digits_beyond_its_error(released: int, error: int, apart: float) -> None:
    """A sum is the shown mean times the shown count, whose last digits mean nothing."""
    exact = released + int(error * apart)
    value, stated = released_figure(OutputCell(released, exact, origin=CellOrigin.STATISTIC, max_error=error))
    assert abs(as_number(value) - exact) <= as_number(stated)
    assert as_number(value) % 10 ** max(0, (Decimal(error) / 20).adjusted()) == 0


def test_what_no_interval_says_has_no_error() -> None:
    """A quotient whose divisor may be 0, a figure that a rounded one chooses, a remainder, and a hidden figure."""
    shown = OutputCell(50, 52, origin=CellOrigin.STATISTIC, max_error=4)
    small, hidden = OutputCell(3, 5, max_error=4), OutputCell(None, 7, hidden=True)
    cells = {1: shown, 2: small, 3: hidden}
    for scalar in (call("divide", column(1), column(2)), call("remainder", column(1), column(2)), column(3)):
        assert released_figure(compute_cell(scalar, cells))[1] is None
    assert released_figure(compute_cell(call("add", column(1), column(2)), cells)) == (53, 8)


def test_a_condition_that_rounding_cannot_turn_leaves_the_error_known() -> None:
    for name, near in (("of a whole that is not 0", 2), ("only in large groups", 101)):
        for whole, is_known in ((200, True), (near, False)):
            cells = {i: OutputCell(n, n, origin=CellOrigin.STATISTIC, max_error=5) for i, n in ((1, 90), (2, whole))}
            assert (compute_cell(COMPUTED[name], cells).max_error is not None) == is_known
