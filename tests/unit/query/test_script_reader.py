"""The script reader: batches, variables and temporary tables. Every refusal has a code and a place."""

# ruff: noqa: E501 - one case a line reads as a table

from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.query.bound_relations import Ctes
from broker.query.diagnostics import Diagnostics
from broker.query.dialects.known_dialects import DIALECTS
from broker.query.parser.script_reader import SqlScript, read_script

Read = Callable[..., tuple[SqlScript | None, Diagnostics]]


@pytest.fixture
def read(policies: PolicySet) -> Read:
    return lambda text, dialect="tsql": _read(text, dialect, policies.service)


def _read(text: str, dialect: str, service: ServiceLimits) -> tuple[SqlScript | None, Diagnostics]:
    report = Diagnostics(text.replace("\r\n", "\n"))
    return read_script(text, DIALECTS[dialect], service, report), report


def _outputs(script: SqlScript | None, dialect: str = "tsql") -> list[str]:
    """Each thing asked on a line, with the temporary tables that it names below it."""
    lines = []
    for asked in script.queries if script else ():
        name = asked.name if asked.saved_text is None else f"project.{asked.name}"
        lines.append(f"{name}: {asked.query.sql(dialect=dialect)}")
        lines += _seen(asked.visible, dialect, 1)
    return lines


def _seen(seen: Ctes, dialect: str, depth: int) -> list[str]:
    lines = []
    for key, definition in seen.items():
        lines.append(f"{'  ' * depth}{key}: {definition.query.sql(dialect=dialect)}")
        lines += _seen(definition.visible, dialect, depth + 1)
    return lines


