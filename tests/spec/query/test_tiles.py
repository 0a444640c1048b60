"""Groups of equal size by one variable (NTILE) need no review: they are bands of the variable. Any other place among
other people needs one."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import answer
from query_kit import drawn, planned

from broker.query.binder.row_aggregation import CONTEXT

# what is asked | the figures
BANDS = drawn(r"""
SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY Score) AS t FROM a) d GROUP BY d.t                     | 1 4, 2 3
SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(3) OVER (ORDER BY Score DESC) AS t FROM a) d GROUP BY d.t                | 1 3, 2 2, 3 2
SELECT d.Y, d.t, COUNT(*) AS n FROM (SELECT Y, NTILE(2) OVER (PARTITION BY Y ORDER BY Score) AS t FROM a WHERE Y IN ('2017/2018', '2018/2019') AND Score IS NOT NULL) d GROUP BY d.Y, d.t | 2017/2018 1 3, 2017/2018 2 2, 2018/2019 1 1
SELECT d.t, SUM(d.Score) AS s FROM (SELECT Score, NTILE(2) OVER (ORDER BY Score) AS t FROM a WHERE Sex = 'M') d GROUP BY d.t | 1 5, 2 14
SELECT d.t, COUNT(*) AS n FROM (SELECT Key, NTILE(2) OVER (ORDER BY AVG(Score)) AS t FROM a GROUP BY Key HAVING COUNT(*) > 0) d GROUP BY d.t | 1 3, 2 2
""")


@pytest.mark.parametrize(("text", "figures"), BANDS)
def test_groups_of_equal_size_are_bands(text: str, figures: str) -> None:
    assert answer(text) == figures
    assert all(table.shown for table in planned(text).tables)


REVIEWED = {
    "a place in an order": "SELECT d.t, COUNT(*) AS n FROM (SELECT RANK() OVER (ORDER BY Score) AS t FROM a) d GROUP BY d.t",
    "a share of the places": "SELECT COUNT(*) AS n FROM (SELECT CUME_DIST() OVER (ORDER BY Score) AS t FROM a) d WHERE d.t > 0.5",
    "groups in an area": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (PARTITION BY LA ORDER BY Score) AS t FROM a) d GROUP BY d.t",
    "groups beside a condition": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (PARTITION BY Y, Sex ORDER BY Score) AS t FROM a) d GROUP BY d.t",
    "an order by two variables": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY Score, Points) AS t FROM a) d GROUP BY d.t",
    "an order by a sum": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY Score + Points) AS t FROM a) d GROUP BY d.t",
    "an order that a condition steers": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY CASE WHEN Flag = 1 THEN 0 ELSE Score END) AS t FROM a) d GROUP BY d.t",
    "an order by a person's figure that a condition steers": "SELECT d.t, COUNT(*) AS n FROM (SELECT Key, NTILE(2) OVER (ORDER BY SUM(CASE WHEN Flag = 1 THEN Score END)) AS t FROM a GROUP BY Key) d GROUP BY d.t",
    "an order by numbers of rows": "SELECT d.t, COUNT(*) AS n FROM (SELECT Key, NTILE(2) OVER (ORDER BY COUNT(*)) AS t FROM a GROUP BY Key) d GROUP BY d.t",
    "rows that a join multiplies": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY a.Score) AS t FROM a JOIN a b ON b.Key = a.Key) d GROUP BY d.t",
    "rows that written rows multiply": "SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY a.Score) AS t FROM a CROSS JOIN (VALUES (1), (2)) v(x)) d GROUP BY d.t",
    "a mean beside the groups": "SELECT d.t, COUNT(*) AS n FROM (SELECT Score, NTILE(2) OVER (ORDER BY Score) AS t, AVG(1.0 * Score) OVER () AS m FROM a) d WHERE d.Score > d.m GROUP BY d.t",
}


@pytest.mark.parametrize("name", REVIEWED)
def test_any_other_place_among_people_needs_a_review(name: str) -> None:
    shown = [table for table in planned(REVIEWED[name]).tables if table.shown]
    assert {s.needs_review for table in shown for s in table.statistics} == {CONTEXT}
