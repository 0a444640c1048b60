"""An outer side that finds one row at most multiplies nothing, so a condition there needs no review. The year of a
table that is read in one year is a constant. (In this world, a person has one row of `b` a year.)"""

# ruff: noqa: E501 - one case a line reads as a table

from dataclasses import replace

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE

from broker.query.analysis.row_multiplicity import APPLY_ROWS, CHOSEN_ROWS
from broker.query.compile import compile_sql

SINGLE = replace(
    CATALOGUE, tables=tuple(replace(t, max_rows_per_unit_year=1) if t.name == "b" else t for t in CATALOGUE.tables)
)
Y, Z = "a.Y = '2018/2019'", "b.Y = '2018/2019'"


def reasons(text: str) -> set[str]:
    found = compile_sql(text, "tsql", SINGLE, PROJECT, SERVICE, 10)
    assert found.plan is not None, found.refusals
    of_rows = {CHOSEN_ROWS, APPLY_ROWS}
    shown = [table for output in found.plan.outputs for table in output.tables if table.shown]
    return {s.needs_review for table in shown for s in table.statistics if s.needs_review in of_rows}


LEAVES = {
    "a code in the one row of a year": f"SELECT b.Kind, COUNT(*) AS n FROM a LEFT JOIN b ON b.Key = a.Key AND {Z} AND b.Wave = 1 WHERE {Y} GROUP BY b.Kind",
    "a code in a derived table": f"SELECT d.Kind, COUNT(*) AS n FROM a LEFT JOIN (SELECT Key, Kind FROM b WHERE {Z} AND Wave = 1) d ON d.Key = a.Key WHERE {Y} GROUP BY d.Kind",
    "the first of several rows": f"SELECT f.Y, COUNT(*) AS n FROM a OUTER APPLY (SELECT TOP (1) b.Y FROM b WHERE b.Key = a.Key AND b.Wave = 1 ORDER BY b.Y) f WHERE {Y} GROUP BY f.Y",
    "a figure of several rows": f"SELECT f.m, COUNT(*) AS n FROM a OUTER APPLY (SELECT COUNT(*) AS m FROM b WHERE b.Key = a.Key AND b.Wave = 1) f WHERE {Y} GROUP BY f.m",
    "a key that reads the year and another variable": f"SELECT CASE WHEN CAST(LEFT(a.Y, 4) AS INT) - a.LA < 2016 THEN 'x' ELSE 'y' END AS g, COUNT(*) AS n FROM a WHERE {Y} GROUP BY CASE WHEN CAST(LEFT(a.Y, 4) AS INT) - a.LA < 2016 THEN 'x' ELSE 'y' END",
}
REVIEWED = {
    "a code in the rows of two years": f"SELECT COUNT(*) AS n FROM a LEFT JOIN b ON b.Key = a.Key AND b.Y IN ('2017/2018', '2018/2019') AND b.Wave = 1 WHERE {Y}",
    "a code in the rows of any year": f"SELECT COUNT(*) AS n FROM a LEFT JOIN b ON b.Key = a.Key AND b.Wave = 1 WHERE {Y}",
    "a code in one of several rows of a year": f"SELECT COUNT(*) AS n FROM b LEFT JOIN a ON a.Key = b.Key AND {Y} AND a.Flag = 1 WHERE {Z}",
    "a code on both sides": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} AND Flag = 1) a FULL JOIN (SELECT Key FROM b WHERE {Z} AND Wave = 1) b ON b.Key = a.Key",
    "a code of a join": f"SELECT COUNT(*) AS n FROM b x LEFT JOIN (SELECT b.Key FROM b JOIN a ON a.Key = b.Key AND {Y} WHERE {Z} AND b.Wave = 1) d ON d.Key = x.Key WHERE x.Y = '2018/2019'",
    "the first two rows": f"SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT TOP (2) b.Y FROM b WHERE b.Key = a.Key AND b.Wave = 1 ORDER BY b.Y) f WHERE {Y}",
    "a figure for each code": f"SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT b.Kind, COUNT(*) AS m FROM b WHERE b.Key = a.Key AND b.Wave = 1 GROUP BY b.Kind) f WHERE {Y}",
    "a key that reads two years and another variable": "SELECT CASE WHEN a.Y = '2018/2019' OR a.Flag = 1 THEN 'x' ELSE 'y' END AS g, COUNT(*) AS n FROM a WHERE a.Y IN ('2017/2018', '2018/2019') GROUP BY CASE WHEN a.Y = '2018/2019' OR a.Flag = 1 THEN 'x' ELSE 'y' END",
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_side_that_finds_one_row_needs_no_review(name: str) -> None:
    assert not reasons(LEAVES[name])


@pytest.mark.parametrize("name", REVIEWED)
def test_a_side_that_may_find_several_rows_needs_one(name: str) -> None:
    assert reasons(REVIEWED[name])
