"""UNION, EXCEPT and INTERSECT, unpivots and PIVOT. Rows of persons stay rows of persons: whoever stands in a branch is
counted once, however many of the branches hold them."""

# ruff: noqa: E501 - one case a line reads as a table

from little_world import answered

test_rows_of_persons = answered(r"""
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION ALL SELECT Key, Y FROM b) d                           | 12
SELECT COUNT(*) AS n, COUNT(DISTINCT d.Key) AS p FROM (SELECT Key FROM a UNION ALL SELECT Key FROM b) d     | 12 4
SELECT d.t, COUNT(*) AS n FROM (SELECT 'a' AS t, Key FROM a UNION ALL SELECT 'b', Key FROM b) d GROUP BY d.t | a 7, b 5
SELECT d.k, COUNT(*) AS n FROM (SELECT Sex AS k FROM a UNION ALL SELECT Kind FROM b) d GROUP BY d.k         | F 3, M 4, X 4, Z 1
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION SELECT Key FROM b) d                                     | 7
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION SELECT Key, Y FROM b) d                               | 10
SELECT COUNT(*) AS n FROM (SELECT Key FROM a EXCEPT SELECT Key FROM b) d                                    | 3
SELECT COUNT(*) AS n FROM (SELECT Key FROM a INTERSECT SELECT Key FROM b) d                                 | 2
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a INTERSECT SELECT Key, Y FROM b) d                           | 2
SELECT d.Sex, COUNT(*) AS n FROM (SELECT Key, Sex FROM a EXCEPT SELECT Key, 'F' FROM b) d GROUP BY d.Sex    | F 1, M 3
SELECT SUM(d.x) AS s FROM (SELECT Key, Score AS x FROM a UNION ALL SELECT Key, Days FROM b) d               | 48
SELECT COUNT(*) AS n FROM a JOIN (SELECT Key FROM a UNION SELECT Key FROM b) d ON d.Key = a.Key             | 5
SELECT SUM(e.m) AS s FROM (SELECT d.Key, COUNT(*) AS m FROM (SELECT Key FROM a UNION ALL SELECT Key FROM b) d GROUP BY d.Key) e | 12
SELECT COUNT(*) AS n FROM (SELECT LA FROM a UNION ALL SELECT LA FROM ref.las) d                             | 10
SELECT LEFT(d.Y, 4) AS y, COUNT(*) AS n FROM (SELECT Y FROM a UNION ALL SELECT Y FROM b) d WHERE d.Y >= '2018/2019' GROUP BY LEFT(d.Y, 4) | 2018 4
SELECT COUNT(*) AS n FROM (SELECT LA FROM a UNION SELECT LA FROM b) d                                       | refused: unknown-variable
SELECT COUNT(*) AS n FROM (SELECT LA FROM a UNION SELECT LA FROM a) d                                       | refused: union-distinct
SELECT COUNT(*) AS n FROM (SELECT LA FROM a EXCEPT SELECT LA FROM a) d                                      | refused: set-operation
SELECT COUNT(*) AS n FROM (SELECT Key, LA FROM a UNION ALL SELECT Key FROM a) d                             | refused: set-columns
SELECT COUNT(*) AS n FROM (SELECT LA FROM a UNION ALL SELECT LA FROM swc.staff) d                           | refused: set-units
SELECT COUNT(*) AS n FROM (SELECT Score FROM a UNION ALL SELECT COUNT(*) FROM a) d                          | 8 (looked at)
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION ALL SELECT Key, Y FROM b ORDER BY Y) d                | 12
SELECT COUNT(*) AS n FROM (SELECT Key, Y FROM a UNION ALL SELECT Key, Y FROM b ORDER BY Y OFFSET 2 ROWS) d  | refused: limit
""")

test_groups = answered(r"""
SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex UNION ALL SELECT 'all', COUNT(*) FROM a                       | F 3, M 4, all 7
SELECT COUNT(*) AS n FROM a UNION ALL SELECT COUNT(*) FROM b                                                | 7, 5
SELECT COUNT(*) AS n FROM a UNION SELECT COUNT(*) FROM a c                                                  | 7
SELECT d.t, d.n FROM (SELECT 'a' AS t, COUNT(*) AS n FROM a UNION ALL SELECT 'b', COUNT(*) FROM b) d WHERE d.n > 5 | a 7
SELECT SUM(d.n) AS s FROM (SELECT COUNT(*) AS n FROM a UNION ALL SELECT COUNT(*) FROM b) d                  | 12
SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex UNION ALL SELECT Kind, COUNT(*) FROM b GROUP BY Kind ORDER BY n | Z 1, F 3, M 4, X 4
SELECT COUNT(*) AS n FROM a UNION ALL SELECT COUNT(*) FROM b ORDER BY 1 OFFSET 1 ROWS                       | 7
SELECT COUNT(*) AS n FROM a UNION ALL SELECT COUNT(*) FROM b ORDER BY n + 1                                 | 5, 7
SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex EXCEPT SELECT Sex, COUNT(*) FROM a GROUP BY Sex               | refused: set-operation
""")

test_columns_to_rows_and_rows_to_columns = answered(r"""
SELECT v.k, SUM(v.x) AS s FROM a CROSS APPLY (VALUES ('s', a.Score), ('l', a.LA)) AS v(k, x) GROUP BY v.k    | l 13, s 27
SELECT v.k, COUNT(v.x) AS n FROM a CROSS APPLY (VALUES ('s', a.Score), ('f', a.Flag)) AS v(k, x) GROUP BY v.k | f 5, s 6
SELECT v.k, SUM(v.x) AS s FROM a CROSS APPLY (SELECT 's' AS k, a.Score AS x UNION ALL SELECT 'l', a.LA) AS v GROUP BY v.k | l 13, s 27
SELECT u.k, COUNT(*) AS n FROM (SELECT LA, Score FROM a) AS s UNPIVOT (x FOR k IN (LA, Score)) AS u GROUP BY u.k | LA 7, Score 6
SELECT u.k, SUM(u.x) AS n FROM (SELECT Sex, LA, Score FROM a) AS s UNPIVOT (x FOR k IN (LA, Score)) AS u WHERE u.Sex = 'F' GROUP BY u.k | LA 5, Score 8
SELECT LA, [M], [F] FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p   | 1 5 7, 2 12 1, 3 2 -
SELECT * FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (COUNT(Score) FOR Sex IN ([M], [F])) AS p            | 1 1 1, 2 2 1, 3 1 0
SELECT LA, [M], [F] FROM (SELECT Sex, LA, Key FROM a) AS s PIVOT (COUNT(Key) FOR Sex IN ([M], [F])) AS p     | 1 1 1, 2 1 2, 3 0 0
SELECT [1], [2] FROM (SELECT LA, Score FROM a) AS s PIVOT (AVG(Score) FOR LA IN ([1], [2])) AS p             | 6 4
SELECT p.LA, p.M - p.F AS d FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p | 1 -2, 2 11, 3 -
SELECT * FROM a PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p                                                | refused: pivot
SELECT * FROM (SELECT * FROM a) AS s PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p                           | refused: pivot
SELECT LA, [M] FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (MAX(Score) FOR Sex IN ([M])) AS p             | refused: individual-value
""")
