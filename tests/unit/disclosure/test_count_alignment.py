"""A few persons in whom a table differs from what is known are counted with one of its cells. Everybody is the persons
1 to 100, and everybody knows how many of them are in the north (1 to 50) and in the south (51 to 100)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import nested_as_before, repair_differences, without_total
from broker.domain.release_history import CellRepair, CountShift, HistorySource, RepairAction
from broker.evidence.member_tables import MemberTable
from tests.attacks.history_town import people, table

EVERYBODY = table(1, {"all": people((1, 100))})
HALVES = table(2, {"north": people((1, 50)), "south": people((51, 100))})
QUARTERS = {"n1": (1, 30), "n2": (31, 50), "s1": (51, 80), "s2": (81, 100)}


def changes(new: MemberTable, *known: MemberTable) -> Sequence[CellRepair]:
    """How a table is repaired. No two tables tell few apart then."""
    countable = frozenset((f.statistic, f.amount, f.once) for f in new.figures if f.is_count)
    loads = {t.entry.number: (lambda t=t: t) for t in known}
    found = repair_differences(new, loads, total_known=False, countable=countable)
    if found.table is not None:
        assert all(compare(without_total(found.table), old).is_clean for old in known)
    return found.changes


def shifts(found: Sequence[CellRepair]) -> Mapping[int, tuple[int, int]]:
    """By cell, by how many rows and persons its count is moved. Nothing else is changed."""
    assert {c.action for c in found} <= {RepairAction.ALIGN}
    return {c.cell: (c.shift.rows, c.shift.persons) for c in found if c.shift is not None}


def quarters(number: int, without: Sequence[int] = ()) -> MemberTable:
    return table(number, {name: [p for p in people(span) if p not in without] for name, span in QUARTERS.items()})


@pytest.mark.parametrize(
    ("without", "moved"),
    [
        ((), {}),
        ((1,), {0: (1, 1)}),
        ((31,), {0: (1, 1)}),
        (range(1, 10), {0: (9, 9)}),
        (range(1, 11), {}),
        ((1, 51), {0: (1, 1), 2: (1, 1)}),
        ((1, 2, 51, 52, 53), {0: (2, 2), 2: (3, 3)}),
    ],
)  # fmt: skip
def test_who_is_missing_is_counted_with_the_first_cell_of_the_half(without, moved) -> None:
    assert shifts(changes(quarters(9, without), EVERYBODY, HALVES)) == moved


@pytest.mark.parametrize(
    "without", [(1,), (1, 81), (31, 51), (1, 31, 51, 81), range(1, 9), (*range(1, 9), 31), (*range(1, 9), 81)]
)
def test_where_rows_and_columns_are_known_each_person_is_counted_in_their_own_cell(without) -> None:
    """So one person more moves one count by one, whoever else is missing."""
    columns = table(3, {"first": people((1, 30), (51, 80)), "second": people((31, 50), (81, 100))})
    spans = enumerate(QUARTERS.values())
    own = {n: len([p for p in without if first <= p <= last]) for n, (first, last) in spans}
    found = shifts(changes(quarters(9, without), EVERYBODY, HALVES, columns))
    assert found == {n: (few, few) for n, few in own.items() if few}


def test_who_is_nowhere_else_is_counted_less() -> None:
    """Three strangers are in the north."""
    cells = {"n1": [*people((1, 30)), 101, 102, 103], "n2": people((31, 50)), "south": people((51, 100))}
    assert shifts(changes(table(9, cells), HALVES)) == {0: (-3, -3)}


def test_what_a_known_population_leaves_of_an_earlier_table_is_known() -> None:
    """The boys were released. Everybody less the boys are the girls: two girls are not in the new table."""
    boys = table(2, {"boys": people((1, 50))}, within={"all": 100})
    girls = table(9, {"g1": people((51, 80)), "g2": people((81, 98))}, within={"all": 100})
    entry = replace(EVERYBODY.entry, number=-1, source=HistorySource.POPULATION, recipe="all")
    assert shifts(changes(girls, boys, replace(EVERYBODY, entry=entry))) == {0: (2, 2)}


def test_the_largest_class_of_sizes_is_chosen() -> None:
    cells = {"few": people((1, 12)), "many": people((13, 99))}
    assert shifts(changes(table(9, cells), EVERYBODY)) == {1: (1, 1)}


def test_a_cell_does_not_fall_below_the_threshold() -> None:
    """Nine strangers are in two cells of fourteen: either would be of five without them."""
    known = table(2, {"north": people((1, 19))})
    new = table(9, {"n1": people((1, 10), (101, 104)), "n2": people((11, 19), (105, 109))})
    assert [c.action for c in changes(new, known)] == [RepairAction.SUPPRESS]


@pytest.mark.parametrize(("often", "moved"), [({}, {}), ({1: 2}, {0: (1, 0)}), ({1: 3, 2: 3}, {0: (4, 0)})])
def test_a_count_of_persons_is_moved_by_their_second_rows(often, moved) -> None:
    """Their rows were counted. Nothing tells whether a few persons have several."""
    rows = table(2, {"north": people((1, 20))}, often=dict.fromkeys(people((1, 20)), 1) | often)
    new = table(9, {"north": people((1, 20)), "south": people((21, 60))})
    assert shifts(changes(new, rows)) == moved


def test_a_count_of_persons_is_moved_by_who_was_counted_in_several_cells() -> None:
    """Two persons were at both schools of the north."""
    schools = table(2, {"one": people((1, 22)), "other": people((21, 50))})
    assert shifts(changes(table(9, {"north": people((1, 50)), "south": people((51, 90))}), schools)) == {0: (2, 0)}


def test_what_a_count_leaves_of_another_stays_a_count() -> None:
    """Girls are pupils. With six more girls who are no pupils of the north they still are, but for a few; with six
    others, too, the boys could not be compared any more."""
    new = table(9, {"north": people((1, 60)), "south": people((61, 100))}, ones=people((1, 30)))
    more = [dict.fromkeys(people(span), 1) for span in ((61, 66), (67, 72))]
    aligned = [
        CellRepair(RepairAction.ALIGN, 0, 2, shift=CountShift("ones", 6, 6), moved=tuple(m.items())) for m in more
    ]
    assert nested_as_before(new, aligned) == aligned[:1]


def test_a_sum_is_not_moved() -> None:
    """One amount is missing. The cell is hidden: how much it is must not be known."""
    x = dict.fromkeys(people((1, 100)), 30.0)
    known = table(2, {"north": people((1, 50)), "south": people((51, 100))}, total=x)
    found = changes(quarters_with(x | {7: 0.0}), known)
    assert {c.action for c in found} == {RepairAction.SUPPRESS}


def quarters_with(total: Mapping[int, float]) -> MemberTable:
    return table(9, {name: people(span) for name, span in QUARTERS.items()}, total=total)
