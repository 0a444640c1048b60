"""GROUP BY with several sets of keys, HAVING, DISTINCT, TOP: what the broker makes of the groups, on protected figures."""

# ruff: noqa: E501 - one case a line reads as a table

from little_world import answered, answered_in_duckdb
from query_kit import planned

test_sets_of_keys_are_tables_one_after_the_other = answered(r"""
SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY GROUPING SETS ((LA), (Sex), ())                               | 1 - 2, 2 - 4, 3 - 1, - F 3, - M 4, - - 7
SELECT LA, COUNT(*) AS n FROM a GROUP BY ROLLUP (LA)                                                        | 1 2, 2 4, 3 1, - 7
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA WITH ROLLUP                                                     | 1 2, 2 4, 3 1, - 7
SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY ROLLUP (LA, Sex)                                              | 1 F 1, 1 M 1, 2 F 2, 2 M 2, 3 M 1, 1 - 2, 2 - 4, 3 - 1, - - 7
SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY CUBE (LA, Sex)                                                | 1 F 1, 1 M 1, 2 F 2, 2 M 2, 3 M 1, 1 - 2, 2 - 4, 3 - 1, - F 3, - M 4, - - 7
SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY LA, ROLLUP (Sex)                                              | 1 F 1, 1 M 1, 2 F 2, 2 M 2, 3 M 1, 1 - 2, 2 - 4, 3 - 1
SELECT LA, Y, COUNT(*) AS n FROM a GROUP BY ROLLUP ((LA, Y))                                                | 1 2017/2018 2, 2 2017/2018 2, 2 2018/2019 2, 3 2017/2018 1, - - 7
SELECT Sex, GROUPING(Sex) AS g, COUNT(*) AS n FROM a GROUP BY ROLLUP (Sex)                                  | F 0 3, M 0 4, - 1 7
SELECT Sex, GROUPING(Sex) AS g, COUNT(*) AS n FROM a GROUP BY Sex                                           | F 0 3, M 0 4
SELECT CASE WHEN GROUPING(Sex) = 1 THEN 'all' ELSE Sex END AS s, COUNT(*) AS n FROM a GROUP BY ROLLUP (Sex) | F 3, M 4, all 7
SELECT Sex, COUNT(*) AS n FROM a GROUP BY ROLLUP (Sex) HAVING GROUPING(Sex) = 1                             | - 7
SELECT Sex, LA, AVG(1.0 * Score) AS m FROM a WHERE LA < 3 GROUP BY GROUPING SETS ((Sex), (LA))              | F - 4, M - 5.667, - 1 6, - 2 4.333
SELECT LA, COUNT(*) AS n FROM a GROUP BY ROLLUP (LA) ORDER BY n DESC                                        | - 7, 2 4, 1 2, 3 1
""")


def test_each_set_of_keys_is_judged_by_itself() -> None:
    tables = planned("SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY CUBE (LA, Sex)").tables
    assert [len(t.keys) for t in tables] == [2, 1, 1, 0]


test_having_chooses_among_protected_groups = answered(r"""
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) >= 10                                           | no row
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) > 1                                             | 1 2, 2 4
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) < 10 OR COUNT(*) > 20                           | 1 2, 2 4, 3 1
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING AVG(1.0 * Score) > 3                                     | 1 2, 2 4
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING LA > 1                                                   | 2 4, 3 1
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING SUM(Score) > 12                                          | 2 4
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) > (SELECT AVG(1.0 * Days) FROM b)               | no row
SELECT COUNT(*) AS n FROM a HAVING COUNT(*) > 5                                                             | 7
SELECT LA, n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d WHERE n > 1                               | 1 2, 2 4
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) < 10                                            | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) BETWEEN 1 AND 9                                 | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) = 1                                             | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) IN (1, 2, 3)                                    | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING NOT COUNT(*) >= 10                                       | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING 2 * COUNT(*) < 20                                        | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) - 5 < 0                                         | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(DISTINCT Key) < 5 AND LA = 1                       | refused: small-groups
SELECT LA, AVG(1.0 * Score) AS m FROM a GROUP BY LA HAVING COUNT(*) < 3                                     | refused: small-groups
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING MAX(Score) > 3                                           | refused: individual-value
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING n > 1                                                    | refused: unknown-variable
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA QUALIFY n > 1                                                   | refused: unknown-variable
""")

test_duckdb_chooses_by_the_names_of_columns_too = answered_in_duckdb(r"""
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING n > 1                                                    | 1 2, 2 4
SELECT LA, SUM(Score) AS LA_score, COUNT(*) AS n FROM a GROUP BY LA HAVING la_SCORE > 12 AND n > 1          | 2 13 4
SELECT LA, COUNT(*) AS n, RANK() OVER (ORDER BY COUNT(*) DESC) AS place FROM a GROUP BY LA QUALIFY place <= 2 | 1 2 2, 2 4 1
SELECT t.LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y, LA) AS r FROM a QUALIFY r = 1) AS t GROUP BY t.LA HAVING n > 1 | 1 2, 2 2
SELECT t.k, COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS k FROM a GROUP BY Key HAVING k > 1) AS t GROUP BY t.k | 2 2
SELECT LA, COUNT(*) AS Score FROM a GROUP BY LA HAVING Score > 1                                            | refused: not-grouped
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING n < 10                                                   | refused: small-groups
""")


test_distinct = answered(r"""
SELECT DISTINCT LA, COUNT(*) AS n FROM a GROUP BY LA                                                        | 1 2, 2 4, 3 1
SELECT DISTINCT COUNT(*) AS n FROM a GROUP BY Sex, LA                                                       | refused: hidden-key
SELECT DISTINCT LA, COUNT(*) OVER (PARTITION BY LA) AS n FROM a                                             | 1 2, 2 4, 3 1
SELECT DISTINCT LA, AVG(1.0 * Score) OVER (PARTITION BY LA) AS m FROM a                                     | 1 6, 2 4.333, 3 2
SELECT DISTINCT LA, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score) OVER (PARTITION BY LA) AS m FROM a   | 1 6, 2 3, 3 2
SELECT DISTINCT LA, Score FROM a                                                                            | refused: no-aggregate
SELECT DISTINCT LA, AVG(1.0 * Score) OVER (PARTITION BY LA) AS m, Score FROM a                              | refused: window-place
SELECT COUNT(DISTINCT Key) AS n FROM a                                                                      | 3
SELECT COUNT(DISTINCT LA) AS n FROM a                                                                       | 3 (looked at)
SELECT SUM(DISTINCT Score) AS n FROM a                                                                      | refused: distinct-aggregate
""")

test_order_and_the_first_rows = answered(r"""
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY n DESC                                                 | 2 4, 1 2, 3 1
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY SUM(Score)                                             | 3 1, 1 2, 2 4
SELECT TOP 2 LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY n DESC                                           | 2 4, 1 2
SELECT TOP 1 WITH TIES Sex, COUNT(DISTINCT Key) AS n FROM a WHERE LA = 1 GROUP BY Sex ORDER BY n            | F 1, M 1
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY LA OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY                | 2 4
SELECT TOP 2 LA, COUNT(*) AS n FROM a GROUP BY LA                                                           | 1 2, 2 4
SELECT TOP 2 COUNT(*) AS n, LA FROM a GROUP BY LA                                                           | 2 1, 4 2
SELECT TOP 1 COUNT(*) AS n FROM a                                                                           | refused: limit
SELECT TOP 50 PERCENT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY n                                       | refused: limit
SELECT COUNT(*) AS n FROM (SELECT TOP 3 LA FROM a ORDER BY Score) d                                         | refused: limit
""")
