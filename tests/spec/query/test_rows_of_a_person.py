"""GROUP BY with the link key groups one person's rows: the result is still rows of persons. Rows without a key are
separate, each for a person of its own. (The world is drawn in `little_world`.)"""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import answered
from query_kit import planned

test_rows_of_one_person_are_brought_together = answered(r"""
SELECT COUNT(*) AS n FROM (SELECT Key FROM a GROUP BY Key) d                                                          | 5
SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE Key IS NOT NULL GROUP BY Key) d                                    | 3
SELECT COUNT(*) AS n, SUM(d.m) AS s FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d                            | 5 7
SELECT d.m, COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d GROUP BY d.m                         | 1 3, 2 2
SELECT d.Sex, SUM(d.m) AS s FROM (SELECT Key, Sex, MAX(Score) AS m FROM a GROUP BY Key, Sex) d GROUP BY d.Sex         | F 8, M 14
SELECT SUM(d.m) AS s FROM (SELECT Key, MIN(Score) AS m FROM a GROUP BY Key) d                                         | 18
SELECT AVG(d.m) AS s FROM (SELECT Key, AVG(1.0 * Score) AS m FROM a GROUP BY Key) d                                   | 4
SELECT AVG(1.0 * d.m) AS s FROM (SELECT Key, AVG(Score) AS m FROM a GROUP BY Key) d                                   | 4
SELECT SUM(d.m) AS s FROM (SELECT Key, COUNT(DISTINCT LA) AS m FROM a GROUP BY Key) d                                 | 6
SELECT COUNT(*) AS n FROM (SELECT Key, LA FROM a GROUP BY Key, LA) d                                                  | 6
SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, LA FROM a) d                                                          | 6
SELECT COUNT(*) AS n FROM (SELECT Key FROM a GROUP BY Key HAVING COUNT(*) > 1) d                                      | 2
SELECT COUNT(*) AS n FROM (SELECT Key FROM a GROUP BY Key HAVING MIN(Score) < 5 AND MAX(Score) < 3) d                 | 2
SELECT CASE WHEN d.m > 3 THEN 'high' ELSE 'low' END AS band, COUNT(*) AS n \
FROM (SELECT Key, MAX(Score) AS m FROM a GROUP BY Key) d GROUP BY CASE WHEN d.m > 3 THEN 'high' ELSE 'low' END        | high 2, low 3
SELECT a.Sex, SUM(d.m) AS s FROM a JOIN (SELECT Key, COUNT(*) AS m FROM b GROUP BY Key) d ON d.Key = a.Key GROUP BY a.Sex | F 1, M 4
SELECT COUNT(*) AS n, SUM(d.m) AS s FROM a LEFT JOIN (SELECT Key, COUNT(*) AS m FROM b GROUP BY Key) d ON d.Key = a.Key | 7 5
SELECT d.m, COUNT(*) AS n FROM (SELECT b.Key, COUNT(*) AS m FROM a LEFT JOIN b ON a.Key = b.Key GROUP BY b.Key) d GROUP BY d.m | 1 3, 2 1, 4 1
SELECT SUM(e.m) AS s FROM (SELECT d.Key, MAX(d.n) AS m FROM (SELECT Key, LA, COUNT(*) AS n FROM a GROUP BY Key, LA) d GROUP BY d.Key) e | 6
SELECT d.f, COUNT(*) AS n FROM (SELECT Key, MIN(Y) AS f FROM a GROUP BY Key) d GROUP BY d.f                           | 2017/2018 5
SELECT COUNT(*) AS n FROM (SELECT Key FROM a GROUP BY Key HAVING MAX(Y) >= '2018/2019') d                             | 2
SELECT d.LA, COUNT(*) AS n FROM (SELECT Key, LA, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY COUNT(*) DESC, LA) AS r \
FROM a GROUP BY Key, LA) d WHERE d.r = 1 GROUP BY d.LA                                                                | 1 2, 2 2, 3 1
SELECT d.t, COUNT(*) AS n FROM (SELECT Key, LA, SUM(COUNT(*)) OVER (PARTITION BY Key) AS t FROM a GROUP BY Key, LA) d GROUP BY d.t | 1 3, 2 3
SELECT COUNT(*) AS n FROM (SELECT Key, NTILE(2) OVER (ORDER BY AVG(Score)) AS t FROM a GROUP BY Key) d WHERE d.t = 1   | 3
SELECT COUNT(*) AS n FROM (SELECT Key, MAX(MAX(Score)) OVER () AS t FROM a GROUP BY Key) d WHERE d.t = 9               | refused: individual-value
SELECT COUNT(*) AS n FROM (SELECT Key FROM a GROUP BY Key HAVING ROW_NUMBER() OVER (ORDER BY COUNT(*)) = 1) d          | refused: window-place
SELECT COUNT(*) AS n FROM (SELECT Key, (SELECT COUNT(*) FROM b) AS t FROM a GROUP BY Key) d                           | refused: subquery
SELECT MAX(d.m) AS n FROM (SELECT Key, MAX(Score) AS m FROM a GROUP BY Key) d                                         | refused: individual-value
SELECT d.Key, d.m FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d                                              | refused: no-aggregate
SELECT Key, COUNT(*) AS m FROM a GROUP BY Key                                                                         | refused: no-aggregate
""")


@pytest.mark.parametrize(
    "argument", ["CASE WHEN LA = 1 THEN Score ELSE 0 END", "CASE WHEN Flag = 1 THEN 1 ELSE 0 END", "Score * LA"]
)
def test_conditions_inside_a_persons_figures_are_implied_or_reviewed(argument: str) -> None:
    """A branch of one row in a person's sum is as telling as one in the sum of all."""
    (table,) = planned(f"SELECT SUM(d.m) AS s FROM (SELECT Key, SUM({argument}) AS m FROM a GROUP BY Key) d").tables
    counts = [s for s in table.statistics if s.implied_by is not None and s.measure == "ones"]
    assert counts or any(s.needs_review for s in table.statistics)
