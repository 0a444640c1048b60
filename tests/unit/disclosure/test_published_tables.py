"""Published figures against figures that a recipe makes of members: each measure, rounding, hidden cells, and empty
groups."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from broker.disclosure.published_tables import PublicRecipe, key_text, read_figures, read_rounding, reproduce_figures
from broker.domain.errors import Invalid
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan
from broker.domain.plans.plan import GroupKey, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.evidence.member_tables import members_of

LA = GroupKey(10, ColumnRef(1, ScalarType.TEXT), ScalarType.TEXT, None, None)
X = ColumnRef(2, ScalarType.DECIMAL)


def recipe(**measures: Measure) -> PublicRecipe:
    statistics = {
        name: PlannedStatistic(n, m, None if m is Measure.COUNT_ROWS else X, ScalarType.DECIMAL)
        for n, (name, m) in enumerate(measures.items(), 1)
    }
    table = PlannedTable(Scan("t", (), 0, None), 0, (LA,), tuple(statistics.values()))
    return PublicRecipe("pupil", table, {"LA": LA}, statistics)


# persons 1 and 2 are in cell 0 (2 has two rows), 3 in cell 1, without a value
MEMBERS = members_of(
    2, [1, 2, 3], [0, 0, 1],
    {"rows": [1, 2, 1], "s1_given": [1, 2, 0], "s1_total": [1.5, 4.0, 0.0], "s1_ones": [1, 1, 0]},
)  # fmt: skip
CELLS = (("north",), (None,))


def made(measure: Measure, north: str, missing: str = "", base: str = "", truncated: bool = False):
    r = recipe(x=measure)
    if truncated:
        statistics = {"x": replace(r.statistics["x"], truncated=True)}
        r = replace(r, statistics=statistics, table=replace(r.table, statistics=tuple(statistics.values())))
    figures = read_figures(f"LA,x\nnorth,{north}\n(missing),{missing}\n", r)
    return reproduce_figures(r, CELLS, MEMBERS, figures, read_rounding(base, r))


@pytest.mark.parametrize(
    ("measure", "north", "missing", "base"),
    [
        (Measure.COUNT_ROWS, "3", "1", ""), (Measure.COUNT_VALUES, "3", "0", ""), (Measure.COUNT_PERSONS, "2", "0", ""),
        (Measure.SUM, "5.5", "0", ""), (Measure.ONES, "2", "0", ""), (Measure.MEAN, "1.8333", "", "0.0001"),
        (Measure.SHARE, "0.6667", "", "0.0001"),
    ],
)  # fmt: skip
def test_each_measure_is_worked_out_of_members(measure, north, missing, base):
    found = made(measure, north, missing, base)
    assert found.is_exact
    assert found.compared == 1 + bool(missing)
    wrong = made(measure, str(Decimal(north) + 1), missing, base)
    assert wrong.agreed == wrong.compared - 1


def test_a_truncated_mean_is_truncated_and_a_mean_of_nobody_is_made_by_nothing():
    assert made(Measure.MEAN, "1", truncated=True).is_exact
    assert not made(Measure.MEAN, "2", truncated=True).is_exact
    assert made(Measure.MEAN, "1.8333", "0", "0.0001").agreed == 1


def test_rounding_is_to_a_multiple_and_to_the_nearest():
    rows = {"5": True, "0": False, "10": False, "4": False}
    assert {v: made(Measure.COUNT_ROWS, v, base="5").is_exact for v in rows} == rows
    assert made(Measure.SUM, "5", base="1").is_exact, "5.5 may be rounded either way"
    assert made(Measure.SUM, "6", base="1").is_exact
    assert not made(Measure.SUM, "5.5", base="1").is_exact


def test_holes_are_not_compared_and_not_shown():
    found = made(Measure.COUNT_ROWS, "3")
    assert (found.agreed, found.compared, found.shown) == (1, 1, {1: {0: Decimal(3)}})


def test_a_group_that_is_no_cell_has_nobody():
    r = recipe(n=Measure.COUNT_ROWS)
    zero, one = (read_figures(f"LA,n\nnorth,3\nsouth,{n}\n", r) for n in (0, 1))
    assert reproduce_figures(r, CELLS, MEMBERS, zero, {}).is_exact
    found = reproduce_figures(r, CELLS, MEMBERS, one, {})
    assert (found.agreed, found.compared, found.shown) == (1, 2, {1: {0: Decimal(3)}})


@pytest.mark.parametrize("text", [
    "", "LA,n", "LA\nnorth", "LA,n,m\nnorth,1,2", "LA,LA\nnorth,1", "LA,n\nnorth,1,2", "LA,n\nnorth,c",
    "LA,n\nnorth,1e5", "LA,n\nnorth,nan", "LA,n\nnorth,1\nnorth,1", "LA,n\nnorth,", 'LA,n\n"north,1',
    "x" * 1_000_001, "LA,n\n" + "\n".join(f"{i},1" for i in range(20_001)),
], ids=range(14))  # fmt: skip
def test_what_is_no_table_of_the_recipe_or_too_large_is_refused(text):
    with pytest.raises(Invalid) as caught:
        read_figures(text, recipe(n=Measure.COUNT_ROWS))
    assert caught.value.pointer == "/figures"


def test_columns_may_stand_in_any_order_after_a_byte_order_mark():
    found = read_figures("\ufeffn,LA\r\n 3 , north\r\n", recipe(n=Measure.COUNT_ROWS))
    assert found == {("north",): {1: Decimal(3)}}


@pytest.mark.parametrize("text", ["x", "0", "0.00001", "101", "5,6", "n=", "m=5", "n=5,x", "-5"])
def test_a_rounding_that_is_none_is_refused(text):
    with pytest.raises(Invalid) as caught:
        read_rounding(text, recipe(n=Measure.COUNT_ROWS))
    assert caught.value.pointer == "/rounding"


def test_rounding_is_of_all_or_of_those_named():
    r = recipe(n=Measure.COUNT_ROWS, x=Measure.MEAN)
    assert read_rounding("", r) == {}
    assert read_rounding(" 5 ", r) == {1: 5, 2: 5}
    assert read_rounding("n = 10, x=0.1", r) == {1: 10, 2: Decimal("0.1")}


def test_keys_are_compared_as_texts():
    assert list(map(key_text, (None, 3, "003", True, date(2020, 1, 2)))) == ["(missing)", "3", "003", "1", "2020-01-02"]
