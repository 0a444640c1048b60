"""Direct rows of an output equal those of a program that only reads the table; figures and their digits."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings, strategies as st

from broker.domain.findings import AssessedRow, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import KEY_STATISTIC, OutputColumn, PlannedStatistic
from broker.domain.plans.scalars import MISSING_LABEL, ColumnRef as Named, ScalarType, Value
from broker.privacy.results.display_columns import DisplayColumn, DisplayTable, format_statistic
from broker.privacy.results.noisy_estimates import EstimateColumn
from broker.privacy.results.output_table import direct_rows, input_rows, is_direct, judged_rows

KEYS = st.none() | st.integers(0, 2) | st.sampled_from(["a", "b"])
FIGURES = st.none() | st.integers(-5, 5) | st.decimals(-5, 5, places=2)


def strip(values: list[Value], hidden: list[bool]) -> DisplayColumn:
    return DisplayColumn([None if h else v for v, h in zip(values, hidden, strict=True)], hidden)


@st.composite
def strips(draw: st.DrawFn) -> DisplayTable:
    size, keys = draw(st.integers(0, 4)), draw(st.integers(0, 2))
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    labels = st.lists(KEYS, min_size=size, max_size=size)
    columns = {i: DisplayColumn(draw(labels), [False] * size, is_key=True) for i in range(keys)}
    for i in range(keys, keys + draw(st.integers(0, 3))):
        columns[i] = strip(draw(st.lists(FIGURES, min_size=size, max_size=size)), draw(flags))
    return DisplayTable(columns, draw(flags), draw(st.booleans()))


def shown_of(found: DisplayTable) -> list[OutputColumn]:
    return [
        OutputColumn(f"c{i}", Named(i, ScalarType.INT), KEY_STATISTIC if s.is_key else "count")
        for i, s in found.columns.items()
    ]


@settings(max_examples=300, deadline=None)
@given(strips(), st.randoms(use_true_random=False))
def test_straight_rows_are_those_of_the_program(found: DisplayTable, order) -> None:  # type: ignore[no-untyped-def]
    shown = shown_of(found)
    order.shuffle(shown)
    if not shown:
        return
    assert is_direct(shown)
    assert tuple(direct_rows(shown, found)) == tuple(judged_rows(shown, input_rows(found)))


def test_a_row_as_it_leaves() -> None:
    found = DisplayTable(
        {0: DisplayColumn([None], [False], is_key=True), 1: strip([7], [False]), 2: strip([9], [True])}, [True], True
    )
    verdicts = (Verdict.PUBLISH, Verdict.PUBLISH, Verdict.SUPPRESS)
    row = AssessedRow((None,), (None,) * 3, (MISSING_LABEL, 7, None), (False, False, True), verdicts, ((),) * 3, 0)
    assert tuple(direct_rows(shown_of(found), found)) == (row,)
    nobody = replace(found, columns=found.columns | {1: strip([7], [True])}, listed=False)
    assert tuple(direct_rows(shown_of(nobody), nobody)) == (), "what no list names is not told of without a figure"


NUMBERS = st.floats(-1e12, 1e12) | st.sampled_from([0.0, -0.0, 0.125, -2.5, 1e-9, 1e12])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.floats(0, 1e6), st.booleans()), max_size=5))
def test_figures_are_rounded_and_their_ends_outwards(cells: list[tuple[float, float, bool]]) -> None:
    """To one digit more than the first one that the noise moves; whole ones to whole ones."""
    value, half = (np.array([c[i] for c in cells], dtype=np.float64) for i in (0, 1))
    column = EstimateColumn(np.where([c[2] for c in cells], value, np.nan), value - half, value + half)
    for kind in (ScalarType.INT, ScalarType.DOUBLE):
        found = format_statistic(PlannedStatistic(1, Measure.SUM, None, kind), column)
        for n, low, high, v, lower, upper in zip(
            column.values, column.low, column.high, found.values, found.low, found.high, strict=True
        ):
            assert (v is None) == bool(np.isnan(n))
            assert Decimal(lower) <= Decimal(repr(float(low)))  # type: ignore[arg-type]
            assert Decimal(upper) >= Decimal(repr(float(high)))  # type: ignore[arg-type]
            if v is None or kind is ScalarType.INT:
                assert v is None or v == round(float(n))
                continue
            assert isinstance(v, Decimal)
            digits = -int(v.as_tuple().exponent)
            wide = (high - low) / 2
            assert digits == (9 if wide <= 0 else max(0, min(9, 1 - int(np.floor(np.log10(wide))))))
            assert abs(v - Decimal(repr(float(n)))) <= Decimal(5).scaleb(-digits - 1)
            assert not v.is_signed() or v < 0, "no zero has a sign"
