"""The bounds of a mean's numbers where they are made of several rows: by the catalogue, and by the rows that people with
several usually have (one of at most three rows a year)."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import drawn, planned

from broker.domain.plans.measure import Measure

BOUNDS = drawn(r"""
SELECT AVG(1.0 * Score) FROM a                                                                                       | of a row
SELECT AVG(1.0 * d.s) FROM (SELECT Key, SUM(Score) AS s FROM a WHERE Y = '2018/2019' GROUP BY Key) d                 | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT Key, SUM(Score) AS s FROM a GROUP BY Key) d                                       | 0 60
SELECT AVG(1.0 * d.s) FROM (SELECT Key, Y, SUM(Score) AS s FROM a GROUP BY Key, Y) d                                 | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT Key, LA, SUM(Score) AS s FROM a GROUP BY Key, LA) d                               | 0 60
SELECT SUM(d.s) FROM (SELECT Key, SUM(Score) AS s FROM a GROUP BY Key) d                                             | 0 60
SELECT AVG(2.5 * d.s) FROM (SELECT Key, SUM(Score) AS s FROM a GROUP BY Key) d                                       | 0 150
SELECT AVG(1.0 * d.s) FROM (SELECT Key, SUM(Score - Points) AS s FROM a GROUP BY Key) d                              | -27 60
SELECT AVG(1.0 * d.s) FROM (SELECT SUM(Score) OVER (PARTITION BY Key) AS s FROM a) d                                 | 0 60
SELECT AVG(1.0 * d.s) FROM (SELECT SUM(Score) OVER (PARTITION BY Key, Y) AS s FROM a) d                              | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT LAG(Score) OVER (PARTITION BY Key ORDER BY Y) AS s FROM a) d                      | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT Key, SUM(Score) AS s FROM a GROUP BY Key UNION ALL SELECT Key, Points FROM a) d   | 0 60
SELECT AVG(1.0 * d.s) FROM (SELECT (SELECT SUM(b.Days) FROM b WHERE b.Key = a.Key) AS s FROM a) d                    | 0 27
SELECT AVG(1.0 * d.s) FROM (SELECT a.Key, SUM(b.Days) AS s FROM a JOIN b ON b.Key = a.Key AND b.Y = a.Y GROUP BY a.Key) d | 0 27
SELECT AVG(1.0 * v.s) FROM a CROSS APPLY (VALUES (Score), (Points)) AS v (s)                                         | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT Key, STDEV(Score) AS s FROM a GROUP BY Key) d                                     | 0 20
SELECT AVG(1.0 * d.s) FROM (SELECT LAG(Pay) OVER (PARTITION BY StaffKey ORDER BY LA) AS s FROM swc.staff) d           | none
""")


@pytest.mark.parametrize(("text", "bounds"), BOUNDS)
def test_numbers_that_are_made_of_rows_have_bounds(text: str, bounds: str) -> None:
    (statistic,) = (s for s in planned(text).tables[0].statistics if s.measure in {Measure.MEAN, Measure.SUM})
    made = statistic.made_bounds
    assert (statistic.bounds is None) == (bounds != "of a row")
    assert bounds in {"none", "of a row"} if made is None else [*map(float, made)] == [*map(float, bounds.split())]