ASKED = [
    ("SELECT a FROM t SELECT b FROM u", ["output_1: SELECT a FROM t", "output_2: SELECT b FROM u"]),
    ("SELECT a FROM t;; SELECT b FROM u;", ["output_1: SELECT a FROM t", "output_2: SELECT b FROM u"]),
    ("SELECT a FROM t\nGO\nSELECT b FROM u\ngo -- end\n", ["output_1: SELECT a FROM t", "output_2: SELECT b FROM u"]),
    ("SELECT a FROM t\nGO 1\nSELECT b FROM u", ["output_1: SELECT a FROM t", "output_2: SELECT b FROM u"]),
    ("SELECT a GO FROM t GO", ["output: SELECT a AS GO FROM t AS GO"]),
    ("SELECT 'x\nGO\ny' AS a FROM t", ["output: SELECT 'x\nGO\ny' AS a FROM t"]),
    ("SELECT a /* \nGO\n /* nested */ SELECT */ FROM t", ["output: SELECT a FROM t"]),
    ("SELECT a -- SELECT b\nFROM t", ["output: SELECT a FROM t"]),
    ("SELECT [select], \"from\", [a]]b] FROM [group]", ["output: SELECT [select], [from], [a]]b] FROM [group]"]),
    ("SELECT CASE WHEN a = 1 THEN CASE WHEN b = 1 THEN 2 END END AS c FROM t SELECT a FROM t", ["output_1: SELECT CASE WHEN a = 1 THEN CASE WHEN b = 1 THEN 2 END END AS c FROM t", "output_2: SELECT a FROM t"]),
    ("SELECT a FROM t UNION ALL SELECT a FROM u EXCEPT SELECT a FROM v", ["output: SELECT a FROM t UNION ALL SELECT a FROM u EXCEPT SELECT a FROM v"]),
    ("SELECT a FROM t ORDER BY a OFFSET 1 ROWS FETCH NEXT 5 ROWS ONLY SELECT b FROM u", ["output_1: SELECT a FROM t ORDER BY a OFFSET 1 ROWS FETCH NEXT 5 ROWS ONLY", "output_2: SELECT b FROM u"]),
    ("SELECT a FROM t WITH c AS (SELECT a FROM u) SELECT a FROM c", ["output_1: SELECT a FROM t", "output_2: WITH c AS (SELECT a AS a FROM u) SELECT a FROM c"]),
    ("SELECT TOP (5) WITH TIES a FROM t ORDER BY a SELECT a FROM t GROUP BY a WITH ROLLUP", ["output_1: SELECT TOP 5 WITH TIES a FROM t ORDER BY a", "output_2: SELECT a FROM t GROUP BY a WITH ROLLUP"]),
    ("SELECT a FROM t WITH (NOLOCK), u (NOLOCK) OPTION (MAXDOP 1, RECOMPILE)", ["output: SELECT a FROM t, u"]),
    ("(SELECT a FROM t)", ["output: SELECT a FROM t"]),
    # names of outputs
    ("-- output: x\nSELECT a FROM t\n  --output:y\nSELECT b FROM u\nSELECT c FROM v", ["x: SELECT a FROM t", "y: SELECT b FROM u", "output_3: SELECT c FROM v"]),
    ("-- output: far\n-- output: near\nDECLARE @x int = 1\nSELECT a FROM t\n-- output: inside\nWHERE b = @x", ["near: SELECT a FROM t WHERE b = 1"]),
    # variables
    ("DECLARE @x int = 3, @y varchar(4) = '2018/19' SELECT a FROM t WHERE b = @X AND c = @y", ["output: SELECT a FROM t WHERE b = 3 AND c = CAST('2018/19' AS VARCHAR(4))"]),
    ("DECLARE @x AS int SET @x = 2 SET @x = @x + 1 SELECT TOP (@x) a FROM t", ["output: SELECT TOP 3 a FROM t"]),
    ("DECLARE @y nvarchar(9) = N'2018/19' SELECT a FROM t WHERE b = @y AND c = N'it''s'", ["output: SELECT a FROM t WHERE b = '2018/19' AND c = 'it''s'"]),
    ("DECLARE @x int; SELECT @x AS a FROM t", ["output: SELECT CAST(NULL AS INTEGER) AS a FROM t"]),
    ("DECLARE @x varchar = 'ab', @n tinyint = 256, @m int = -5 SELECT a FROM t WHERE b IN (@x, @n, @m)", ["output: SELECT a FROM t WHERE b IN (CAST('ab' AS VARCHAR(1)), CAST(256 AS TINYINT), -5)"]),
    # temporary tables
    ("SELECT a INTO #t FROM x ORDER BY a SELECT a FROM [#T]", ["output: SELECT a FROM [#T]", "  #t: SELECT a FROM x"]),
    ("WITH c AS (SELECT 1 AS a) SELECT a INTO #t FROM c UNION ALL SELECT 2 SELECT #t.a FROM #t", ["output: SELECT [#t].a FROM [#t]", "  #t: WITH c AS (SELECT 1 AS a) SELECT a FROM c UNION ALL SELECT 2"]),
    ("SELECT a, b INTO #t FROM x INSERT INTO #t SELECT c, d FROM y INSERT #t (b) SELECT e FROM z SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT a, b FROM x UNION ALL SELECT c, d FROM y UNION ALL SELECT NULL AS [a], s.c0 AS [b] FROM (SELECT e FROM z) AS s(c0)"]),
    ("SELECT a INTO #t FROM x INSERT INTO #t VALUES (1), (-2) SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT a FROM x UNION ALL SELECT 1 AS [a] UNION ALL SELECT -2 AS [a]"]),
    ("CREATE TABLE #t (a int NOT NULL, b varchar(3)) INSERT #t (b, a) VALUES ('abcd', 1) SELECT * FROM #t", ["output: SELECT * FROM [#t]", "  #t: SELECT 1 AS [a], CAST('abcd' AS VARCHAR(3)) AS [b]"]),
    ("CREATE TABLE #t (a int PRIMARY KEY) INSERT INTO #t SELECT x FROM q SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT CAST(s.c0 AS INTEGER) AS [a] FROM (SELECT x FROM q) AS s(c0)"]),
    ("SELECT a, b INTO #t FROM x UPDATE #t SET a = b + 1 WHERE b > 2 SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT CASE WHEN b > 2 THEN b + 1 ELSE [#t].[a] END AS [a], [#t].[b] AS [b] FROM [#t]", "    #t: SELECT a, b FROM x"]),
    ("SELECT a INTO #t FROM x UPDATE p SET p.a = 1 FROM #t AS p SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT CASE WHEN 1 = 1 THEN 1 ELSE [p].[a] END AS [a] FROM [#t] AS [p]", "    #t: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x DELETE FROM #t WHERE a = 1 SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT [a] FROM [#t] WHERE CASE WHEN a = 1 THEN 0 ELSE 1 END = 1", "    #t: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x DELETE p FROM #t p SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT [a] FROM [#t] AS [p] WHERE 1 = 0", "    #t: SELECT a FROM x"]),
    ("SELECT a INTO #a FROM x SELECT * INTO #b FROM #a UPDATE #b SET a = 1 SELECT a FROM #b", ["output: SELECT a FROM [#b]", "  #b: SELECT CASE WHEN 1 = 1 THEN 1 ELSE [#b].[a] END AS [a] FROM [#b]", "    #b: SELECT * FROM [#a]", "      #a: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x SELECT a FROM #t DROP TABLE #t SELECT b INTO #t FROM y SELECT b FROM #t", ["output_1: SELECT a FROM [#t]", "  #t: SELECT a FROM x", "output_2: SELECT b FROM [#t]", "  #t: SELECT b FROM y"]),
    ("SELECT a INTO #a FROM x SELECT a INTO #b FROM #a DROP TABLE #a SELECT a INTO #a FROM y INSERT #b SELECT a FROM #a SELECT a FROM #b", ["output: SELECT a FROM [#b]", "  #b: SELECT [a] FROM [#b] UNION ALL SELECT a FROM [#a]", "    #b: SELECT a FROM [#a]", "      #a: SELECT a FROM x", "    #a: SELECT a FROM y"]),
    ("SELECT a INTO #t FROM x\nGO\nSELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT a FROM x"]),
    ("SELECT a INTO project.cohort FROM x", ["project.cohort: SELECT a FROM x"]),
    ("DECLARE @x int = 10 SET @x -= 1 SET @x *= 2 SET @x /= 1 + 2 SET @x %= 4 SELECT a FROM t WHERE b = @x", ["output: SELECT a FROM t WHERE b = 2"]),
    ("SELECT a, SUM(b) OVER w AS x, SUM(c) OVER (w ORDER BY d) AS y FROM t WINDOW w AS (PARTITION BY e)", ["output: SELECT a, SUM(b) OVER (PARTITION BY e) AS x, SUM(c) OVER (PARTITION BY e ORDER BY d) AS y FROM t"]),
    # control flow, changes by joined tables, variables that hold results
    ("IF 1 = 1 SELECT a FROM t ELSE SELECT b FROM t", ["output: SELECT a FROM t"]),
    ("DECLARE @deep bit = 0 IF @deep = 1 BEGIN SELECT a FROM t SELECT b FROM t END ELSE SELECT c FROM t", ["output: SELECT c FROM t"]),
    ("IF OBJECT_ID(N'tempdb..#u', N'U') IS NOT NULL DROP TABLE #u SELECT a FROM t", ["output: SELECT a FROM t"]),
    ("IF OBJECT_ID('tempdb..#u') IS NULL SELECT a FROM t", ["output: SELECT a FROM t"]),
    ("DECLARE @i int = 1 WHILE @i <= 3 BEGIN SELECT a FROM t WHERE b = @i SET @i = @i + 1 END", ["output_1: SELECT a FROM t WHERE b = 1", "output_2: SELECT a FROM t WHERE b = 2", "output_3: SELECT a FROM t WHERE b = 3"]),
    ("DECLARE @i int = 0 WHILE 1 = 1 BEGIN SET @i = @i + 1 IF @i = 2 CONTINUE IF @i > 3 BREAK SELECT a FROM t WHERE b = @i END", ["output_1: SELECT a FROM t WHERE b = 1", "output_2: SELECT a FROM t WHERE b = 3"]),
    ("BEGIN TRY DROP TABLE #t END TRY BEGIN CATCH PRINT 'none' END CATCH SELECT a FROM t", ["output: SELECT a FROM t"]),
    ("BEGIN TRAN PRINT 'x' SELECT a FROM t COMMIT TRAN", ["output: SELECT a FROM t"]),
    ("DECLARE @t TABLE (a int) INSERT INTO @t VALUES (1) SELECT x.a FROM @t AS x", ["output: SELECT x.a FROM [@t] AS x", "  @t: SELECT 1 AS [a]"]),
    ("DECLARE @n int = (SELECT COUNT(*) FROM t) SELECT a FROM t WHERE b > @n", ["output: SELECT a FROM t WHERE b > CAST((SELECT [selected] FROM [@n]) AS INTEGER)", "  @n: SELECT COUNT(*) AS [selected] FROM t"]),
    ("DECLARE @n int SELECT @n = COUNT(*) FROM t SELECT a FROM t WHERE b = @n", ["output: SELECT a FROM t WHERE b = CAST((SELECT [selected] FROM [@n]) AS INTEGER)", "  @n: SELECT COUNT(*) AS [selected] FROM t"]),
    ("SELECT a INTO #t FROM x ALTER TABLE #t ADD b int, c varchar(3) UPDATE #t SET b = 1 SELECT a, b, c FROM #t", ["output: SELECT a, b, c FROM [#t]", "  #t: SELECT [#t].[a] AS [a], CASE WHEN 1 = 1 THEN 1 ELSE [#t].[b] END AS [b], [#t].[c] AS [c] FROM [#t]", "    #t: SELECT [a] AS [a], CAST(NULL AS INTEGER) AS [b], CAST(NULL AS VARCHAR(3)) AS [c] FROM [#t]", "      #t: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x TRUNCATE TABLE #t INSERT INTO #t VALUES (2) SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT 2 AS [a]"]),
    ("SELECT a INTO #t FROM x UPDATE p SET a = y.c FROM #t AS p JOIN y ON p.a = y.b WHERE y.d > 1 SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT CASE WHEN NOT [matched_row].[row_number] IS NULL THEN [matched_row].[value1] ELSE [p].[a] END AS [a] FROM [#t] AS [p] LEFT JOIN (SELECT y.b AS [key0], y.c AS [value1], ROW_NUMBER() OVER (PARTITION BY y.b ORDER BY CASE WHEN y.c IS NULL THEN 1 ELSE 0 END, y.c) AS [row_number] FROM y WHERE y.d > 1) AS matched_row ON p.a = [matched_row].[key0] AND [matched_row].[row_number] = 1", "    #t: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x UPDATE p SET a = 1 FROM #t AS p JOIN y ON p.a = y.b SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT CASE WHEN NOT [matched_row].[row_number] IS NULL THEN 1 ELSE [p].[a] END AS [a] FROM [#t] AS [p] LEFT JOIN (SELECT DISTINCT y.b AS [key0], 1 AS [row_number] FROM y) AS matched_row ON p.a = [matched_row].[key0] AND [matched_row].[row_number] = 1", "    #t: SELECT a FROM x"]),
    ("SELECT a INTO #t FROM x DELETE p FROM #t AS p JOIN y ON p.a = y.b SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT [a] FROM [#t] AS [p] WHERE NOT EXISTS(SELECT 1 FROM y WHERE p.a = y.b)", "    #t: SELECT a FROM x"]),
    ("SELECT a, b INTO #t FROM x MERGE #t AS p USING y ON p.a = y.c WHEN MATCHED THEN UPDATE SET b = y.d WHEN NOT MATCHED THEN INSERT (a, b) VALUES (y.c, y.d); SELECT a FROM #t", ["output: SELECT a FROM [#t]", "  #t: SELECT [p].[a] AS [a], CASE WHEN NOT [matched_row].[row_number] IS NULL THEN [matched_row].[value1] ELSE [p].[b] END AS [b] FROM [#t] AS [p] LEFT JOIN (SELECT y.c AS [key0], y.d AS [value1], ROW_NUMBER() OVER (PARTITION BY y.c ORDER BY CASE WHEN y.d IS NULL THEN 1 ELSE 0 END, y.d) AS [row_number] FROM y) AS matched_row ON p.a = [matched_row].[key0] AND [matched_row].[row_number] = 1 UNION ALL SELECT [a], [b] FROM [#t added]", "    #t: SELECT a, b FROM x", "    #t added: SELECT y.c AS [a], y.d AS [b] FROM y WHERE NOT EXISTS(SELECT 1 FROM [#t] AS [p] WHERE p.a = y.c)", "      #t: SELECT a, b FROM x"]),
    # statements that change nothing
    ("USE [NPD] SET NOCOUNT ON SET ANSI_NULLS ON IF OBJECT_ID(N'tempdb..#t', 'U') IS NOT NULL DROP TABLE #t SELECT a INTO #t FROM x CREATE UNIQUE CLUSTERED INDEX i ON #t (a DESC) INCLUDE (b) SELECT a FROM #t DROP INDEX i ON #t DROP TABLE IF EXISTS #t, #u", ["output: SELECT a FROM [#t]", "  #t: SELECT a FROM x"]),
]  # fmt: skip
ASKED_IN_DUCKDB = [
    ("CREATE TEMP TABLE x AS SELECT a FROM t; INSERT INTO x SELECT a FROM u; SELECT a FROM x", ["output: SELECT a FROM x", "  x: SELECT a FROM t UNION ALL SELECT a FROM u"]),
    ("CREATE TEMP TABLE x AS SELECT a FROM x; DROP TABLE x; SELECT a FROM x", ["output: SELECT a FROM x"]),
    ("CREATE TEMP TABLE x AS SELECT DISTINCT ON (a) a FROM t ORDER BY b; SELECT a FROM x", ["output: SELECT a FROM x", "  x: SELECT DISTINCT ON (a) a FROM t ORDER BY b"]),
    ("CREATE OR REPLACE TEMP TABLE x AS (SELECT a FROM x); UPDATE x SET a = 1; SELECT a FROM x", ["output: SELECT a FROM x", "  x: SELECT CASE WHEN 1 = 1 THEN 1 ELSE \"x\".\"a\" END AS \"a\" FROM \"x\"", "    x: SELECT a FROM x"]),
    ("SELECT a\nGO\nFROM t", ["output: SELECT a AS GO FROM t"]),
]  # fmt: skip
TEXTS = [*(("tsql", *asked) for asked in ASKED), *(("duckdb", *asked) for asked in ASKED_IN_DUCKDB)]


