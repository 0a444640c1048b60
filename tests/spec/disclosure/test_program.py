"""Each post-aggregation step on small drawn tables: a hidden value (`c`) enters no figure and satisfies no
condition."""

import pytest
from groups_kit import HLA, HN, LA, YEAR, M, N, agg, calls, case, col, drawn, lit, shown

from broker.domain.errors import Breach
from broker.domain.plans.operators import (
    Aggregate,
    Filter,
    Join,
    JoinHow,
    Limit,
    PostAggregation,
    Project,
    Sort,
    TableRef,
    Union,
    Window,
    WindowColumn,
)
from broker.domain.plans.scalars import ColumnRef, Scalar, ScalarType
from broker.postprocessing.output_rows import StepBudget
from broker.postprocessing.program import run_program

G = drawn("1 2 10", "a 17 50", "a 18 60", "b 17 c", "b 18 40", "d 17 c", keys=2)
H = drawn("3 20", "a 200", "b c", "e 90")


def window(
    op: str, *args: Scalar, by: tuple[int, ...] = (), order: tuple[tuple[int, bool], ...] = ()
) -> PostAggregation:
    column = WindowColumn(30, agg(op, *args), tuple(map(col, by)), tuple((col(i), down) for i, down in order))
    return Window(TableRef(0), (column,))


def test_a_figure_is_hidden_with_what_it_is_made_of() -> None:
    program = Project(TableRef(0), ((30, calls("add", N, lit(1))), (31, calls("divide", col(N), lit(0))), (32, lit(5))))
    assert shown(program, G, columns="1 2 30 31 32") == [
        "a 17 51 - 5",
        "a 18 61 - 5",
        "b 17 c c 5",
        "b 18 41 - 5",
        "d 17 c c 5",
    ]


def test_a_case_is_hidden_by_a_condition_on_the_way_or_by_its_branch() -> None:
    of_year = case((calls("equal", YEAR, lit(18)), lit(0)), otherwise=col(N))
    of_count = case((calls("at_most", N, lit(50)), lit("few")), otherwise=lit("many"))
    program = Project(TableRef(0), ((30, of_year), (31, of_count), (32, calls("coalesce", lit(None), YEAR, N))))
    assert shown(program, G, columns="1 30 31 32") == [
        "a 50 few 17",
        "a 0 many 18",
        "b c c 17",
        "b 0 few 18",
        "d c c 17",
    ]
    assert shown(Project(TableRef(0), ((30, calls("coalesce", N, lit(0))),)), G, columns="30") == [
        "50",
        "60",
        "c",
        "40",
        "c",
    ]


def test_one_side_can_settle_a_condition_and_else_it_is_unknown() -> None:
    small, early = calls("less", N, lit(45)), calls("equal", YEAR, lit(17))
    columns = ((30, calls("and", small, early)), (31, calls("or", small, early)), (32, calls("not", small)))
    assert shown(Project(TableRef(0), columns), G, columns="1 2 30 31 32") == [
        "a 17 False True True",
        "a 18 False False True",
        "b 17 c True c",
        "b 18 False True False",
        "d 17 c True c",
    ]


def test_having_retains_what_is_true_of_shown_figures() -> None:
    at_least = calls("at_most", lit(50), N)
    assert shown(Filter(TableRef(0), at_least), G, columns="1 2 10") == ["a 17 50", "a 18 60"]
    assert shown(Filter(TableRef(0), calls("not", at_least)), G, columns="1 2 10") == ["b 18 40"]
    assert shown(Filter(TableRef(0), calls("is_null", N)), G, columns="1") == [], "hidden is not missing"


def test_order_puts_hidden_last_either_way_and_the_first_may_have_ties() -> None:
    g = drawn("1 10", "a 50", "b c", "d -", "e 60", "f 50")
    assert shown(Sort(TableRef(0), ((col(N), True),)), g, columns="1 10") == ["e 60", "a 50", "f 50", "d -", "b c"]
    assert shown(Sort(TableRef(0), ((col(N), False),)), g, columns="1") == ["d", "a", "f", "e", "b"]
    assert shown(Limit(TableRef(0), ((col(N), True),), 2), g, columns="1") == ["e", "a"]
    assert shown(Limit(TableRef(0), ((col(N), True),), 2, ties=True), g, columns="1") == ["e", "a", "f"]
    assert shown(Limit(TableRef(0), ((col(N), True), (col(LA), True)), 2, skip=1), g, columns="1") == ["f", "a"]


