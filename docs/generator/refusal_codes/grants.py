"""Codes of what a project may use: grants, years, identifiers and combinations. Judged by the scope room."""

from docs.generator.refusal_codes.refusal_code import CENSUS, RefusalCode

# fmt: off
GRANTS = (
    RefusalCode("combination", "A combination that is not allowed in one job",
         "A rule of the data owner forbids two tables or variables in one job, or one of them in the years that the "
         "job reads.",
         "SELECT KS4_URN, COUNT(*) AS n FROM npd.ks4_pupil WHERE KS4_ACADYR = '2019/2020' GROUP BY KS4_URN"),
    RefusalCode("differential-privacy-only", "A project that releases under differential privacy only",
         "The project's approval allows only differentially private answers, and the script does not request one.",
         "# input: npd.spring_census [LA] 2022/2023\n# output: n.csv | pupils by local authority", "python", "P0733"),
    RefusalCode("identifier", "An identifier",
         "Names, pupil numbers and other identifiers are never granted in any form. A link key cannot be shown or "
         "used in calculations.",
         f"SELECT COUNT(DISTINCT UPN) AS n FROM {CENSUS}"),
    RefusalCode("link-key", "A link key in the wrong place",
         "A link key can only join tables and count persons. It cannot be a group, filter, order or result.",
         f"SELECT COUNT(*) AS n FROM {CENSUS} AND PupilMatchingRefAnonymous = 'x'"),
    RefusalCode("private-only", "A data set for differential privacy only",
         "For some data sets policy releases no exact figures to any project: exact figures alongside private ones "
         "would reveal what the noise hides.",
         "SELECT COUNT(*) AS n FROM npd.ks1 WHERE KS1_ACADYR = '2017/2018'", "duckdb", "P0733"),
    RefusalCode("project-expired", "A project whose approval has ended",
         "Nothing runs for a project after the last day of its approval.",
         "SELECT COUNT(*) AS n FROM npd.phonics WHERE PHONICS_ACADYR = '2018/2019'", "tsql", "P0815"),
    RefusalCode("quasi-arithmetic", "Computing with a quasi-identifier",
         "The text computes with a variable that could single people out, which could divide people into arbitrary "
         "groups.",
         f"SELECT SUM(CASE WHEN IDACIScore * 3 > 1 THEN 1 ELSE 0 END) AS n FROM {CENSUS}"),
    RefusalCode("quasi-grouped", "Grouping by a quasi-identifier",
         "The text groups by a variable that could single people out. You may only filter by its values and ranges.",
         f"SELECT LSOA11, COUNT(*) AS n FROM {CENSUS} GROUP BY LSOA11"),
    RefusalCode("table-not-grantable", "A table that is never granted",
         "The table is in the catalogue only to explain this. Its data stay with the data owner.",
         "SELECT COUNT(*) AS n FROM npd.sc_addresses WHERE AcademicYear = '2022/2023'"),
    RefusalCode("table-not-granted", "A table outside the grants",
         "The table is in the catalogue, but the project was not granted it.",
         "SELECT COUNT(*) AS n FROM npd.ks1 WHERE KS1_ACADYR = '2018/2019'"),
    RefusalCode("variable-not-granted", "A variable outside the grants",
         "The project was granted the table, but not this variable.",
         "SELECT SUM(KS4_CLA_PP_1_DAY) AS n FROM npd.ks4_pupil WHERE KS4_ACADYR = '2022/2023'"),
    RefusalCode("years-not-granted", "Years outside the grant",
         "The job could read rows of years that were not granted. Without a condition on the year it reads all years.",
         "SELECT COUNT(*) AS n, AVG(KS2_MATSCORE) AS m FROM npd.ks2_pupil WHERE KS2_ACADYR >= '2021/2022'"),
)
