"""Post-aggregation: figures next to each other, joins of groups, groups of groups, labels, and refused ways to pack
several figures into one number. The broker computes all of it from protected figures."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import answered
from query_kit import compiled, drawn, planned

BY_LA = "SELECT LA, COUNT(*) AS n FROM a GROUP BY LA"
test_post_aggregation_of_groups = answered(r"""
SELECT AVG(1.0 * d.n) AS m, COUNT(*) AS g FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d              | 2.333 3
SELECT MAX(d.n) AS m, MIN(d.n) AS l FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d                    | 4 1
SELECT AVG(d.m) AS m FROM (SELECT LA, AVG(1.0 * Score) AS m FROM a WHERE LA < 3 GROUP BY LA) d              | 5.167
SELECT d.Sex, COUNT(*) AS g, SUM(d.n) AS s FROM (SELECT Sex, LA, COUNT(*) AS n FROM a GROUP BY Sex, LA) d GROUP BY d.Sex | F 2 3, M 3 4
SELECT e.g, COUNT(*) AS k FROM (SELECT d.Sex, COUNT(*) AS g FROM (SELECT Sex, LA, COUNT(*) AS n FROM a GROUP BY Sex, LA) d GROUP BY d.Sex) e GROUP BY e.g | 2 1, 3 1
SELECT x.LA, x.n, y.s, 1.0 * y.s / x.n AS q FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) x \
JOIN (SELECT LA, SUM(Score) AS s FROM a GROUP BY LA) y ON x.LA = y.LA                                       | 1 2 12 6, 2 4 13 3.25, 3 1 2 2
SELECT x.LA, x.n, y.n AS f FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) x \
LEFT JOIN (SELECT LA, COUNT(*) AS n FROM a WHERE Sex = 'F' GROUP BY LA) y ON x.LA = y.LA                    | 1 2 1, 2 4 2, 3 1 -
SELECT COALESCE(x.Sex, y.Kind) AS k, x.n, y.m FROM (SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex) x \
FULL JOIN (SELECT Kind, COUNT(*) AS m FROM b GROUP BY Kind) y ON x.Sex = y.Kind                             | F 3 -, M 4 -, X - 4, Z - 1
WITH x AS (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) SELECT x.LA, x.n - y.n AS d FROM x JOIN x y ON x.LA = y.LA + 1 | 2 2, 3 -3
WITH x AS (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) SELECT LA, n FROM x WHERE n > (SELECT AVG(1.0 * n) FROM x) | 2 4
SELECT LA, COUNT(*) AS n, (SELECT COUNT(*) FROM b) AS m FROM a GROUP BY LA                                  | 1 2 5, 2 4 5, 3 1 5
SELECT LA, 1.0 * COUNT(*) / (SELECT COUNT(*) FROM a) AS s FROM a GROUP BY LA                                | 1 0.2857, 2 0.5714, 3 0.1429
SELECT (SELECT COUNT(*) FROM a) AS n, (SELECT COUNT(*) FROM b) AS m                                         | 7 5
SELECT (SELECT COUNT(*) FROM a) * 1000 + (SELECT COUNT(*) FROM b) AS p                                      | refused: packed-arithmetic
SELECT LA, CASE WHEN COUNT(*) > 1 THEN 'big' ELSE 'small' END AS c FROM a GROUP BY LA                       | 1 big, 2 big, 3 small
SELECT LA, CASE WHEN COUNT(*) > 1 THEN AVG(1.0 * Score) END AS m FROM a GROUP BY LA                         | 1 6, 2 4.333, 3 -
SELECT COUNT(*) - COUNT(Score) AS d, 100.0 * COUNT(Score) / COUNT(*) AS r FROM a                            | 1 85.71
SELECT d.big, COUNT(*) AS g FROM (SELECT LA, CASE WHEN COUNT(*) > 1 THEN 'big' ELSE 'small' END AS big FROM a GROUP BY LA) d GROUP BY d.big | big 2, small 1
SELECT l.Region, SUM(d.n) AS s FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN ref.las l ON l.LA = d.LA GROUP BY l.Region | N 2, S 5
SELECT l.Region, d.LA, d.n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN ref.las l ON l.LA = d.LA | N 1 2, S 2 4, S 3 1
SELECT d.LA, d.n, l.Region FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN (SELECT LA, Region FROM ref.las WHERE LA IN (SELECT c.LA FROM a c WHERE c.Score = 9)) l ON l.LA = d.LA | refused: subquery-persons
SELECT d.LA, d.n, l.Region FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN (SELECT LA, Region FROM ref.las WHERE LA > (SELECT AVG(1.0 * c.Score) FROM a c)) l ON l.LA = d.LA | refused: subquery-persons
SELECT d.LA, d.n, l.m FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN (SELECT LA, (SELECT AVG(1.0 * c.Score) FROM a c) AS m FROM ref.las) l ON l.LA = d.LA | refused: subquery-persons
SELECT d.LA, d.n, l.k FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d JOIN (SELECT LA, COUNT(*) AS k FROM ref.las WHERE LA IN (SELECT c.LA FROM a c GROUP BY c.LA) GROUP BY LA) l ON l.LA = d.LA | refused: subquery-persons
SELECT d.LA, d.n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d WHERE EXISTS (SELECT 1 FROM b WHERE b.Days = d.n) | refused: group-subquery
""")


PACKED = drawn(r"""
COUNT(*) * 1000 + SUM(Score)                                      | FROM a
COUNT(*) + 1                                                      | FROM a
COUNT(*) * SUM(Score)                                             | FROM a
COUNT(*) + AVG(1.0 * Score)                                       | FROM a
SUM(Score) + 1.0 * SUM(Flag) / COUNT(*)                           | FROM a
SUM(Score) - 0.001 * COUNT(*)                                     | FROM a
(COUNT(*) + SUM(Flag)) * SUM(Score)                               | FROM a
COUNT(*) % 7                                                      | FROM a
CASE WHEN COUNT(*) > 50 THEN COUNT(*) * 1000 + SUM(Score) END     | FROM a
CASE WHEN COUNT(*) > 50 THEN 1 ELSE 0 END + COUNT(*)              | FROM a
COALESCE(COUNT(*), COUNT(*) * 1000 + SUM(Score))                  | FROM a
ROUND(COUNT(*) * 1000 + SUM(Score), 0)                            | FROM a
d.n * 1000 + d.s                                                  | FROM (SELECT COUNT(*) AS n, SUM(Score) AS s FROM a) d
x.n * 1000 + y.n                                                  | FROM (SELECT COUNT(*) AS n FROM a) x CROSS JOIN (SELECT COUNT(*) AS n FROM b) y
SUM(d.n * 1000 + d.s)                                             | FROM (SELECT COUNT(*) AS n, SUM(Score) AS s FROM a) d
SUM(d.p)                                                          | FROM (SELECT LA, COUNT(*) * 1000 + SUM(Score) AS p FROM a GROUP BY LA) d
MAX(d.n * 1000 + d.s)                                             | FROM (SELECT COUNT(*) AS n, SUM(Score) AS s FROM a) d
SUM(COUNT(*) * 1000 + SUM(Score)) OVER ()                         | FROM a
LAG(COUNT(*) * 1000 + SUM(Score)) OVER (ORDER BY COUNT(*))        | FROM a
""")


@pytest.mark.parametrize(("column", "source"), PACKED)
def test_several_figures_in_one_number_are_refused(column: str, source: str) -> None:
    assert "packed-arithmetic" in [r.code for r in compiled(f"SELECT {column} AS p {source}").refusals]


# a column | what it is called; arithmetic of released figures is computed from what leaves, so it tells no more
KINDS = drawn("""
COUNT(*)                                                                    | count
100.0 * COUNT(Score) / COUNT(*)                                             | ratio
COUNT(*) - COUNT(Score)                                                     | difference
RANK() OVER (ORDER BY COUNT(*))                                             | rank
SUM(COUNT(*)) OVER ()                                                       | derived
CASE WHEN COUNT(*) > 50 THEN 'big' ELSE 'small' END                         | derived
CASE WHEN LA > 1 THEN 'x' ELSE 'y' END                                      | key
COUNT(*) + SUM(Score)                                                       | derived
COUNT(*) - SUM(Score) - SUM(LA)                                             | derived
COUNT(*) / SUM(Score) / SUM(LA)                                             | derived
1 - 1.0 * SUM(Flag) / COUNT(*)                                              | derived
100.0 * SUM(Flag) / COUNT(*) - 100.0 * SUM(LA) / COUNT(*)                   | derived
100.0 * (SUM(Score) - COUNT(*)) / COUNT(*)                                  | derived
AVG(1.0 * Score) - AVG(1.0 * LA) + AVG(1.0 * Flag)                          | derived
(AVG(1.0 * LA * Score) - AVG(1.0 * LA) * AVG(1.0 * Score)) / AVG(1.0 * LA)  | derived
1.96 * SQRT(1.0 * SUM(Flag) / COUNT(*) / COUNT(*))                          | derived
STDEV(Score) / SQRT(COUNT(*))                                               | derived
LOG(1.0 * SUM(Score) / COUNT(*))                                            | derived
(COUNT(*) - 1) * VAR(Score) / (COUNT(*) - 2)                                | derived
""")


@pytest.mark.parametrize(("column", "kind"), KINDS)
def test_what_a_column_is_called(column: str, kind: str) -> None:
    output = planned(f"SELECT LA, {column} AS x, COUNT(*) AS n FROM a GROUP BY LA")
    assert [c.statistic for c in output.columns] == ["key", kind, "count"]


def test_each_side_of_a_join_of_groups_is_a_table_of_its_own() -> None:
    output = planned(f"SELECT x.LA, x.n, y.n AS m FROM ({BY_LA}) x JOIN ({BY_LA}) y ON x.LA = y.LA")
    assert [(t.shown, len(t.keys)) for t in output.tables] == [(True, 1), (True, 1)]
    assert [c.statistic for c in output.columns] == ["key", "count", "count"]
