"""Shapes of queries that are understood, each with an example that a test compiles. Words only: the binder decides."""

# ruff: noqa: E501 - one shape a line reads as a table

from dataclasses import dataclass

SHORT_NAMES = {
    "census": "npd.spring_census",
    "absence": "npd.absence",
    "schools": "ref.schools",
    "key": "PupilMatchingRefAnonymous",
}
"""What the short words of the examples stand for."""


@dataclass(frozen=True, slots=True)
class QueryShape:
    """What is written, an example in `dialect`, and what is worth knowing of it."""

    title: str
    example: str
    note: str = ""
    dialect: str = "tsql"


# fmt: off
SHAPES: dict[str, tuple[QueryShape, ...]] = {
    "Rows of people": (
        QueryShape("Tables joined on the link key", "SELECT COUNT(DISTINCT a.key) AS n FROM census AS a JOIN absence AS b ON b.key = a.key",
              "LEFT, RIGHT and FULL too; USING (key) in DuckDB."),
        QueryShape("Public tables", "SELECT s.LA, COUNT(*) AS n FROM census AS a JOIN schools AS s ON s.URN = a.URN GROUP BY s.LA",
              "On any condition, before GROUP BY."),
        QueryShape("Derived tables and WITH", "WITH c AS (SELECT LA, OnRoll FROM census) SELECT LA, SUM(OnRoll) AS n FROM c GROUP BY LA"),
        QueryShape("A figure for each person", "SELECT t.years, COUNT(*) AS n FROM (SELECT key, COUNT(*) AS years FROM census GROUP BY key) AS t GROUP BY t.years",
              "MIN, MAX, LAG and FIRST_VALUE too: they are one person's."),
        QueryShape("A value of one of a person's rows", "SELECT t.need, COUNT(*) AS n FROM (SELECT key, arg_max(PrimarySENtype, AcademicYear) AS need FROM census GROUP BY key) AS t GROUP BY t.need",
              "first, last and any_value with an order, mode, bool_or, and list_max(list(x)) too. Of equal rows the least value is taken.", dialect="duckdb"),
        QueryShape("A window over a person's groups", "SELECT t.LA, COUNT(*) AS n FROM (SELECT key, LA, ROW_NUMBER() OVER (PARTITION BY key ORDER BY COUNT(*) DESC) AS r FROM census GROUP BY key, LA) AS t WHERE t.r = 1 GROUP BY t.LA",
              "The area in which each person has the most rows; QUALIFY in DuckDB."),
        QueryShape("A written list as rows", "SELECT t.k, COUNT(*) AS n FROM census AS a JOIN (SELECT unnest([201, 202]) AS k) AS t ON t.k = a.LA GROUP BY t.k", dialect="duckdb"),
        QueryShape("EXISTS and NOT EXISTS", "SELECT COUNT(*) AS n FROM census AS a WHERE NOT EXISTS (SELECT 1 FROM absence AS b WHERE b.key = a.key)",
              "Linked by the key, or over public rows."),
        QueryShape("IN (SELECT …)", "SELECT COUNT(*) AS n FROM census AS a WHERE a.key IN (SELECT b.key FROM absence AS b)",
              "NOT IN where the list cannot hold NULL."),
        QueryShape("One value of the same person", "SELECT t.first, COUNT(*) AS n FROM (SELECT (SELECT TOP 1 b.LA FROM absence AS b WHERE b.key = a.key ORDER BY b.AcademicYear) AS first FROM census AS a) AS t GROUP BY t.first",
              "An aggregate, or TOP 1 in an order."),
        QueryShape("APPLY", "SELECT COUNT(t.LA) AS n FROM census AS a OUTER APPLY (SELECT TOP 1 b.LA FROM absence AS b WHERE b.key = a.key ORDER BY b.AcademicYear) AS t",
              "LATERAL in DuckDB."),
        QueryShape("Columns as rows", "SELECT v.name, AVG(1.0 * v.value) AS mean FROM absence AS a CROSS APPLY (VALUES ('overall', a.OverallAbsence_6HalfTerms), ('authorised', a.AuthorisedAbsence_6HalfTerms)) AS v (name, value) GROUP BY v.name",
              "UNPIVOT over a derived table too."),
        QueryShape("One row a person", "SELECT t.LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY key ORDER BY AcademicYear) AS r FROM census) AS t WHERE t.r = 1 GROUP BY t.LA",
              "Rows without a key stay apart."),
        QueryShape("UNION ALL", "SELECT COUNT(DISTINCT t.key) AS n FROM (SELECT key FROM census UNION ALL SELECT key FROM absence) AS t",
              "UNION, EXCEPT and INTERSECT with the key in the list."),
    ),
    "Other people's figures": (
        QueryShape("The group of each person", "SELECT COUNT(*) AS n FROM census AS a JOIN (SELECT URN, COUNT(*) AS size FROM census GROUP BY URN) AS s ON s.URN = a.URN WHERE s.size > 500",
              "Groups under the threshold are left out; a person decides."),
        QueryShape("A statistic of the group as a window", "SELECT t.LA, MAX(CASE WHEN t.Gender = 'F' THEN t.med END) AS girls FROM (SELECT LA, Gender, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY IDACIScore) OVER (PARTITION BY LA, Gender) AS med FROM census) AS t GROUP BY t.LA",
              "MIN and MAX of it: the same in all rows of the group, or of the part that a condition names."),
        QueryShape("Groups of equal size", "SELECT t.fifth, COUNT(*) AS n FROM (SELECT NTILE(5) OVER (PARTITION BY AcademicYear ORDER BY IDACIScore) AS fifth FROM census) AS t GROUP BY t.fifth",
              "NTILE of one variable, of everybody or of each year, is a band like any other."),
        QueryShape("The same as a window", "SELECT COUNT(*) AS n FROM (SELECT COUNT(*) OVER (PARTITION BY URN) AS size FROM census) AS t WHERE t.size > 500",
              "COUNT, SUM, AVG, ranks, other NTILE; NULL under the threshold; a person decides."),
    ),
    "Groups": (
        QueryShape("HAVING", "SELECT LA, COUNT(*) AS n FROM census GROUP BY LA HAVING COUNT(*) > 1000", "Sees protected values."),
        QueryShape("The first groups", "SELECT TOP 10 LA, COUNT(*) AS n FROM census GROUP BY LA ORDER BY n DESC", "LIMIT, OFFSET, FETCH and WITH TIES too."),
        QueryShape("Bands in their own order", "SELECT CASE WHEN t.n = 1 THEN 'once' WHEN t.n <= 4 THEN 'a few times' ELSE 'often' END AS times, COUNT(*) AS people FROM (SELECT key, COUNT(*) AS n FROM census GROUP BY key) AS t GROUP BY CASE WHEN t.n = 1 THEN 'once' WHEN t.n <= 4 THEN 'a few times' ELSE 'often' END ORDER BY MIN(t.n)",
              "MIN or MAX of the value that a key puts into bands; the value itself is not computed."),
        QueryShape("CASE and ratios of aggregates", "SELECT LA, CASE WHEN COUNT(*) > 1000 THEN 1.0 * SUM(OnRoll) / COUNT(*) END AS share FROM census GROUP BY LA"),
        QueryShape("Totals of branches", "SELECT SENprovision, SUM(CASE WHEN OnRoll = 1 THEN 2 ELSE 1 END) AS weight FROM census GROUP BY SENprovision",
              "Made of the protected count of each constant and the protected sum of each other branch. A person looks where a condition can fix what some people add."),
        QueryShape("Arithmetic of figures", "SELECT LA, AVG(1.0 * OnRoll) AS mean, 1.96 * STDEV(OnRoll) / SQRT(COUNT(*)) AS half_width FROM census GROUP BY LA", "Computed from what leaves, unless one number could carry two."),
        QueryShape("A share of all", "SELECT LA, 1.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS share FROM census GROUP BY LA"),
        QueryShape("Ranks of groups", "SELECT LA, RANK() OVER (ORDER BY COUNT(*) DESC) AS place, COUNT(*) AS n FROM census GROUP BY LA", "QUALIFY in DuckDB."),
        QueryShape("Totals", "SELECT LA, GROUPING(LA) AS total, COUNT(*) AS n FROM census GROUP BY ROLLUP (LA)", "CUBE and GROUPING SETS too; a person decides."),
        QueryShape("Groups of groups", "SELECT AVG(1.0 * t.n) AS mean FROM (SELECT LA, COUNT(*) AS n FROM census GROUP BY LA) AS t", "The inner table counts as released."),
        QueryShape("Groups joined", "SELECT a.LA, 1.0 * b.n / a.n AS rate FROM (SELECT LA, COUNT(*) AS n FROM census GROUP BY LA) AS a LEFT JOIN (SELECT LA, COUNT(*) AS n FROM absence GROUP BY LA) AS b ON b.LA = a.LA", "A person decides."),
        QueryShape("A total as a subquery", "SELECT LA, 1.0 * COUNT(*) / (SELECT COUNT(*) FROM census) AS share FROM census GROUP BY LA", "A person decides."),
        QueryShape("Tables above each other", "SELECT LA, COUNT(*) AS n FROM census GROUP BY LA UNION ALL SELECT NULL, COUNT(*) FROM census ORDER BY n", "A person decides where their keys differ or hidden cells could be worked out."),
        QueryShape("Quantiles", "SELECT LA, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY IDACIScore) AS median FROM census GROUP BY LA", "At 0.05, 0.1, 0.15 … 0.95 of an amount. At another share, a person decides."),
        QueryShape("Quantiles as windows", "SELECT DISTINCT LA, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY IDACIScore) OVER (PARTITION BY LA) AS median FROM census", "Where the partition is all other columns."),
        QueryShape("Deviations", "SELECT LA, STDEV(IDACIScore) AS deviation FROM census GROUP BY LA", "VAR, STDEVP and VARP too, of a number that the catalogue bounds; of another, a person decides."),
        QueryShape("PIVOT", "SELECT p.[0], p.[1] FROM (SELECT key, OnRoll FROM census) AS t PIVOT (COUNT(key) FOR OnRoll IN ([0], [1])) AS p", "Over a derived or temporary table, with written values."),
        QueryShape("PIVOT … ON", "PIVOT (SELECT LA, OnRoll FROM census) ON OnRoll IN (0, 1) USING count(*) GROUP BY LA",
              "With written values in IN, or in the WHERE of its query. UNPIVOT … ON … INTO … too.", "duckdb"),
        QueryShape("Frames", "SELECT AcademicYear, COUNT(*) AS n, AVG(1.0 * COUNT(*)) OVER (ORDER BY AcademicYear ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS rolling FROM census GROUP BY AcademicYear",
              "Over groups, and over one person's rows."),
        QueryShape("WINDOW", "SELECT LA, SUM(COUNT(*)) OVER w AS running, COUNT(*) AS n FROM census GROUP BY LA WINDOW w AS (ORDER BY LA)"),
        QueryShape("FILTER", "SELECT LA, COUNT(*) FILTER (WHERE OnRoll = 1) AS n FROM census GROUP BY LA", dialect="duckdb"),
    ),
    "Texts of several statements": (
        QueryShape("Variables", "DECLARE @la int = 201; SELECT COUNT(*) AS n FROM census WHERE LA = @la", "SET too. SELECT @n = COUNT(*) FROM … stands for the query wherever @n is used."),
        QueryShape("Temporary tables", "SELECT key, LA INTO #t FROM census; SELECT LA, COUNT(*) AS n FROM #t GROUP BY LA",
              "INSERT, UPDATE, DELETE, MERGE, TRUNCATE, ALTER and DROP of them, also with JOIN; DECLARE @t TABLE; CREATE TEMP TABLE … AS in DuckDB."),
        QueryShape("Control flow", "DECLARE @i int = 1; WHILE @i <= 2 BEGIN SELECT COUNT(*) AS n FROM census WHERE NCyearActual = CAST(@i AS varchar(2)); SET @i += 1 END",
              "IF, ELSE, WHILE, BREAK, CONTINUE and TRY, with conditions that are constants."),
        QueryShape("A star", "SELECT COUNT(*) AS n FROM (SELECT * FROM census WHERE OnRoll = 1) AS t WHERE t.LA = 201", "The columns that the project was granted. EXCLUDE, REPLACE and RENAME in DuckDB."),
        QueryShape("Several outputs", "SELECT COUNT(*) AS n FROM census; SELECT COUNT(*) AS n FROM absence", "Each named by a line -- output: name before it."),
        QueryShape("Names of the research service", "SELECT COUNT(*) AS n FROM Spring_Census_2019", "One year's table, with or without the endings of its columns."),
    ),
}
# fmt: on
REFUSED = (
    "no-aggregate",
    "hidden-key",
    "person-join",
    "subquery-persons",
    "apply-persons",
    "public-rows",
    "individual-value",
    "packed-arithmetic",
    "small-groups",
    "limit",
    "union-distinct",
    "set-operation",
    "grouping-sets",
    "correlated",
    "subquery",
    "frame",
    "window-place",
    "recursive",
    "assignment",
    "into",
    "statement",
)  # fmt: skip
"""Codes of shapes that are not understood, by what is asked for most."""