def test_groups_join_by_keys_and_a_missing_side_is_an_empty_cell() -> None:
    g = drawn("1 10", "a 50", "b 40", "d 30")
    on = calls("equal_text", LA, HLA)
    share = Project(Join(TableRef(0), TableRef(1), JoinHow.INNER, on), ((30, calls("divide", N, HN)),))
    assert shown(share, g, H, columns="1 30") == ["a 0.25", "b c"]
    left = Project(Join(TableRef(0), TableRef(1), JoinHow.LEFT, on), ((30, calls("coalesce", HN, lit(0))),))
    assert shown(left, g, H, columns="1 3 20 30") == ["a a 200 200", "b b c c", "d - c c"]
    full = Join(TableRef(0), TableRef(1), JoinHow.FULL, on)
    assert shown(full, g, H, columns="1 10 3 20") == ["a 50 a 200", "b 40 b c", "d 30 - c", "- c e 90"]
    assert len(shown(Join(TableRef(0), TableRef(1), JoinHow.CROSS, None), g, H, columns="1 3")) == 9


def test_a_hidden_figure_satisfies_no_condition() -> None:
    g = drawn("1 10", "a 50", "b c", "d 90")
    larger = calls("less", N, HN)
    assert shown(Join(TableRef(0), TableRef(1), JoinHow.INNER, larger), g, H, columns="1 3") == ["a a", "a e", "d a"]
    assert shown(Join(TableRef(0), TableRef(1), JoinHow.INNER, calls("equal", N, HN)), g, H, columns="1 3") == ["d e"]


def test_sides_of_a_join_have_columns_of_their_own() -> None:
    with pytest.raises(Breach, match="in common"):
        shown(Join(TableRef(0), TableRef(0), JoinHow.CROSS, None), H, columns="3")
    again = Union((TableRef(0),), ((3 + 30, (3,)), (20 + 30, (20,))))
    assert len(shown(Join(TableRef(0), again, JoinHow.CROSS, None), H, columns="3 33")) == 9


def test_figures_over_groups_leave_out_hidden_ones() -> None:
    """Of d nothing is shown, so it is no group; b has one row that exists."""
    aggregates = ((30, agg("count_rows")), (31, agg("sum", col(N))), (32, agg("mean", col(N))))
    program = Aggregate(TableRef(0), ((40, col(LA)),), aggregates)
    assert shown(program, G, columns="40 30 31 32") == ["a 2 110 55", "b 1 40 40"]


def test_a_figure_of_nothing_but_hidden_ones_is_hidden_and_a_missing_key_is_a_group() -> None:
    g = drawn("1 10 11", "a 50 c", "a 60 c", "- 40 -", "- 30 2")
    program = Aggregate(TableRef(0), ((40, col(LA)),), ((30, agg("count", col(M))), (31, agg("greatest", col(M)))))
    assert shown(program, g, columns="40 30 31") == ["a c c", "- 1 2"]


def test_without_keys_there_is_one_row_whatever_there_is() -> None:
    program = Aggregate(TableRef(0), (), ((30, agg("count_rows")), (31, agg("sum", col(N)))))
    assert shown(program, G, columns="30 31") == ["3 150"]
    nobody = drawn("1 10", "a c", "b c")
    assert shown(program, nobody, columns="30 31") == ["c c"]
    assert shown(program, drawn("1 10"), columns="30 31") == ["c c"], "no row at all looks like hidden ones"


def test_groups_by_a_hidden_figure_are_left_out() -> None:
    band = case((calls("less", N, lit(55)), lit("small")), otherwise=lit("large"))
    program = Aggregate(TableRef(0), ((40, band),), ((30, agg("count_rows")),))
    assert shown(program, G, columns="40 30") == ["small 2", "large 1"]


def test_a_share_of_a_total_is_of_what_is_shown() -> None:
    share = Project(window("sum", col(N), by=(LA,)), ((31, calls("divide", N, 30)),))
    assert shown(share, G, columns="1 2 30 31") == [
        "a 17 110 0.4545",
        "a 18 110 0.5455",
        "b 17 40 c",
        "b 18 40 1",
        "d 17 c c",
    ]