@pytest.mark.parametrize(("dialect", "text", "told"), TEXTS)
def test_outputs_of_a_text_and_of_its_canonical_text(read: Read, dialect: str, text: str, told: list[str]) -> None:
    script, report = read(text, dialect)
    assert report.refusals == ()
    assert _outputs(script, dialect) == told
    again, report = read(script.canonical, dialect)
    assert report.refusals == ()
    assert again is not None
    assert again.canonical == script.canonical
    assert [(a.name, a.saved_text) for a in again.queries] == [(a.name, a.saved_text) for a in script.queries]
    assert _outputs(again, dialect) == told
    assert again.queries == script.queries


REFUSED = {
    "variable": [
        "DECLARE @n int = a SELECT 1 AS a FROM t", "DECLARE @d date = GETDATE() SELECT a FROM t WHERE b = @d",
        "DECLARE @n int = 1, @n int = 2 SELECT a FROM t",
        "SELECT a INTO #t FROM x INSERT #t VALUES ((SELECT COUNT(*) FROM x))",
    ],
    "undeclared": [
        "SELECT @n = COUNT(*) FROM t", "SELECT a FROM t WHERE b = @n",
        "DECLARE @n int = 1\nGO\nSELECT a FROM t WHERE b = @n", "SELECT @@ROWCOUNT AS n FROM t",
        "IF @n > 1 SELECT a FROM t",
    ],
    "assignment": ["DECLARE @n int SELECT @n = COUNT(*), a FROM t SELECT a FROM t WHERE b = @n"],
    "empty-temporary": ["DECLARE @t TABLE (a int) SELECT a FROM @t", "CREATE TABLE #t (a int) SELECT a FROM #t"],
    "unknown-temporary": [
        "SELECT a FROM @t", "SELECT a FROM #t", "SELECT a INTO #t FROM x DROP TABLE #t SELECT a FROM #t",
        "DROP TABLE #t", "INSERT INTO #t SELECT a FROM x", "CREATE INDEX i ON #t (a)",
        "MERGE INTO #t USING y ON a = b WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1);",
        "ALTER TABLE #t ADD b int", "TRUNCATE TABLE #t",
    ],
    "type": ["DECLARE @r real = 0.1 SELECT a FROM t WHERE b = @r"],
    "statement": [
        "DECLARE @x int = 1 SET @x + 1 SELECT a FROM t WHERE b = @x",
        "SELECT a INTO #t FROM x UPDATE #t SET a = 1 FROM y RIGHT JOIN #t ON a = b SELECT a FROM #t",
        "UPDATE x SET a = 1", "DELETE FROM npd.x", "INSERT INTO npd.x SELECT a FROM t",
        "SELECT a INTO #t FROM x UPDATE p SET a = 1 FROM #t AS p(b)", "IF 1 = 1", "ELSE SELECT a FROM t",
        "BEGIN SELECT a FROM t", "SELECT a FROM t END", "BREAK", "EXEC sp_help", "sp_help",
        "DECLARE c CURSOR FOR SELECT a FROM t", "SET ANSI_NULLS OFF", "SET ROWCOUNT 5",
        "CREATE VIEW v AS SELECT a FROM t", "CREATE TABLE x (a int)", "CREATE INDEX i ON npd.x (a)", "DROP TABLE npd.x",
    ],
    "duplicate-temporary": ["SELECT a INTO #t FROM x SELECT b INTO #t FROM y"],
    "column-property": [
        "CREATE TABLE #t (a int IDENTITY(1,1)) INSERT #t SELECT a FROM x SELECT a FROM #t",
        "CREATE TABLE #t (a int DEFAULT 3)",
    ],
    "column-list": [
        "CREATE TABLE #t (a int NOT NULL, b int) INSERT #t (b) SELECT a FROM x SELECT a FROM #t",
        "SELECT a, b INTO #t FROM x INSERT #t VALUES (1) SELECT a FROM #t",
        "SELECT a INTO #t FROM x INSERT #t (z) SELECT b FROM y", "SELECT a INTO #t FROM x UPDATE #t SET z = 1",
        "SELECT a INTO #t FROM x UPDATE #t SET a = 1, a = 2 FROM #t JOIN y ON a = b SELECT a FROM #t",
    ],
    "columns-unknown": ["SELECT * INTO #t FROM x UPDATE #t SET a = 1 SELECT a FROM #t"],
    "temporary-name": [
        "SELECT a INTO ##t FROM x", "SELECT a FROM tempdb..#t", "SELECT a FROM #npd.t", "SELECT #a FROM t",
        "SELECT a AS #a FROM t", "WITH #c AS (SELECT 1 AS a) SELECT a FROM #c",
    ],
    "into": [
        "SELECT a INTO dbo.x FROM t", "SELECT a INTO x FROM t", "SELECT a INTO #t (b int) FROM x",
        "SELECT a FROM (SELECT a INTO #t FROM x) AS s",
    ],
    "kept-name": ["SELECT a INTO project.[a b] FROM t"],
    "for-xml": ["SELECT a FROM t FOR XML PATH('')"],
    "go": [
        "SELECT a FROM t\nGO 5\nSELECT b FROM u", "SELECT a FROM t\nGO SELECT b FROM u",
        "SELECT a FROM t\n/* x */ GO\nSELECT b FROM u",
    ],
    "output-name": ["-- output: a b\nSELECT a FROM t"],
    "duplicate-output": ["-- output: x\nSELECT a FROM t\n-- output: X\nSELECT b FROM u"],
    "nothing-asked": ["DECLARE @x int = 1", "GO", ";", "PRINT 'x'", "USE master"],
    "condition": [
        "IF OBJECT_ID('npd.x') IS NOT NULL SELECT a FROM t", "IF EXISTS (SELECT 1 FROM t) SELECT a FROM t",
        "DECLARE @n int SELECT @n = COUNT(*) FROM t IF @n > 1 SELECT a FROM t",
    ],
    "too-many-statements": ["WHILE 1 = 1 BEGIN SET NOCOUNT ON END"],
    "syntax": ["SELECT 0 AS a FROM t WHERE b = '\nGO\n", "SELECT a FROM [t", "SELECT a FROM t /* /* */"],
    "literal": ["SELECT X'ff' AS a FROM t"],
    "character": ["SELECT {d '2020-01-01'} AS a FROM t"],
}  # fmt: skip
DOUBLED = "".join(f"CREATE MACRO f{i + 1}(x) AS f{i}(f{i}(x));" for i in range(4))
NINETY = ", ".join(map(str, range(90)))
REFUSED_IN_DUCKDB = {
    "nothing-asked": ["CREATE TEMP VIEW v AS SELECT a FROM t", "CREATE TEMP TABLE x (a int)"],
    "statement": [
        "CREATE TEMP TABLE x AS SELECT a FROM t; CREATE VIEW v AS SELECT a FROM x; SELECT a FROM v",
        "CREATE MACRO f(a) AS TABLE SELECT a; SELECT f(a) AS b FROM t",
        "CREATE MACRO least(a, b) AS a; SELECT least(a, b) AS b FROM t",
        "CREATE MACRO f(a) AS a + c; SELECT a AS b FROM t",
        "CREATE MACRO f(a) AS a; CREATE MACRO g(a) AS f(a); CREATE OR REPLACE MACRO f(a) AS a + 1; SELECT 1 AS b FROM t",
        "CREATE TABLE x AS SELECT a FROM t", "CREATE TABLE x (a int)",
        "CREATE TEMP TABLE x AS SELECT a FROM t; INSERT INTO x BY NAME SELECT a FROM t",
        "INSERT INTO x SELECT a FROM t", "SET x = 1", "DROP TABLE x",
    ],
    "syntax": ["CREATE MACRO f(a, b) AS a + b; SELECT f(a) AS b FROM t", "SELECT a FROM t SELECT b FROM u"],
    "too-long": ["CREATE MACRO f0(x) AS concat(x, x);" + DOUBLED + "SELECT 1 AS b FROM t"],
    "pivot": [
        f"PIVOT t ON a IN ({NINETY}), b IN ({NINETY}) USING count(*) GROUP BY c",
        "PIVOT t ON a USING count(*) GROUP BY b", "PIVOT t ON a IN ('x')",
        "PIVOT t ON a IN ('x') USING sum(c), sum(d) GROUP BY b", "UNPIVOT t ON a, b INTO NAME n VALUE v, w",
    ],
    "empty-temporary": ["CREATE TEMP TABLE x (a int); SELECT a FROM x"],
    "type": ["CREATE TEMP TABLE x (a struct(b int))"],
    "join": ["SELECT a FROM t SEMI JOIN u ON u.k = t.k FULL JOIN w ON w.k = t.k"],
    "into": ["SELECT a INTO x FROM t"],
    "list": ["SELECT a[1][1] FROM t"],
    "literal": ["SELECT E'x' AS a FROM t"],
}  # fmt: skip
BY_CODE = [("tsql", *of) for of in REFUSED.items()] + [("duckdb", *of) for of in REFUSED_IN_DUCKDB.items()]


