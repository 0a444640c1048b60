"""ORDER BY MIN(x) of cells that are bands of x is the order of the bands, and DuckDB's own order of the rows says so. Of
any other value the least one is one person's, and stays refused."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import codes, database, drawn, shown
from test_same_as_the_engine import world

BAND = "CASE WHEN Score < 3 THEN 'low' WHEN Score < 6 THEN 'mid' WHEN Score >= 6 THEN 'high' END"
COUNTED = "FROM (SELECT Key, Sex, COUNT(*) AS n FROM a GROUP BY Key, Sex) d"

ORDERED = drawn(f"""
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score)
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MAX(Score) DESC
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score) DESC NULLS FIRST
SELECT CASE WHEN Score < 3 THEN 'low' ELSE 'high' END AS b, COUNT(*) AS p FROM a WHERE Score IS NOT NULL GROUP BY 1 ORDER BY MIN(Score) DESC
SELECT CASE WHEN Score < 3 THEN 'low' ELSE 'high' END AS b, COUNT(*) AS p FROM a WHERE Score > 0 GROUP BY 1 ORDER BY MIN(Score)
SELECT CASE WHEN Score >= 5 THEN 2 WHEN Score BETWEEN 2 AND 4 THEN 9 WHEN Score IN (0, 1) THEN 4 END AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score)
SELECT CASE n WHEN 1 THEN 'one' WHEN 2 THEN 'a few' ELSE 'many' END AS b, COUNT(*) AS p {COUNTED} GROUP BY 1 ORDER BY MIN(n)
SELECT Sex, CASE WHEN n = 1 THEN 'one' ELSE 'many' END AS b, COUNT(*) AS p {COUNTED} GROUP BY ALL ORDER BY Sex, MIN(n) DESC
""")


@pytest.mark.parametrize("text", [text for (text,) in ORDERED])
def test_bands_are_in_their_own_order(text: str) -> None:
    for seed in range(4):
        tables = world(seed)
        con = database(tables)
        con.execute("SET schema = 'npd'")
        assert [r[:-1] for r in shown(text, tables, "duckdb")] == [r[:-1] for r in con.execute(text).fetchall()]


REFUSED = drawn(f"""
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(LA)
SELECT {BAND} AS b, COUNT(*) AS p, MIN(Score) AS s FROM a GROUP BY 1
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 HAVING MIN(Score) > 2
SELECT {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score) + 1
SELECT Sex, {BAND} AS b, COUNT(*) AS p FROM a GROUP BY 1, 2 ORDER BY MIN(Score), Sex
SELECT Sex, COUNT(*) AS p FROM a GROUP BY Sex ORDER BY MIN(Score)
SELECT CASE WHEN Score < 3 THEN 'low' ELSE 'high' END AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score)
SELECT CASE WHEN Score < 3 THEN 'x' WHEN Score < 6 THEN 'mid' WHEN Score >= 6 THEN 'x' END AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score)
SELECT CASE WHEN Score < 3 AND Sex = 'M' THEN 'low' WHEN Score >= 3 THEN 'high' END AS b, COUNT(*) AS p FROM a GROUP BY 1 ORDER BY MIN(Score)
""")


@pytest.mark.parametrize("text", [text for (text,) in REFUSED])
def test_the_least_value_of_anything_else_is_refused(text: str) -> None:
    assert "individual-value" in codes(text, "duckdb")
