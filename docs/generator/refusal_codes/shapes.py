"""Codes of subqueries, windows, set operations and levels of groups. Judged by the query room."""

from docs.generator.refusal_codes.refusal_code import CENSUS, RefusalCode

# fmt: off
SHAPES = (
    RefusalCode("apply-persons", "APPLY over other people",
         "The derived table of APPLY reads rows of people other than the person of the outer row.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a "
         "CROSS APPLY (SELECT b.OnRoll FROM npd.spring_census AS b WHERE b.URN = a.URN) AS t"),
    RefusalCode("correlated", "A group that depends on the outer row",
         "An aggregate of other people depends on the outer row by something other than equality, so each row would "
         "have its own group.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE a.AcademicYear = '2022/2023' AND a.LA > "
         "(SELECT AVG(b.LA) FROM npd.spring_census AS b WHERE b.AcademicYear = '2022/2023' AND b.URN < a.URN)"),
    RefusalCode("distinct", "A DISTINCT that is not understood",
         "DISTINCT can be used only after SELECT and in COUNT(DISTINCT x), with one argument.",
         f"SELECT COUNT(DISTINCT LA, URN) AS n FROM {CENSUS}", "duckdb"),
    RefusalCode("frame", "A frame that cannot be used",
         "ROWS BETWEEN … AND … can be used over groups and over one person's rows. Among other people's rows, two frames "
         "that differ by one row would tell that row's value. RANGE with a distance, and EXCLUDE, are not understood.",
         "SELECT COUNT(*) AS n FROM (SELECT SUM(OnRoll) OVER (ORDER BY URN ROWS 1 PRECEDING) AS s "
         f"FROM {CENSUS}) AS t WHERE t.s > 1"),
    RefusalCode("group-subquery", "EXISTS or IN (SELECT …) over groups",
         "EXISTS and IN (SELECT …) select rows. Groups can be selected only by their own figures.",
         f"SELECT LA, COUNT(*) AS n FROM {CENSUS} GROUP BY LA HAVING LA IN (SELECT LA FROM ref.schools)"),
    RefusalCode("grouping", "GROUPING of several keys",
         "GROUPING says whether one key is left out of a level.",
         f"SELECT LA, URN, GROUPING(LA, URN) AS g, COUNT(*) AS n FROM {CENSUS} GROUP BY ROLLUP (LA, URN)"),
    RefusalCode("grouping-sets", "GROUPING SETS, CUBE and ROLLUP in the wrong place",
         "GROUPING SETS, CUBE and ROLLUP can aggregate only the rows of many people. They cannot be used over the "
         "rows of one person, over groups, or for too many sets.",
         f"SELECT t.LA, SUM(t.n) AS n FROM (SELECT LA, URN, COUNT(*) AS n FROM {CENSUS} GROUP BY LA, URN) AS t "
         "GROUP BY ROLLUP (t.LA)"),
    RefusalCode("in-subquery", "IN over several columns",
         "The SELECT of IN gives more than one column.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} AND LA IN (SELECT LA, URN FROM ref.schools)"),
    RefusalCode("limit", "TOP and LIMIT in the wrong place",
         "You cannot limit the rows of people, limit groups without a key or an order, or select a percentage. You can "
         "limit groups, and the rows of one person in a subquery that is linked by the key.",
         f"SELECT TOP 5 PERCENT LA, COUNT(*) AS n FROM {CENSUS} GROUP BY LA ORDER BY n"),
    RefusalCode("not-in", "NOT IN over a list that may hold NULL",
         "NOT IN is never true if the list has a missing value.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} AND URN NOT IN (SELECT URN FROM npd.absence)"),
    RefusalCode("order-by", "ORDER BY after brackets",
         "ORDER BY cannot follow a query in brackets.",
         f"(SELECT LA, COUNT(*) AS n FROM {CENSUS} GROUP BY LA) ORDER BY n"),
    RefusalCode("pivot", "A PIVOT that is not understood",
         "PIVOT and UNPIVOT need one derived table with named columns, one aggregate and written values.",
         "SELECT COUNT(*) AS n FROM npd.absence PIVOT (COUNT(LA) FOR FSMeligible IN ([0], [1])) AS p"),
    RefusalCode("scalar-subquery", "A subquery that is not one value",
         "A subquery used as a value may give several rows or columns, or a subquery alongside groups is not an "
         "aggregate of people.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} AND LA = (SELECT LA FROM ref.schools)"),
    RefusalCode("set-columns", "Branches with different numbers of columns",
         "The SELECTs of a set operation, or the rows of VALUES, have different numbers of columns.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} UNION ALL SELECT LA, COUNT(*) FROM {CENSUS} GROUP BY LA"),
    RefusalCode("set-operation", "A set operation that is not understood",
         "UNION combines rows with rows or groups with groups. EXCEPT and INTERSECT combine people's rows with the "
         "link key in both lists. They cannot combine groups, because they would reveal which groups are equal.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} EXCEPT SELECT COUNT(*) FROM {CENSUS}"),
    RefusalCode("set-units", "Pupils and staff in one set",
         "The branches of a set operation are about different kinds of people.",
         "SELECT COUNT(*) AS n FROM (SELECT URN FROM npd.spring_census UNION ALL SELECT URN FROM swc.workforce) AS t"),
    RefusalCode("subquery", "A subquery in the wrong place",
         "EXISTS, IN (SELECT …) and a SELECT as a value can be used in WHERE and in the SELECT list, but not in ON. "
         "ANY and ALL are not understood.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a JOIN ref.schools AS s "
         "ON EXISTS (SELECT 1 FROM ref.schools AS t WHERE t.URN = a.URN)"),
    RefusalCode("subquery-persons", "A subquery over other people",
         "The subquery reads single rows of people other than the person of the outer row.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE a.AcademicYear = '2022/2023' AND EXISTS "
         "(SELECT 1 FROM npd.spring_census AS b WHERE b.URN = a.URN AND b.AcademicYear = '2022/2023')"),
    RefusalCode("union-distinct", "UNION of people's values",
         "UNION without ALL drops rows that are the same for several people.",
         f"SELECT COUNT(*) AS n FROM (SELECT LA FROM {CENSUS} UNION SELECT LA FROM npd.absence) AS t"),
    RefusalCode("using", "USING with a name that is not on both sides",
         "USING needs a column that each side has exactly once.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a JOIN ref.schools AS b USING (PupilMatchingRefAnonymous)",
         "duckdb"),
    RefusalCode("window", "A window in the wrong place",
         "OVER can be used in SELECT lists, with a window that is written there or in a WINDOW clause. OVER in ON, and "
         "QUALIFY with GROUP BY below the outermost SELECT are not understood.",
         f"SELECT LA, SUM(COUNT(*)) OVER w AS n FROM {CENSUS} GROUP BY LA", "duckdb"),
    RefusalCode("window-order", "A window without an order",
         "Ranks and neighbours need an order.",
         f"SELECT LA, RANK() OVER () AS r, COUNT(*) AS n FROM {CENSUS} GROUP BY LA"),
    RefusalCode("window-place", "A window where rows are selected",
         "WHERE and HAVING come before windows are computed.",
         f"SELECT LA, COUNT(*) AS n FROM {CENSUS} GROUP BY LA HAVING RANK() OVER (ORDER BY COUNT(*)) < 5"),
)