@pytest.mark.parametrize(("dialect", "code", "text"), [(d, code, text) for d, code, texts in BY_CODE for text in texts])
def test_refused_by_name_and_once(read: Read, dialect: str, code: str, text: str) -> None:
    _, report = read(text, dialect)
    assert [r.code for r in report.refusals] == [code]
    assert all(r.message and r.advice and (r.line or code == "nothing-asked") for r in report.refusals)


def test_all_problems_are_reported_once_each_at_its_place(read: Read) -> None:
    text = (
        "DECLARE @n int = GETDATE()\nSELECT a INTO #t FROM x WHERE b = @n\nSELECT a FROM #t\n"
        "EXEC p\nSELECT a FROM #u\nSELECT a,\n  @m AS b FROM t\nSELECT a b c FROM t"
    )
    _, report = read(text)
    assert [(r.code, r.line, r.column) for r in report.refusals] == [
        ("variable", 1, 18), ("statement", 4, 1), ("unknown-temporary", 5, 15), ("undeclared", 7, 3), ("syntax", 8, 12),
    ]  # fmt: skip


def test_places_in_trees_are_those_of_the_whole_text(read: Read) -> None:
    text = "SELECT a FROM t\n-- comment\nSELECT b,\n   cc FROM u"
    script, report = read(text)
    column = script.queries[1].query.expressions[1]
    assert report.position_of(column) == (4, 4)
    assert text[column.this.meta["start"] :].startswith("cc")


