"""Findings of the paper attack on the release history, one test a number. Each test fails without its defence.

`tests/prove/release_history_defences.py` removes them one at a time. Tables are drawn small, and read as documentation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import LoadTable, repair_differences
from broker.disclosure.differencing.functionals import without_total
from broker.disclosure.table_recipes import statistic_totals
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.domain.release_history import KnownFigure, OverlapKind, RepairAction
from broker.evidence.member_tables import Leak, LeakSide, MemberTable, Movable
from tests.attacks.history_town import people, table

pytestmark = pytest.mark.long

NORTH, SOUTH = people((1, 40)), people((41, 80))


def remembered(*tables: MemberTable) -> Mapping[int, LoadTable]:
    return {t.entry.number: (lambda t=t: t) for t in tables}


def leaks(new: MemberTable, old: MemberTable) -> list[Leak]:
    return [leak for leak in compare(new, old).leaks if not leak.covered]


def test_03_the_same_population_with_other_values() -> None:
    """SUM(x), and then SUM(CASE WHEN the child THEN 0 ELSE x END): nobody is more or less, one contribution is."""
    x = dict.fromkeys(NORTH + SOUTH, 30.0)
    first = table(1, {"north": NORTH, "south": SOUTH}, total=x)
    second = table(2, {"north": NORTH, "south": SOUTH}, total=x | {7: 0.0})
    (leak,) = leaks(second, first)
    assert (leak.statistic, leak.new, leak.old, leak.persons) == (
        1,
        LeakSide(frozenset({0})),
        LeakSide(frozenset({0})),
        1,
    )
    third = table(3, {"north": NORTH, "south": SOUTH}, total=x | {7: 31.0})
    assert [leak.persons for leak in leaks(third, first)] == [1]


def test_03_the_same_in_hundreds_is_the_same() -> None:
    """100 * x is the x of the same people."""
    x = {p: float(p) for p in NORTH + SOUTH}
    first = table(1, {"north": NORTH, "south": SOUTH}, total=x)
    second = table(2, {"north": NORTH, "south": SOUTH}, total={p: 100 * v for p, v in x.items() if p != 7})
    assert [leak.persons for leak in leaks(second, first)] == [1]


def test_03_the_same_in_hundreds_in_some_cells() -> None:
    """A CASE that multiplies the north by 100 and not the south: both together are the x of the whole town, but for
    one."""
    x = {p: float(p) for p in NORTH + SOUTH}
    first = table(1, {"town": NORTH + SOUTH}, total=x)
    units = {p: 100 * v if p in NORTH else v for p, v in x.items() if p != 7}
    assert 1 in {leak.persons for leak in leaks(table(2, {"north": NORTH, "south": SOUTH}, total=units), first)}


def test_03_the_same_total_without_a_few_who_have_nothing() -> None:
    """Two equal totals, the second without one child: that child has 0. Who is in a total is compared, too."""
    x = {p: float(p % 4) for p in NORTH + SOUTH}
    everybody, without = (table(n, {"all": [p for p in NORTH + SOUTH if p != 8 * (n - 1)]}, total=x) for n in (1, 2))
    assert x[8] == 0
    told = [replace(t, figures=with_persons(t.figures[1:])) for t in (without, everybody)]
    assert [leak.persons for leak in leaks(*told)] == [1]


def with_persons(figures: Sequence[KnownFigure]) -> tuple[KnownFigure, ...]:
    """Totals as a recipe tells of a sum: the total, and who is in it."""
    told = [once for _, once, _ in statistic_totals(PlannedStatistic(1, Measure.SUM, None, ScalarType.DOUBLE))]
    return tuple(replace(f, amount="rows" if once else f.amount, once=once) for f in figures for once in told)


def test_03_a_total_of_ones_is_a_count() -> None:
    """The sum of a variable that is 0 or 1, and the count of those who have 1, without one."""
    first = table(1, {"north": NORTH, "south": SOUTH}, total={p: float(p % 2) for p in NORTH + SOUTH})
    odd = {"north": people((1, 40))[::2], "south": [p for p in people((41, 80))[::2] if p != 51]}
    assert [leak.persons for leak in leaks(table(2, odd), first)] == [1]


def test_25_another_snapshot_without_one_child() -> None:
    """Person numbers are stable: the table of the next snapshot is compared like any other."""
    first = table(1, {"north": NORTH, "south": SOUTH}, recipe="r")
    second = table(2, {"north": NORTH, "south": [p for p in SOUTH if p != 50]}, recipe="r", snapshot="s2")
    assert [(leak.new.cells, leak.persons) for leak in leaks(second, first)] == [({1}, 1)]


def test_26_the_project_is_no_key() -> None:
    """Another project's release counts like one's own; who has made it is nothing that the comparison looks at."""
    mine = table(1, {"north": NORTH, "south": SOUTH}, project="A")
    for project in ("A", "B"):
        assert leaks(table(2, {"north": NORTH, "south": people((41, 79))}, project=project), mine)


def test_27_the_larger_t_rules() -> None:
    """A difference of 7 is safe under 5, and not where either of the two is under 10."""
    for mine, theirs, unsafe in ((5, 5, False), (5, 10, True), (10, 5, True)):
        first = table(1, {"all": people((1, 80))}, t=mine)
        assert bool(leaks(table(2, {"all": people((1, 73))}, t=theirs), first)) == unsafe


def test_27_the_same_recipe_passes_only_with_the_same_holes() -> None:
    cells = {"north": NORTH, "south": SOUTH, "east": people((81, 84)), "west": people((85, 99))}
    first = table(1, cells, holes={"east", "west"}, recipe="r")
    assert compare(table(2, cells, holes={"east", "west"}, recipe="r"), first).overlap.kind is OverlapKind.IDENTICAL
    assert leaks(table(2, cells, holes={"east", "south"}, recipe="r"), first)


def test_28_two_patterns_of_holes_give_the_primary() -> None:
    """A hides east with west, B hides it with south: west is shown by B, and what A leaves for the two less that is
    east."""
    cells = {"north": NORTH, "south": SOUTH, "east": people((81, 84)), "west": people((85, 99))}
    first = table(1, cells, holes={"east", "west"})
    (found, *_) = leaks(table(2, cells, holes={"east", "south"}), first)
    assert found.persons == 4
    assert found.new.holes or found.old.holes


def test_29_unions_on_both_sides() -> None:
    """No cell is near another, but two wards together are two schools and three children."""
    wards = {"a": people((1, 30)), "b": people((31, 60)), "c": people((100, 130))}
    schools = {"x": people((1, 15), (31, 45)), "y": people((16, 30), (46, 63)), "z": people((100, 130))}
    (leak,) = leaks(table(2, schools), table(1, wards))
    assert (leak.new.cells, leak.old.cells, leak.persons) == ({0, 1}, {0, 1}, 3)


def test_29_the_rest_of_a_share() -> None:
    """A share tells its ones and its rest: a count of who is not flagged, but for two, is near the rest."""
    flagged = people((1, 20), (41, 60))
    first = table(1, {"north": NORTH, "south": SOUTH}, ones=flagged)
    others = table(2, {"north": people((21, 40)), "south": people((61, 78))})
    assert [(leak.new.cells, leak.persons) for leak in leaks(others, first)] == [({1}, 2)]


def test_29_persons_in_several_cells() -> None:
    """Who changed school is in both: without the one who did, two cells are as before but for that one."""
    schools = {"x": people((1, 40)), "y": people((40, 80))}
    moved = {"x": people((1, 39)), "y": people((41, 80))}
    found = leaks(table(2, moved), table(1, schools))
    assert {frozenset(leak.new.cells) for leak in found} >= {frozenset({0}), frozenset({1})}
    assert {leak.persons for leak in found} == {1}


def test_46_near_equal_tables_end_in_two_tables() -> None:
    """`OnRoll = 1` with and without the duplicates: each authority moves by a few, and gives its earlier value."""
    on_roll = {f"la{n}": people((100 * n, 100 * n + 60)) for n in range(6)}
    without = {name: who[(n % 5) :] for n, (name, who) in enumerate(on_roll.items())}
    first, second = table(1, on_roll), table(2, without)
    mended = repair_differences(second, remembered(first))
    assert {c.action for c in mended.changes} == {RepairAction.EARLIER}
    assert mended.table is not None
    assert mended.table.figures[0].shown == dict.fromkeys(range(6), 61)
    assert compare(mended.table, first).is_clean


def test_46_excluding_missing_results_ends_in_two_tables() -> None:
    """A few authorities have many missing and are as they are; those with a few give the earlier value."""
    everybody = {f"la{n}": people((100 * n, 100 * n + 70)) for n in range(5)}
    without = {name: who[: len(who) - (25, 4, 0, 13, 6)[n]] for n, (name, who) in enumerate(everybody.items())}
    mended = repair_differences(table(2, without), remembered(table(1, everybody)))
    assert mended.table is not None
    assert {c.cell for c in mended.changes if c.action is RepairAction.EARLIER} == {1, 4}
    assert mended.table.figures[0].shown == {0: 46, 1: 71, 2: 71, 3: 58, 4: 71}


def test_46_what_cannot_be_given_earlier_is_a_hole_and_the_table_last() -> None:
    """A cell near two others together has no earlier value; a table of one such cell has nothing left."""
    halves = {"north": NORTH, "south": SOUTH}
    cells = {"both": people((1, 78)), "east": people((90, 140)), "west": people((150, 170))}
    mended = repair_differences(table(2, cells), remembered(table(1, halves)))
    assert [(c.action, c.cell) for c in mended.changes] == [(RepairAction.SUPPRESS, 0), (RepairAction.SUPPRESS, 2)], (
        "a hole is never alone"
    )
    assert mended.table is not None
    assert mended.table.figures[0].shown == {1: 51}
    alone = repair_differences(table(3, {"both": people((1, 78))}), remembered(table(1, halves)))
    assert alone.table is None
    assert [c.action for c in alone.changes] == [RepairAction.WITHHOLD]


def test_46_one_earlier_value_leaves_no_remainder_of_a_few() -> None:
    """Only one cell moved by a few: whoever knows the total would have the three who did, so another that is new
    becomes a hole. Where nothing is new, the table is the earlier one, and tells nothing."""
    first = table(1, {"north": NORTH, "south": SOUTH, "east": people((81, 120))})
    moved = {"north": NORTH, "south": people((41, 77))}
    mended = repair_differences(table(2, moved | {"east": people((81, 140))}), remembered(first))
    assert [(c.action, c.cell) for c in mended.changes][:1] == [(RepairAction.EARLIER, 1)]
    assert mended.table is not None
    assert 2 not in mended.table.figures[0].shown
    mended = repair_differences(table(2, moved | {"east": people((81, 120))}), remembered(first))
    assert [(c.action, c.cell) for c in mended.changes] == [(RepairAction.EARLIER, 1)]
    assert mended.table is not None
    assert mended.table.figures[0].shown == {0: 40, 1: 40, 2: 40}


def test_46_an_earlier_value_is_of_the_same_amounts() -> None:
    """The count of a cell moved by two, and its total by many: the earlier count is given, and the total stays."""
    x = {p: float(p) for p in NORTH + SOUTH}
    first = table(1, {"north": NORTH, "south": SOUTH}, total=x)
    more = table(2, {"north": NORTH, "south": people((41, 78))}, total={p: v + p % 9 for p, v in x.items()})
    mended = repair_differences(more, remembered(first))
    assert mended.table is not None
    assert [(c.action, c.cell, c.statistic) for c in mended.changes] == [(RepairAction.EARLIER, 1, 0)]
    assert set(mended.table.figures[1].shown) == {0, 1}
    assert mended.table.figures[0].shown == {0: 40, 1: 40}
    mended = repair_differences(as_mean(more), remembered(as_mean(first)))
    assert (RepairAction.EARLIER, 1) not in {(c.action, c.cell) for c in mended.changes}, "a mean shows both"


def as_mean(of: MemberTable) -> MemberTable:
    """The count and the total of a table as one statistic."""
    return replace(of, figures=tuple(replace(f, statistic=0, told="mean of x") for f in of.figures))


def test_46_a_second_hole_is_where_the_tables_are_far_apart() -> None:
    """Six of the east left: their number is what two new cells are less than the old one. A hole beside a cell that is
    as before tells it together with that one; beside one that lost many, it does not."""
    before = {"east": people((1, 80)), "west": people((101, 200)), "north": people((201, 230))}
    now = {
        "east, m": people((1, 40)), "east, f": people((47, 80)), "west, m": people((101, 140)),
        "west, f": people((161, 200)), "north, m": people((201, 213)), "north, f": people((214, 230)),
    }  # fmt: skip
    mended = repair_differences(table(2, now), remembered(table(1, before)))
    assert [(c.action, c.cell) for c in mended.changes] == [(RepairAction.SUPPRESS, 1), (RepairAction.SUPPRESS, 2)]
    assert mended.table is not None
    assert compare(mended.table, table(1, before)).is_clean


def test_46_keyed_noise_on_both_sides_covers_a_small_difference() -> None:
    first, second = (table(n, {"all": people((n, 80))}, noise=10) for n in (1, 2))
    found = compare(second, first)
    assert found.is_clean
    assert found.overlap.kind is OverlapKind.COVERED
    assert not compare(table(2, {"all": people((2, 80))}), first).is_clean


def test_46_keyed_noise_covers_nobody_who_counts_often() -> None:
    """Noise of as many as t persons is less than what a person of fifty rows adds to a count of rows."""
    rows = {p: 50 if p == 1 else 1 for p in people((1, 80))}
    first, second = (table(n, {"all": people((n, 80))}, noise=10, often=rows) for n in (1, 2))
    assert not compare(second, first).is_clean


def test_47_totals_after_a_hole() -> None:
    """The plain total beside a table with one hole is that hole: the total is taken as known from the start, so that a
    hole of a few is never alone, and the total of everybody can always be released."""
    cells = {"north": NORTH, "south": SOUTH, "east": people((81, 84))}
    whole = table(2, {"all": people((1, 84))})
    assert leaks(whole, table(1, cells, holes={"east"}))
    assert not leaks(whole, table(1, cells, holes={"east", "south"}))


def test_47_everybody_else_of_a_known_population() -> None:
    """Boys, and girls without two: with everybody known, the two are what is left."""
    known = {"year 6": 100}
    boys = table(1, {"boys": people((1, 50))}, within=known)
    girls = {"girls": people((51, 98))}
    (leak,) = leaks(table(2, girls, within=known), boys)
    assert leak.persons == 2
    assert leak.new.complement or leak.old.complement
    assert not leaks(table(2, girls), boys)


def test_47_a_total_that_nobody_knows() -> None:
    """A hundred are known, and three of them are not in the table: no hole makes up for it while the table's total is
    known, and all of it would stay here. Where nobody knows the total, one hole does, and nobody adds the table up. A
    count needs no hole: the three are counted with a cell, and the table adds up to the hundred."""
    known = {"year 6": 100}
    everybody = table(-1, {"all": people((1, 100))}, within=known)
    cells = {"north": NORTH, "south": SOUTH, "east": people((81, 97))}
    assert repair_differences(table(1, cells, within=known), remembered(everybody)).table is None
    mended = repair_differences(table(1, cells, within=known), remembered(everybody), total_known=False)
    assert mended.table is not None
    assert mended.table.figures[0].shown == {0: 40, 1: 40}
    released = without_total(mended.table)
    assert compare(released, everybody).is_clean
    assert [leak.persons for leak in leaks(table(2, {"east": people((81, 97))}, within=known), released)] == [3]
    new = table(1, cells, within=known)
    countable = frozenset((f.statistic, f.amount, f.once) for f in new.figures)
    aligned = repair_differences(new, remembered(everybody), total_known=False, movable=Movable(countable))
    assert [(c.action, c.cell, c.shift.rows) for c in aligned.changes if c.shift] == [(RepairAction.ALIGN, 0, 3)]
    assert aligned.table is not None
    assert set(aligned.table.figures[0].shown) == {0, 1, 2}
    assert leaks(table(2, {"east": people((81, 97))}, within=known), without_total(aligned.table)) == []


def test_48_what_is_public_may_be_released_again() -> None:
    """A public table with its recipe, and the same figures released by a job: nothing can be subtracted."""
    public = table(1, {"north": NORTH, "south": SOUTH, "east": people((81, 83))})
    again = table(2, {"north": NORTH, "south": SOUTH, "east": people((81, 83))}, holes={"east"})
    assert leaks(again, public) == []


def test_48_a_few_whom_one_table_alone_isolates() -> None:
    """All but three of the north have results, and half of the south; the earlier table says so itself. Another count
    of everybody is that table's, with or without the three: it tells nothing of them. One that leaves another out tells
    of that one; one that tells the three apart, of each part."""
    some = set(people((4, 60)))
    first = table(1, {"north": NORTH, "south": SOUTH}, ones=some)
    assert leaks(table(2, {"all": NORTH + SOUTH}), first) == []
    assert leaks(table(2, {"all": people((1, 79))}), first)
    assert leaks(table(2, {"one": people((1, 1), (41, 80)), "other": people((2, 40))}), first)


def test_48_a_few_of_another_factor() -> None:
    """Seven of the north are not pupils or have two rows, and the new table says so itself by its two counts. Most of
    these are in twice as many rows as the rest of the one count has: with that factor nothing more is told."""
    rows = dict.fromkeys(NORTH + SOUTH, 1) | dict.fromkeys(people((4, 7), (41, 45)), 2)
    first = table(1, {"all": NORTH + SOUTH}, often=rows)
    pupils = set(people((4, 80)))
    assert leaks(table(2, {"north": NORTH, "south": SOUTH}, ones=pupils, often=rows), first) == []
