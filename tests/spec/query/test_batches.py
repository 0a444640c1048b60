"""Texts of several statements, the warehouse's own names of files, and names that are left out: what a researcher's script
means as a whole."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import WORLD, answer, answered
from query_kit import cells as cells_of, compiled, database, drawn, planned, program_rows, written

from broker.query import CompiledSql, compile_sql
from tests.spec.submission_kit import POLICIES, project


def answers(text: str) -> str:
    """The rows of every output, by its name."""
    found, con = compiled(text), database(WORLD)
    if found.plan is None:
        return f"refused: {' '.join(r.code for r in found.refusals)}"
    told = []
    for output in found.plan.outputs:
        tables = {i: cells_of(output, con, i) for i, t in enumerate(output.tables) if t.shown}
        told.append(f"{output.name}: {written(program_rows(output, tables))}")
    return "; ".join(told)


SCRIPTS = drawn(r"""
SELECT COUNT(*) AS n FROM a; SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex                                  | output_1: 7; output_2: F 3, M 4
SELECT Key, Score INTO #t FROM a WHERE Y = '2017/2018'; SELECT COUNT(*) AS n, SUM(Score) AS s FROM #t       | output: 5 18
DECLARE @y varchar(9) = '2017/2018'; SELECT COUNT(*) AS n FROM a WHERE Y = @y                               | output: 5
DECLARE @least int; SET @least = 3; SELECT COUNT(*) AS n FROM a WHERE Score > @least                        | output: 3
SELECT Key, COUNT(*) AS m INTO #c FROM a GROUP BY Key; SELECT SUM(#c.m) AS s FROM #c JOIN b ON #c.Key = b.Key | output: 5
SELECT LA, COUNT(*) AS n INTO #g FROM a GROUP BY LA; SELECT AVG(1.0 * n) AS m FROM #g                       | output: 2.333
SELECT Key, Y INTO #t FROM a; DROP TABLE #t; SELECT COUNT(*) AS n FROM b                                    | output: 5
SET NOCOUNT ON; SELECT COUNT(*) AS n FROM a                                                                 | output: 7
SELECT Key, LA, 0 AS hit INTO #t FROM a; UPDATE t SET hit = 1 FROM #t t JOIN b ON b.Key = t.Key; SELECT LA, SUM(hit) AS s FROM #t GROUP BY LA | output: 1 2, 2 1, 3 0
SELECT Key, LA, 0 AS d INTO #t FROM a; UPDATE t SET d = b.Days FROM #t t JOIN b ON b.Key = t.Key AND b.Kind = 'X'; SELECT LA, SUM(d) AS s FROM #t GROUP BY LA | output: 1 8, 2 3, 3 0
SELECT Key, LA INTO #t FROM a; DELETE t FROM #t t JOIN b ON b.Key = t.Key; SELECT LA, COUNT(*) AS s FROM #t GROUP BY LA | output: 2 3, 3 1
SELECT Key, 0 AS d INTO #t FROM a; MERGE #t AS t USING b ON b.Key = t.Key WHEN MATCHED THEN UPDATE SET d = b.Days WHEN NOT MATCHED THEN INSERT (Key, d) VALUES (b.Key, 100); SELECT SUM(d) AS s, COUNT(*) AS n FROM #t | output: 211 9
DECLARE @t TABLE (k int, w int); INSERT INTO @t VALUES (1, 10), (2, 20); SELECT SUM(t.w) AS s FROM a JOIN @t t ON t.k = a.LA | output: 100
SELECT LA INTO #t FROM a; ALTER TABLE #t ADD big int; UPDATE #t SET big = 1 WHERE LA > 1; SELECT SUM(big) AS s, COUNT(*) AS n FROM #t | output: 5 7
DECLARE @i int = 1; WHILE @i < 3 BEGIN SELECT COUNT(*) AS n FROM a WHERE LA = @i; SET @i += 1 END           | output_1: 2; output_2: 4
SELECT Sex, LA INTO #t FROM a; SELECT LA, [M], [F] FROM #t PIVOT (COUNT(Sex) FOR Sex IN ([M], [F])) AS p    | output: 1 1 1, 2 2 2, 3 1 0
DECLARE @m varchar(2) = '12345'; IF @m = '12' SELECT COUNT(*) AS n FROM a ELSE SELECT COUNT(*) AS n FROM b  | output: 7
DECLARE @m bit = 5; IF @m = 1 SELECT COUNT(*) AS n FROM a ELSE SELECT COUNT(*) AS n FROM b                  | output: 7
DECLARE @m char(3) = 'a'; IF @m + 'b' = 'ab' SELECT COUNT(*) AS n FROM a                                    | refused: condition
DECLARE @m tinyint = 300; IF @m = 300 SELECT COUNT(*) AS n FROM a                                           | refused: condition
IF OBJECT_ID('npd.a') IS NULL SELECT COUNT(*) AS n FROM a                                                   | refused: condition
SELECT Key, 0 AS d INTO #t FROM a; UPDATE t SET d = 1 FROM #t t LEFT JOIN b ON b.Key = t.Key WHERE b.Days = 4; SELECT SUM(d) AS s FROM #t | refused: statement
SELECT Key, 0 AS d INTO #t FROM a; UPDATE t SET d = 1 FROM #t t LEFT JOIN b ON b.Key = t.Key JOIN ref.las r ON r.LA = b.Days; SELECT SUM(d) AS s FROM #t | refused: statement
SELECT Key, 0 AS d INTO #t FROM a; DELETE t FROM #t t LEFT JOIN b ON b.Key = t.Key WHERE b.Key IS NULL; SELECT SUM(d) AS s FROM #t | refused: statement
SELECT Key, 0 AS d INTO #t FROM a; MERGE #t AS t USING b ON b.Key = t.Key WHEN MATCHED AND b.Days = 3 THEN UPDATE SET d = 1 WHEN MATCHED THEN DELETE; SELECT SUM(d) AS s FROM #t | refused: statement
DECLARE @m int = 7; SELECT @m = COUNT(*) FROM a HAVING COUNT(*) > 1000; SELECT COUNT(*) AS n FROM a WHERE Score > @m | refused: assignment
SELECT COUNT(*) AS n FROM #nothing                                                                          | refused: unknown-temporary
SELECT Key INTO kept FROM a                                                                                 | refused: no-aggregate into
DELETE FROM a                                                                                               | refused: statement
""")


@pytest.mark.parametrize(("text", "told"), SCRIPTS)
def test_a_script_is_one_job(text: str, told: str) -> None:
    assert answers(text) == told


test_names_that_are_left_out_or_given = answered(r"""
SELECT COUNT(*) AS n FROM a JOIN b USING (Key)                                                              | 5
SELECT COUNT(*) AS n FROM a JOIN b USING (Key, Y)                                                           | 2
SELECT Y, COUNT(*) AS n FROM a JOIN b USING (Key, Y) GROUP BY Y                                             | 2017/2018 1, 2018/2019 1
SELECT COUNT(*) AS n FROM a LEFT JOIN b USING (Key)                                                         | 9
SELECT COUNT(*) AS n FROM (SELECT * FROM (SELECT LA, Score FROM a) e) d WHERE d.Score > 2                   | 4
SELECT COUNT(*) AS n FROM (SELECT e.*, e.LA + 1 AS next FROM (SELECT LA, Score FROM a) e) d WHERE d.next > 2 | 5
SELECT d.* FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d                                             | 1 2, 2 4, 3 1
SELECT COUNT(*) AS n FROM (SELECT LA, Score FROM a) AS d(x, y) WHERE d.y > 2                                | 4
WITH c(k, v) AS (SELECT Key, Score FROM a) SELECT COUNT(*) AS n FROM c JOIN b ON b.Key = c.k WHERE c.v > 5  | 3
SELECT COUNT(*) AS n FROM a WHERE Key <> ''                                                                 | 5
SELECT COUNT(*) AS n FROM a WHERE NOT (Key <> '')                                                           | 0
SELECT COUNT(DISTINCT NULLIF(Key, '')) AS n FROM a                                                          | 3
SELECT COUNT(*) AS n FROM (SELECT NULLIF(Key, '') AS k FROM a) d JOIN b ON b.Key = d.k                      | 5
SELECT LA, SUM(COUNT(*)) OVER w AS s, COUNT(*) AS n FROM a GROUP BY LA WINDOW w AS (ORDER BY LA)            | 1 2 2, 2 6 4, 3 7 1
SELECT n = COUNT(*), s = SUM(Score) FROM a                                                                  | 7 27
SELECT COUNT(*) AS n FROM a AS "t" WHERE "t".[LA] = 1                                                       | 2
SELECT COUNT(*) AS n FROM (SELECT * FROM a) d                                                               | 7
SELECT COUNT(*) AS n FROM a JOIN b USING (Score)                                                            | refused: using
SELECT COUNT(*) AS n, SUM(Score) AS N FROM a                                                                | refused: duplicate-column
""")


DUCKDB = drawn(r"""
FROM a JOIN b ON a.Key = b.Key SELECT a.LA, count(*) AS n GROUP BY ALL ORDER BY ALL                         | 1 3, 2 2
SELECT count(*) AS n FROM a JOIN b USING (Key) JOIN a c USING (Key)                                         | 9
SELECT d.m, count(*) AS n FROM (SELECT Key, max(Score) AS m FROM a GROUP BY ALL) d GROUP BY d.m ORDER BY d.m | 1 1, 2 1, 3 1, 7 1, 9 1
SELECT count(*) AS n FROM (SELECT * EXCLUDE (Key) REPLACE (2 * Score AS Score) FROM a) d WHERE d.Score > 4  | 4
SELECT count(*) AS n FROM a WHERE NOT (CASE WHEN Score > 4 THEN 1 ELSE 0 END)                               | 4
SELECT LA, x.n AS n, y.m AS m FROM (SELECT LA, count(*) AS n FROM a GROUP BY LA) x FULL JOIN (SELECT LA, count(*) AS m FROM a GROUP BY LA) y USING (LA) | refused: ambiguous using
SELECT count(*) AS n FROM a WHERE Flag                                                                      | 3
SELECT LA, Score > 4 AS high, count(*) AS n FROM a WHERE Score IS NOT NULL GROUP BY ALL ORDER BY LA, high   | 1 1 2, 2 0 2, 2 1 1, 3 0 1
SELECT count(*) AS n, 2 * Score AS s FROM a WHERE s > 4 GROUP BY s ORDER BY s                               | 1 6, 1 10, 1 14, 1 18
""")


@pytest.mark.parametrize(("text", "rows"), DUCKDB)
def test_idioms_of_duckdb(text: str, rows: str) -> None:
    assert answer(text, "duckdb").removesuffix(" (looked at)") == rows


# what is asked | the names of its columns
NAMED = drawn("""
SELECT LA, COUNT(*), SUM(Score) FROM a GROUP BY LA                                                          | LA, column_2, column_3
SELECT LA AS [The LA], COUNT(*) AS N FROM a GROUP BY LA                                                     | The LA, N
SELECT * FROM (SELECT LA, COUNT(*) AS N FROM a GROUP BY LA) d                                               | LA, N
SELECT d.* FROM (SELECT LA AS [The LA], COUNT(*) AS N FROM a GROUP BY LA) d                                 | The LA, N
SELECT Sex AS Of, COUNT(*) AS N FROM a GROUP BY Sex UNION ALL SELECT 'all', COUNT(*) FROM a                 | Of, N
""")


@pytest.mark.parametrize(("text", "names"), NAMED)
def test_columns_are_called_as_they_are_written(text: str, names: str) -> None:
    assert ", ".join(c.name for c in planned(text).columns) == names


def _of_the_warehouse(text: str) -> CompiledSql:
    return compile_sql(text, "tsql", POLICIES.catalogue, project(), POLICIES.service)


def test_files_of_several_years_stand_in_one_table() -> None:
    """The years follow from the files' names; suffixes of columns differ by file."""
    both = """SELECT 2018 AS yr, FSMeligible_SPR18 AS fsm FROM NPD.P0421.Spring_Census_2018 UNION ALL
        SELECT 2019, FSMeligible_SPR19 FROM dbo.Spring_Census_2019"""
    found = _of_the_warehouse(f"SELECT u.yr, u.fsm, COUNT(*) AS n FROM ({both}) u GROUP BY u.yr, u.fsm")
    assert found.plan is not None, found.refusals
    assert {(u.variable, u.years) for u in found.uses} == {
        (v, frozenset({2017, 2018})) for v in ("AcademicYear", "FSMeligible")
    }
    assert [k.domain for k in found.plan.outputs[0].tables[0].keys] == [(2018, 2019), (0, 1)]
    assert found.review == ()


def test_a_condition_on_files_of_several_years_needs_no_review() -> None:
    both = "SELECT SENprovision_SPR18 AS sen FROM Spring_Census_2018 UNION ALL SELECT SENprovision_SPR19 FROM Spring_Census_2019"
    assert _of_the_warehouse(f"SELECT COUNT(*) AS n FROM ({both}) u WHERE u.sen = 'E'").review == ()