@pytest.mark.parametrize(("text", "code"), [
    ("SELECT 1 AS a " * 201, "too-many-statements"),
    ("SELECT a FROM t " * 21, "too-many-outputs"),
    ("SELECT " + "date(" * 59 + "1" + ")" * 59, "too-deep"),
    ("SELECT 1 AS a INTO #t " + "UPDATE #t SET a = a + 1 " * 70 + " SELECT a FROM #t", "too-deep"),
    ("DECLARE @x varchar(8000) = 'a' " + "SET @x = @x + @x " * 40 + " SELECT @x AS a FROM t", "too-long"),
    ("DECLARE @x float = 1 " + "SET @x = @x + 0.5 " * 70 + " SELECT @x AS a FROM t", "too-deep"),
    ("WHILE 1 = 1 BEGIN SELECT a FROM t END", "too-many-outputs"),
    ("SELECT 1 AS a INTO #t0 " + " ".join(f"SELECT a INTO #t{i + 1} FROM #t{i} UNION ALL SELECT a FROM #t{i}" for i in range(30)), "too-long"),
    ("SELECT 1" + ")" * 3000 + "; SELECT " + "(" * 61, "too-deep"),
    ("SELECT " + "a," * 500000 + "b", "too-long"),
    ("SELECT " + "(" * 10000 + "1" + ")" * 10000, "too-deep"),
])  # fmt: skip
def test_growth_is_stopped(read: Read, text: str, code: str) -> None:
    _, report = read(text)
    assert code in [r.code for r in report.refusals]


