"""Each post-aggregation step on small drawn tables: a hidden value (`c`) enters no figure and satisfies no condition.
(What the steps give of shown figures is what SQL gives: `tests/generative/disclosure/test_programs_as_sql.py`.)"""

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

T, U = TableRef(0), TableRef(1)
G = drawn("1 2 10", "a 17 50", "a 18 60", "b 17 c", "b 18 40", "d 17 c", keys=2)
H = drawn("3 20", "a 200", "b c", "e 90")
BY_LA = drawn("1 10", "a 50", "b 40", "d 30")
HOLE = drawn("1 10", "a 50", "b c", "d 90")
ORDERED = drawn("1 10", "a 50", "b c", "d -", "e 60", "f 50")
RANKED = drawn("1 10", "a 50", "b c", "d 60", "e 50", "f 40")
BY_YEAR = drawn("2 10", "16 50", "17 c", "18 60")
NO_VALUES = drawn("1 10 11", "a 50 c", "a 60 c", "- 40 -", "- 30 2")


def project(**columns: Scalar) -> Project:
    """`x30=...` is the column 30."""
    return Project(T, tuple((int(name[1:]), made) for name, made in columns.items()))


def window(
    op: str, *args: Scalar, by: tuple[int, ...] = (), order: tuple[tuple[int, bool], ...] = ()
) -> PostAggregation:
    column = WindowColumn(30, agg(op, *args), tuple(map(col, by)), tuple((col(i), down) for i, down in order))
    return Window(T, (column,))


def groups(key: Scalar | None, *figures: Scalar) -> Aggregate:
    """The key is column 40, the figures are 30 and on."""
    return Aggregate(T, () if key is None else ((40, key),), tuple(enumerate(figures, 30)))


COUNT_ROWS, SUM_N = agg("count_rows"), agg("sum", col(N))
SAME_LA = calls("equal_text", LA, HLA)
SMALL, EARLY, MANY = calls("less", N, lit(45)), calls("equal", YEAR, lit(17)), calls("at_most", lit(50), N)
BAND = case((calls("less", N, lit(55)), lit("small")), otherwise=lit("large"))
DOWN, ALONG = ((N, True),), ((YEAR, False),)
BY_N_DOWN = ((col(N), True),)
TOTAL = Project(Aggregate(T, (), ((30, SUM_N),)), ((31, lit(None)),))

