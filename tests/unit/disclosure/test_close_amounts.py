"""A count of values is shown as the rows where fewer than ten persons are without a value, and its members are so."""

import pytest

from broker.disclosure.close_amounts import shown_amounts
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.evidence.member_tables import members_of
from tests.attacks.history_town import people
from tests.spec.disclosure.groups_kit import counted

X = ColumnRef(1, ScalarType.INT)
VALUES = PlannedStatistic(5, Measure.COUNT_VALUES, X, ScalarType.INT)
GAP = PlannedStatistic(6, Measure.GAP, X, ScalarType.INT, implied_by=5)
ONES, OTHER_ONES = (PlannedStatistic(n, Measure.ONES, X, ScalarType.INT) for n in (7, 8))
BETWEEN = PlannedStatistic(9, Measure.GAP, X, ScalarType.INT, implied_by=8, displayed_like=7)


@pytest.mark.parametrize(("without", "shown"), [(0, 60), (1, 60), (9, 60), (10, 50)])
def test_values_are_rows_where_few_persons_have_none(without: int, shown: int) -> None:
    """Sixty persons in the first cell, of whom some have no value, and forty in the second one."""
    cells = [0] * 60 + [1] * 40
    given = [int(p >= without) for p in range(100)]
    members = members_of(2, people((1, 100)), cells, {"s5_given": given})
    found = shown_amounts(counted(0, (), VALUES, GAP), members, t=10)
    amounts = found.amounts.get("s5_given", [1] * 100)
    assert [sum(a for a, cell in zip(amounts, cells, strict=True) if cell == c) for c in (0, 1)] == [shown, 40]


@pytest.mark.parametrize("apart", [1, 9, 10])
def test_a_condition_is_the_one_that_it_is_shown_as(apart: int) -> None:
    ones = {"s7_ones": [1] * 60 + [0] * 40, "s8_ones": [1] * (60 - apart) + [0] * (40 + apart)}
    found = shown_amounts(counted(0, (), ONES, OTHER_ONES, BETWEEN), members_of(1, range(100), [0] * 100, ones), t=10)
    assert sum(found.amounts["s8_ones"]) == (60 if apart < 10 else 50)
