"""Evidence: the people behind each cell of each form, counted once however many of their rows stand there. Rows without a
key are one person each."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import WORLD
from query_kit import cells, database, drawn, planned

# what is asked | for each table of it: the cells' keys, rows and people
PEOPLE = drawn(r"""
SELECT COUNT(*) AS n FROM a                                                                                 | : 7 of 5
SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex                                                               | F: 3 of 2, M: 4 of 3
SELECT COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d                                 | : 5 of 5
SELECT d.m, COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d GROUP BY d.m               | 1: 3 of 3, 2: 2 of 2
SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, LA FROM a) d                                                | : 6 of 5
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key                                                         | : 5 of 2
SELECT COUNT(*) AS n FROM a LEFT JOIN b ON a.Key = b.Key                                                    | : 9 of 5
SELECT COUNT(*) AS n FROM a FULL JOIN b ON a.Key = b.Key                                                    | : 11 of 7
SELECT Kind, COUNT(*) AS n FROM a RIGHT JOIN b ON a.Key = b.Key GROUP BY Kind                               | X: 5 of 4, Z: 2 of 1
SELECT l.LA, COUNT(*) AS n FROM ref.las l LEFT JOIN a ON a.LA = l.LA AND a.Score > 2 GROUP BY l.LA          | 1: 2 of 2, 2: 2 of 2, 3: 1 of 0
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key)                              | : 3 of 2
SELECT COUNT(*) AS n FROM a WHERE a.Key IN (SELECT b.Key FROM b WHERE b.Kind = 'Z')                         | : 2 of 1
SELECT COUNT(*) AS n FROM a CROSS APPLY (SELECT b.Days FROM b WHERE b.Key = a.Key) z                        | : 5 of 2
SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y) z     | : 7 of 5
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION ALL SELECT Key FROM b) d                                 | : 12 of 7
SELECT COUNT(*) AS n FROM (SELECT LA FROM a UNION ALL SELECT LA FROM ref.las) d                             | : 10 of 5
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION SELECT Key FROM b) d                                     | : 7 of 7
SELECT COUNT(*) AS n FROM (SELECT Key FROM a EXCEPT SELECT Key FROM b) d                                    | : 3 of 3
SELECT d.t, COUNT(*) AS n FROM (SELECT 'a' AS t, Key FROM a UNION ALL SELECT 'b', Key FROM b) d GROUP BY d.t | a: 7 of 5, b: 5 of 4
SELECT v.k, SUM(v.x) AS s FROM a CROSS APPLY (VALUES ('s', a.Score), ('l', a.LA)) AS v(k, x) GROUP BY v.k   | l: 7 of 5, s: 7 of 5
SELECT u.k, COUNT(*) AS n FROM (SELECT LA, Score FROM a) AS s UNPIVOT (x FOR k IN (LA, Score)) AS u GROUP BY u.k | LA: 7 of 5, Score: 6 of 5
SELECT LA, [M], [F] FROM (SELECT Sex, LA, Score FROM a) AS s PIVOT (SUM(Score) FOR Sex IN ([M], [F])) AS p  | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y) AS r FROM a) d WHERE d.r = 1 | : 5 of 5
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c)                              | : 3 of 2; : 7 of 5
SELECT COUNT(*) AS n FROM a WHERE LA IN (SELECT c.LA FROM a c GROUP BY c.LA HAVING COUNT(*) > 1)            | : 6 of 4; 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY GROUPING SETS ((LA), (Sex), ())                               | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1; F: 3 of 2, M: 4 of 3; : 7 of 5
SELECT AVG(1.0 * d.n) AS m FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d                             | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
SELECT x.LA, x.n, y.n AS f FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) x LEFT JOIN \
(SELECT LA, COUNT(*) AS n FROM a WHERE Sex = 'F' GROUP BY LA) y ON x.LA = y.LA                              | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1; 1: 1 of 1, 2: 2 of 1
SELECT TOP 1 LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY n DESC                                           | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA HAVING COUNT(*) > 30                                            | 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
SELECT LA, COUNT(*) AS n, (SELECT COUNT(*) FROM b) AS m FROM a GROUP BY LA                                  | : 5 of 4; 1: 2 of 2, 2: 4 of 3, 3: 1 of 1
""")


@pytest.mark.parametrize(("text", "people"), PEOPLE)
def test_the_people_behind_each_cell(text: str, people: str) -> None:
    """HAVING, TOP and joins of groups are above the tables: every group that they choose among is judged."""
    output, con = planned(text), database(WORLD)
    tables = [cells(output, con, number) for number in range(len(output.tables))]
    told = [", ".join(f"{' '.join(map(str, c.keys))}: {c.rows} of {c.persons}" for c in found) for found in tables]
    assert "; ".join(told) == people


# a figure | its value, rows and people
FIGURES = drawn(r"""
SELECT SUM(d.m) AS s FROM (SELECT Key, SUM(Flag) AS m FROM a GROUP BY Key) d                                | 3 4 2
SELECT COUNT(d.m) AS s FROM (SELECT Key, SUM(Flag) AS m FROM a GROUP BY Key) d                              | 4 4 4
SELECT SUM(d.l) AS s FROM (SELECT LAG(Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d              | 6 2 2
SELECT SUM(z.Days) AS s FROM a OUTER APPLY (SELECT TOP 1 b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y) z  | 11 3 2
SELECT SUM(d.x) AS s FROM (SELECT Key, Score AS x FROM a UNION ALL SELECT Key, Days FROM b) d               | 48 10 6
SELECT SUM(CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key) THEN 1 ELSE 0 END) AS n FROM a            | 3 3 2
SELECT COUNT(b.Key) AS n FROM a LEFT JOIN b ON a.Key = b.Key                                                | 5 5 2
SELECT COUNT(DISTINCT d.Key) AS n FROM (SELECT Key FROM a UNION ALL SELECT Key FROM b) d                    | 4 9 4
""")


@pytest.mark.parametrize(("text", "figures"), FIGURES)
def test_the_people_behind_a_figure(text: str, figures: str) -> None:
    output = planned(text)
    (cell,) = cells(output, database(WORLD))
    found = cell.evidence[output.tables[0].statistics[0].ident]
    assert " ".join(str(found[name]) for name in ("value", "rows", "persons")) == figures
