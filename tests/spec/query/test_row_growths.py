"""Growth of rows: how many rows one more row of a person becomes, by the tables of which a person can have two rows."""

from dataclasses import replace

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE, YEARS

from broker.domain.plans.plan import RowGrowth
from broker.query import compile_sql

ONE_A_YEAR = replace(CATALOGUE, tables=tuple(replace(t, max_rows_per_unit_year=1) for t in CATALOGUE.tables))
ROWS_A_YEAR = 3
Y, OLD = "a.Y = '2018/2019'", "b.Y = '2017/2018'"
JOINED = "FROM a JOIN b ON b.Key = a.Key"
EACH = "(SELECT Key AS k, SUM(Score) AS x FROM a GROUP BY Key) d"
TOP = "(SELECT TOP 1 b.Days AS x FROM b WHERE b.Key = a.Key ORDER BY b.Days) d"
FIRST = "(SELECT Key AS k, Y AS y, ROW_NUMBER() OVER (PARTITION BY Key, Y ORDER BY LA) AS r FROM a) d"


def growths(text: str, one_a_year: bool = False) -> list[RowGrowth]:
    """Of its statistics that are shown."""
    found = compile_sql(text, "tsql", ONE_A_YEAR if one_a_year else CATALOGUE, PROJECT, SERVICE, 10)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    return [s.growth for t in output.tables for s in t.statistics if s.implied_by is None]


def factor(text: str, one_a_year: bool = False) -> int:
    return max(growth.factor for growth in growths(text, one_a_year))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT COUNT(*) AS n FROM a", 1),
        (f"SELECT COUNT(*) AS n {JOINED}", 2),
        (f"SELECT COUNT(DISTINCT a.Key) AS n {JOINED}", 1),
        (f"SELECT COUNT(*) AS n {JOINED} JOIN a c ON c.Key = a.Key", 4),
        ("SELECT COUNT(*) AS n FROM a LEFT JOIN b ON b.Key = a.Key", 2),
        ("SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA", 1),
        (f"SELECT COUNT(*) AS n FROM a CROSS APPLY {TOP}", 1),
        (f"SELECT COUNT(*) AS n, SUM(d.x) AS m FROM {EACH}", 1),
        (f"SELECT COUNT(*) AS n FROM b JOIN {EACH} ON d.k = b.Key", 1),
        (f"SELECT SUM(d.x) AS m FROM b JOIN {EACH} ON d.k = b.Key", 2),
        (f"SELECT COUNT(*) AS n FROM b JOIN {FIRST} ON d.k = b.Key WHERE d.r = 1", 1),
        (f"SELECT COUNT(*) AS n FROM b LEFT JOIN {FIRST} ON d.k = b.Key AND d.r = 1", 1),
        (f"SELECT COUNT(*) AS n FROM {FIRST} LEFT JOIN b ON d.k = b.Key AND d.r = 1", 2),
        (f"SELECT COUNT(*) AS n FROM b JOIN {FIRST} ON d.k = b.Key WHERE d.r = 2", 2),
        ("SELECT COUNT(*) AS n FROM (SELECT Key AS k FROM a UNION ALL SELECT Key FROM b) d", 1),
    ],
)  # fmt: skip
def test_each_table_with_a_second_row_doubles_it(text: str, expected: int) -> None:
    assert factor(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y", 1),
        (f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y JOIN a c ON c.Key = a.Key AND c.Y = b.Y", 1),
        (f"SELECT COUNT(*) AS n {JOINED} WHERE {Y} AND {OLD}", 1),
        (f"SELECT COUNT(*) AS n {JOINED} WHERE {Y}", 1),
        (f"SELECT COUNT(*) AS n {JOINED}", 2),
        (f"SELECT COUNT(*) AS n {JOINED} AND b.Y <> a.Y", 2),
    ],
)
def test_with_one_row_a_year_only_years_that_are_left_open_double_it(text: str, expected: int) -> None:
    assert factor(text, one_a_year=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT COUNT(*) AS n FROM a", 1),
        (f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y", 1),
        (f"SELECT COUNT(*) AS n {JOINED}", 3),
        (f"SELECT COUNT(*) AS n {JOINED} WHERE {Y}", 1),
        ("SELECT COUNT(*) AS n FROM a CROSS APPLY (VALUES (1), (2), (3), (4)) v (i)", 4),
        ("SELECT COUNT(*) AS n FROM (SELECT Key AS k FROM a UNION ALL SELECT Key FROM b) d", 2),
    ],
)
def test_written_rows_branches_and_further_years_multiply_evenly(text: str, expected: int) -> None:
    (growth,) = growths(text)
    assert growth.even == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SELECT COUNT(*) AS n FROM a WHERE {Y}", ROWS_A_YEAR),
        ("SELECT COUNT(*) AS n FROM a", ROWS_A_YEAR * len(YEARS)),
        ("SELECT COUNT(*) AS n FROM a CROSS APPLY (VALUES (1), (2), (3), (4)) v (i)", 4 * ROWS_A_YEAR * len(YEARS)),
        (f"SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA WHERE {Y}", ROWS_A_YEAR),
        (f"SELECT COUNT(*) AS n FROM a CROSS APPLY {TOP} WHERE {Y}", ROWS_A_YEAR**2 * len(YEARS)),
        (f"SELECT COUNT(*) AS n {JOINED} WHERE {Y} AND {OLD}", ROWS_A_YEAR**2),
        (f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y", ROWS_A_YEAR**2 * len(YEARS)),
        (f"SELECT COUNT(*) AS n FROM {EACH} JOIN a ON a.Key = d.k WHERE {Y}", ROWS_A_YEAR**2 * len(YEARS)),
        ("SELECT COUNT(*) AS n FROM (SELECT Key AS k FROM a UNION ALL SELECT Key FROM b) d", 6 * len(YEARS)),
    ],
)  # fmt: skip
def test_one_person_has_as_many_rows_as_the_catalogue_allows(text: str, expected: int) -> None:
    (growth,) = growths(text)
    assert growth.most == expected


def test_the_years_count_where_the_first_of_two_tables_has_one_row_a_year() -> None:
    """Both tables are tied to the other by their years, and one of them has to have these."""
    tables = tuple(replace(t, max_rows_per_unit_year=1 if t.name == "a" else 3) for t in CATALOGUE.tables)
    text = f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y"
    found = compile_sql(text, "tsql", replace(CATALOGUE, tables=tables), PROJECT, SERVICE, 10)
    assert found.plan is not None, found.refusals
    (statistic,) = found.plan.outputs[0].tables[0].statistics
    assert statistic.growth.most == 3 * len(YEARS)


def test_the_most_rows_of_one_person_are_unknown_where_a_checker_reviews_them() -> None:
    """A public table that is not joined by its key multiplies rows."""
    (growth,) = growths("SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA <> a.LA")
    assert growth.most is None