# what is computed, of which tables, the columns that are seen, and the rows
STEPS = {
    "a figure is hidden with what it is made of": (
        project(x30=calls("add", N, lit(1)), x31=calls("divide", col(N), lit(0)), x32=lit(5)), (G,), "1 2 30 31 32",
        "a 17 51 - 5, a 18 61 - 5, b 17 c c 5, b 18 41 - 5, d 17 c c 5"),
    "a CASE is hidden by a condition on the way or by its branch": (
        project(x30=case((calls("equal", YEAR, lit(18)), lit(0)), otherwise=col(N)),
                x31=case((calls("at_most", N, lit(50)), lit("few")), otherwise=lit("many")),
                x32=calls("coalesce", lit(None), YEAR, N)), (G,), "1 30 31 32",
        "a 50 few 17, a 0 many 18, b c c 17, b 0 few 18, d c c 17"),
    "COALESCE does not replace what is hidden": (
        project(x30=calls("coalesce", N, lit(0))), (G,), "30", "50, 60, c, 40, c"),
    "one side can settle a condition, and else it is unknown": (
        project(x30=calls("and", SMALL, EARLY), x31=calls("or", SMALL, EARLY), x32=calls("not", SMALL)), (G,),
        "1 2 30 31 32",
        "a 17 False True True, a 18 False False True, b 17 c True c, b 18 False True False, d 17 c True c"),
    "HAVING retains what is true of shown figures": (Filter(T, MANY), (G,), "1 2 10", "a 17 50, a 18 60"),
    "and what is not true of them": (Filter(T, calls("not", MANY)), (G,), "1 2 10", "b 18 40"),
    "hidden is not missing": (Filter(T, calls("is_null", N)), (G,), "1", ""),
    "an order downwards has hidden ones last": (
        Sort(T, BY_N_DOWN), (ORDERED,), "1 10", "e 60, a 50, f 50, d -, b c"),
    "and so has one upwards": (Sort(T, ((col(N), False),)), (ORDERED,), "1", "d, a, f, e, b"),
    "the first rows": (Limit(T, BY_N_DOWN, 2), (ORDERED,), "1", "e, a"),
    "the first rows with ties": (Limit(T, BY_N_DOWN, 2, ties=True), (ORDERED,), "1", "e, a, f"),
    "the rows after the first": (Limit(T, (*BY_N_DOWN, (col(LA), True)), 2, skip=1), (ORDERED,), "1", "f, a"),
    "a rate beside a hidden figure": (
        Project(Join(T, U, JoinHow.INNER, SAME_LA), ((30, calls("divide", N, HN)),)), (BY_LA, H), "1 30",
        "a 0.25, b c"),
    "a missing side is an empty cell": (
        Project(Join(T, U, JoinHow.LEFT, SAME_LA), ((30, calls("coalesce", HN, lit(0))),)), (BY_LA, H), "1 3 20 30",
        "a a 200 200, b b c c, d - c c"),
    "either side is missing": (
        Join(T, U, JoinHow.FULL, SAME_LA), (BY_LA, H), "1 10 3 20", "a 50 a 200, b 40 b c, d 30 - c, - c e 90"),
    "a hidden figure satisfies no condition of a join": (
        Join(T, U, JoinHow.INNER, calls("less", N, HN)), (HOLE, H), "1 3", "a a, a e, d a"),
    "nor equals another one": (Join(T, U, JoinHow.INNER, calls("equal", N, HN)), (HOLE, H), "1 3", "d e"),
    "of a group nothing of which is shown there is none": (
        groups(col(LA), COUNT_ROWS, SUM_N, agg("mean", col(N))), (G,), "40 30 31 32", "a 2 110 55, b 1 40 40"),
    "a figure of nothing but hidden ones is hidden, and a missing key is a group": (
        groups(col(LA), agg("count", col(M)), agg("greatest", col(M))), (NO_VALUES,), "40 30 31", "a c c, - 1 2"),
    "without keys there is one row": (groups(None, COUNT_ROWS, SUM_N), (G,), "30 31", "3 150"),
    "of hidden ones alone": (groups(None, COUNT_ROWS, SUM_N), (drawn("1 10", "a c", "b c"),), "30 31", "c c"),
    "no row at all looks like hidden ones": (groups(None, COUNT_ROWS, SUM_N), (drawn("1 10"),), "30 31", "c c"),
    "groups by a hidden figure are left out": (groups(BAND, COUNT_ROWS), (G,), "40 30", "small 2, large 1"),
    "a share of a total is of what is shown": (
        Project(window("sum", col(N), by=(LA,)), ((31, calls("divide", N, 30)),)), (G,), "1 2 30 31",
        "a 17 110 0.4545, a 18 110 0.5455, b 17 40 c, b 18 40 1, d 17 c c"),
    "running sums go up to the peers of a row": (
        window("sum", col(N), order=ALONG), (G,), "2 30", "17 50, 18 150, 17 50, 18 150, 17 50"),
    "running numbers of rows": (window("count_rows", order=DOWN), (G,), "10 30", "50 2, 60 1, c c, 40 3, c c"),
    "ranks are among what is shown": (window("rank", order=DOWN), (RANKED,), "30", "2, c, 1, 2, 4"),
    "dense ranks": (window("dense_rank", order=DOWN), (RANKED,), "30", "2, c, 1, 2, 3"),
    "row numbers": (window("row_number", order=DOWN), (RANKED,), "30", "2, c, 1, 3, 4"),
    "percent ranks": (window("percent_rank", order=DOWN), (RANKED,), "30", "0.3333, c, 0, 0.3333, 1"),
    "cumulative shares": (window("cumulative_share", order=DOWN), (RANKED,), "30", "0.75, c, 0.25, 0.75, 1"),
    "groups of equal size": (window("ntile", lit(3), order=DOWN), (RANKED,), "30", "1, c, 1, 2, 3"),
    "the rank of a hidden row by its key": (
        window("rank", order=((LA, False),)), (RANKED,), "30", "1, c, 2, 3, 4"),
    "a neighbour that is hidden is hidden and not skipped": (
        window("lag", col(N), lit(1), order=ALONG), (BY_YEAR,), "2 30", "16 -, 17 50, 18 c"),
    "the one after the next": (window("lead", col(N), lit(2), order=ALONG), (BY_YEAR,), "30", "60, -, -"),
    "the first of all": (window("first", col(N), order=((YEAR, True),)), (BY_YEAR,), "30", "60, 60, 60"),
    "the last so far": (window("last", col(N), order=ALONG), (BY_YEAR,), "30", "50, c, 60"),
    "parts stand one after the other": (
        Union((T, TOTAL), ((40, (LA, 31)), (41, (N, 30)))), (G,), "40 41", "a 50, a 60, b c, b 40, d c, - 150"),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_hidden_value_enters_no_figure(step: str) -> None:
    program, tables, columns, rows = STEPS[step]
    assert ", ".join(shown(program, *tables, columns=columns)) == rows


def test_sides_of_a_join_have_columns_of_their_own() -> None:
    with pytest.raises(Breach, match="in common"):
        shown(Join(T, T, JoinHow.CROSS, None), H, columns="3")
    again = Union((T,), ((3 + 30, (3,)), (20 + 30, (20,))))
    assert len(shown(Join(T, again, JoinHow.CROSS, None), H, columns="3 33")) == 9


INEXACT = {
    "a text with letters beyond ASCII": Filter(T, calls("equal_text", lit("Zoë"), ColumnRef(LA, ScalarType.TEXT))),
    "an operation that nobody knows": Filter(T, calls("cube", N)),
    "a mode": window("mode", col(N)),
    "no tiles": window("ntile", lit(0)),
    "a sum of texts": window("sum", col(LA)),
    "a column that is not there": Filter(T, calls("less", 99, lit(1))),
}


@pytest.mark.parametrize("what", INEXACT)
def test_python_never_guesses_inexact_results(what: str) -> None:
    with pytest.raises(Breach, match="not there" if "not there" in what else None):
        shown(INEXACT[what], G, columns="1")


def test_a_fault_over_exact_values_alone_gives_nothing_and_ends_nothing() -> None:
    """The hidden count cannot be taken for a text: were the job to end, it would tell what stands there."""
    found = run_program(project(x30=calls("upper", 10)), [drawn("1 10", "a x", "b c")], StepBudget(100)).rows
    told = [(r.cells[30].released, r.cells[30].exact, r.cells[30].hidden) for r in found]
    assert told == [("X", "X", False), (None, None, True)]


def test_work_is_bounded_by_a_number_of_rows() -> None:
    many = drawn("3 20", *(f"x{i} {i}" for i in range(40)))
    again = Union((T,), ((33, (3,)), (50, (20,))))
    product = Join(T, again, JoinHow.INNER, calls("less", 20, 50))
    assert len(shown(product, many, columns="3 33", work=40 + 1600 + 780)) == 780
    running = Window(T, (WindowColumn(30, agg("sum", col(20)), (), ((col(20), False),)),))
    for program, columns, work in ((product, "3 33", 1000), (running, "30", 500)):
        with pytest.raises(Breach, match="steps"):
            shown(program, many, columns=columns, work=work)


def test_exact_values_ride_along_for_staff() -> None:
    (row,) = run_program(groups(None, SUM_N), [G], StepBudget(100)).rows
    assert (row.cells[30].released, row.cells[30].exact) == (150, 150 + 2 * 7777)
