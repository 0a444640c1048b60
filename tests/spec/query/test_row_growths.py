"""Growth of rows: how many rows one more row of a person becomes, by the tables of which a person can have two rows."""

from dataclasses import replace

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE, YEARS, drawn

from broker.domain.plans.plan import RowGrowth
from broker.policy.data_catalogue import Catalogue
from broker.query import compile_sql

ONE_A_YEAR = replace(CATALOGUE, tables=tuple(replace(t, max_rows_per_unit_year=1) for t in CATALOGUE.tables))
Y, OLD = "a.Y = '2018/2019'", "b.Y = '2017/2018'"
JOINED = "FROM a JOIN b ON b.Key = a.Key"
EACH = "(SELECT Key AS k, SUM(Score) AS x FROM a GROUP BY Key) d"
TOP = "(SELECT TOP 1 b.Days AS x FROM b WHERE b.Key = a.Key ORDER BY b.Days) d"
FIRST = "(SELECT Key AS k, Y AS y, ROW_NUMBER() OVER (PARTITION BY Key, Y ORDER BY LA) AS r FROM a) d"


def growths(text: str, catalogue: Catalogue = CATALOGUE) -> list[RowGrowth]:
    """Of its statistics that are shown."""
    found = compile_sql(text, "tsql", catalogue, PROJECT, SERVICE, 10)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    return [s.growth for t in output.tables for s in t.statistics if s.implied_by is None]


# Each table of which a person can have a second row doubles it; with one row a year in each table, only years that are
# left open do; written rows, branches and further years multiply evenly; and the most rows that the catalogue allows
# (3 a year, in 3 years). `-`: not asked.
GROWTHS = drawn(f"""
1 | - | 1 | 9   | SELECT COUNT(*) AS n FROM a
2 | 2 | 3 | -   | SELECT COUNT(*) AS n {JOINED}
1 | - | - | -   | SELECT COUNT(DISTINCT a.Key) AS n {JOINED}
4 | - | - | -   | SELECT COUNT(*) AS n {JOINED} JOIN a c ON c.Key = a.Key
2 | - | - | -   | SELECT COUNT(*) AS n FROM a LEFT JOIN b ON b.Key = a.Key
1 | - | - | -   | SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA
1 | - | - | -   | SELECT COUNT(*) AS n FROM a CROSS APPLY {TOP}
1 | - | - | -   | SELECT COUNT(*) AS n, SUM(d.x) AS m FROM {EACH}
1 | - | - | -   | SELECT COUNT(*) AS n FROM b JOIN {EACH} ON d.k = b.Key
2 | - | - | -   | SELECT SUM(d.x) AS m FROM b JOIN {EACH} ON d.k = b.Key
1 | - | - | -   | SELECT COUNT(*) AS n FROM b JOIN {FIRST} ON d.k = b.Key WHERE d.r = 1
1 | - | - | -   | SELECT COUNT(*) AS n FROM b LEFT JOIN {FIRST} ON d.k = b.Key AND d.r = 1
2 | - | - | -   | SELECT COUNT(*) AS n FROM {FIRST} LEFT JOIN b ON d.k = b.Key AND d.r = 1
2 | - | - | -   | SELECT COUNT(*) AS n FROM b JOIN {FIRST} ON d.k = b.Key WHERE d.r = 2
1 | - | 2 | 18  | SELECT COUNT(*) AS n FROM (SELECT Key AS k FROM a UNION ALL SELECT Key FROM b) d
- | 1 | 1 | 27  | SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y
- | 1 | - | -   | SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y JOIN a c ON c.Key = a.Key AND c.Y = b.Y
- | 1 | - | 9   | SELECT COUNT(*) AS n {JOINED} WHERE {Y} AND {OLD}
- | 1 | 1 | -   | SELECT COUNT(*) AS n {JOINED} WHERE {Y}
- | 2 | - | -   | SELECT COUNT(*) AS n {JOINED} AND b.Y <> a.Y
- | - | 4 | 36  | SELECT COUNT(*) AS n FROM a CROSS APPLY (VALUES (1), (2), (3), (4)) v (i)
- | - | - | 3   | SELECT COUNT(*) AS n FROM a WHERE {Y}
- | - | - | 3   | SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA WHERE {Y}
- | - | - | 27  | SELECT COUNT(*) AS n FROM a CROSS APPLY {TOP} WHERE {Y}
- | - | - | 27  | SELECT COUNT(*) AS n FROM {EACH} JOIN a ON a.Key = d.k WHERE {Y}
""")


@pytest.mark.parametrize(("twofold", "one_a_year", "even", "most", "text"), GROWTHS)
def test_how_many_rows_one_more_row_becomes(twofold: str, one_a_year: str, even: str, most: str, text: str) -> None:
    found = growths(text)
    told = [
        max(g.factor for g in found),
        max(g.factor for g in growths(text, ONE_A_YEAR)),
        found[0].even,
        found[0].most,
    ]
    asked = [twofold, one_a_year, even, most]
    assert [str(t) if a != "-" else "-" for t, a in zip(told, asked, strict=True)] == asked


def test_the_years_count_where_the_first_of_two_tables_has_one_row_a_year() -> None:
    """Both tables are tied to the other by their years, and one of them has to have these."""
    tables = tuple(replace(t, max_rows_per_unit_year=1 if t.name == "a" else 3) for t in CATALOGUE.tables)
    (growth,) = growths(f"SELECT COUNT(*) AS n {JOINED} AND b.Y = a.Y", replace(CATALOGUE, tables=tables))
    assert growth.most == 3 * len(YEARS)


def test_the_most_rows_of_one_person_are_unknown_where_a_checker_reviews_them() -> None:
    """A public table that is not joined by its key multiplies rows."""
    (growth,) = growths("SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA <> a.LA")
    assert growth.most is None
