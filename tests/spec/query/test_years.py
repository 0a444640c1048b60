"""Which years a use has: the guards of the algebra, shape by shape. 17 is 2017/2018."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import compiled, shown

ALL = {17, 18, 19}
JOIN = "a JOIN b ON a.Key = b.Key"
LEFT = "a LEFT JOIN b ON a.Key = b.Key"
CASES: list[tuple[str, set[int], set[int] | None]] = [
    ("a", ALL, None),
    ("a WHERE Y = '2017/2018'", {17}, None),
    ("a WHERE Y = '2017/2018 '", {17}, None),
    ("a WHERE Y <> '2017/2018 '", {18, 19}, None),
    ("a WHERE Y IN ('2017/2018', '2019/2020')", {17, 19}, None),
    ("a WHERE Y > '2017/2018' AND Y < '2019/2020'", {18}, None),
    ("a WHERE Y BETWEEN '2018/2019' AND '2019/2020'", {18, 19}, None),
    ("a WHERE NOT Y = '2018/2019'", {17, 19}, None),
    ("a WHERE Y = '2018/2019' OR Sex = 'M'", ALL, None),
    ("a WHERE (Y = '2018/2019' OR Sex = 'M') AND Y <> '2019/2020'", {17, 18}, None),
    ("a WHERE Y = '2018/2019' AND Sex = 'M'", {18}, None),
    ("a WHERE LEFT(Y, 4) = '2018'", {18}, None),
    ("a WHERE Y LIKE '2018%'", {18}, None),
    ("a WHERE Y LIKE '201[78]/%'", {17, 18}, None),
    ("a WHERE Y LIKE '201[^8]/____'", {17, 19}, None),
    ("a WHERE Y NOT LIKE '%[0-8]'", {18}, None),
    ("a WHERE RIGHT(Y, 4) = '2018'", {17}, None),
    ("a WHERE Y LIKE '%/201_'", {17, 18}, None),
    ("a JOIN (VALUES ('2017/2018'), ('2019/2020')) AS v (y) ON v.y = a.Y", {17, 19}, None),
    ("a JOIN (VALUES (1, '2018/2019'), (2, NULL)) AS v (n, y) ON v.y = a.Y", {18}, None),
    ("a LEFT JOIN (VALUES ('2017/2018')) AS v (y) ON v.y = a.Y", ALL, None),
    ("a LEFT JOIN (VALUES ('2017/2018')) AS v (y) ON v.y = a.Y WHERE v.y IS NOT NULL", {17}, None),
    ("a WHERE Y IN (SELECT y FROM (VALUES ('2018/2019'), ('2019/2020')) AS v (y))", {18, 19}, None),
    ("a WHERE EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y)", {18}, None),
    ("a WHERE NOT EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y)", ALL, None),
    ("a WHERE Sex = 'M' OR EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y)", ALL, None),
    ("(VALUES ('2017/2018', '2018/2019')) AS v (y, z) JOIN a ON a.Y = v.y JOIN b ON b.Key = a.Key AND b.Y = v.z", {17}, {18}),
    ("a WHERE CASE WHEN Y = '2018/2019' THEN 1 ELSE 0 END = 1", {18}, None),
    ("a WHERE COALESCE(Y, 'x') = '2018/2019'", {18}, None),
    ("a WHERE Y < '1999/2000'", set(), None),
    ("a WHERE Y = NULL", set(), None),
    ("(SELECT Y AS t, LA FROM a WHERE Y < '2019/2020') AS x WHERE t <> '2017/2018'", {18}, None),
    ("(SELECT LEFT(Y, 4) AS t FROM a) AS x WHERE t = '2018'", {18}, None),
    (f"{JOIN} WHERE a.Y = '2017/2018'", {17}, ALL),
    (f"{JOIN} AND a.Y = b.Y WHERE a.Y = '2017/2018'", {17}, {17}),
    (f"{JOIN} AND a.Y < b.Y", {17, 18}, {18, 19}),
    (f"{JOIN} WHERE (a.Y = '2017/2018' AND b.Y = '2018/2019') OR (a.Y = '2018/2019' AND b.Y = '2019/2020')", {17, 18}, {18, 19}),
    (f"{LEFT} AND a.Y = '2018/2019'", ALL, ALL),
    (f"{LEFT} AND b.Y = '2018/2019'", ALL, {18}),
    (f"{LEFT} AND a.Y = b.Y WHERE a.Y = '2018/2019'", {18}, {18}),
    (f"{LEFT} WHERE b.Y = '2017/2018'", ALL, {17}),
    (f"{LEFT} WHERE b.Y = '2017/2018' OR b.Y IS NULL", ALL, ALL),
    (f"{LEFT} AND a.Y = '2018/2019' WHERE b.Days > 1", {18}, ALL),
    ("b RIGHT JOIN a ON a.Key = b.Key AND b.Y = '2018/2019' WHERE a.Y = '2017/2018'", {17}, {18}),
    (
        "a LEFT JOIN (SELECT Key, Y AS t FROM b WHERE Y <> '2019/2020') AS b ON a.Key = b.Key WHERE b.t IS NULL",
        ALL, {17, 18},
    ),
    (
        "a LEFT JOIN (SELECT Key, 'm' AS mark FROM b) AS b ON a.Key = b.Key "
        "WHERE a.Y = '2018/2019' OR b.mark IS NULL", ALL, ALL,
    ),
    (
        "a LEFT JOIN (SELECT Key, 'm' AS mark FROM b) AS b ON a.Key = b.Key "
        "WHERE a.Y = '2018/2019' AND b.mark = 'm'", {18}, ALL,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "of_a", "of_b"), CASES)
def test_years_of_a_use(text: str, of_a: set[int], of_b: set[int] | None) -> None:
    found = compiled(f"SELECT COUNT(*) AS n FROM {text}")
    assert found.plan is not None, found.refusals
    for table, expected in (("npd.a", of_a), ("npd.b", of_b)):
        years = [u.years for u in found.uses if u.table == table]
        assert all(y == {2000 + e for e in expected or ()} for y in years), (table, years)
        assert bool(years) == (expected is not None)


def test_a_row_that_only_fails_to_match_still_matters() -> None:
    """The year 2017 of b must be in the use: deleting it lets a padded row through."""
    query = "SELECT COUNT(*) AS n FROM a LEFT JOIN b ON a.Key = b.Key WHERE b.Y = '2018/2019' OR b.Y IS NULL"
    a = [{"p": 1, "Key": "k", "Y": "2017/2018", "LA": 1}]
    b = [{"p": 1, "Key": "k", "Y": "2017/2018"}]
    assert shown(query, {"npd.a": a, "npd.b": b}) == [(0,)]
    assert shown(query, {"npd.a": a, "npd.b": []}) == [(1,)]


def test_years_are_reported_for_refused_text_too() -> None:
    found = compiled("SELECT MAX(Score) AS m FROM a WHERE Y = '2018/2019' HAVING COUNT(LA) > 1")
    assert found.plan is None
    assert {u.variable: u.years for u in found.uses} == dict.fromkeys(["LA", "Score", "Y"], frozenset({2018}))


def test_a_table_without_any_variable_is_a_use_of_its_rows() -> None:
    (use,) = compiled("SELECT COUNT(*) AS n FROM a").uses
    assert (use.table, use.variable, use.line, use.column) == ("npd.a", None, 1, 27)


def test_padded_rows_are_in_the_list_of_a_key() -> None:
    plan = compiled("SELECT b.Wave, COUNT(*) AS n FROM a LEFT JOIN b ON a.Key = b.Key GROUP BY b.Wave").plan
    assert plan is not None
    assert plan.outputs[0].tables[0].keys[0].domain == (0, 1, None)
    inner = compiled("SELECT b.Wave, COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key GROUP BY b.Wave").plan
    assert inner is not None
    assert inner.outputs[0].tables[0].keys[0].domain == (0, 1)
