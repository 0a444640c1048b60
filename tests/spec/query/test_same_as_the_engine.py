"""DuckDB's own reading of a text is another witness of its meaning: on tables in which everybody has a key, what the broker
makes of a text, with exact figures, are the rows that the text gives when it runs as it is written."""

# ruff: noqa: E501 - one case a line reads as a table

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from little_world import LAS
from query_kit import WRITTEN, database, shown

pytestmark = pytest.mark.slow

TEXTS = """
SELECT COUNT(*) AS n, SUM(z.Days) AS s FROM a, LATERAL (SELECT b.Days FROM b WHERE b.Key = a.Key ORDER BY b.Y, b.Days, b.Kind, b.Wave LIMIT 2) z
SELECT COUNT(*) AS n FROM a LEFT JOIN LATERAL (SELECT b.Days FROM b WHERE b.Key = a.Key AND b.Y = a.Y) z ON TRUE WHERE z.Days IS NULL
SELECT a.Sex, COUNT(DISTINCT b.Key) AS n, SUM(b.Days) AS s FROM a LEFT JOIN b ON a.Key = b.Key AND a.Y < b.Y GROUP BY a.Sex
SELECT COUNT(*) AS n FROM a FULL JOIN b ON a.Key = b.Key AND a.Y = b.Y WHERE a.Sex IS NULL
SELECT COALESCE(a.Y, b.Y) AS y, COUNT(*) AS n FROM a FULL JOIN b ON a.Key = b.Key AND a.Y = b.Y GROUP BY COALESCE(a.Y, b.Y)
SELECT COUNT(*) AS n FROM a FULL JOIN b ON a.Key = b.Key AND a.Y = b.Y FULL JOIN (SELECT Key, Y, MAX(Score) AS m FROM a GROUP BY Key, Y) c ON c.Key = b.Key AND c.Y = b.Y
SELECT SUM(d.m) AS s FROM b LEFT JOIN (SELECT Key, Y, COUNT(*) AS m, 'x' AS t FROM a WHERE Sex = 'M' GROUP BY Key, Y) d ON d.Key = b.Key AND d.Y = b.Y
SELECT d.t, COUNT(*) AS n FROM b LEFT JOIN (SELECT Key, Y, COUNT(*) AS m, 'x' AS t FROM a WHERE Sex = 'M' GROUP BY Key, Y) d ON d.Key = b.Key AND d.Y = b.Y GROUP BY d.t
SELECT d.t, COUNT(*) AS n FROM b LEFT JOIN (SELECT Key, CASE WHEN COUNT(*) > 2 THEN 'many' ELSE 'few' END AS t FROM a GROUP BY Key) d ON d.Key = b.Key GROUP BY d.t
SELECT d.t, COUNT(*) AS n FROM b LEFT JOIN (SELECT Key, 'u' AS t FROM a UNION ALL SELECT Key, 'v' FROM b) d ON d.Key = b.Key GROUP BY d.t
SELECT COUNT(d.e) AS n FROM b LEFT JOIN (SELECT Key, CASE WHEN EXISTS (SELECT 1 FROM b c WHERE c.Key = a.Key AND c.Y = a.Y) THEN 1 ELSE 0 END AS e FROM a WHERE Sex = 'F') d ON d.Key = b.Key
SELECT SUM(d.e) AS n FROM b LEFT JOIN (SELECT Key, CASE WHEN EXISTS (SELECT 1 FROM b c WHERE c.Key = a.Key AND c.Y = a.Y) THEN 1 ELSE 0 END AS e FROM a WHERE Sex = 'F') d ON d.Key = b.Key
SELECT COUNT(*) AS n FROM b LEFT JOIN (SELECT Key, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex) AS r FROM a) d ON d.Key = b.Key AND d.r = 1 WHERE d.r IS NULL
SELECT COUNT(*) AS n FROM a WHERE NOT (Score IN (SELECT b.Days FROM b WHERE b.Key = a.Key AND b.Days IS NOT NULL) OR Sex = 'M')
SELECT SUM(CASE WHEN Score IN (SELECT b.Days FROM b WHERE b.Key = a.Key) THEN 1 ELSE 0 END) AS n FROM a
SELECT SUM(CASE WHEN NOT EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND b.Y > a.Y) THEN Score ELSE 0 END) AS n FROM a
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM b WHERE b.Key = a.Key AND b.Y = a.Y) = (SELECT COUNT(*) FROM a c WHERE c.Key = a.Key AND c.Y = a.Y)
SELECT COUNT(*) AS n FROM a WHERE (SELECT AVG(Days) FROM b WHERE b.Key = a.Key) > 2.5
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.Key = a.Key AND EXISTS (SELECT 1 FROM a c WHERE c.Key = b.Key AND c.Y = b.Y AND c.LA = a.LA))
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key WHERE EXISTS (SELECT 1 FROM a c WHERE c.Key = b.Key AND c.Y > b.Y AND c.LA <> a.LA)
SELECT COUNT(*) AS n FROM (SELECT Key, Sex FROM a INTERSECT SELECT Key, Kind FROM b) d
SELECT COUNT(*) AS n FROM (SELECT Key, Sex FROM a EXCEPT SELECT Key, Kind FROM b) d
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION ALL (SELECT Key FROM a EXCEPT SELECT Key FROM b)) d
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION SELECT Key FROM b UNION ALL SELECT Key FROM a) d
SELECT COUNT(*) AS n FROM (SELECT Key FROM a UNION ALL SELECT Key FROM b UNION SELECT Key FROM a) d
SELECT d.m, SUM(d.c) AS n FROM (SELECT Key, Sex, COUNT(*) AS c, MIN(LA) AS m FROM a GROUP BY Key, Sex) d GROUP BY d.m
SELECT d.b, COUNT(*) AS n FROM (SELECT Key, CASE WHEN SUM(Score) > 5 THEN 'y' ELSE 'n' END AS b FROM a GROUP BY Key) d GROUP BY d.b
SELECT SUM(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, SUM(d.q3::INT) AS s3, COUNT(d.q3) AS c3 FROM (SELECT Key, MEDIAN(Score) AS q0, quantile_disc(Score, 0.25) AS q1, arg_max(Score, (Score)) AS q2, bool_and(Sex = 'M') FILTER (WHERE LA > 1) AS q3 FROM a GROUP BY Key) d
SELECT SUM(d.q0::INT) AS s0, COUNT(d.q0) AS c0, SUM(d.q1) AS s1, COUNT(d.q1) AS c1, SUM(d.q2) AS s2, COUNT(d.q2) AS c2, SUM(d.q3) AS s3 FROM (SELECT Key, list_contains(list(Score) FILTER (WHERE LA > 1), 5) AS q0, len(list_distinct(list(Score))) AS q1, list_unique(list(Sex)) AS q2, arg_max(LA, (Y, LA)) AS q3 FROM a GROUP BY Key) d
SELECT SUM(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, AVG(d.q3) AS s3 FROM (SELECT Key, list(Score ORDER BY Score DESC NULLS LAST)[1] AS q0, list_sum(list(Score)) AS q1, quantile_cont(Score, [0.1, 0.7])[2] AS q2, STDDEV(Score) AS q3 FROM a GROUP BY Key) d
SELECT AVG(d.q0) AS s0 FROM (SELECT Key, VAR_POP(Score) AS q0 FROM a GROUP BY Key) d
SELECT d.q, COUNT(*) AS n FROM (SELECT Key, first(LA ORDER BY Score DESC NULLS FIRST, LA) AS q FROM a GROUP BY Key) d GROUP BY d.q
SELECT d.q, COUNT(*) AS n FROM (SELECT Key, last(Sex ORDER BY Y, LA DESC, Sex) AS q FROM a GROUP BY Key) d GROUP BY d.q
SELECT d.q, COUNT(*) AS n FROM (SELECT Key, any_value(Sex ORDER BY Flag, LA DESC, Sex DESC) AS q FROM a GROUP BY Key) d GROUP BY d.q
SELECT COUNT(*) AS n FROM a WHERE LA IN (SELECT unnest([1, 3]))
SELECT SUM(d.q) AS n, COUNT(d.q) AS c FROM (SELECT a.Key, (SELECT len(list(Days)) FROM b WHERE b.Key = a.Key) AS q FROM a) d
SELECT SUM(d.q) AS n, COUNT(d.q) AS c FROM (SELECT a.Key, (SELECT COUNT(Days) FROM b WHERE b.Key = a.Key) AS q FROM a) d
SELECT SUM(d.q) AS n, COUNT(d.q) AS c FROM (SELECT a.Key, (SELECT arg_min(Days, Days) FROM b WHERE b.Key = a.Key) AS q FROM a) d
SELECT SUM(d.q) AS n FROM (SELECT arg_max(LA, LA) OVER (PARTITION BY Key ORDER BY Y) AS q FROM a) d
SELECT LA, quantile_cont(Score, [0.25, 0.5, 0.75])[3] AS q, stddev_pop(Score) FILTER (WHERE Sex = 'F') AS f FROM a GROUP BY LA
SELECT d.k, COUNT(*) AS n FROM a JOIN (SELECT unnest([1, 3, 7]) AS k) d ON d.k <= a.LA GROUP BY d.k
SELECT LA, MAX(n) AS n, MIN(m) AS m FROM (SELECT LA, COUNT(*) OVER (PARTITION BY LA) AS n, AVG(Score) OVER (PARTITION BY LA) AS m FROM a) d WHERE n > 1 GROUP BY LA
SELECT LA, MAX(CASE WHEN Sex = 'M' THEN n END) AS m, MAX(n) FILTER (WHERE Sex = 'F') AS f FROM (SELECT LA, Sex, COUNT(Score) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Sex = 'M' THEN q END) - MAX(CASE WHEN Sex = 'F' THEN q END) AS m FROM (SELECT LA, Sex, MEDIAN(Score) OVER (PARTITION BY LA, Sex) AS q FROM a) d WHERE Sex <> 'F' OR LA > 1 GROUP BY LA
SELECT LA, ANY_VALUE(2 * v) AS v, MAX(t) AS t FROM (SELECT LA, VAR_POP(Score) OVER (PARTITION BY LA) AS v, SUM(Score) OVER (PARTITION BY LA) AS t FROM a) d GROUP BY LA
SELECT MAX(n) AS n, AVG(Score) AS m FROM (SELECT Score, COUNT(*) OVER () AS n FROM a) d
SELECT MAX(n) AS n, MIN(m) AS m FROM (SELECT Score, COUNT(*) OVER () AS n, COUNT(Score) OVER () AS m FROM a WHERE Note = 'none') d
SELECT Sex, MAX(CASE WHEN LA = 1 AND Flag = 1 THEN n END) AS m FROM (SELECT LA, Sex, Flag, COUNT(*) OVER (PARTITION BY Flag, LA, Sex) AS n FROM a) d GROUP BY Sex
SELECT d.LA, COUNT(*) AS n FROM (SELECT Key, LA, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY COUNT(*) DESC, LA) AS r FROM a GROUP BY Key, LA) d WHERE d.r = 1 GROUP BY d.LA
SELECT d.LA, SUM(c) AS n FROM (SELECT Key, LA, COUNT(*) AS c FROM a GROUP BY Key, LA HAVING COUNT(Score) > 0 QUALIFY RANK() OVER (PARTITION BY Key ORDER BY MAX(Score) DESC) = 1) d GROUP BY d.LA
SELECT SUM(d.q) AS s, COUNT(d.l) AS l FROM (SELECT Key, Y, SUM(COUNT(*)) OVER (PARTITION BY Key ORDER BY Y) AS q, LAG(MAX(Score)) OVER (PARTITION BY Key ORDER BY Y) AS l FROM a GROUP BY Key, Y) d
SELECT d.t, COUNT(*) AS n FROM (SELECT Key, NTILE(2) OVER (ORDER BY AVG(Score), COUNT(*), Key) AS t FROM a GROUP BY Key) d GROUP BY d.t
SELECT SUM(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, SUM(d.q3) AS s3 FROM (SELECT SUM(Score) FILTER (WHERE LA > 1) OVER (PARTITION BY Key ORDER BY Y) AS q0, COUNT(*) FILTER (WHERE Sex = 'M') OVER (PARTITION BY Key) AS q1, COUNT_IF(Sex = 'M') OVER (PARTITION BY Key) AS q2, first(Score) OVER (PARTITION BY Key ORDER BY Y, Score) AS q3 FROM a) d
SELECT AVG(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, SUM(d.q3) AS s3 FROM (SELECT AVG(Score) OVER (PARTITION BY Key, Y) AS q0, COUNT(Score) OVER (PARTITION BY Key ORDER BY Y DESC) AS q1, RANK() OVER (PARTITION BY Key ORDER BY Score DESC) AS q2, PERCENT_RANK() OVER (PARTITION BY Sex ORDER BY Score) AS q3 FROM a) d
SELECT SUM(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, SUM(d.q3) AS s3 FROM (SELECT RANK() OVER (ORDER BY Score DESC) AS q0, SUM(Score) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS q1, COUNT(Score) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS q2, MAX(Score) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS 1 PRECEDING) AS q3 FROM a) d
SELECT AVG(d.q0) AS s0, SUM(d.q1) AS s1, SUM(d.q2) AS s2, SUM(d.q3) AS s3 FROM (SELECT AVG(Score) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS q0, LAST_VALUE(LA) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS q1, FIRST_VALUE(LA) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS q2, MAX(LA) OVER (PARTITION BY Key ORDER BY Y RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS q3 FROM a) d
SELECT SUM(d.q0) AS s0, SUM(d.q1) AS s1 FROM (SELECT LAG(LA, 1, 50) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex) AS q0, LEAD(LA, 2, 0) OVER (PARTITION BY Key ORDER BY Y, LA, Score, Flag, Sex) AS q1 FROM a) d
SELECT COUNT(*) AS s FROM (SELECT Score, AVG(Score) FILTER (WHERE Sex = 'M') OVER (PARTITION BY LA) AS q FROM a) d WHERE Score > q
SELECT d.q, COUNT(*) AS n FROM (SELECT mode(LA ORDER BY LA) OVER (PARTITION BY Key ORDER BY Y) AS q FROM a) d GROUP BY d.q
SELECT Y, LA, COUNT(*) AS n, SUM(COUNT(*)) OVER (ORDER BY Y, LA ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s, AVG(COUNT(*)) OVER (PARTITION BY Y ORDER BY LA ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS m FROM a GROUP BY Y, LA
SELECT Y, LA, MAX(COUNT(*)) OVER (ORDER BY Y, LA ROWS BETWEEN 3 FOLLOWING AND UNBOUNDED FOLLOWING) AS m, COUNT(*) AS n FROM a GROUP BY Y, LA
SELECT LA, COUNT(*) AS n, LAG(COUNT(*), 1, 0) OVER (ORDER BY LA) AS p, LAST_VALUE(COUNT(*)) OVER (ORDER BY LA ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l, FIRST_VALUE(COUNT(*)) OVER (ORDER BY LA ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS f FROM a GROUP BY LA
SELECT LA, COUNT(*) AS n, LAST_VALUE(COUNT(*)) OVER (ORDER BY LA) AS l, SUM(COUNT(*)) OVER (ORDER BY LA ROWS UNBOUNDED PRECEDING) AS s FROM a GROUP BY LA
PIVOT a ON Sex IN ('M', 'F') USING COUNT(*) GROUP BY Y ORDER BY Y
PIVOT a ON Sex IN ('F', 'M') USING COUNT(DISTINCT Key) AS k, SUM(Score) AS s GROUP BY LA
PIVOT (SELECT Sex, LA, Score FROM a) ON LA IN (1, 2), Sex IN ('M') USING AVG(Score)
PIVOT (SELECT Sex, LA, Score FROM a) ON LA IN (1, 2, 7) USING AVG(Score) AS m
SELECT d."M", d.LA FROM (PIVOT (FROM a SELECT Sex, LA WHERE Y = '2018/2019') ON Sex IN ('M', 'F')) d
WITH p AS (PIVOT a ON Sex IN ('M') USING MIN(LA) GROUP BY Key) SELECT SUM("M") AS s, COUNT(*) AS n FROM p
SELECT d.n, SUM(d.v) AS s, COUNT(*) AS c FROM (UNPIVOT a ON Score, LA INTO NAME n VALUE v) d GROUP BY d.n
SELECT d.n, SUM(d.v) AS s, COUNT(DISTINCT d.Key) AS c FROM (UNPIVOT (SELECT Key, Score AS x, LA FROM a) ON x, LA INTO NAME n VALUE v) d GROUP BY d.n
SELECT COUNT(*) AS n, SUM(a.Score) AS s FROM a SEMI JOIN b ON b.Key = a.Key AND b.Y = a.Y
SELECT a.Sex, COUNT(*) AS n FROM a ANTI JOIN b USING (Key) GROUP BY a.Sex
SELECT Sex, COUNT(*) AS n FROM a SEMI JOIN (SELECT Key FROM b WHERE Days > 2) c ON c.Key = a.Key WHERE LA > 1 GROUP BY Sex
SELECT COUNT(*) AS n FROM a JOIN b ON b.Key = a.Key ANTI JOIN (SELECT Key FROM a WHERE Sex = 'F') c ON c.Key = b.Key LEFT JOIN ref.las l ON l.LA = a.LA
CREATE OR REPLACE TEMP TABLE c (k VARCHAR, n BIGINT, z DOUBLE); INSERT INTO c SELECT Key, COUNT(*), AVG(Score) FROM a GROUP BY Key; INSERT INTO c SELECT Key, SUM(Days), 1 FROM b GROUP BY Key; SELECT n, COUNT(*) AS m, SUM(z) AS s FROM c GROUP BY n
CREATE OR REPLACE TEMP TABLE c AS SELECT Key, Score FROM a; ALTER TABLE c ADD COLUMN band VARCHAR; ALTER TABLE c ADD COLUMN x DOUBLE; UPDATE c SET x = Score / 2, band = 'low'; UPDATE c SET band = CASE WHEN x IS NULL THEN 'none' ELSE 'high' END WHERE x IS NULL OR x > 1; SELECT band, COUNT(*) AS n, SUM(x) AS s FROM c GROUP BY band
CREATE OR REPLACE TEMP TABLE c (stage VARCHAR, n INTEGER); INSERT INTO c SELECT 'one', COUNT(*) FROM a; INSERT INTO c SELECT 'two', COUNT(*) FROM b; SELECT x.stage, x.n, x.n - y.n AS d FROM c x JOIN c y ON y.stage = 'two'
SELECT LA, SUM(COLUMNS('(S|F)[a-z]+e')) FROM a GROUP BY LA
SELECT Sex, MAX(d.n) AS n, SUM(COLUMNS('^(.)_sum$')) AS "total_\\1" FROM (SELECT Sex, LA, COUNT(*) AS n, SUM(Score) AS s_sum, SUM(Flag) AS f_sum FROM a GROUP BY Sex, LA) d GROUP BY Sex
WITH RECURSIVE y AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM y WHERE x < 4) SELECT y.x, d.n FROM y LEFT JOIN (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d ON d.LA = y.x
WITH RECURSIVE y(x, z) AS (SELECT 5, 1 UNION ALL SELECT x - 2, z * 2 FROM y WHERE x > 0) SELECT COUNT(*) AS n, SUM(y.z) AS s FROM a JOIN y ON y.x = a.LA
SELECT g.x, d.n FROM generate_series(1, 6, 2) AS g(x) LEFT JOIN (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d ON d.LA = g.x
SELECT COUNT(*) AS n FROM a JOIN range(1, 3) r(x) ON r.x = a.LA
SELECT COUNT(*) AS n FROM a JOIN range(3) ON range.range = a.LA
SELECT d.LA, d.Sex, 1.0 * d.n / (SELECT SUM(e.n) FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) e WHERE e.LA = d.LA) AS s FROM (SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY LA, Sex) d
WITH t AS (SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY LA, Sex) SELECT t.LA, t.n, (SELECT COUNT(*) FROM t u WHERE u.LA = t.LA AND u.n > 2) AS m, (SELECT MAX(n) FROM t u WHERE u.Sex = t.Sex) AS g FROM t WHERE t.n >= (SELECT AVG(n) FROM t u WHERE u.LA = t.LA)
WITH t AS (SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY LA, Sex) SELECT t.LA, t.n, (SELECT COUNT(*) FILTER (WHERE u.n > 9) FROM t u WHERE u.LA = t.LA AND u.n > 2) AS m FROM t
SELECT 'Y' || d.m AS k, COUNT(*) AS n FROM (SELECT Key, COUNT(*) AS m FROM a GROUP BY Key) d GROUP BY d.m
CREATE OR REPLACE MACRO pct(a, b) AS round(100.0 * a / b, 1); CREATE OR REPLACE MACRO half(x) AS round(x / 2, 1) + x; SELECT LA, pct(SUM(Flag), COUNT(*)) AS p, half(COUNT(*)) AS h FROM a GROUP BY LA
CREATE OR REPLACE TEMP VIEW v AS SELECT * FROM a WHERE LA < 3; CREATE OR REPLACE VIEW w AS SELECT Sex, COUNT(*) AS n FROM v GROUP BY Sex; SELECT Sex, n FROM w
SELECT split_part(Y, '/', 1) AS y, COUNT(*) AS n FROM a WHERE split_part(Y, '/', 3) = '' GROUP BY ALL
SELECT regexp_extract(Y, '^([0-9]{4})/', 1) AS y, COUNT(*) AS n FROM a WHERE regexp_matches(Y, '01[78]/') AND Y SIMILAR TO '20.*' AND NOT Y ~ '2017' GROUP BY ALL
SELECT COUNT(*) AS n FROM a WHERE regexp_full_match(Sex, '[MX]') OR regexp_extract(Sex, 'F') = 'F'
WITH r AS (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) SELECT LA, 1.0 * n / (SELECT n FROM r WHERE LA = 2) AS ratio FROM r
WITH r AS (SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY LA, Sex) SELECT LA, Sex, n - (SELECT n FROM r WHERE LA = 3 AND Sex = 'M') AS d FROM r WHERE Sex IS NOT NULL
SELECT COUNT(*) AS n FROM a WHERE LA = ANY([1, 3]) AND list_contains(['M', 'X'], Sex)
SELECT LA, corr(Score, Flag) AS r, regr_slope(Score, Flag) AS b, regr_intercept(Score, Flag) AS i, regr_r2(Score, Flag) AS q, regr_count(Score, Flag) AS n FROM a GROUP BY LA HAVING var_pop(Flag) > 0 AND regr_sxx(Score, Flag) > 0 AND regr_syy(Score, Flag) > 0
SELECT covar_pop(Score, Flag) AS c, covar_samp(Score, LA) AS s, regr_avgx(Score, Flag) AS x, regr_avgy(Score, Flag) AS y, regr_sxy(Score, Flag) AS t FROM a
SELECT Sex, round(skewness(Score), 6) AS k, round(kurtosis(Score), 6) AS u, round(kurtosis_pop(Score), 6) AS v FROM a WHERE Sex IS NOT NULL GROUP BY Sex
SELECT corr(Score, LA) FILTER (WHERE Sex = 'M') AS r, corr(Score, Score + LA) AS t FROM a
SELECT corr(d.s, d.m) AS r, regr_slope(d.s, d.m) AS b FROM (SELECT Key, SUM(Score) AS s, COUNT(*) AS m FROM a GROUP BY Key) d
SELECT Sex, corr(Score, Flag) AS r, COUNT(*) AS n FROM a GROUP BY GROUPING SETS ((Sex), ()) HAVING regr_sxx(Score, Flag) > 0 AND regr_syy(Score, Flag) > 0
SELECT LA, Sex, COUNT(*) AS n, RANK() OVER (PARTITION BY LA ORDER BY COUNT(*) DESC) AS r, SUM(COUNT(*)) OVER (PARTITION BY Sex) AS t FROM a GROUP BY LA, Sex
SELECT LA, COUNT(*) AS n, AVG(COUNT(*)) OVER () AS m FROM a GROUP BY LA
SELECT Y, COUNT(*) AS n, LEAD(COUNT(*)) OVER (ORDER BY Y) AS p, FIRST_VALUE(COUNT(*)) OVER (ORDER BY Y) AS f FROM a GROUP BY Y
SELECT LA, COUNT(*) AS n, PERCENT_RANK() OVER (ORDER BY COUNT(*)) AS p, CUME_DIST() OVER (ORDER BY COUNT(*)) AS c, NTILE(2) OVER (ORDER BY COUNT(*), LA) AS t FROM a GROUP BY LA
SELECT LA, COUNT(*) AS n FROM a GROUP BY LA QUALIFY ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, LA) <= 2
SELECT d.Sex, MAX(d.n) AS m, MIN(d.n) AS l, SUM(d.n) AS s, COUNT(d.m) AS c FROM (SELECT Sex, LA, COUNT(*) AS n, AVG(Score) AS m FROM a GROUP BY Sex, LA) d GROUP BY d.Sex
SELECT x.Sex, x.n, y.m FROM (SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex) x FULL JOIN (SELECT Kind, COUNT(*) AS m FROM b GROUP BY Kind) y ON x.n = y.m
SELECT x.LA, y.LA AS la2, x.n - y.n AS d FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) x LEFT JOIN (SELECT LA, COUNT(*) AS n FROM a WHERE Sex = 'M' GROUP BY LA) y ON x.LA < y.LA AND y.n > 2
SELECT x.LA, x.n, y.n AS m FROM (SELECT LA, COUNT(*) AS n FROM a WHERE Sex = 'F' GROUP BY LA) x RIGHT JOIN (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) y ON x.LA = y.LA
SELECT x.LA, x.n FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) x WHERE x.n >= (SELECT MAX(n) FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) y)
SELECT Sex, LA, COUNT(*) AS n, GROUPING(Sex) AS g, GROUPING(LA) AS h FROM a GROUP BY CUBE (Sex, LA) HAVING COUNT(*) > 2
SELECT Y, Sex, AVG(Score) AS m FROM a GROUP BY Y, GROUPING SETS ((Sex), ())
SELECT CASE WHEN Sex = 'M' THEN 1 ELSE 2 END AS k, COUNT(*) AS n FROM a GROUP BY ALL ORDER BY k
SELECT COUNT(*) FILTER (WHERE Score > 2) AS n, SUM(Score) FILTER (WHERE Sex = 'M') AS s, COUNT(DISTINCT Key) FILTER (WHERE LA = 1) AS k FROM a
SELECT LA + 1 AS l, COUNT(*) AS n FROM a GROUP BY LA + 1 HAVING LA + 1 > 2
SELECT d.k, COUNT(*) AS n FROM (SELECT Sex || 'x' AS k FROM a UNION ALL SELECT Kind FROM b) d GROUP BY d.k
SELECT SUM(d.k) AS n FROM (SELECT Score AS k FROM a UNION ALL SELECT Days * 1.5 FROM b) d
SELECT SUM(d.k) AS n FROM (SELECT Flag AS k FROM a UNION ALL SELECT Days FROM b) d
SELECT AVG(d.k) AS n FROM (SELECT Score AS k FROM a UNION ALL SELECT NULL FROM b) d
SELECT COUNT(d.k) AS n FROM (SELECT Sex AS k FROM a UNION ALL SELECT NULL FROM b) d
SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA AND l.Region = 'S' LEFT JOIN b ON b.Key = a.Key AND b.Days > l.LA
SELECT l.Region, COUNT(a.Key) AS n FROM ref.las l LEFT JOIN a ON a.LA = l.LA AND a.Sex = 'M' GROUP BY l.Region
SELECT l.Region, COUNT(*) AS n FROM a RIGHT JOIN ref.las l ON a.LA = l.LA AND a.Score > 4 GROUP BY l.Region
SELECT COUNT(*) AS n FROM (SELECT DISTINCT Key, Y FROM a) x JOIN (SELECT DISTINCT Key, Y FROM b) y ON x.Key = y.Key AND x.Y = y.Y
SELECT SUM(x.m * 1.0) AS s FROM (SELECT Key, COUNT(*) AS m FROM (SELECT Key, Y FROM a UNION SELECT Key, Y FROM b) u GROUP BY Key) x
"""


