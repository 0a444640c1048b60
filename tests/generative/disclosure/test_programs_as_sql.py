"""Without hiding and rounding, what a text computes above its groups is what the engine computes of the same text."""

# ruff: noqa: E501 - one text a line reads as a table

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from query_kit import database, shown

pytestmark = pytest.mark.long

GROUPS = """WITH g AS (SELECT Note AS la, Score AS yr, COUNT(*) AS n, AVG(Points) AS m FROM a WHERE Y = '2017/2018' GROUP BY Note, Score),
h AS (SELECT Note AS la, COUNT(*) AS n FROM a WHERE Y = '2018/2019' GROUP BY Note) """
BAND = "CASE WHEN m IS NULL THEN 'none' WHEN m >= 3 THEN 'high' ELSE 'low' END"
ALMOST = "ORDER BY la NULLS FIRST, yr"
TEXTS = {
    "having": "SELECT la, yr, n FROM g WHERE n > 2 AND (m < 4 OR m IS NULL)",
    "case": f"SELECT la, yr, n, {BAND} AS b FROM g",
    "having over a case": "SELECT la, yr, n FROM g WHERE NOT (CASE WHEN m > 3 THEN m ELSE NULL END > 6)",
    "arithmetic": "SELECT la, yr, n * m - 3 AS x, 1.0 * n / nullif(m, 0) AS y FROM g",
    "what stands for a missing figure": "SELECT la, yr, coalesce(m, -1) AS x FROM g",
    "share by a window": "SELECT la, yr, 100.0 * n / SUM(n) OVER (PARTITION BY la) AS s FROM g",
    "running figures": "SELECT la, yr, SUM(n) OVER (PARTITION BY la ORDER BY yr) AS s, COUNT(m) OVER (ORDER BY yr) AS c, AVG(m) OVER (ORDER BY yr DESC) AS a, COUNT(*) OVER () AS k, MAX(m) OVER (PARTITION BY yr) AS x FROM g",
    "ranks": "SELECT la, yr, rank() OVER (ORDER BY n DESC) AS r, dense_rank() OVER (ORDER BY n DESC) AS d, percent_rank() OVER (ORDER BY n DESC) AS p, cume_dist() OVER (ORDER BY n DESC) AS c FROM g",
    "ranks within a year": "SELECT la, yr, rank() OVER (PARTITION BY yr ORDER BY m NULLS FIRST, n DESC) AS r FROM g",
    "numbers and tiles": f"SELECT la, yr, row_number() OVER ({ALMOST}) AS r, ntile(4) OVER ({ALMOST}) AS t FROM g",
    "neighbours": f"SELECT la, yr, lag(n, 1) OVER (PARTITION BY la ORDER BY yr) AS a, lead(m, 2) OVER ({ALMOST}) AS b FROM g",
    "ends": f"SELECT la, yr, first_value(n) OVER ({ALMOST}) AS a, last_value(n) OVER (PARTITION BY la ORDER BY yr) AS b FROM g",
    "rate by a join": "SELECT g.la, g.yr, 1.0 * g.n / h.n AS r FROM g JOIN h ON g.la = h.la",
    "left join with a condition": "SELECT g.la, g.yr, h.la AS hla, coalesce(h.n, 0) AS hn FROM g LEFT JOIN h ON g.la = h.la AND h.n > g.n",
    "full join": "SELECT g.la, g.yr, g.n, h.la AS hla, h.n AS hn FROM g FULL JOIN h ON g.la = h.la",
    "join on an inequality": "SELECT g.la, g.yr, g.n, h.la AS hla FROM g JOIN h ON g.n <= h.n",
    "share of a scalar total": "SELECT g.la, g.yr, 1.0 * g.n / t.n AS s FROM g CROSS JOIN (SELECT SUM(n) AS n FROM g) t",
    "groups of groups": "SELECT yr, COUNT(*) AS a, COUNT(m) AS b, COUNT(DISTINCT n) AS c, SUM(n) AS d, AVG(m) AS e, MIN(n) AS f, MAX(m) AS g FROM g GROUP BY yr",
    "spread of groups": "SELECT yr, stddev_samp(n) AS d, var_pop(n) AS v, quantile_cont(n::DOUBLE, 0.25) AS q FROM g GROUP BY yr",
    "groups of groups of groups": "SELECT COUNT(*) AS c, AVG(s) AS a, MAX(k) AS m FROM (SELECT la, SUM(n) AS s, COUNT(*) AS k FROM g GROUP BY la) t WHERE s > 2",
    "groups by a band of a figure": f"SELECT {BAND} AS b, COUNT(*) AS c FROM g GROUP BY b",
    "the group's own mean": "SELECT g.la, g.yr, g.n - t.mean AS d FROM g JOIN (SELECT la, AVG(n) AS mean FROM g GROUP BY la) t ON g.la = t.la",
    "union with the total": "SELECT la, n FROM g UNION ALL SELECT 'all', SUM(n) FROM g",
    "top with ties": "SELECT la, yr, n FROM g QUALIFY rank() OVER (ORDER BY n DESC) <= 3",
    "top of a rank": "SELECT la, r FROM (SELECT la, rank() OVER (ORDER BY s DESC) AS r FROM (SELECT la, SUM(n) AS s FROM g GROUP BY la)) WHERE r <= 2",
    "in order": "SELECT la, yr, m FROM g ORDER BY m DESC NULLS LAST, la NULLS FIRST, yr LIMIT 4 OFFSET 1",
}  # fmt: skip

POINTS = st.one_of(st.none(), st.integers(0, 9))
PEOPLE = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", "d", None]), st.sampled_from([16, 17, 18])),
    st.lists(POINTS, min_size=1, max_size=6), min_size=1, max_size=9,
)  # fmt: skip
"""The points of the persons of each group in g; their number is what a group of h has."""


def rows_of(people: dict[tuple[str | None, int], list[int | None]], year: str) -> list[dict[str, Any]]:
    of = [(note, score, points) for (note, score), values in people.items() for points in values]
    return [
        {"p": p, "Key": f"{year}{p}", "Y": year, "Note": note, "Score": score, "Points": points}
        for p, (note, score, points) in enumerate(of, int(year[:4]) * 1000)
    ]


def compared(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(float(v) if isinstance(v, int | float | Decimal) else v for v in row)


def order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        (v is None, type(v).__name__, v if v is None else round(v, 6) if isinstance(v, float) else v) for v in row
    )


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(
        a == pytest.approx(b, rel=1e-9, abs=1e-9) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=25, deadline=None)
@given(PEOPLE, PEOPLE)
def test_a_program_is_its_sql(name: str, g: dict[Any, Any], h: dict[Any, Any]) -> None:
    tables = {"npd.a": rows_of(g, "2017/2018") + rows_of(h, "2018/2019")}
    found = list(map(compared, shown(GROUPS + TEXTS[name], tables, "duckdb")))
    con = database(tables)
    con.execute("SET schema = 'npd'")
    wanted = list(map(compared, con.execute(GROUPS + TEXTS[name]).fetchall()))
    if name != "in order":
        found, wanted = sorted(found, key=order), sorted(wanted, key=order)
    assert len(found) == len(wanted)
    assert all(map(same, found, wanted)), (found, wanted)
