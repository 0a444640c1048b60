"""Codes of what may be released: aggregates, keys, joins of persons. Judged by the query room."""

from docs.generator.refusal_codes.refusal_code import CENSUS, RefusalCode

# fmt: off
STATISTICS = (
    RefusalCode("above", "An expression that is not computed on aggregates",
         "The broker computes expressions on aggregates from protected figures. A few functions are not available, "
         "and text must be plain ASCII.",
         f"SELECT LA, CASE WHEN COUNT(*) > 50 THEN 'très' ELSE 'peu' END AS size FROM {CENSUS} GROUP BY LA"),
    RefusalCode("constant-column", "A column that is only a constant",
         "A column of the output says nothing about the data.",
         f"SELECT 1 AS one, COUNT(*) AS n FROM {CENSUS}"),
    RefusalCode("constant-key", "A constant as a group",
         "A constant does not group anything.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} GROUP BY 'all'"),
    RefusalCode("distinct-aggregate", "DISTINCT inside SUM or AVG",
         "People who share a value would be dropped.",
         f"SELECT SUM(DISTINCT OnRoll) AS n FROM {CENSUS}"),
    RefusalCode("hidden-key", "A group that is not shown",
         "A key of GROUP BY is not a column of the output, so nobody could distinguish its rows.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} GROUP BY LA"),
    RefusalCode("individual-value", "One person's value",
         "MIN, MAX, ARG_MAX, MODE, lists and the value of another row (LAG, FIRST_VALUE) give one person's value, or pack the "
         "values of many people into one. You can use them over the rows of one person, and over groups.",
         f"SELECT MAX(LA) AS m FROM {CENSUS}"),
    RefusalCode("nested-aggregate", "An aggregate inside an aggregate",
         "One aggregate is the argument of another.",
         f"SELECT SUM(COUNT(*)) AS n FROM {CENSUS}"),
    RefusalCode("nested-aggregation", "An aggregate in a place for single rows",
         "An aggregate cannot be used in WHERE, ON or GROUP BY, which work on single rows.",
         f"SELECT LA, COUNT(*) AS n FROM {CENSUS} AND COUNT(*) > 100 GROUP BY LA"),
    RefusalCode("no-aggregate", "An output without an aggregate",
         "The output shows rows of the table.",
         f"SELECT LA FROM {CENSUS}"),
    RefusalCode("not-grouped", "Neither an aggregate nor a key",
         "A column of the output is neither aggregated nor in GROUP BY.",
         f"SELECT URN, COUNT(*) AS n FROM {CENSUS} GROUP BY LA"),
    RefusalCode("packed-arithmetic", "Several numbers in one",
         "One number could carry two figures, and nobody who reads it would see the second: a sum of figures of very "
         "different size, a total plus a fraction, a product of two totals, a remainder. Other arithmetic of aggregates "
         "is computed from what leaves.",
         f"SELECT COUNT(*) * 1000 + SUM(OnRoll) AS n FROM {CENSUS}"),
    RefusalCode("person-join", "People joined with other people",
         "Two tables about people are joined without their link keys, so rows of different people are combined.",
         "SELECT COUNT(*) AS n FROM npd.spring_census AS a JOIN npd.spring_census AS b ON a.URN = b.URN"),
    RefusalCode("public-rows", "Public rows without a matching person, aggregated",
         "An outer join returns public rows without a matching person. If such rows are aggregated by a link key, "
         "numbered, or matched with each other, they affect other rows although they belong to no person.",
         "SELECT d.n, COUNT(*) AS m FROM (SELECT a.PupilMatchingRefAnonymous, COUNT(*) AS n FROM ref.schools AS s "
         "LEFT JOIN npd.spring_census AS a ON a.URN = s.URN AND a.AcademicYear = '2022/2023' "
         "GROUP BY a.PupilMatchingRefAnonymous) AS d GROUP BY d.n"),
    RefusalCode("quantile", "A quantile that is not understood",
         "The quantile does not name the numbers to use.",
         f"SELECT PERCENTILE_CONT(0.5) AS m FROM {CENSUS}"),
    RefusalCode("small-groups", "A condition that only small groups pass",
         "HAVING, or a WHERE over groups, selects only groups with fewer people than may be shown.",
         f"SELECT LA, COUNT(*) AS n FROM {CENSUS} GROUP BY LA HAVING COUNT(*) < 5"),
    RefusalCode("truncated-share", "A share that is truncated",
         "T-SQL truncates the mean of whole numbers, so a mean of 0 and 1 is 0 or 1.",
         f"SELECT AVG(OnRoll) AS share FROM {CENSUS}"),
)
