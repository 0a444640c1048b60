"""Without hiding and rounding, a program over groups gives the rows of the same SQL over the same table."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from groups_kit import HLA, HN, LA, YEAR, M, N, agg, calls, case, col, evidence_of, lit, planned_tables
from hypothesis import given, settings, strategies as st

from broker.domain.evidence import OutputEvidence
from broker.domain.plans.operators import (
    Aggregate,
    Filter,
    Join,
    JoinHow,
    Limit,
    PostAggregation,
    Project,
    TableRef,
    Union,
    Window,
    WindowColumn,
)
from broker.domain.plans.plan import OutputColumn, PlannedOutput
from broker.domain.plans.scalars import Scalar
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from tests.oracles.judge_output import judge_output

OPEN = DisclosureRules(
    name="open", source="test", t=1, zeros=ZeroPolicy.PUBLISH, full=ZeroPolicy.PUBLISH, p_percent=None, round_base=1,
    mean_digits=9, percent_digits=9, sum_digits=9,
)  # fmt: skip
DATABASE = duckdb.connect()
FIGURES = 1e-3
"""What is computed leaves with four significant figures."""

pytestmark = pytest.mark.long

g_rows = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", "d", None]), st.sampled_from([16, 17, 18])),
    st.tuples(st.integers(1, 60), st.one_of(st.none(), st.integers(0, 240))),
    min_size=1,
    max_size=9,
)
h_rows = st.dictionaries(st.sampled_from(["a", "b", "e", None]), st.integers(1, 60), min_size=1)


def over(op: str, *args: Scalar, by: tuple[int, ...] = (), order: tuple[tuple[int, bool], ...] = ()) -> WindowColumn:
    """Under the id 30."""
    return WindowColumn(30, agg(op, *args), tuple(map(col, by)), tuple((col(i), down) for i, down in order))


def windows(*columns: WindowColumn) -> PostAggregation:
    found = tuple(WindowColumn(30 + number, c.function, c.partition, c.order) for number, c in enumerate(columns))
    return Window(TableRef(0), found)


SAME = calls("equal_text", LA, HLA)
KEYS = ((LA, False), (YEAR, False))
BY_N = ((N, True),)
ALONG = ((YEAR, False),)
TOTAL = Aggregate(TableRef(0), (), ((50, agg("sum", col(N))), (51, agg("count_rows"))))
BY_LA = Aggregate(TableRef(0), ((40, col(LA)),), ((41, agg("sum", col(N))), (42, agg("count_rows"))))
BAND = case(
    (calls("is_null", M), lit("none")), (calls("at_most", lit(Decimal(30)), M), lit("high")), otherwise=lit("low")
)
MANY = calls("less", lit(20), N)
HIGH_ONLY = case((calls("less", lit(30), M), col(N)), otherwise=lit(None))
ALMOST = "ORDER BY la NULLS FIRST, yr"

SHAPES: Mapping[str, tuple[str, PostAggregation, tuple[int, ...]]] = {
    "having": (
        "SELECT la, yr, n FROM g WHERE n > 20 AND (m < 40 OR m IS NULL)",
        Filter(TableRef(0), calls("and", MANY, calls("or", calls("less", M, lit(40)), calls("is_null", M)))),
        (LA, YEAR, N),
    ),
    "case": (
        "SELECT la, yr, CASE WHEN m IS NULL THEN 'none' WHEN m >= 30 THEN 'high' ELSE 'low' END FROM g",
        Project(TableRef(0), ((30, BAND),)),
        (LA, YEAR, 30),
    ),
    "having over a case": (
        "SELECT la, yr FROM g WHERE NOT (CASE WHEN m > 30 THEN n ELSE NULL END > 10)",
        Filter(TableRef(0), calls("not", calls("less", lit(10), HIGH_ONLY))),
        (LA, YEAR),
    ),
    "arithmetic": (
        "SELECT la, yr, n * m - 3, 1.0 * n / nullif(m, 0), coalesce(m, n) FROM g",
        Project(
            TableRef(0),
            (
                (30, calls("subtract", calls("multiply", N, M), lit(3))),
                (31, calls("divide", N, M)),
                (32, calls("coalesce", M, N)),
            ),
        ),
        (LA, YEAR, 30, 31, 32),
    ),
    "share by a window": (
        "SELECT la, yr, 100.0 * n / SUM(n) OVER (PARTITION BY la) FROM g",
        Project(windows(over("sum", col(N), by=(LA,))), ((40, calls("divide", calls("multiply", lit(100), N), 30)),)),
        (LA, YEAR, 40),
    ),
    "running figures": (
        "SELECT la, yr, SUM(n) OVER (PARTITION BY la ORDER BY yr), COUNT(m) OVER (ORDER BY yr),"
        " AVG(m) OVER (ORDER BY yr DESC), COUNT(*) OVER (), MAX(m) OVER (PARTITION BY yr) FROM g",
        windows(
            over("sum", col(N), by=(LA,), order=ALONG),
            over("count", col(M), order=ALONG),
            over("mean", col(M), order=((YEAR, True),)),
            over("count_rows"),
            over("greatest", col(M), by=(YEAR,)),
        ),
        (LA, YEAR, 30, 31, 32, 33, 34),
    ),
    "ranks": (
        "SELECT la, yr, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w,"
        " rank() OVER (PARTITION BY yr ORDER BY m NULLS FIRST, n DESC) FROM g WINDOW w AS (ORDER BY n DESC)",
        windows(
            *(over(op, order=BY_N) for op in ("rank", "dense_rank", "percent_rank", "cumulative_share")),
            over("rank", by=(YEAR,), order=((M, False), (N, True))),
        ),
        (LA, YEAR, 30, 31, 32, 33, 34),
    ),
    "numbers and tiles": (
        f"SELECT la, yr, row_number() OVER ({ALMOST}), ntile(4) OVER ({ALMOST}) FROM g",
        windows(over("row_number", order=KEYS), over("ntile", lit(4), order=KEYS)),
        (LA, YEAR, 30, 31),
    ),
    "neighbours": (
        f"SELECT la, yr, lag(n, 1) OVER (PARTITION BY la ORDER BY yr), lead(m, 2) OVER ({ALMOST}),"
        f" first_value(n) OVER ({ALMOST}), last_value(n) OVER (PARTITION BY la ORDER BY yr) FROM g",
        windows(
            over("lag", col(N), lit(1), by=(LA,), order=ALONG),
            over("lead", col(M), lit(2), order=KEYS),
            over("first", col(N), order=KEYS),
            over("last", col(N), by=(LA,), order=ALONG),
        ),
        (LA, YEAR, 30, 31, 32, 33),
    ),
    "rate by a join": (
        "SELECT g.la, g.yr, 1.0 * g.n / h.n FROM g JOIN h ON g.la = h.la",
        Project(Join(TableRef(0), TableRef(1), JoinHow.INNER, SAME), ((30, calls("divide", N, HN)),)),
        (LA, YEAR, 30),
    ),
    "left join with a condition": (
        "SELECT g.la, g.yr, h.la, coalesce(h.n, 0) FROM g LEFT JOIN h ON g.la = h.la AND h.n > g.n",
        Project(
            Join(TableRef(0), TableRef(1), JoinHow.LEFT, calls("and", SAME, calls("less", N, HN))),
            ((30, calls("coalesce", HN, lit(0))),),
        ),
        (LA, YEAR, HLA, 30),
    ),
    "full join": (
        "SELECT g.la, g.yr, g.n, h.la, h.n FROM g FULL JOIN h ON g.la = h.la",
        Join(TableRef(0), TableRef(1), JoinHow.FULL, SAME),
        (LA, YEAR, N, HLA, HN),
    ),
    "join on an inequality": (
        "SELECT g.la, g.yr, h.la FROM g JOIN h ON g.n <= h.n",
        Join(TableRef(0), TableRef(1), JoinHow.INNER, calls("at_most", N, HN)),
        (LA, YEAR, HLA),
    ),
    "share of a scalar total": (
        "SELECT g.la, g.yr, 1.0 * g.n / t.n FROM g CROSS JOIN (SELECT SUM(n) AS n FROM g) t",
        Project(Join(TableRef(0), TOTAL, JoinHow.CROSS, None), ((30, calls("divide", N, 50)),)),
        (LA, YEAR, 30),
    ),
    "groups of groups": (
        "SELECT yr, COUNT(*), COUNT(m), COUNT(DISTINCT n), SUM(n), AVG(m), MIN(n), MAX(m), stddev_samp(n), var_pop(n),"
        " quantile_cont(n::DOUBLE, 0.25) FROM g GROUP BY yr",
        Aggregate(
            TableRef(0),
            ((40, col(YEAR)),),
            (
                (30, agg("count_rows")), (31, agg("count", col(M))), (32, agg("count_distinct", col(N))),
                (33, agg("sum", col(N))), (34, agg("mean", col(M))), (35, agg("least", col(N))),
                (36, agg("greatest", col(M))), (37, agg("deviation", col(N))), (38, agg("variance_whole", col(N))),
                (39, agg("quantile", col(N), lit(Decimal("0.25")))),
            ),
        ),
        (40, *range(30, 40)),
    ),
    "groups of groups of groups": (
        "SELECT COUNT(*), AVG(s), MAX(k) FROM (SELECT la, SUM(n) AS s, COUNT(*) AS k FROM g GROUP BY la) t WHERE s > 9",
        Aggregate(
            Filter(BY_LA, calls("less", lit(9), 41)),
            (),
            ((60, agg("count_rows")), (61, agg("mean", col(41))), (62, agg("greatest", col(42)))),
        ),
        (60, 61, 62),
    ),
    "groups by a band of a figure": (
        "SELECT CASE WHEN m IS NULL THEN 'none' WHEN m >= 30 THEN 'high' ELSE 'low' END AS b, COUNT(*) FROM g"
        " GROUP BY b",
        Aggregate(TableRef(0), ((40, BAND),), ((41, agg("count_rows")),)),
        (40, 41),
    ),
    "the group's own mean": (
        "SELECT g.la, g.yr, g.n - t.mean FROM g JOIN (SELECT la, AVG(n) AS mean FROM g GROUP BY la) t ON g.la = t.la",
        Project(
            Join(
                TableRef(0),
                Aggregate(TableRef(0), ((40, col(LA)),), ((41, agg("mean", col(N))),)),
                JoinHow.INNER,
                calls("equal_text", LA, 40),
            ),
            ((50, calls("subtract", N, 41)),),
        ),
        (LA, YEAR, 50),
    ),
    "union with the total": (
        "SELECT la, n FROM g UNION ALL SELECT 'all', SUM(n) FROM g",
        Union((TableRef(0), Project(TOTAL, ((52, lit("all")),))), ((60, (LA, 52)), (61, (N, 50)))),
        (60, 61),
    ),
    "top with ties": (
        "SELECT la, yr, n FROM g QUALIFY rank() OVER (ORDER BY n DESC) <= 3",
        Limit(TableRef(0), ((col(N), True),), 3, ties=True),
        (LA, YEAR, N),
    ),
    "top of a rank": (
        "SELECT la, r FROM (SELECT la, rank() OVER (ORDER BY s DESC) AS r FROM"
        " (SELECT la, SUM(n) AS s FROM g GROUP BY la)) WHERE r <= 2",
        Filter(
            Window(BY_LA, (WindowColumn(70, agg("rank"), (), ((col(41), True),)),)), calls("at_most", 70, lit(2))
        ),
        (40, 70),
    ),
}  # fmt: skip
ORDERED = (
    "SELECT la, yr, m FROM g ORDER BY m DESC NULLS LAST, la NULLS FIRST, yr LIMIT 4 OFFSET 1",
    Limit(TableRef(0), ((col(M), True), (col(LA), False), (col(YEAR), False)), 4, skip=1),
    (LA, YEAR, M),
)

Data = tuple[dict[tuple[str | None, int], tuple[int, int | None]], dict[str | None, int]]


def of_broker(program: PostAggregation, columns: tuple[int, ...], data: Data, exact: bool) -> list[tuple[Any, ...]]:
    g, h = data
    quarter = {k: (n, n if m is not None else 0, None if m is None else Decimal(m) / 4) for k, (n, m) in g.items()}
    tables = evidence_of(quarter, N, M), evidence_of({(k,): (n, n, None) for k, n in h.items()}, HN)
    keys = {LA, YEAR, HLA, 40, 60}
    shown = tuple(OutputColumn(f"c{i}", col(i), "key" if i in keys else "derived") for i in columns)
    planned = PlannedOutput("t", "pupil", planned_tables(), program, shown)
    found = judge_output(planned, OutputEvidence("t", tables), OPEN)
    assert not any(any(r.suppressed) for r in found.rows)
    return [tuple(r.exact if exact else r.released) for r in found.rows]


def of_sql(text: str, data: Data) -> list[tuple[Any, ...]]:
    g, h = data
    with DATABASE.cursor() as con:
        con.execute("CREATE OR REPLACE TEMP TABLE g (la VARCHAR, yr INT, n INT, m DOUBLE)")
        con.execute("CREATE OR REPLACE TEMP TABLE h (la VARCHAR, n INT)")
        con.executemany("INSERT INTO g VALUES (?, ?, ?, ? / 4)", [[*k, n, m] for k, (n, m) in g.items()])
        con.executemany("INSERT INTO h VALUES (?, ?)", [[k, n] for k, n in h.items()])
        return con.execute(text).fetchall()


def compared(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the text that stands for a missing key."""
    return tuple(None if v == "(missing)" else float(v) if isinstance(v, int | float | Decimal) else v for v in row)