def test_many_inserts_make_a_flat_definition(read: Read) -> None:
    script, report = read("SELECT 1 AS a INTO #t " + "INSERT #t VALUES (1), (2) " * 150 + "SELECT a FROM #t")
    assert report.refusals == ()
    definition = script.queries[0].visible["#t"]
    assert definition.visible == {}
    depth, node = 0, definition.query
    while node.args.get("expression"):
        depth, node = depth + 1, node.expression
    assert depth < 12


STATEMENTS = [
    "SELECT a, CASE WHEN b = 1 THEN 'x;y' END AS c FROM t",
    "SELECT [select] FROM [t] WITH (NOLOCK) WHERE a = N'it''s' AND b = @v",
    "WITH c AS (SELECT a FROM t) SELECT a FROM c UNION ALL SELECT a FROM u",
    "SET @v = @v + 1", "INSERT INTO #t SELECT a, b FROM u", "INSERT INTO #t (b) VALUES (-1), (2)",
    "UPDATE #t SET a = @v WHERE b = 1", "DELETE FROM #t WHERE a IS NULL", "SELECT TOP (@v) a FROM #t ORDER BY a",
    "CREATE INDEX i ON #t (a)", "SET NOCOUNT ON",
]  # fmt: skip
GAPS = ["\n", " ", ";\n", " ; ", "\n-- SELECT\n", " /* ' GO */ "]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6),
    st.lists(st.sampled_from(GAPS), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_gaps_change_nothing(policies: PolicySet, statements: list[str], gaps: list[str], named: list[bool]) -> None:
    """However statements are parted, the same is asked; and the canonical text asks for the same."""
    whole = ["DECLARE @v int = 3", "SELECT a, b INTO #t FROM x", *statements, "SELECT a FROM #t"]
    parts = [f"\n-- output: o{i}\n{s}" if named[i % 8] else s for i, s in enumerate(whole)]
    text = "".join(p + gaps[i % 8] for i, p in enumerate(parts))
    script, report = _read(text, "tsql", policies.service)
    plain, _ = _read(";\n".join(parts), "tsql", policies.service)
    assert report.refusals == ()
    assert script is not None
    assert plain is not None
    assert _outputs(script) == _outputs(plain)
    assert script.queries == plain.queries
    again, _ = _read(script.canonical, "tsql", policies.service)
    assert again == script


WORDS = [
    "SELECT", "INTO", "FROM", "WHERE", "UPDATE", "SET", "DELETE", "INSERT", "VALUES", "CREATE", "TABLE", "TEMP",
    "AS", "DROP", "IF", "EXISTS", "INDEX", "ON", "DECLARE", "WITH", "UNION", "ALL", "CASE", "WHEN", "THEN", "ELSE",
    "END", "int", "varchar(3)", "#t", "#u", "##g", "@x", "@y", "t", "a", "b", "*", "1", "'x'", "N'y'", "[c]", "(",
    ")", ",", ",", "=", ".", ";", "GO", "TOP", "JOIN", "1=1", "SELECT a", "INTO #t FROM x", "FROM #t",
    "INSERT INTO #t", "UPDATE #t SET a =", "DECLARE @x int =", "\nGO\n", "VALUES (1)",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=25), st.sampled_from(SQL_DIALECTS))
def test_any_words_end_in_a_script_or_in_refusals(policies: PolicySet, words: list[str], dialect: str) -> None:
    script, report = _read(" ".join(words), dialect, policies.service)
    if report.refusals:
        assert all(r.message and r.advice for r in report.refusals)
        return
    assert script is not None
    again, _ = _read(script.canonical, dialect, policies.service)
    assert again == script
