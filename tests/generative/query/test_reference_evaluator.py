"""The reference evaluator: windows, groups, context and subqueries against DuckDB, or by hand on drawn rows."""

import duckdb
import pytest
from evaluate import Evaluator
from proof_size import seed

from broker.domain.plans.operators import (
    Aggregate,
    AggregateCall,
    Apply,
    Filter,
    Join,
    JoinHow,
    Limit,
    Relation,
    Scan,
    ScanColumn,
    Union,
    Window,
    WindowColumn,
)
from broker.domain.plans.scalars import Call, ColumnRef, Literal, ScalarType

P, K, X, Y = 1, 2, 3, 4
ROWS = [
    {"__p": 1, "k": "a", "x": 5, "y": 1},
    {"__p": 1, "k": "a", "x": 5, "y": 2},
    {"__p": 2, "k": "b", "x": None, "y": 1},
    {"__p": 3, "k": "c", "x": 2, "y": 1},
    {"__p": 9, "k": None, "x": 7, "y": 2},
]


def column(ident: int) -> ColumnRef:
    return ColumnRef(ident, ScalarType.INT)


def scan(shift: int = 0) -> Scan:
    named = ((K, "k"), (X, "x"), (Y, "y"))
    return Scan("npd.t", tuple(ScanColumn(i + shift, n, ScalarType.INT) for i, n in named), P + shift, None)


def rows(relation: Relation, least: int = 1) -> list[dict[int, object]]:
    return Evaluator({"npd.t": ROWS}, least).rows(relation)


def equal(a: int, b: int) -> Call:
    return Call("equal", (column(a), column(b)), ScalarType.TRUTH)


WINDOWS = {
    "row_number() OVER (ORDER BY y, x NULLS FIRST, p)": (AggregateCall("row_number", (), ScalarType.INT), (Y, X, P)),
    "rank() OVER (ORDER BY y)": (AggregateCall("rank", (), ScalarType.INT), (Y,)),
    "dense_rank() OVER (ORDER BY y)": (AggregateCall("dense_rank", (), ScalarType.INT), (Y,)),
    "ntile(2) OVER (ORDER BY y, p)": (AggregateCall("ntile", (Literal(2, ScalarType.INT),), ScalarType.INT), (Y, P)),
    "percent_rank() OVER (ORDER BY y)": (AggregateCall("percent_rank", (), ScalarType.DOUBLE), (Y,)),
    "cume_dist() OVER (ORDER BY y)": (AggregateCall("cumulative_share", (), ScalarType.DOUBLE), (Y,)),
    "lag(p) OVER (ORDER BY y, p)": (AggregateCall("lag", (column(P),), ScalarType.INT), (Y, P)),
    "lead(p) OVER (ORDER BY y, p)": (AggregateCall("lead", (column(P),), ScalarType.INT), (Y, P)),
    "first_value(y) OVER (ORDER BY y)": (AggregateCall("first", (column(Y),), ScalarType.INT), (Y,)),
    "last_value(y) OVER (ORDER BY y)": (AggregateCall("last", (column(Y),), ScalarType.INT), (Y,)),
    "sum(x) OVER (ORDER BY y)": (AggregateCall("sum", (column(X),), ScalarType.INT), (Y,)),
    "sum(x) OVER ()": (AggregateCall("sum", (column(X),), ScalarType.INT), ()),
    "count(*) OVER (ORDER BY y)": (AggregateCall("count_rows", (), ScalarType.INT), (Y,)),
}


@pytest.mark.parametrize("text", WINDOWS)
def test_windows_are_those_of_the_engine(text: str) -> None:
    function, order = WINDOWS[text]
    window = WindowColumn(20, function, (), tuple((column(o), False) for o in order), shared=False)
    con = duckdb.connect()
    con.execute("CREATE TABLE t (p INT, k TEXT, x INT, y INT)")
    con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [tuple(r.values()) for r in ROWS])
    expected = sorted(con.execute(f"SELECT p, y, {text} FROM t").fetchall(), key=repr)
    found = sorted([(r[P], r[Y], _plain(r[20])) for r in rows(Window(scan(), (window,), P))], key=repr)
    assert found == expected, seed()


