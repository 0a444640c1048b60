"""Findings of the paper attack on the release history, by their numbers. Tables are drawn small, and read as
documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import DifferenceRepair, LoadTable, repair_differences
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
TOWN = NORTH + SOUTH
BOTH = {"north": NORTH, "south": SOUTH}


def remembered(*tables: MemberTable) -> Mapping[int, LoadTable]:
    return {t.entry.number: (lambda t=t: t) for t in tables}


def leaks(new: MemberTable, old: MemberTable) -> list[Leak]:
    return [leak for leak in compare(new, old).leaks if not leak.covered]


def repaired(new: MemberTable, old: MemberTable, **more: Any) -> DifferenceRepair:
    return repair_differences(new, remembered(old), **more)


def shown(of: DifferenceRepair, figure: int = 0) -> Mapping[int, int | None]:
    assert of.table is not None
    return of.table.figures[figure].shown


def with_persons(figures: Sequence[KnownFigure]) -> tuple[KnownFigure, ...]:
    """Totals as a recipe tells of a sum: the total, and who is in it."""
    told = [once for _, once, _ in statistic_totals(PlannedStatistic(1, Measure.SUM, None, ScalarType.DOUBLE))]
    return tuple(replace(f, amount="rows" if once else f.amount, once=once) for f in figures for once in told)


def in_total(number: int, total: Mapping[int, float], **cells: Sequence[int]) -> MemberTable:
    return table(number, cells or BOTH, total=total)


def without(person: int, of: Mapping[int, float], times: Mapping[int, int] | None = None) -> dict[int, float]:
    return {p: v * (times or {}).get(p, 1) for p, v in of.items() if p != person}


EQUAL, OWN = dict.fromkeys(TOWN, 30.0), {p: float(p) for p in TOWN}
FEW_OF_FOUR = {p: float(p % 4) for p in TOWN}
ODD = [p for p in TOWN if p % 2]
HOLEY = BOTH | {"east": people((81, 84)), "west": people((85, 99))}
WARDS = {"a": people((1, 30)), "b": people((31, 60)), "c": people((100, 130))}
SCHOOLS = {"x": people((1, 15), (31, 45)), "y": people((16, 30), (46, 63)), "z": people((100, 130))}
YEAR_6, BOYS, GIRLS = {"year 6": 100}, {"boys": people((1, 50))}, {"girls": people((51, 98))}
TWICE = dict.fromkeys(TOWN, 1) | dict.fromkeys(people((4, 7), (41, 45)), 2)
RESULTS = table(1, BOTH, ones=set(people((4, 60))))
EAST = BOTH | {"east": people((81, 83))}


def total_and_persons(number: int, *, without: int = 0) -> MemberTable:
    """A total as a recipe tells of a sum: the total, and who is in it."""
    found = table(number, {"all": [p for p in TOWN if p != without]}, total=FEW_OF_FOUR)
    return replace(found, figures=with_persons(found.figures[1:]))


# finding and what is tried | the new table | the one that was released before | persons of each leak
LEAKS: dict[str, tuple[MemberTable, MemberTable, list[int]]] = {
    "03 the child's value is 0": (in_total(2, EQUAL | {7: 0.0}), in_total(1, EQUAL), [1]),
    "03 the child's value is another": (in_total(3, EQUAL | {7: 31.0}), in_total(1, EQUAL), [1]),
    "03 the same in hundreds": (in_total(2, without(7, OWN, dict.fromkeys(TOWN, 100))), in_total(1, OWN), [1]),
    "03 the same total without one who has 0": (total_and_persons(2, without=8), total_and_persons(1), [1]),
    "03 a total of ones is a count": (
        table(2, {"north": ODD[:20], "south": [p for p in ODD[20:] if p != 51]}),
        in_total(1, {p: float(p % 2) for p in TOWN}), [1],
    ),
    "28 two patterns of holes give the primary": (
        table(2, HOLEY, holes={"east", "south"}), table(1, HOLEY, holes={"east", "west"}), [4],
    ),
    "29 the rest of a share": (
        table(2, {"north": people((21, 40)), "south": people((61, 78))}),
        table(1, BOTH, ones=people((1, 20), (41, 60))), [2],
    ),
    "29 unions on both sides": (table(2, SCHOOLS), table(1, WARDS), [3]),
    "47 a total beside one hole": (
        table(2, {"all": people((1, 84))}), table(1, BOTH | {"east": people((81, 84))}, holes={"east"}), [4],
    ),
    "47 a total beside two holes": (
        table(2, {"all": people((1, 84))}), table(1, BOTH | {"east": people((81, 84))}, holes={"east", "south"}), [],
    ),
    "47 everybody else of a known population": (table(2, GIRLS, within=YEAR_6), table(1, BOYS, within=YEAR_6), [2]),
    "47 everybody else of nobody knows whom": (table(2, GIRLS), table(1, BOYS, within=YEAR_6), []),
    "48 what is public may be released again": (table(2, EAST, holes={"east"}), table(1, EAST), []),
    "48 a few whom the earlier table isolates": (table(2, {"all": TOWN}), RESULTS, []),
    "48 a few of another factor": (
        table(2, BOTH, ones=set(people((4, 80))), often=TWICE), table(1, {"all": TOWN}, often=TWICE), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LEAKS)
def test_a_difference_of_a_few_is_found(what: str) -> None:
    new, old, persons = LEAKS[what]
    assert {leak.persons for leak in leaks(new, old)} == set(persons)


def test_03_one_contribution_is_more_or_less_and_nobody_is() -> None:
    new, old, _ = LEAKS["03 the child's value is 0"]
    (leak,) = leaks(new, old)
    assert (leak.statistic, leak.new, leak.old) == (1, LeakSide(frozenset({0})), LeakSide(frozenset({0})))


def test_03_the_same_in_hundreds_in_some_cells() -> None:
    """A CASE that multiplies the north by 100 and not the south: both together are the x of the whole town, but for
    one."""
    units = without(7, OWN, dict.fromkeys(NORTH, 100))
    assert 1 in {leak.persons for leak in leaks(in_total(2, units), in_total(1, OWN, town=TOWN))}


@pytest.mark.parametrize("more", [{"snapshot": "s2", "recipe": "r"}, {"project": "A"}, {"project": "B"}])
def test_25_26_neither_snapshot_nor_project_is_a_key(more: dict[str, str]) -> None:
    """Person numbers are stable, and who has made a table is nothing that the comparison looks at."""
    second = table(2, {"north": NORTH, "south": [p for p in SOUTH if p != 50]}, **more)
    found = leaks(second, table(1, BOTH, recipe=more.get("recipe", "")))
    assert [(leak.new.cells, leak.persons) for leak in found] == [({1}, 1)]


@pytest.mark.parametrize(("mine", "theirs", "unsafe"), [(5, 5, False), (5, 10, True), (10, 5, True)])
def test_27_the_larger_t_rules(mine: int, theirs: int, unsafe: bool) -> None:
    """A difference of 7 is safe under 5, and not where either of the two is under 10."""
    first = table(1, {"all": people((1, 80))}, t=mine)
    assert bool(leaks(table(2, {"all": people((1, 73))}, t=theirs), first)) == unsafe


def test_27_the_same_recipe_passes_only_with_the_same_holes() -> None:
    first = table(1, HOLEY, holes={"east", "west"}, recipe="r")
    assert compare(table(2, HOLEY, holes={"east", "west"}, recipe="r"), first).overlap.kind is OverlapKind.IDENTICAL
    assert leaks(table(2, HOLEY, holes={"east", "south"}, recipe="r"), first)


def test_28_29_47_a_leak_names_its_cells() -> None:
    """Two wards together are two schools and three children; holes, and what a population leaves, are told as such."""
    (unions,), (primary, *_), (rest,) = (
        leaks(*LEAKS[name][:2])
        for name in (
            "29 unions on both sides",
            "28 two patterns of holes give the primary",
            "47 everybody else of a known population",
        )
    )
    assert (unions.new.cells, unions.old.cells) == ({0, 1}, {0, 1})
    assert primary.new.holes or primary.old.holes
    assert rest.new.complement or rest.old.complement


def test_29_persons_in_several_cells() -> None:
    """Who changed school is in both: without the one who did, two cells are as before but for that one."""
    schools = {"x": people((1, 40)), "y": people((40, 80))}
    found = leaks(table(2, {"x": people((1, 39)), "y": people((41, 80))}), table(1, schools))
    assert {frozenset(leak.new.cells) for leak in found} >= {frozenset({0}), frozenset({1})}
    assert {leak.persons for leak in found} == {1}


# `OnRoll = 1` with and without the duplicates: each authority moves by a few, and gives its earlier value
ON_ROLL = {f"la{n}": people((100 * n, 100 * n + 60)) for n in range(6)}
# A few authorities have many missing and are as they are; those with a few give the earlier value
RESULTS_OF = {f"la{n}": people((100 * n, 100 * n + 70)) for n in range(5)}
NEAR = {
    "without duplicates": (
        {name: who[n % 5 :] for n, (name, who) in enumerate(ON_ROLL.items())}, ON_ROLL,
        {1, 2, 3, 4}, dict.fromkeys(range(6), 61),
    ),
    "without missing results": (
        {name: who[: len(who) - (25, 4, 0, 13, 6)[n]] for n, (name, who) in enumerate(RESULTS_OF.items())}, RESULTS_OF,
        {1, 4}, {0: 46, 1: 71, 2: 71, 3: 58, 4: 71},
    ),
    "one cell, where nothing is new": (
        BOTH | {"south": people((41, 77)), "east": people((81, 120))}, BOTH | {"east": people((81, 120))},
        {1}, {0: 40, 1: 40, 2: 40},
    ),
}  # fmt: skip
"""The new table and the earlier one, the cells that give their earlier value, and what is shown."""


@pytest.mark.parametrize("what", NEAR)
def test_46_near_equal_tables_end_in_two_tables(what: str) -> None:
    new, old, earlier, expected = NEAR[what]
    found = repaired(table(2, new), table(1, old))
    assert {(c.action, c.cell) for c in found.changes} == {(RepairAction.EARLIER, cell) for cell in earlier}
    assert shown(found) == expected
    assert found.table is not None
    assert leaks(found.table, table(1, old)) == []


def test_46_what_cannot_be_given_earlier_is_a_hole_and_the_table_last() -> None:
    """A cell near two others together has no earlier value; a table of one such cell has nothing left."""
    cells = {"both": people((1, 78)), "east": people((90, 140)), "west": people((150, 170))}
    found = repaired(table(2, cells), table(1, BOTH))
    hidden = [(RepairAction.SUPPRESS, 0), (RepairAction.SUPPRESS, 2)]
    assert [(c.action, c.cell) for c in found.changes] == hidden, "a hole is never alone"
    assert shown(found) == {1: 51}
    alone = repaired(table(3, {"both": people((1, 78))}), table(1, BOTH))
    assert alone.table is None
    assert [c.action for c in alone.changes] == [RepairAction.WITHHOLD]


def test_46_one_earlier_value_leaves_no_remainder_of_a_few() -> None:
    """Only one cell moved by a few: whoever knows the total would have the three who did, so another that is new
    becomes a hole."""
    moved = {"north": NORTH, "south": people((41, 77)), "east": people((81, 140))}
    found = repaired(table(2, moved), table(1, BOTH | {"east": people((81, 120))}))
    assert [(c.action, c.cell) for c in found.changes][:1] == [(RepairAction.EARLIER, 1)]
    assert 2 not in shown(found)


def test_46_an_earlier_value_is_of_the_same_amounts() -> None:
    """The count of a cell moved by two, and its total by many: the earlier count is given, and the total stays."""
    first = in_total(1, OWN)
    more = in_total(2, {p: v + p % 9 for p, v in OWN.items()}, north=NORTH, south=people((41, 78)))
    found = repaired(more, first)
    assert [(c.action, c.cell, c.statistic) for c in found.changes] == [(RepairAction.EARLIER, 1, 0)]
    assert set(shown(found, 1)) == {0, 1}
    assert shown(found) == {0: 40, 1: 40}
    found = repaired(as_mean(more), as_mean(first))
    assert (RepairAction.EARLIER, 1) not in {(c.action, c.cell) for c in found.changes}, "a mean shows both"


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
    found = repaired(table(2, now), table(1, before))
    assert [(c.action, c.cell) for c in found.changes] == [(RepairAction.SUPPRESS, 1), (RepairAction.SUPPRESS, 2)]
    assert found.table is not None
    assert compare(found.table, table(1, before)).is_clean


def test_46_keyed_noise_on_both_sides_covers_a_small_difference() -> None:
    """But nobody who counts often: noise of as many as t persons is less than what a person of fifty rows adds."""
    first, second = (table(n, {"all": people((n, 80))}, noise=10) for n in (1, 2))
    found = compare(second, first)
    assert found.is_clean
    assert found.overlap.kind is OverlapKind.COVERED
    assert not compare(table(2, {"all": people((2, 80))}), first).is_clean
    rows = {p: 50 if p == 1 else 1 for p in people((1, 80))}
    first, second = (table(n, {"all": people((n, 80))}, noise=10, often=rows) for n in (1, 2))
    assert not compare(second, first).is_clean


def test_47_a_total_that_nobody_knows() -> None:
    """A hundred are known, and three of them are not in the table: no hole makes up for it while the table's total is
    known, and all of it would stay here. Where nobody knows the total, one hole does, and nobody adds the table up. A
    count needs no hole: the three are counted with a cell, and the table adds up to the hundred."""
    everybody, east = table(-1, {"all": people((1, 100))}, within=YEAR_6), {"east": people((81, 97))}
    new = table(1, BOTH | east, within=YEAR_6)
    assert repaired(new, everybody).table is None
    found = repaired(new, everybody, total_known=False)
    assert shown(found) == {0: 40, 1: 40}
    assert found.table is not None
    released = without_total(found.table)
    assert compare(released, everybody).is_clean
    assert [leak.persons for leak in leaks(table(2, east, within=YEAR_6), released)] == [3]
    countable = frozenset((f.statistic, f.amount, f.once) for f in new.figures)
    aligned = repaired(new, everybody, total_known=False, movable=Movable(countable))
    assert [(c.action, c.cell, c.shift.rows) for c in aligned.changes if c.shift] == [(RepairAction.ALIGN, 0, 3)]
    assert set(shown(aligned)) == {0, 1, 2}
    assert aligned.table is not None
    assert leaks(table(2, east, within=YEAR_6), without_total(aligned.table)) == []


@pytest.mark.parametrize(
    "cells", [{"all": people((1, 79))}, {"one": people((1, 1), (41, 80)), "other": people((2, 40))}]
)
def test_48_a_few_whom_one_table_alone_isolates(cells: dict[str, list[int]]) -> None:
    """All but three of the north have results, and half of the south. Another count of everybody tells nothing of them.
    One that leaves another out tells of that one; one that tells the three apart, of each part."""
    assert leaks(table(2, cells), RESULTS)
