"""A few persons in whom a table differs from what is known are counted with one of its cells. Everybody is the persons
1 to 100, and everybody knows how many of them are in the north (1 to 50) and in the south (51 to 100)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import DifferenceRepair, apply_changes, repair_differences
from broker.disclosure.differencing.functionals import amounts_of_total, nested_counts, without_total
from broker.domain.release_history import CellRepair, CountShift, HistorySource, KnownFigure, RepairAction
from broker.evidence.member_tables import MemberTable, Movable, members_of
from tests.attacks.history_town import people, table

EVERYBODY = table(1, {"all": people((1, 100))})
HALVES = table(2, {"north": people((1, 50)), "south": people((51, 100))})
QUARTERS = {"n1": (1, 30), "n2": (31, 50), "s1": (51, 80), "s2": (81, 100)}


def repaired(new: MemberTable, *known: MemberTable, movable: Movable) -> DifferenceRepair:
    loads = {t.entry.number: (lambda t=t: t) for t in known}
    return repair_differences(new, loads, total_known=False, movable=movable)


def every_count(of: MemberTable) -> Movable:
    return Movable(frozenset((f.statistic, f.amount, f.once) for f in of.figures if f.is_count))


def every_total(of: MemberTable) -> Movable:
    sums = frozenset((f.statistic, f.amount, f.once) for f in of.figures if not f.is_count)
    return replace(every_count(of), sums=sums)


def changes(new: MemberTable, *known: MemberTable) -> Sequence[CellRepair]:
    """How a table is repaired. No two tables tell few apart then."""
    found = repaired(new, *known, movable=every_count(new))
    if found.table is not None:
        assert all(compare(without_total(found.table), old).is_clean for old in known)
    return found.changes


def shifts(found: Sequence[CellRepair]) -> Mapping[int, tuple[int, int]]:
    """By cell, by how many rows and persons its count is moved. Nothing else is changed."""
    assert {c.action for c in found} <= {RepairAction.ALIGN}
    return {c.cell: (c.shift.rows, c.shift.persons) for c in found if c.shift is not None}


def quarters(number: int, without: Sequence[int] = ()) -> MemberTable:
    return table(number, {name: [p for p in people(span) if p not in without] for name, span in QUARTERS.items()})


@pytest.mark.parametrize(("without", "moved"), [
    ((), {}), ((1,), {0: (1, 1)}), ((31,), {0: (1, 1)}), (range(1, 10), {0: (9, 9)}), (range(1, 11), {}),
    ((1, 51), {0: (1, 1), 2: (1, 1)}),
    ((1, 2, 51, 52, 53), {0: (2, 2), 2: (3, 3)}),
])  # fmt: skip
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


@pytest.mark.parametrize("few", [(1, 12), (1, 90)])
def test_a_cell_is_chosen_by_its_place_and_not_by_its_size(few: tuple[int, int]) -> None:
    cells = {"few": people(few), "many": people((few[1] + 1, 99))}
    assert shifts(changes(table(9, cells), EVERYBODY)) == {0: (1, 1)}


@pytest.mark.parametrize("strangers", [[], people((101, 109))])
def test_a_cell_that_falls_below_the_threshold_is_hidden(strangers: Sequence[int]) -> None:
    """Nine persons are in a cell, which shows nothing without strangers. The nine are counted with the other cell."""
    cells = {"n1": [*people((1, 10)), *strangers[:4]], "n2": [*people((11, 19)), *strangers[4:]]}
    found = changes(table(9, cells, holes=[] if strangers else ["n2"]), table(2, {"north": people((1, 19))}))
    assert {c.cell for c in found if c.action is RepairAction.SUPPRESS} == ({1} if strangers else set())
    assert len(cells["n1"]) + sum(c.shift.rows for c in found if c.shift is not None and c.cell == 0) == 19


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


@pytest.mark.parametrize("often", [1, 2])
@pytest.mark.parametrize("without", [(), (1,), (51,), tuple(people((1, 9)))])
def test_a_cell_that_a_known_sum_fixes_is_not_moved(without: Sequence[int], often: int) -> None:
    """Everybody is known without a few, and the north in two parts with them. So the south counts them less; also where
    the parts of the north show each row twice."""
    total = table(2, {"all": [p for p in people((1, 100)) if p not in without]})
    rows_shown = dict.fromkeys(people((1, 50)), 2) if often == 2 else None
    parts = table(3, {"n1": people((1, 30)), "n2": people((31, 50))}, often=rows_shown)
    new = table(9, {"north": people((1, 50)), "south": people((51, 100))})
    assert shifts(changes(new, total, parts)) == ({1: (-len(without), -len(without))} if without else {})


X = {person: person % 7 + 0.1 for person in people((1, 100))}


@pytest.mark.parametrize("factor", [1, 100, 7 / 6])
@pytest.mark.parametrize("without", [(), (1,), (31, 51), tuple(people((1, 9)))])
def test_a_sum_of_values_is_moved_by_what_few_persons_add(without: Sequence[int], factor: float) -> None:
    """Halves are known with everybody, in another unit, and quarters are asked for without a few: whoever is missing
    adds their amount to the first quarter of their half, so that no quarter is hidden."""
    known = table(
        2, {"north": people((1, 50)), "south": people((51, 100))}, total={p: factor * x for p, x in X.items()}
    )
    cells = {name: [p for p in people(span) if p not in without] for name, span in QUARTERS.items()}
    new = table(9, cells, total=X)
    found = repaired(new, known, movable=every_total(new))
    assert found.table is not None
    assert {c.action for c in found.changes} <= {RepairAction.ALIGN}
    assert compare(without_total(found.table), known).is_clean
    moved = {c.cell: c.shift.total for c in found.changes if c.shift is not None and c.shift.total is not None}
    halves = {0: [p for p in without if p <= 50], 2: [p for p in without if p > 50]}
    assert moved == {cell: sum(Decimal(repr(X[p])) for p in some) for cell, some in halves.items() if some}


def test_amounts_that_are_added_up_in_another_order_are_the_same() -> None:
    """0.1 + 0.2 is not 0.3 in binary fractions. Nobody is missing."""
    known = table(2, {"north": people((1, 50))}, total=dict.fromkeys(people((1, 50)), 0.1 + 0.2))
    new = table(9, {"north": people((1, 50))}, total=dict.fromkeys(people((1, 50)), 0.3))
    assert repaired(new, known, movable=every_total(new)).changes == ()


def test_a_sum_takes_the_rows_of_its_persons_with_it() -> None:
    """Everybody has three rows of 2. Of the second table a person is left out, who comes with three rows and 6."""
    everybody = people((1, 50))
    total, often = dict.fromkeys(everybody, 6.0), dict.fromkeys(everybody, 3)
    known = table(2, {"north": everybody}, total=total, often=often)
    new = table(9, {"north": everybody[1:]}, total=total, often=often)
    count, of_x = new.figures
    figures = (replace(count, amount="x_given"), replace(of_x, amount="x_total", told="sum of all x"))
    amounts = {"x_total": [6.0] * 49, "x_given": [3] * 49}
    members = members_of(1, everybody[1:], [0] * 49, amounts)
    movable = Movable(frozenset({(0, "x_given", False)}), sums=frozenset({(1, "x_total", False)}))
    found = repaired(replace(new, figures=figures, members=members), known, movable=movable)
    of_total = CountShift("x_total", 3, 1, total=Decimal(6), sizes=Decimal(6))
    assert {c.shift for c in found.changes} == {CountShift("x_given", 3, 1), of_total}


def test_both_counts_of_one_amount_are_moved_once() -> None:
    """A quantile shows who has a value, each once, and how many values there are. One person is missing."""
    both = [KnownFigure(3, "given", once, "quantile of x", frozenset(), {0: None}) for once in (False, True)]
    members = members_of(1, people((2, 50)), [0] * 49, {"given": [1] * 49})
    new = replace(table(9, {"north": people((2, 50))}), figures=tuple(both), members=members)
    known = table(2, {"north": people((1, 50))})
    found = repaired(new, known, movable=Movable(frozenset((3, "given", o) for o in (False, True))))
    assert [c.shift for c in found.changes] == [CountShift("given", 1, 1), CountShift("given", 1, 1, True)]
    assert found.table is not None
    totals = [amounts_of_total(found.table.members, "given", once) for once in (False, True)]
    cells = found.table.members.rows()[1]
    assert [of[cells == 0].sum() for of in totals] == [50, 50]


def test_an_earlier_mean_and_an_aligned_count_do_not_add_up() -> None:
    """A mean of the north without a few shows the earlier value, and with it the earlier count."""
    x = dict.fromkeys(people((1, 100)), 30.0)
    cells = {"north": people((1, 50)), "south": people((51, 100))}
    known = mean(table(2, cells, total=x))
    new = mean(table(9, cells | {"north": people((2, 50))}, total=x))
    found = repaired(new, known, EVERYBODY, movable=Movable(frozenset({(1, "rows", True)})))
    assert [c.action for c in found.changes] == [RepairAction.EARLIER]


def mean(of: MemberTable) -> MemberTable:
    """The same count and total, as one statistic shows them."""
    return replace(of, figures=tuple(replace(f, statistic=1, told="mean of x") for f in of.figures))


def test_what_a_count_leaves_of_another_is_compared_whatever_aligned_counts_add() -> None:
    """Girls are pupils. With twelve more girls who are no pupils of the north they still are."""
    new = table(9, {"north": people((1, 60)), "south": people((61, 100))}, ones=people((1, 30)))
    moved = tuple((p, 1) for p in people((61, 72)))
    more = [CellRepair(RepairAction.ALIGN, 0, 2, shift=CountShift("ones", 12, 12), moved=moved)]
    for of in (new, apply_changes(new, more, {})):
        assert [(one.amount, other.amount) for one, other in nested_counts(of, of.figures)] == [("ones", "rows")]


def of_everybody(number: int, size: int) -> MemberTable:
    """A known population of the first persons."""
    found = table(number, {"all": people((1, size))}, recipe="everybody")
    return replace(found, entry=replace(found.entry, source=HistorySource.POPULATION))


def rows(number: int, within: int, **cells: Collection[int]) -> MemberTable:
    """Counts of rows of a table that a known population contains, or not."""
    every = [p for of in cells.values() for p in of]
    size = {"everybody": within} if within else {}
    return table(number, {n: sorted(of) for n, of in cells.items()}, often=dict.fromkeys(every, 1), within=size)


def series(known: MemberTable, *tables: MemberTable) -> list[list[int | None]]:
    """What each table shows after all before: its counts by cell, None where one is hidden, nothing if it is
    withheld."""
    released, shown = [known], list[list[int | None]]()
    for new in tables:
        found = repaired(new, *released, movable=every_count(new)).table
        shown.append([] if found is None else counts_of(found))
        released += [] if found is None else [without_total(found)]
    return shown


def counts_of(of: MemberTable) -> list[int | None]:
    (figure,), cells = of.figures, of.members.rows()[1]
    amounts = amounts_of_total(of.members, figure.amount, figure.once)
    return [int(amounts[cells == c].sum()) if c in figure.shown else None for c in range(of.members.count)]


FEW = [(), (1,), tuple(people((1, 9)))]


@pytest.mark.parametrize("few", FEW)
def test_a_part_that_counts_a_few_less_makes_up_for_them_elsewhere(few: Sequence[int]) -> None:
    """All north and south but a few are known, and the north in two parts. So the south counts the few less, who are of
    the north. Everybody but the south counts them twice then."""
    everybody, north, south = of_everybody(-1, 200), people((1, 50)), people((51, 100))
    known = rows(1, 200, all={*north, *south} - {*few}), rows(2, 200, a=people((1, 30)), b=people((31, 50)))
    others = rows(4, 200, others=[*north, *people((101, 200))])
    found = series(everybody, *known, rows(3, 200, north=north, south=south), others)
    assert found[2:] == [[50, 50 - len(few)], [150 + len(few)]]


@pytest.mark.parametrize("few", FEW)
def test_who_is_in_no_known_population_is_counted_with_no_cell_of_it(few: Sequence[int]) -> None:
    """The north with a few of another source, then the north, then the south: north and south are everybody."""
    everybody, north, south = of_everybody(-1, 100), people((1, 60)), people((61, 100))
    more = [1000 + n for n in few]
    found = series(everybody, rows(1, 0, all=[*north, *more]), rows(2, 100, all=north), rows(3, 100, all=south))
    assert found == [[60 + len(few)], [60 + len(few)], [40 - len(few)]]


def counted_less(south: MemberTable, last: int) -> MemberTable:
    """The persons from 1 to the last count once less in its one cell."""
    moved = tuple((p, -1) for p in people((1, last)))
    return apply_changes(
        south, [CellRepair(RepairAction.ALIGN, 0, 0, shift=CountShift("rows", -last, 0), moved=moved)], {}
    )


def test_who_counts_less_than_once_is_not_in_what_is_left() -> None:
    """Three persons count once less in the one of two parts of everybody, where aligned counts made up for others. The
    other part counts them twice then: nobody is left."""
    less = counted_less(rows(1, 100, south=people((61, 100))), 3)
    assert counts_of(less) == [37]
    new = rows(2, 100, north=people((1, 60)))
    found = compare(without_total(new), without_total(less)).leaks
    assert {leak.persons for leak in found if leak.new.complement or leak.old.complement} == {3}
    assert series(of_everybody(-1, 100), less, new)[1:] == [[63]]


def test_who_counts_twice_in_one_part_and_less_in_the_other_is_not_left() -> None:
    """Five persons are taken from the south, and the north counts them twice. The west counts ten others twice."""
    less = counted_less(rows(1, 100, south=people((61, 100))), 5)
    pairs = [*((p, 0) for p in people((1, 60))), *((p, 1) for p in people((11, 20)))]
    often = [2 if cell or p <= 5 else 1 for p, cell in pairs]
    new = rows(2, 100, north=people((1, 60)), west=people((11, 20)))
    members = members_of(2, [p for p, _ in pairs], [c for _, c in pairs], {"rows": often})
    assert compare(without_total(replace(new, members=members)), without_total(less)).leaks == ()


@pytest.mark.parametrize("few", FEW)
def test_sums_of_few_figures_are_met_rather_than_sums_of_many(few: Sequence[int]) -> None:
    """The sum of ten cells is known, and nine of them, and the tenth without a few. The tenth follows from eleven
    rounded figures. It must not be shown by two."""
    tenths = {f"c{n}": people((1 + 50 * n, 50 + 50 * n)) for n in range(10)}
    last = [p for p in tenths["c9"] if p - 450 not in few]
    known = rows(1, 0, all=people((1, 500))), rows(2, 0, **{n: tenths[n] for n in [*tenths][:9]}), rows(3, 0, c9=last)
    assert series(of_everybody(-1, 600), *known, rows(4, 0, **tenths))[3] == [*[50] * 9, 50 - len(few)]


def test_a_sum_is_not_moved() -> None:
    """One amount is missing. The cell is hidden: how much it is must not be known."""
    x = dict.fromkeys(people((1, 100)), 30.0)
    known = table(2, {"north": people((1, 50)), "south": people((51, 100))}, total=x)
    new = table(9, {name: people(span) for name, span in QUARTERS.items()}, total=x | {7: 0.0})
    found = changes(new, known)
    assert {c.action for c in found} == {RepairAction.SUPPRESS}


def test_what_is_known_from_two_releases_is_not_hidden_when_one_is_repeated() -> None:
    """Two totals were released although one amount is missing from one of them. A hole now would protect nothing."""
    x = dict.fromkeys(people((1, 100)), 30.0)
    known = [table(n, {"north": people((1, 50))}, total=x | {7: missing}) for n, missing in ((2, 30.0), (3, 0.0))]
    again = table(9, {"north": people((1, 50))}, total=x)
    assert repaired(again, *known, movable=Movable()).changes == ()