def _plain(found: object) -> object:
    """Fractions as the engine writes them; whole numbers stay."""
    return found if isinstance(found, int) or found is None else float(found)  # type: ignore[arg-type]


def test_a_key_groups_one_person_and_rows_without_a_key_stay_separate() -> None:
    found = rows(
        Aggregate(scan(), ((30, column(K)),), ((31, AggregateCall("sum", (column(X),), ScalarType.INT)),), P, person=32)
    )
    keyed = {(r[30], r[31], r[32]) for r in found if r[30] is not None}
    alone = [r for r in found if r[30] is None]
    assert keyed == {("a", 10, 1), ("b", None, 2), ("c", 2, 3)}
    assert sum(r[31] for r in alone) == 7
    assert len({r[32] for r in alone}) == len(alone)


def test_groups_of_few_do_not_exist_and_their_aggregates_are_null() -> None:
    """Year 1 has three persons, of whom two have a value; year 2 has two persons."""
    one = Aggregate(
        scan(), ((30, column(Y)),), ((31, AggregateCall("sum", (column(X),), ScalarType.INT)),), P, person=None
    )
    assert [(r[30], r[31]) for r in rows(one, least=3)] == [(1, None)]
    assert [(r[30], r[31]) for r in rows(one, least=2)] == [(1, 7), (2, 12)]


def test_what_other_people_give_a_window_is_hidden_with_few() -> None:
    function = AggregateCall("sum", (column(X),), ScalarType.INT)
    window = WindowColumn(20, function, (column(Y),), (), shared=True)
    assert {(r[Y], r[20]) for r in rows(Window(scan(), (window,), P), least=3)} == {(1, None), (2, None)}
    assert {(r[Y], r[20]) for r in rows(Window(scan(), (window,), P), least=2)} == {(1, 7), (2, 12)}


def test_an_outer_joins_row_belongs_to_the_side_that_is_there() -> None:
    left = Filter(scan(), Call("less", (column(Y), Literal(2, ScalarType.INT)), ScalarType.TRUTH))
    right = Filter(scan(100), Call("less", (Literal(1, ScalarType.INT), column(Y + 100)), ScalarType.TRUTH))
    found = rows(Join(left, right, JoinHow.FULL, equal(K, K + 100), person=50, both=(P, P + 100)))
    assert sorted((r[50], r.get(Y), r.get(Y + 100)) for r in found) == [
        (1, 1, 2),
        (2, 1, None),
        (3, 1, None),
        (9, None, 2),
    ]


def test_subqueries_read_the_row_that_they_are_attached_to() -> None:
    other = Filter(scan(100), equal(K + 100, K))
    assert [r[60] for r in rows(Apply(scan(), other, 60, None))] == [True, True, True, True, False]
    last = Limit(other, ((column(Y + 100), True),), 1)
    assert [r[60] for r in rows(Apply(scan(), last, 60, Y + 100))] == [2, 2, 1, 1, None]
    with pytest.raises(ValueError, match="more than one row"):
        rows(Apply(scan(), other, 60, Y + 100))


def test_a_lateral_join_runs_its_right_side_for_each_row() -> None:
    right = Limit(Filter(scan(100), equal(K + 100, K)), ((column(Y + 100), False),), 1)
    found = rows(Join(scan(), right, JoinHow.LEFT, None, person=P, lateral=True))
    assert [(r[P], r.get(Y + 100)) for r in found] == [(1, 1), (1, 1), (2, 1), (3, 1), (9, None)]


def test_a_union_maps_columns_and_persons() -> None:
    found = rows(Union((scan(), scan(100)), ((70, (X, Y + 100)),), (71, (P, P + 100))))
    assert [(r[71], r[70]) for r in found][4:6] == [(9, 7), (1, 1)]
