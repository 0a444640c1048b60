"""Which years a use has: the guards of the algebra, shape by shape, and years through every operator: one case in which
they are as narrow as can be, and one in which they are wider because more rows matter. 17 is 2017/2018; a table has 17,
18 and 19."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import compiled, drawn, planned, shown

JOIN = "a JOIN b ON a.Key = b.Key"
LEFT = "a LEFT JOIN b ON a.Key = b.Key"
# what is counted | years of a | of b, or `-` where it is not read
COUNTED = drawn(f"""
a                                                                                        | 17 18 19 | -
a WHERE Y = '2017/2018'                                                                  | 17       | -
a WHERE Y = '2017/2018 '                                                                 | 17       | -
a WHERE Y <> '2017/2018 '                                                                | 18 19    | -
a WHERE Y IN ('2017/2018', '2019/2020')                                                  | 17 19    | -
a WHERE Y > '2017/2018' AND Y < '2019/2020'                                              | 18       | -
a WHERE Y BETWEEN '2018/2019' AND '2019/2020'                                            | 18 19    | -
a WHERE NOT Y = '2018/2019'                                                              | 17 19    | -
a WHERE Y = '2018/2019' OR Sex = 'M'                                                     | 17 18 19 | -
a WHERE (Y = '2018/2019' OR Sex = 'M') AND Y <> '2019/2020'                              | 17 18    | -
a WHERE Y = '2018/2019' AND Sex = 'M'                                                    | 18       | -
a WHERE LEFT(Y, 4) = '2018'                                                              | 18       | -
a WHERE Y LIKE '2018%'                                                                   | 18       | -
a WHERE Y LIKE '201[78]/%'                                                               | 17 18    | -
a WHERE Y LIKE '201[^8]/____'                                                            | 17 19    | -
a WHERE Y NOT LIKE '%[0-8]'                                                              | 18       | -
a WHERE RIGHT(Y, 4) = '2018'                                                             | 17       | -
a WHERE Y LIKE '%/201_'                                                                  | 17 18    | -
a JOIN (VALUES ('2017/2018'), ('2019/2020')) AS v (y) ON v.y = a.Y                       | 17 19    | -
a JOIN (VALUES (1, '2018/2019'), (2, NULL)) AS v (n, y) ON v.y = a.Y                     | 18       | -
a LEFT JOIN (VALUES ('2017/2018')) AS v (y) ON v.y = a.Y                                 | 17 18 19 | -
a LEFT JOIN (VALUES ('2017/2018')) AS v (y) ON v.y = a.Y WHERE v.y IS NOT NULL           | 17       | -
a WHERE Y IN (SELECT y FROM (VALUES ('2018/2019'), ('2019/2020')) AS v (y))              | 18 19    | -
a WHERE EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y)           | 18       | -
a WHERE NOT EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y)       | 17 18 19 | -
a WHERE Sex = 'M' OR EXISTS (SELECT 1 FROM (VALUES ('2018/2019')) AS v (y) WHERE v.y = a.Y) | 17 18 19 | -
(VALUES ('2017/2018', '2018/2019')) AS v (y, z) JOIN a ON a.Y = v.y JOIN b ON b.Key = a.Key AND b.Y = v.z | 17       | 18
a WHERE CASE WHEN Y = '2018/2019' THEN 1 ELSE 0 END = 1                                  | 18       | -
a WHERE COALESCE(Y, 'x') = '2018/2019'                                                   | 18       | -
a WHERE Y < '1999/2000'                                                                  | none     | -
a WHERE Y = NULL                                                                         | none     | -
(SELECT Y AS t, LA FROM a WHERE Y < '2019/2020') AS x WHERE t <> '2017/2018'             | 18       | -
(SELECT LEFT(Y, 4) AS t FROM a) AS x WHERE t = '2018'                                    | 18       | -
{JOIN} WHERE a.Y = '2017/2018'                                                           | 17       | 17 18 19
{JOIN} AND a.Y = b.Y WHERE a.Y = '2017/2018'                                             | 17       | 17
{JOIN} AND a.Y < b.Y                                                                     | 17 18    | 18 19
{JOIN} WHERE (a.Y = '2017/2018' AND b.Y = '2018/2019') OR (a.Y = '2018/2019' AND b.Y = '2019/2020') | 17 18    | 18 19
{LEFT} AND a.Y = '2018/2019'                                                             | 17 18 19 | 17 18 19
{LEFT} AND b.Y = '2018/2019'                                                             | 17 18 19 | 18
{LEFT} AND a.Y = b.Y WHERE a.Y = '2018/2019'                                             | 18       | 18
{LEFT} WHERE b.Y = '2017/2018'                                                           | 17 18 19 | 17
{LEFT} WHERE b.Y = '2017/2018' OR b.Y IS NULL                                            | 17 18 19 | 17 18 19
{LEFT} AND a.Y = '2018/2019' WHERE b.Days > 1                                            | 18       | 17 18 19
b RIGHT JOIN a ON a.Key = b.Key AND b.Y = '2018/2019' WHERE a.Y = '2017/2018'            | 17       | 18
a LEFT JOIN (SELECT Key, Y AS t FROM b WHERE Y <> '2019/2020') AS b ON a.Key = b.Key WHERE b.t IS NULL | 17 18 19 | 17 18
a LEFT JOIN (SELECT Key, 'm' AS mark FROM b) AS b ON a.Key = b.Key WHERE a.Y = '2018/2019' OR b.mark IS NULL | 17 18 19 | 17 18 19
a LEFT JOIN (SELECT Key, 'm' AS mark FROM b) AS b ON a.Key = b.Key WHERE a.Y = '2018/2019' AND b.mark = 'm' | 18       | 17 18 19
""")

# what is asked | years of a | of b
FOLLOWED = drawn(r"""
SELECT COUNT(*) AS n FROM (SELECT Y, AVG(1.0 * Score) OVER (PARTITION BY Y) AS m FROM a) d WHERE d.Y = '2018/2019' AND d.m > 1 | 18 |
SELECT COUNT(*) AS n FROM (SELECT Y, ROW_NUMBER() OVER (PARTITION BY Key, Y ORDER BY LA) AS r FROM a) d WHERE d.Y = '2018/2019' AND d.r = 1 | 18 |
SELECT COUNT(*) AS n FROM (SELECT Y, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y) AS r FROM a WHERE Y <> '2017/2018') d WHERE d.r = 1 | 18 19 |
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT b.Y FROM b WHERE b.Key = a.Key) z WHERE z.Y = '2018/2019'   | 17 18 19 | 18
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT b.Y FROM b WHERE b.Key = a.Key AND b.Y = a.Y) z WHERE a.Y = '2018/2019' | 18 | 18
SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT SUM(b.Days) AS s FROM b WHERE b.Key = a.Key AND b.Y < a.Y) z WHERE a.Y = '2018/2019' | 18 | 17
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2019/2020' AND (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key AND b.Y < a.Y ORDER BY b.Y) = 1 | 19 | 17 18
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a WHERE Y = '2017/2018' UNION ALL SELECT Key, Y FROM b WHERE Y = '2018/2019') d | 17 | 18
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION ALL SELECT Key, Y FROM b) d WHERE d.Y = '2018/2019'   | 18 | 18
SELECT COUNT(*) AS n FROM (SELECT Key, LEFT(Y, 4) AS t FROM a UNION ALL SELECT Key, LEFT(Y, 4) FROM b) d WHERE d.t = '2018' | 18 | 18
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION SELECT Key, Y FROM b) d WHERE d.Y = '2018/2019'       | 18 | 18
SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE Y = '2017/2018' EXCEPT SELECT Key FROM b WHERE Y = '2018/2019') d | 17 | 18
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2017/2018' AND EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Y = a.Y) | 17 | 17
SELECT COUNT(*) AS n FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Y = '2018/2019')    | 17 18 19 | 18
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key FROM b WHERE b.Y = '2018/2019')                    | 17 18 19 | 18
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2019/2020' AND Score > (SELECT AVG(1.0 * c.Days) FROM b c WHERE c.Wave = a.Flag AND c.Y = a.Y) | 19 | 19
SELECT COUNT(*) AS n FROM a JOIN (SELECT Wave, Y, AVG(1.0 * Days) AS m FROM b GROUP BY Wave, Y) d ON d.Wave = a.Flag AND d.Y = a.Y WHERE a.Y = '2018/2019' | 18 | 18
SELECT COUNT(*) AS n FROM (SELECT Key, Y, COUNT(*) AS m FROM a GROUP BY Key, Y) d WHERE d.Y = '2018/2019'   | 18 |
SELECT COUNT(*) AS n FROM (SELECT Key, LEFT(Y, 4) AS t FROM a GROUP BY Key, LEFT(Y, 4)) d WHERE d.t = '2018' | 18 |
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a GROUP BY Key, Y HAVING Y = '2018/2019') d                   | 18 |
SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, Y FROM a) d WHERE d.Y = '2018/2019'                         | 18 |
WITH c AS (SELECT Key, Y FROM a) SELECT COUNT(*) AS n FROM c WHERE Y = '2017/2018' AND EXISTS (SELECT 1 FROM c d WHERE d.Key = c.Key AND d.Y = '2018/2019') | 17 18 |
SELECT v.k, SUM(v.x) AS s FROM a CROSS APPLY (VALUES ('s', a.Score), ('l', a.LA)) AS v(k, x) WHERE a.Y = '2018/2019' GROUP BY v.k | 18 |
SELECT u.k, COUNT(*) AS n FROM (SELECT Y, LA, Score FROM a) AS s UNPIVOT (x FOR k IN (LA, Score)) AS u WHERE u.Y = '2018/2019' GROUP BY u.k | 18 |
SELECT [M] FROM (SELECT Sex, Score FROM a WHERE Y = '2018/2019') AS s PIVOT (SUM(Score) FOR Sex IN ([M])) AS p | 18 |
SELECT COUNT(*) AS n FROM a JOIN (VALUES ('2018/2019')) AS v(y) ON v.y = a.Y                                | 18 |
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, COUNT(*) AS m FROM b WHERE Y = '2018/2019' GROUP BY Key) d ON d.Key = a.Key WHERE a.Y = '2017/2018' | 17 | 18
SELECT COUNT(*) AS n, (SELECT COUNT(*) FROM b WHERE Y = '2018/2019') AS m FROM a WHERE Y = '2017/2018'      | 17 | 18
SELECT Y, n FROM (SELECT Y, COUNT(*) AS n FROM a WHERE Y = '2017/2018' GROUP BY Y UNION ALL SELECT Y, COUNT(*) FROM b WHERE Y = '2018/2019' GROUP BY Y) d | 17 | 18
SELECT Y, LA, COUNT(*) AS n FROM a WHERE Y = '2018/2019' GROUP BY ROLLUP (Y, LA)                            | 18 |
SELECT Y, COUNT(*) AS n FROM a GROUP BY Y HAVING Y = '2018/2019'                                            | 18 |
SELECT Y, n FROM (SELECT Y, COUNT(*) AS n FROM a GROUP BY Y) d WHERE d.Y = '2018/2019'                      | 18 |
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, Kind FROM b GROUP BY Key, Kind) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.Kind = 'X' | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, COUNT(*) AS m FROM b GROUP BY Key) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m > 1 | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y) AS r FROM b) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.r = 1 | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, Days FROM b UNION ALL SELECT Key, Days FROM b) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.Days > 1 | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, (SELECT MAX(c.Days) FROM b c WHERE c.Key = b.Key) AS m FROM b) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m = 3 | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, Days + 1 AS m FROM b) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m = 3 | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT e.Key, 'm' AS m FROM (SELECT Key, COUNT(*) AS k FROM b GROUP BY Key) e) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m = 'm' | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT e.Key, 'm' AS m FROM (SELECT Key FROM b UNION ALL SELECT Key FROM b) e) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m = 'm' | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT e.Key, 'm' AS m FROM b e FULL JOIN b f ON e.Key = f.Key) d ON d.Key = a.Key AND a.Y = '2018/2019' WHERE d.m = 'm' | 18 | 17 18 19
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT LA FROM ref.las UNION ALL SELECT LA FROM ref.las) d ON d.LA = a.LA WHERE a.Y = '2018/2019' | 18 |
SELECT COUNT(*) AS n FROM a WHERE Y = '2018/2019' AND 1 = 0                                                 | |
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key AND b.Y = '2018/2019' WHERE a.Y = b.Y OR b.Y IS NULL    | 18 | 18
SELECT COUNT(*) AS n FROM a WHERE a.Y IN (SELECT v.y FROM (VALUES ('2018/2019')) AS v(y))                   | 18 | -
""")

# what is asked | years of a | of b | why not fewer
WIDER = drawn(r"""
SELECT COUNT(*) AS n FROM (SELECT Y, AVG(1.0 * Score) OVER () AS m FROM a) d WHERE d.Y = '2018/2019' AND d.m > 1 | 17 18 19 | - | the mean is of all years
SELECT COUNT(*) AS n FROM (SELECT Y, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y) AS r FROM a) d WHERE d.Y = '2018/2019' AND d.r = 1 | 17 18 19 | - | earlier rows have the earlier numbers
SELECT COUNT(*) AS n FROM (SELECT Y, ROW_NUMBER() OVER (PARTITION BY Key, Y ORDER BY LA) AS r, COUNT(*) OVER (PARTITION BY Key) AS m FROM a) d WHERE d.Y = '2018/2019' AND d.m = 1 | 17 18 19 | - | one of two windows is of all years
SELECT COUNT(*) AS n FROM a WHERE (SELECT TOP 1 b.Y FROM b WHERE b.Key = a.Key ORDER BY b.Y) = '2018/2019'  | 17 18 19 | 17 18 19 | the first row of all years
SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT TOP 1 b.Y FROM b WHERE b.Key = a.Key ORDER BY b.Y) z WHERE z.Y = '2018/2019' | 17 18 19 | 17 18 19 | the first row of all years
SELECT TOP 1 Y, COUNT(*) AS n FROM a GROUP BY Y ORDER BY n                                                  | 17 18 19 | - | all years are compared
SELECT d.Y, d.n FROM (SELECT TOP 1 Y, COUNT(*) AS n FROM a GROUP BY Y ORDER BY n) d WHERE d.Y = '2018/2019' | 17 18 19 | - | all years are compared
SELECT Y, s FROM (SELECT Y, 1.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS s FROM a GROUP BY Y) d WHERE Y = '2018/2019' | 17 18 19 | - | the total is of all years
SELECT Y, LA, COUNT(*) AS n FROM a GROUP BY ROLLUP (Y, LA) HAVING Y IS NULL OR Y = '2018/2019'              | 17 18 19 | - | the total is of all years
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION ALL SELECT Key, Kind FROM b) d WHERE d.Y = '2018/2019' | 18 | 17 18 19 | the branch has no year
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a EXCEPT SELECT Key, Y FROM b) d WHERE d.Y = '2018/2019'      | 18 | 18
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2017/2018' AND EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key)        | 17 | 17 18 19 | any year of b will do
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2017/2018' OR EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Y = a.Y) | 17 18 19 | 17 18 19 | any year of a may have a match
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND a.Y = '2017/2018')        | 17 | 17 18 19 | a condition inside on the row outside
SELECT COUNT(*) AS n FROM a WHERE a.Y IN (SELECT b.Y FROM b WHERE b.Key = a.Key AND b.Y > '2017/2018')      | 18 19 | 18 19 | a list of years from a table
SELECT COUNT(*) AS n FROM a WHERE a.Y = '2019/2020' AND Score > (SELECT AVG(1.0 * c.Days) FROM b c WHERE c.Wave = a.Flag) | 19 | 17 18 19 | the mean is of all years
SELECT COUNT(*) AS n FROM (SELECT Key, MAX(Y) AS t FROM a GROUP BY Key) d WHERE d.t = '2018/2019'           | 17 18 19 | - | a later year decides too
SELECT SUM(CASE WHEN Y = '2018/2019' THEN 1 ELSE 0 END) AS n FROM a                                         | 17 18 19 | - | the rest is counted with it
SELECT COUNT(*) AS n FROM a FULL JOIN b ON a.Key = b.Key AND a.Y = '2018/2019'                              | 17 18 19 | 17 18 19 | ON drops no row of either side
SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT x.LA FROM ref.las x JOIN ref.las y ON x.LA = y.LA) d ON d.LA = a.LA AND a.Y = '2018/2019' JOIN b ON b.Key = a.Key | 17 18 19 | 17 18 19 | ON drops no row of the left side
SELECT COUNT(*) AS n FROM b x FULL JOIN (SELECT Key, 'm' AS m FROM b) y ON x.Key = y.Key JOIN a ON a.Key = x.Key WHERE a.Y = '2018/2019' OR y.m IS NULL | 17 18 19 | 17 18 19 | the mark is missing where nothing was met
SELECT COUNT(*) AS n FROM a WHERE 1 = 0                                                                     | 17 18 19 | - | a text that does not name the year is of all years
SELECT COUNT(*) AS n FROM a LEFT JOIN b ON a.Key = b.Key AND b.Y = '2018/2019' WHERE a.Y = b.Y OR b.Y IS NULL | 17 18 19 | 18 | rows that met nothing are kept
""")
CASES = [
    *((f"SELECT COUNT(*) AS n FROM {text}", of_a, of_b) for text, of_a, of_b in COUNTED),
    *(
        (text, of_a.strip("| ") or "none", of_b[0].strip("| ") if of_b else "")
        for text, of_a, *of_b in (*FOLLOWED, *WIDER)
    ),
]


@pytest.mark.parametrize(("text", "of_a", "of_b"), CASES)
def test_years_of_a_use(text: str, of_a: str, of_b: str) -> None:
    """Each variable of a table is used in the same years."""
    found = compiled(text)
    assert found.plan is not None, found.refusals
    for table, expected in (("npd.a", of_a), ("npd.b", of_b)):
        years = {" ".join(str(y - 2000) for y in sorted(u.years)) or "none" for u in found.uses if u.table == table}
        assert years == ({expected} - {"-", ""}), table


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


@pytest.mark.parametrize(("join", "values"), [("LEFT JOIN", (0, 1, None)), ("JOIN", (0, 1))])
def test_padded_rows_are_in_the_list_of_a_key(join: str, values: tuple[int | None, ...]) -> None:
    (key,) = planned(f"SELECT b.Wave, COUNT(*) AS n FROM a {join} b ON a.Key = b.Key GROUP BY b.Wave").tables[0].keys
    assert key.domain == values