def order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        (v is None, type(v).__name__, v if v is None else round(v, 6) if isinstance(v, float) else v) for v in row
    )


def same(one: tuple[Any, ...], other: tuple[Any, ...], within: float) -> bool:
    return all(
        a == pytest.approx(b, rel=within, abs=1e-9) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(st.tuples(g_rows, h_rows))
def test_a_program_is_its_sql(shape: str, data: Data) -> None:
    """And what is released is that but for its figures."""
    text, program, columns = SHAPES[shape]
    wanted = sorted(map(compared, of_sql(text, data)), key=order)
    exact, released = (of_broker(program, columns, data, exact=e) for e in (True, False))
    found = sorted(map(compared, exact), key=order)
    assert len(found) == len(wanted)
    assert all(same(a, b, 1e-9) for a, b in zip(found, wanted, strict=True)), (found, wanted)
    assert all(same(compared(a), compared(b), FIGURES) for a, b in zip(exact, released, strict=True))


@settings(deadline=None)
@given(g_rows)
def test_ordered_rows_are_in_order(rows: dict[tuple[str | None, int], tuple[int, int | None]]) -> None:
    text, program, columns = ORDERED
    found = of_broker(program, columns, (rows, {"a": 1}), exact=True)
    assert list(map(compared, found)) == list(map(compared, of_sql(text, (rows, {"a": 1}))))