def test_running_sums_go_up_to_the_peers_of_a_row() -> None:
    assert shown(window("sum", col(N), order=((YEAR, False),)), G, columns="2 30") == [
        "17 50", "18 150", "17 50", "18 150", "17 50",
    ]  # fmt: skip
    assert shown(window("count_rows", order=((N, True),)), G, columns="10 30") == ["50 2", "60 1", "c c", "40 3", "c c"]


def test_ranks_are_among_what_is_shown() -> None:
    g = drawn("1 10", "a 50", "b c", "d 60", "e 50", "f 40")
    for op, ranks in {
        "rank": ["2", "c", "1", "2", "4"],
        "dense_rank": ["2", "c", "1", "2", "3"],
        "row_number": ["2", "c", "1", "3", "4"],
        "percent_rank": ["0.3333", "c", "0", "0.3333", "1"],
        "cumulative_share": ["0.75", "c", "0.25", "0.75", "1"],
    }.items():
        assert shown(window(op, order=((N, True),)), g, columns="30") == ranks
    assert shown(window("ntile", lit(3), order=((N, True),)), g, columns="30") == ["1", "c", "1", "2", "3"]
    assert shown(window("rank", order=((LA, False),)), g, columns="30") == ["1", "c", "2", "3", "4"]


def test_a_neighbour_that_is_hidden_is_hidden_and_not_skipped() -> None:
    g = drawn("2 10", "16 50", "17 c", "18 60")
    assert shown(window("lag", col(N), lit(1), order=((YEAR, False),)), g, columns="2 30") == ["16 -", "17 50", "18 c"]
    assert shown(window("lead", col(N), lit(2), order=((YEAR, False),)), g, columns="30") == ["60", "-", "-"]
    assert shown(window("first", col(N), order=((YEAR, True),)), g, columns="30") == ["60"] * 3
    assert shown(window("last", col(N), order=((YEAR, False),)), g, columns="30") == ["50", "c", "60"]


def test_parts_stand_one_after_the_other() -> None:
    total = Project(Aggregate(TableRef(0), (), ((30, agg("sum", col(N))),)), ((31, lit(None)),))
    program = Union((TableRef(0), total), ((40, (LA, 31)), (41, (N, 30))))
    assert shown(program, G, columns="40 41") == ["a 50", "a 60", "b c", "b 40", "d c", "- 150"]


def test_python_never_guesses_inexact_results() -> None:
    text = ColumnRef(LA, ScalarType.TEXT)
    for predicate in (calls("equal_text", lit("Zoë"), text), calls("cube", N)):
        with pytest.raises(Breach):
            shown(Filter(TableRef(0), predicate), G, columns="1")
    for program in (window("mode", col(N)), window("ntile", lit(0)), window("sum", col(LA))):
        with pytest.raises(Breach):
            shown(program, G, columns="1")
    with pytest.raises(Breach, match="not there"):
        shown(Filter(TableRef(0), calls("less", 99, lit(1))), G, columns="1")


def test_a_fault_over_exact_values_alone_gives_nothing_and_ends_nothing() -> None:
    """The hidden count cannot be taken for a text: were the job to end, it would tell what stands there."""
    program = Project(TableRef(0), ((30, calls("upper", 10)),))
    g = drawn("1 10", "a x", "b c")
    found = run_program(program, [g], StepBudget(100)).rows
    assert [(r.cells[30].released, r.cells[30].exact, r.cells[30].hidden) for r in found] == [
        ("X", "X", False),
        (None, None, True),
    ]


def test_work_is_bounded_by_a_number_of_rows() -> None:
    many = drawn("3 20", *(f"x{i} {i}" for i in range(40)))
    again = Union((TableRef(0),), ((33, (3,)), (50, (20,))))
    product = Join(TableRef(0), again, JoinHow.INNER, calls("less", 20, 50))
    assert len(shown(product, many, columns="3 33", work=40 + 1600 + 780)) == 780
    with pytest.raises(Breach, match="steps"):
        shown(product, many, columns="3 33", work=1000)
    running = Window(TableRef(0), (WindowColumn(30, agg("sum", col(20)), (), ((col(20), False),)),))
    with pytest.raises(Breach, match="steps"):
        shown(running, many, columns="30", work=500)


def test_exact_values_ride_along_for_staff() -> None:
    program = Aggregate(TableRef(0), (), ((30, agg("sum", col(N))),))
    (row,) = run_program(program, [G], StepBudget(100)).rows
    assert (row.cells[30].released, row.cells[30].exact) == (150, 150 + 2 * 7777)