def world(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Six people; in each year each has none, one or two rows in both tables."""
    rng = Random(seed)
    a: list[dict[str, Any]] = []
    b: list[dict[str, Any]] = []
    for p in range(1, 7):
        for year in WRITTEN.values():
            own = {"p": p, "Key": f"k{p}", "Y": year}
            a += [
                own | {"Sex": rng.choice(["M", "F", None]), "LA": rng.randint(1, 3), "Flag": rng.choice([0, 1, None]), "Score": rng.choice([None, 1, 2, 5, 9])}
                for _ in range(rng.choice((0, 1, 1, 2)))
            ]  # fmt: skip
            b += [
                own | {"Kind": rng.choice(["X", "Z", None]), "Days": rng.choice([None, 0, 3, 4]), "Wave": rng.randint(0, 1)}
                for _ in range(rng.choice((0, 1, 1, 2)))
            ]  # fmt: skip
    return {"npd.a": a, "npd.b": b, "ref.las": LAS}


def alike(rows: Iterable[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """Rows with their numbers as a reader sees them: means of means are exact to some places only. What is no number
    is missing."""
    return Counter(tuple(map(_seen, r)) for r in rows)


def _seen(value: Any) -> Any:
    if isinstance(value, int | float | Decimal):
        return None if value != value else f"{float(value):.4g}"  # only NaN is not itself
    return value


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_rows_are_those_of_the_engine(text: str) -> None:
    for seed in range(4):
        tables = world(seed)
        con = database(tables)
        con.execute("SET schema = 'npd'")
        rows = con.execute(text).fetchall()
        assert alike(shown(text, tables, "duckdb")) == alike(rows), seed
