"""Window functions: over one person's rows anything goes; over other people's rows only what many make together, and a
person looks; over groups the broker computes them from protected figures."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import answer, answered, answered_in_duckdb, refused
from query_kit import drawn

# T-SQL's NULL is the lowest value: k3's missing score ranks first.
test_over_one_persons_rows = answered(r"""
SELECT SUM(d.l) AS s FROM (SELECT LAG(Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d                        | 6
SELECT SUM(d.l) AS s FROM (SELECT LEAD(Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d                       | 9
SELECT SUM(d.l) AS s FROM (SELECT LAG(Score, 2) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d                     | -
SELECT COUNT(*) AS n FROM (SELECT Score, LAG(Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d WHERE d.Score > d.l | 1
SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y DESC) AS r FROM a) d WHERE d.r = 1   | 5
SELECT d.LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y DESC) AS r FROM a) d WHERE d.r = 1 GROUP BY d.LA | 1 1, 2 3, 3 1
SELECT d.LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY Key, LA ORDER BY Y) AS r FROM a) d WHERE d.r = 1 GROUP BY d.LA | 1 2, 2 3, 3 1
SELECT COUNT(*) AS n FROM (SELECT COUNT(*) OVER (PARTITION BY Key) AS m FROM a) d WHERE d.m = 2                       | 4
SELECT SUM(d.m) AS s FROM (SELECT MAX(Score) OVER (PARTITION BY Key) AS m FROM a) d                                   | 32
SELECT SUM(d.m) AS s FROM (SELECT MIN(Score) OVER (PARTITION BY Key) AS m FROM a) d                                   | 24
SELECT SUM(d.m) AS s FROM (SELECT SUM(Score) OVER (PARTITION BY Key ORDER BY Y) AS m FROM a) d                        | 33
SELECT SUM(d.m) AS s FROM (SELECT AVG(Score) OVER (PARTITION BY Key) AS m FROM a) d                                   | 28
SELECT COUNT(*) AS n FROM (SELECT FIRST_VALUE(LA) OVER (PARTITION BY Key ORDER BY Y) AS f FROM a) d WHERE d.f = 1     | 3
SELECT COUNT(*) AS n FROM (SELECT DENSE_RANK() OVER (PARTITION BY Key ORDER BY Score) AS r FROM a) d WHERE d.r = 2    | 2
""")


# what is asked | over people of at least 1 | of at least 6: of all five, nothing is left
OTHERS = drawn(r"""
SELECT COUNT(*) AS n FROM (SELECT AVG(1.0 * Score) OVER () AS m FROM a) d WHERE d.m > 4               | 7 | 0
SELECT COUNT(*) AS n FROM (SELECT COUNT(*) OVER () AS m FROM a) d WHERE d.m = 7                       | 7 | 0
SELECT COUNT(*) AS n FROM (SELECT SUM(Score) OVER () AS m FROM a) d WHERE d.m = 27                    | 7 | 0
SELECT COUNT(*) AS n FROM (SELECT PERCENT_RANK() OVER (ORDER BY Score) AS m FROM a) d WHERE d.m > 0.5 | 3 | 0
SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (ORDER BY Score) AS m FROM a) d WHERE d.m <= 3    | 3 | 0
SELECT COUNT(*) AS n FROM (SELECT NTILE(7) OVER (PARTITION BY Note ORDER BY Score) AS m FROM a) d WHERE d.m <= 2 | 2 | 0
SELECT COUNT(*) AS n FROM (SELECT CUME_DIST() OVER (ORDER BY LA) AS m FROM a) d WHERE d.m < 0.9       | 6 | 0
""")


@pytest.mark.parametrize(("text", "of_one", "of_six"), OTHERS)
def test_over_other_peoples_rows(text: str, of_one: str, of_six: str) -> None:
    assert answer(text, least=1) == f"{of_one} (looked at)"
    assert answer(text, least=6) == f"{of_six} (looked at)"


test_refused_windows = refused(r"""
SELECT COUNT(*) AS n FROM (SELECT LAG(Score) OVER (ORDER BY Y) AS l FROM a) d WHERE d.l > 1                 | individual-value
SELECT COUNT(*) AS n FROM (SELECT LEAD(Score) OVER (PARTITION BY LA ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | individual-value
SELECT COUNT(*) AS n FROM (SELECT FIRST_VALUE(Score) OVER (PARTITION BY Sex ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | individual-value
SELECT COUNT(*) AS n FROM (SELECT MAX(Score) OVER (PARTITION BY LA) AS l FROM a) d WHERE d.l > 1            | individual-value
SELECT COUNT(*) AS n FROM (SELECT MIN(Score) OVER () AS l FROM a) d WHERE d.l > 1                           | individual-value
SELECT COUNT(*) AS n FROM (SELECT NTH_VALUE(Score, 2) OVER (PARTITION BY LA ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | function
SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY Key) AS l FROM a) d WHERE d.l > 1         | window-order
SELECT COUNT(*) AS n FROM (SELECT SUM(Score) OVER (ORDER BY Y ROWS 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | frame
SELECT COUNT(*) AS n FROM (SELECT SUM(Score) OVER (PARTITION BY LA ORDER BY Y ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | frame
SELECT COUNT(*) AS n FROM (SELECT SUM(LA) OVER (PARTITION BY Key ORDER BY LA RANGE 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | frame
SELECT COUNT(*) AS n FROM (SELECT SUM(LA) OVER (PARTITION BY Key ORDER BY LA ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | frame
SELECT COUNT(*) AS n FROM (SELECT RANK() OVER (PARTITION BY Key ORDER BY LA ROWS 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | frame
SELECT COUNT(*) AS n FROM (SELECT SUM(LA) OVER (PARTITION BY Key ROWS 1 PRECEDING) AS l FROM a) d WHERE d.l > 1 | window-order
SELECT COUNT(*) AS n FROM (SELECT LAG(LA, -1) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | literal
SELECT COUNT(*) AS n FROM (SELECT LAG(LA, 1, 0.5) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | literal
SELECT COUNT(*) AS n FROM (SELECT LAG(LA, 1, Score) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a) d WHERE d.l > 1 | literal
SELECT COUNT(*) AS n FROM a WHERE ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y) = 1                       | window-place
SELECT COUNT(*) AS n FROM (SELECT LA, LAST_VALUE(LA) OVER (PARTITION BY Key ORDER BY Y) AS f FROM a) d WHERE d.f = d.LA | window-order
SELECT COUNT(*) AS n FROM (SELECT NTILE(0) OVER (PARTITION BY Key ORDER BY Y) AS t FROM a WHERE Note = 'x') d WHERE d.t = 1 | literal
SELECT COUNT(*) AS n FROM (SELECT NTILE(-1) OVER (ORDER BY Y) AS t FROM a WHERE Note = 'x') d WHERE d.t = 1  | literal
SELECT LA, NTILE(0) OVER (ORDER BY COUNT(*)) AS t FROM a GROUP BY LA                                        | literal
SELECT Sex, AVG(1.0 * Score) OVER (PARTITION BY Sex) AS m FROM a                                            | no-aggregate
""")


test_over_groups = answered(r"""
SELECT LA, 1.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS s FROM a GROUP BY LA                                   | 1 0.2857, 2 0.5714, 3 0.1429
SELECT LA, Sex, 1.0 * COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY LA) AS s FROM a GROUP BY LA, Sex          | 1 F 0.5, 1 M 0.5, 2 F 0.5, 2 M 0.5, 3 M 1
SELECT LA, COUNT(*) AS n, RANK() OVER (ORDER BY COUNT(*) DESC) AS r FROM a GROUP BY LA                      | 1 2 2, 2 4 1, 3 1 3
SELECT LA, ROW_NUMBER() OVER (ORDER BY AVG(1.0 * Score)) AS r, COUNT(*) AS n FROM a GROUP BY LA             | 1 3 2, 2 2 4, 3 1 1
SELECT Y, COUNT(*) AS n, COUNT(*) - LAG(COUNT(*)) OVER (ORDER BY Y) AS d FROM a GROUP BY Y                  | 2017/2018 5 -, 2018/2019 2 -3
SELECT Y, SUM(COUNT(*)) OVER (ORDER BY Y) AS s FROM a GROUP BY Y                                            | 2017/2018 5, 2018/2019 7
SELECT d.LA, d.r FROM (SELECT LA, RANK() OVER (ORDER BY COUNT(*) DESC) AS r FROM a GROUP BY LA) d WHERE d.r = 1 | 2 1
SELECT d.LA, NTILE(2) OVER (ORDER BY d.n DESC) AS t, d.n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d | 1 1 2, 2 1 4, 3 2 1
""")


# what is asked | in T-SQL, where NULL is the lowest value | in DuckDB, where it comes last
MISSING = drawn(r"""
SELECT COUNT(*) AS n FROM (SELECT Score, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Score) AS r FROM a) d WHERE d.r = 1 AND d.Score IS NULL | 1 | 0
SELECT COUNT(*) AS n FROM (SELECT Score, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Score DESC) AS r FROM a) d WHERE d.r = 1 AND d.Score IS NULL | 0 | 0
SELECT Flag, COUNT(*) AS n FROM a GROUP BY Flag ORDER BY Flag                                               | - 2, 0 2, 1 3 | 0 2, 1 3, - 2
SELECT Flag, COUNT(*) AS n FROM a GROUP BY Flag ORDER BY Flag DESC                                          | 1 3, 0 2, - 2 | 1 3, 0 2, - 2
SELECT Flag, RANK() OVER (ORDER BY Flag) AS r, COUNT(*) AS n FROM a GROUP BY Flag                           | 0 2 2, 1 3 3, - 1 2 | 0 1 2, 1 2 3, - 3 2
SELECT Flag, COUNT(*) AS n FROM a GROUP BY Flag UNION ALL SELECT 7, COUNT(*) FROM b ORDER BY Flag           | - 2, 0 2, 1 3, 7 5 | 0 2, 1 3, 7 5, - 2
""")


@pytest.mark.parametrize(("text", "tsql", "duckdb"), MISSING)
def test_the_place_of_a_missing_value_in_an_order(text: str, tsql: str, duckdb: str) -> None:
    assert (answer(text, "tsql"), answer(text, "duckdb")) == (tsql, duckdb)


test_duckdb_chooses_rows_by_a_window_and_has_missing_values_last = answered_in_duckdb("""
SELECT COUNT(*) AS n FROM (SELECT Key FROM a QUALIFY row_number() OVER (PARTITION BY Key ORDER BY Y) = 1) d | 5
SELECT COUNT(*) AS n FROM (SELECT Score, row_number() OVER (PARTITION BY Key ORDER BY Score DESC NULLS FIRST) AS r FROM a) d WHERE d.r = 1 AND d.Score IS NULL | 1
SELECT COUNT(*) AS n FROM (SELECT (SELECT c.Score FROM a c WHERE c.Key = a.Key ORDER BY c.Score LIMIT 1) AS s FROM a) d WHERE d.s = 1 | 2
""")
