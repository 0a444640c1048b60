"""Texts that single out one child whom a neighbour knows go to a checker, whatever the data are. Ordinary statistics do
not.

`PROOF_REACH` says how many children of a synthetic town each text is asked about, half of them with the secret.
"""

# ruff: noqa: E501 - one text a line reads as a table

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from broker.domain.identity.people import Person
from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.plans.plan import SmallPart
from broker.domain.ports import Snapshot
from broker.policy.files import load_policies
from broker.workflow.administration import user_accounts
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from tests.attacks.absence_town import Child, town
from tests.generative.query.proof_size import size, tell
from tests.unit.workflow.conftest import ROLES, Broker, opened

POLICIES = load_policies(Path(__file__).parents[2] / "policies")
PROFILES = [p.name for p in POLICIES.profiles]
CHILDREN = size("REACH", 2)
PADS = {4, 5}
"""Months whose children are pads of some texts, so that nobody born then is asked after."""

CHILD = "URN = 100001 AND MonthOfBirth = 3 AND YearOfBirth = 2008 AND SENprovision <> 'N'"
"""Somebody whom three known things tell apart, and what is to be learned."""

pytestmark = pytest.mark.long
APART = "LA = 336 AND MonthOfBirth = 3 AND YearOfBirth = 2008 AND EthnicGroupMinor = 'CHNE' AND SENprovision <> 'N'"
Y = "AcademicYear = '2018/2019'"
ABSENCE = "FROM npd.absence WHERE AcademicYear = '2018/2019'"
MISSED = "OverallAbsence_6HalfTerms"
MADE_ROWS = f"""a.PupilMatchingRefAnonymous AS k, MAX(v.x) AS m, SUM(a.{MISSED}) AS x
FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END),
(CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END)) v(x) WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous"""

ATTACKS = {
    "A1 a row that vanishes": f"SELECT {MISSED} AS missed, COUNT(*) AS n {ABSENCE} AND ({MISSED} = 3 OR ({CHILD})) GROUP BY {MISSED}",
    "A1 a sum beside a condition": f"SELECT FSMeligible, SUM({MISSED}) AS s, COUNT(CASE WHEN ({CHILD}) OR LA = 336 THEN 1 END) AS n {ABSENCE} GROUP BY FSMeligible",
    "A2 a padded branch": f"SELECT SUM(CASE WHEN ({CHILD}) OR MonthOfBirth = 5 THEN 15000 * (MonthOfBirth - 5) WHEN FSMeligible = 1 THEN 2 ELSE 3 END) AS s {ABSENCE}",
    "A2 a nested branch": f"SELECT AVG(CASE WHEN MonthOfBirth = 5 THEN 1.0 ELSE CASE WHEN {CHILD} THEN 40000.0 ELSE 0.5 END END) AS s {ABSENCE}",
    "A3 a total of constants": f"SELECT SUM(CASE WHEN ({CHILD}) OR URN = 100007 THEN 3000 ELSE 1 END) AS s {ABSENCE}",
    "A3 by EXISTS": f"SELECT SUM(CASE WHEN EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 336 OR ({CHILD.replace('URN', 'b.URN')}))) THEN 3000 ELSE 1 END) AS s FROM npd.absence a WHERE a.{Y}",
    "A3 by IN": f"SELECT SUM(CASE WHEN a.PupilMatchingRefAnonymous IN (SELECT b.PupilMatchingRefAnonymous FROM npd.absence b WHERE b.{Y} AND (b.LA = 336 OR ({APART}))) THEN 3000 ELSE 1 END) AS s FROM npd.absence a WHERE a.{Y}",
    "A4 a filter that pads": f"SELECT SUM({MISSED}) AS s {ABSENCE} AND ({MISSED} IN (1, 2, 3) OR ({CHILD} AND FSMeligible = 1))",
    "A8 several years of one child": f"SELECT COUNT(*) AS n FROM npd.absence WHERE ({Y} AND LA = 336 AND MonthOfBirth = 5) OR (AcademicYear IN ('2015/2016', '2016/2017', '2017/2018') AND {CHILD})",
    "A8 years as a weight": f"SELECT COUNT(*) AS n FROM npd.absence WHERE ({Y} AND LA = 336) OR (AcademicYear IN ('2016/2017', '2017/2018') AND LA = 330)",
    "A8 years beside other conditions": "SELECT COUNT(*) AS n FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018') OR (AcademicYear = '2018/2019' AND LA = 330)",
    "A8 years with conditions on both sides": f"SELECT COUNT(*) AS n FROM npd.absence WHERE ({Y} OR AcademicYear = '2017/2018') AND ({Y} OR LA = 330)",
    "A8 years by branches of a UNION": f"SELECT COUNT(*) AS n FROM (SELECT LA {ABSENCE} AND {MISSED} IN (1, 2) UNION ALL SELECT LA FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018') AND {MISSED} = 287) t",
    "a group of equal size in a school": f"SELECT COUNT(*) AS n FROM (SELECT NTILE(10) OVER (ORDER BY {MISSED}) AS q, URN, MonthOfBirth {ABSENCE}) t WHERE t.q = 10 AND t.URN = 100001 AND t.MonthOfBirth = 3",
    "a steered group of equal size": f"SELECT t.q, COUNT(*) AS n FROM (SELECT NTILE(10) OVER (ORDER BY CASE WHEN {CHILD} THEN 0 ELSE {MISSED} END) AS q {ABSENCE}) t GROUP BY t.q",
    "nobody with a row, by its year": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN npd.exclusions b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} WHERE a.{Y} AND b.AcademicYear IS NULL AND a.URN = 100001",
    "a missing year that is written": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN npd.exclusions b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} WHERE a.{Y} AND COALESCE(b.AcademicYear, 'none') = 'none' AND a.URN = 100001",
    "whoever has a row, by its year": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN npd.exclusions b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous WHERE a.{Y} AND b.AcademicYear BETWEEN '2015/2016' AND '2022/2023' AND a.URN = 100001",
    "a share of sessions in a school": f"SELECT COUNT(*) AS n {ABSENCE} AND 2 * {MISSED} >= SessionsPossible_6HalfTerms AND URN = 100001",
    "a difference of sessions that few have": f"SELECT COUNT(*) AS n {ABSENCE} AND SessionsPossible_6HalfTerms - {MISSED} <= 3",
    "a sum that names two values": f"SELECT COUNT(*) AS n {ABSENCE} AND MonthOfBirth - FSMeligible <= 0",
    "a sum of codes": f"SELECT COUNT(*) AS n {ABSENCE} AND MonthOfBirth + FSMeligible >= 13",
    "an outer side of a few": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, MAX(SENprovision) AS s FROM npd.spring_census WHERE {Y} AND MonthOfBirth = 3 AND YearOfBirth = 2008 GROUP BY PupilMatchingRefAnonymous) b ON b.k = a.PupilMatchingRefAnonymous WHERE a.{Y} AND b.s = 'E' AND a.URN = 100001",
    "the year of a person with a condition": f"SELECT COUNT(DISTINCT CASE WHEN AcademicYear = '2018/2019' AND {CHILD} THEN PupilMatchingRefAnonymous END) AS n FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')",
    "all things at once": f"SELECT COUNT(*) AS n {ABSENCE} AND {CHILD}",
    "all but one": f"SELECT COUNT(*) AS n {ABSENCE} AND NOT ({CHILD})",
    "all but one, by its parts": f"SELECT COUNT(*) AS n {ABSENCE} AND (LA <> 336 OR MonthOfBirth <> 3 OR YearOfBirth <> 2008 OR SENprovision = 'N')",
    "unions that meet in one": f"SELECT COUNT(*) AS n {ABSENCE} AND (LA = 330 OR LA = 336) AND (LA = 330 OR MonthOfBirth = 3) AND (LA = 330 OR SENprovision = 'E')",
    "the rest of a CASE": f"SELECT SUM(CASE WHEN LA <> 336 OR MonthOfBirth <> 3 OR SENprovision <> 'E' THEN 1 ELSE 5000 END) AS s {ABSENCE}",
    "a code that few have": f"SELECT COUNT(*) AS n {ABSENCE} AND LA = 336 AND SENprovision IN ('E', 'S')",
    "a school beside a condition": f"SELECT COUNT(*) AS n {ABSENCE} AND URN = 100001 AND SENprovision = 'E'",
    "all but a school": f"SELECT COUNT(*) AS n {ABSENCE} AND LA = 336 AND URN <> 100001",
    "all but codes that few have": f"SELECT COUNT(*) AS n {ABSENCE} AND LA = 336 AND SENprovision NOT IN ('A', 'P')",
    "all but one, of sizes that are known": f"SELECT COUNT(*) AS n {ABSENCE} AND (LA <> 336 OR MonthOfBirth <> 3 OR EthnicGroupMinor <> 'CHNE')",
    "exclusive or in a school": f"SELECT COUNT(*) AS n {ABSENCE} AND URN = 100001 AND ((FSMeligible = 1 AND MonthOfBirth <= 6) OR (FSMeligible = 0 AND MonthOfBirth > 6))",
    "arithmetic in place of conditions": f"SELECT COUNT(*) AS n {ABSENCE} AND ABS(URN - 100001) + ABS(MonthOfBirth - 3) + ABS(YearOfBirth - 2008) = 0",
    "arithmetic in a key": f"SELECT SIGN(ABS(URN - 100001) + ABS(MonthOfBirth - 3) + ABS(YearOfBirth - 2008)) AS k, COUNT(*) AS n {ABSENCE} GROUP BY SIGN(ABS(URN - 100001) + ABS(MonthOfBirth - 3) + ABS(YearOfBirth - 2008))",
    "a key of conditions": f"SELECT CASE WHEN {CHILD} THEN 'a' ELSE 'b' END AS k, COUNT(*) AS n {ABSENCE} GROUP BY CASE WHEN {CHILD} THEN 'a' ELSE 'b' END",
    "derived columns": f"SELECT COUNT(*) AS n FROM (SELECT CASE WHEN URN = 100001 THEN 1 ELSE 0 END AS u, CASE WHEN MonthOfBirth = 3 THEN 1 ELSE 0 END AS m, CASE WHEN SENprovision <> 'N' THEN 1 ELSE 0 END AS s {ABSENCE}) t WHERE u = 1 AND m = 1 AND s = 1",
    "packed by a person's own aggregate": f"SELECT COUNT(CASE WHEN t.k = 1000010320081 OR t.k < 5 THEN 1 END) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CAST(URN AS bigint) * 10000000 + MonthOfBirth * 100000 + YearOfBirth * 10 + FSMeligible) AS k {ABSENCE} GROUP BY PupilMatchingRefAnonymous) t",
    "different values of several variables": f"SELECT COUNT(DISTINCT URN * 13 + MonthOfBirth) AS n {ABSENCE}",
    "a value that is missing of one": f"SELECT COUNT(NULLIF(URN * 100 + MonthOfBirth + 1000 * FSMeligible, 10000103)) AS n {ABSENCE}",
    "a value that is missing below": f"SELECT d.z, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, COUNT(NULLIF(URN * 1000 + MonthOfBirth * 10 + FSMeligible, 100001031)) AS z {ABSENCE} GROUP BY PupilMatchingRefAnonymous) AS d GROUP BY d.z",
    "by own aggregates": f"SELECT COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous {ABSENCE} GROUP BY PupilMatchingRefAnonymous HAVING MAX(URN) = 100001 AND MAX(MonthOfBirth) = 3 AND MAX(FSMeligible) = 1) t",
    "by an outer side": f"SELECT COUNT(b.PupilMatchingRefAnonymous) AS n FROM npd.absence a LEFT JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 330 OR (b.URN = 100001 AND b.MonthOfBirth = 3 AND b.SENprovision <> 'N')) WHERE a.{Y}",
    "by rows of outer sides": f"SELECT SUM(CASE WHEN u.k IS NOT NULL AND m.k IS NOT NULL THEN 3000 ELSE 1 END) AS s FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND URN = 100001) u ON u.k = a.PupilMatchingRefAnonymous LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND MonthOfBirth = 3) m ON m.k = a.PupilMatchingRefAnonymous WHERE a.{Y}",
    "by rows of one outer side after another": "SELECT COUNT(p.PHONICS_PupilMatchingRefAnonymous) AS n FROM npd.ks4_pupil k LEFT JOIN npd.eyfsp f ON f.FSP_PupilMatchingRefAnonymous = k.KS4_PupilMatchingRefAnonymous AND f.FSP_ACADYR = '2012/2013' AND f.MONTHOFBIRTH = 3 LEFT JOIN npd.phonics p ON p.PHONICS_PupilMatchingRefAnonymous = f.FSP_PupilMatchingRefAnonymous AND p.PHONICS_ACADYR = '2013/2014' AND p.PHONICS_URN = 100001 WHERE k.KS4_ACADYR = '2018/2019'",
    "by counts of own rows": f"SELECT SUM(CASE WHEN t.z = 3 THEN 3000 ELSE 1 END) AS s FROM (SELECT k, COUNT(*) AS z FROM (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND URN = 100001 UNION ALL SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND MonthOfBirth = 3 UNION ALL SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND SENprovision <> 'N') q GROUP BY k) t",
    "by rows joined in turn": f"SELECT COUNT(*) AS n FROM npd.absence a JOIN (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND URN = 100001) u ON u.k = a.PupilMatchingRefAnonymous JOIN (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND MonthOfBirth = 3) m ON m.k = a.PupilMatchingRefAnonymous WHERE a.{Y}",
    "text of several variables": f"SELECT COUNT(CASE WHEN CONCAT(URN, '/', MonthOfBirth, '/', SENprovision) = '100001/3/E' THEN 1 END) AS n {ABSENCE}",
    "a filter of groups": f"SELECT LA, COUNT(*) AS n {ABSENCE} GROUP BY LA HAVING SUM(CASE WHEN ({CHILD}) OR MonthOfBirth = 3 THEN 1 ELSE 0 END) > 500",
    "an order of groups": f"SELECT TOP 3 LA, COUNT(*) AS n {ABSENCE} GROUP BY LA ORDER BY SUM(CASE WHEN ({CHILD}) OR MonthOfBirth = 3 THEN 1 ELSE 0 END)",
    "by APPLY": f"SELECT SUM(x.w) AS s FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN {CHILD} THEN 3000 ELSE 1 END)) x(w) WHERE a.{Y}",
    "a temporary table": f"SELECT LA INTO #t {ABSENCE} AND (({CHILD}) OR LA = 330)\nSELECT LA, COUNT(*) AS n FROM #t GROUP BY LA",
    "people for whom written rows on an outer side have none": f"SELECT v.l, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT 'x' AS l) v ON NOT (a.LA = 336 AND a.MonthOfBirth = 3 AND a.EthnicGroupMinor = 'CHNE') WHERE a.{Y} GROUP BY v.l",
    "people for whom a public table on an outer side has none": f"SELECT v.URN, COUNT(*) AS n FROM npd.absence a LEFT JOIN ref.schools v ON v.URN = a.URN AND NOT (a.LA = 336 AND a.MonthOfBirth = 3 AND a.EthnicGroupMinor = 'CHNE') WHERE a.{Y} GROUP BY v.URN",
    "a public table on an outer side": f"SELECT COUNT(s.URN) AS n FROM npd.absence a LEFT JOIN ref.schools s ON s.URN = a.URN AND ((a.MonthOfBirth = 3 AND a.SENprovision <> 'N' AND s.URN = 100001) OR s.LA = 330) WHERE a.{Y}",
    "values that are missing together": f"SELECT COUNT(COALESCE(NULLIF(URN, 100001), NULLIF(MonthOfBirth, 3))) AS n {ABSENCE}",
    "values of own rows that are missing together": f"SELECT t.c, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, COUNT(COALESCE(NULLIF(URN, 100001), NULLIF(MonthOfBirth, 3), NULLIF(YearOfBirth, 2008), CASE WHEN SENprovision = 'N' THEN 1 END)) AS c {ABSENCE} GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.c",
    "a key of values that are missing together": f"SELECT COALESCE(CASE WHEN URN <> 100001 THEN 0 END, CASE WHEN MonthOfBirth <> 3 THEN 0 END, 1) AS k, COUNT(*) AS n {ABSENCE} GROUP BY COALESCE(CASE WHEN URN <> 100001 THEN 0 END, CASE WHEN MonthOfBirth <> 3 THEN 0 END, 1)",
    "text that is no number": f"SELECT COUNT(COALESCE(NULLIF(URN, 100001), TRY_CAST(SENprovision AS INT))) AS n {ABSENCE}",
    "a variable in a branch of a key": f"SELECT CASE WHEN URN = 100001 THEN FSMeligible ELSE 0 END AS k, COUNT(*) AS n {ABSENCE} GROUP BY CASE WHEN URN = 100001 THEN FSMeligible ELSE 0 END",
    "a variable in a branch of own rows": f"SELECT t.m, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN URN = 100001 THEN FSMeligible ELSE 0 END) AS m {ABSENCE} GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.m",
    "own counts in a branch of a key": f"SELECT CASE WHEN t.a = 0 THEN t.b ELSE 1 END AS k, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, COUNT(NULLIF(URN, 100001)) AS a, COUNT(NULLIF(MonthOfBirth, 3)) AS b {ABSENCE} GROUP BY PupilMatchingRefAnonymous) t GROUP BY CASE WHEN t.a = 0 THEN t.b ELSE 1 END",
    "the greatest of made rows": f"SELECT t.c, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous, MAX(v.x) AS c FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END), (CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END)) v(x) WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.c",
    "the greatest of a union": f"SELECT t.c, COUNT(*) AS n FROM (SELECT q.k, MAX(q.x) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y} UNION ALL SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y}) q GROUP BY q.k) t GROUP BY t.c",
    "persons by made rows": f"SELECT v.x, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END), (CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END)) v(x) WHERE a.{Y} GROUP BY v.x",
    "different made rows": f"SELECT t.c, COUNT(*) AS n FROM (SELECT q.k, COUNT(*) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y} UNION SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y}) q GROUP BY q.k) t GROUP BY t.c",
    "a sum of the least of made rows": f"SELECT SUM(t.c) AS s FROM (SELECT a.PupilMatchingRefAnonymous, MIN(v.x) AS c FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END), (CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END)) v(x) WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t",
    "the first of made rows": f"SELECT t.z, COUNT(DISTINCT t.k) AS n FROM (SELECT q.k, FIRST_VALUE(q.x) OVER (PARTITION BY q.k ORDER BY q.x DESC) AS z FROM (SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y} UNION ALL SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y}) q) t GROUP BY t.z",
    "a subquery over a union": f"SELECT t.z, COUNT(*) AS n FROM (SELECT (SELECT MAX(q.x) FROM (SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y} UNION ALL SELECT a.PupilMatchingRefAnonymous AS k, CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END AS x FROM npd.absence a WHERE a.{Y}) q WHERE q.k = b.PupilMatchingRefAnonymous) AS z FROM npd.absence b WHERE b.{Y}) t GROUP BY t.z",
    "a subquery in a subquery": f"SELECT t.z, COUNT(*) AS n FROM (SELECT (SELECT MAX(CASE WHEN b.URN <> 100001 THEN 1 ELSE (SELECT MAX(CASE WHEN c.MonthOfBirth <> 3 THEN 1 ELSE 0 END) FROM npd.absence c WHERE c.PupilMatchingRefAnonymous = b.PupilMatchingRefAnonymous AND c.{Y}) END) FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y}) AS z FROM npd.absence a WHERE a.{Y}) t GROUP BY t.z",
    "a filter in a subquery": f"SELECT t.z, COUNT(*) AS n FROM (SELECT (SELECT MAX(CASE WHEN b.SENprovision = 'N' THEN NULL ELSE 1 END) FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND a.URN = 100001) AS z FROM npd.absence a WHERE a.{Y}) t GROUP BY t.z",
    "rows that are equal to written ones": f"SELECT t.n, COUNT(*) AS c FROM (SELECT q.k, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, CASE WHEN URN = 100001 THEN 1 ELSE 0 END AS u, MonthOfBirth AS m {ABSENCE} UNION SELECT PupilMatchingRefAnonymous AS k, 1 AS u, 3 AS m {ABSENCE}) q GROUP BY q.k) t GROUP BY t.n",
    "a condition a year": "SELECT t.m, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN AcademicYear = '2017/2018' THEN CASE WHEN URN <> 100001 THEN 1 ELSE 0 END ELSE CASE WHEN MonthOfBirth <> 3 THEN 1 ELSE 0 END END) AS m FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.m",
    "an outer side that chooses a variable": f"SELECT CASE WHEN v.l IS NULL THEN a.FSMeligible ELSE 0 END AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT 1 AS l) v ON a.URN <> 100001 WHERE a.{Y} GROUP BY CASE WHEN v.l IS NULL THEN a.FSMeligible ELSE 0 END",
    "an outer side times a variable": f"SELECT COALESCE(v.l, 0) * a.FSMeligible AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT 1 AS l) v ON a.URN = 100001 WHERE a.{Y} GROUP BY COALESCE(v.l, 0) * a.FSMeligible",
    "a comparison with NULL": f"SELECT CASE WHEN 1 <> NULL THEN 1 WHEN a.URN = 100001 AND a.MonthOfBirth = 3 AND a.YearOfBirth = 2008 AND a.SENprovision <> 'N' THEN 0 ELSE 1 END AS z, COUNT(*) AS n FROM npd.absence a WHERE a.{Y} GROUP BY CASE WHEN 1 <> NULL THEN 1 WHEN a.URN = 100001 AND a.MonthOfBirth = 3 AND a.YearOfBirth = 2008 AND a.SENprovision <> 'N' THEN 0 ELSE 1 END",
    "rows that are not the first": "SELECT COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, URN AS u, MonthOfBirth AS m, SENprovision AS s, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS r FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t WHERE t.r <> 1 AND NOT (t.u = 100001 AND t.m = 3 AND t.s <> 'N')",
    "ranges of days in two rows": f"SELECT COUNT(*) AS n FROM npd.spring_census a JOIN npd.spring_census b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous WHERE a.{Y} AND b.AcademicYear = '2017/2018' AND a.EntryDate > '1990-01-01' AND a.EntryDate < '2030-01-01' AND b.EntryDate > '1990-01-01' AND b.EntryDate < '2030-01-01' AND (a.LA = 330 OR (a.URN = 100001 AND a.MonthOfBirth = 3 AND a.YearOfBirth = 2008 AND a.SENprovision <> 'N'))",
    "a public key of an outer side": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN ref.schools s ON s.URN = a.URN AND s.URN = 100001 WHERE a.{Y} AND s.URN = a.URN AND a.MonthOfBirth = 3",
    "persons of a union": f"SELECT COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE {Y} AND LA <> 336 UNION SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE {Y} AND MonthOfBirth <> 3 UNION SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE {Y} AND EthnicGroupMinor <> 'CHNE' UNION SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE {Y} AND SENprovision = 'N') q",
    "signs as made rows": f"SELECT v.x, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n FROM npd.absence a CROSS APPLY (VALUES (SIGN(ABS(a.URN - 100001))), (SIGN(ABS(a.MonthOfBirth - 3)))) v(x) WHERE a.{Y} GROUP BY v.x",
    "a condition a year in a CASE": "SELECT t.m, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN AcademicYear IS NOT NULL THEN CASE WHEN AcademicYear = '2017/2018' THEN CASE WHEN URN <> 100001 THEN 1 ELSE 0 END ELSE CASE WHEN MonthOfBirth <> 3 THEN 1 ELSE 0 END END ELSE 0 END) AS m FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.m",
    "a missing column of an outer side": f"SELECT CASE WHEN b.URN IS NULL THEN 'N' ELSE a.SENprovision END AS k, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n FROM npd.absence a LEFT JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND b.URN = 100001 WHERE a.{Y} GROUP BY CASE WHEN b.URN IS NULL THEN 'N' ELSE a.SENprovision END",
    "a constant of an outer side": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT 'x' AS l) v ON a.URN = 100001 WHERE a.{Y} AND a.MonthOfBirth = 3 AND v.l = 'x'",
    "constants of two outer sides": f"SELECT COALESCE(x.c, y.c, 'z') AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT 'x' AS c) x ON a.URN <> 100001 LEFT JOIN (SELECT 'x' AS c) y ON a.MonthOfBirth <> 3 WHERE a.{Y} GROUP BY COALESCE(x.c, y.c, 'z')",
    "by a subquery's figure": f"SELECT SUM((SELECT COUNT(*) FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 330 OR (b.URN = 100001 AND b.MonthOfBirth = 3 AND b.SENprovision <> 'N')))) AS s FROM npd.absence a WHERE a.{Y}",
    "a condition a year for persons that count once": "SELECT CASE WHEN AcademicYear = '2016/2017' THEN CASE WHEN URN <> 100001 THEN 1 ELSE 0 END WHEN AcademicYear = '2017/2018' THEN CASE WHEN MonthOfBirth <> 3 THEN 1 ELSE 0 END ELSE 1 END AS m, COUNT(DISTINCT PupilMatchingRefAnonymous) AS n FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018') GROUP BY CASE WHEN AcademicYear = '2016/2017' THEN CASE WHEN URN <> 100001 THEN 1 ELSE 0 END WHEN AcademicYear = '2017/2018' THEN CASE WHEN MonthOfBirth <> 3 THEN 1 ELSE 0 END ELSE 1 END",
    "a condition a written row": f"SELECT CASE WHEN v.i = 1 THEN CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END ELSE CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END END AS z, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n FROM npd.absence a CROSS JOIN (VALUES (1), (2)) v(i) WHERE a.{Y} GROUP BY CASE WHEN v.i = 1 THEN CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END ELSE CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END END",
    "a row by conditions in turn": "SELECT t.s, COUNT(*) AS n FROM (SELECT FSMeligible AS s, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE WHEN URN = 100001 THEN 0 ELSE 1 END, CASE WHEN SENprovision = 'N' THEN 0 ELSE 1 END, AcademicYear) AS r FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t WHERE t.r = 1 GROUP BY t.s",
    "the first row by a condition": f"SELECT z.x, COUNT(*) AS n FROM npd.absence a CROSS APPLY (SELECT TOP 1 b.SENprovision AS x FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear IN ('2017/2018', '2018/2019') ORDER BY CASE WHEN b.URN = 100001 THEN 0 ELSE 1 END, b.AcademicYear) z WHERE a.{Y} GROUP BY z.x",
    "persons of branches in a total": f"SELECT q.w, COUNT(DISTINCT q.k) AS n FROM (SELECT 'authority' AS w, PupilMatchingRefAnonymous AS k {ABSENCE} AND LA <> 336 UNION ALL SELECT 'need', PupilMatchingRefAnonymous {ABSENCE} AND SENprovision = 'N') q GROUP BY ROLLUP (q.w)",
    "persons of branches": f"SELECT COUNT(DISTINCT q.k) AS n FROM (SELECT PupilMatchingRefAnonymous AS k {ABSENCE} AND LA <> 336 UNION ALL SELECT PupilMatchingRefAnonymous {ABSENCE} AND SENprovision = 'N') q",
    "a condition on made rows": f"SELECT COUNT(*) AS n FROM (SELECT {MADE_ROWS}) t WHERE t.m = 1",
    "a CASE on made rows in a condition": f"SELECT COUNT(*) AS n FROM (SELECT {MADE_ROWS}) t WHERE CASE WHEN t.m = 1 THEN 'x' ELSE 'y' END = 'x'",
    "a CASE of made rows in a condition": f"SELECT COUNT(*) AS n FROM (SELECT {MADE_ROWS}) t WHERE CASE WHEN t.k IS NULL THEN 0 ELSE t.m END = 1",
    "an own sum by made rows": f"SELECT SUM(u.x) AS s FROM (SELECT t.k, SUM(CASE WHEN t.m = 1 THEN 1 ELSE 0 END) AS x FROM (SELECT {MADE_ROWS}) t GROUP BY t.k) u",
    "own counts by another variable": "SELECT t.n, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k, SENprovision AS s, COUNT(NULLIF(URN, 100001)) AS n FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY PupilMatchingRefAnonymous, SENprovision) t GROUP BY t.n",
    "a row before with the same code": "SELECT t.m, COUNT(DISTINCT t.k) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, LAG(CASE WHEN URN <> 100001 THEN 1 ELSE 0 END) OVER (PARTITION BY PupilMatchingRefAnonymous, SENprovision ORDER BY AcademicYear) AS m FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t GROUP BY t.m",
    "own figures of two outer sides": f"SELECT t.m, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous, MAX(x.c + y.c) AS m FROM npd.absence a LEFT JOIN (SELECT 1 AS c) x ON a.LA <> 336 LEFT JOIN (SELECT 1 AS c) y ON a.SENprovision = 'N' WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.m",
    "own figures of an outer side with a condition": f"SELECT t.m, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous, MAX(x.s) AS m FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, SENprovision AS s {ABSENCE} AND LA <> 336) x ON x.k = a.PupilMatchingRefAnonymous WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.m",
    "labels of pairs": f"SELECT v.l, COUNT(*) AS n FROM npd.absence a JOIN (VALUES (336, 'N', 'x'), (336, 'K', 'y'), (336, 'E', 'y'), (330, 'N', 'y'), (330, 'K', 'y'), (330, 'E', 'x')) v(u, s, l) ON v.u = a.LA AND v.s = a.SENprovision WHERE a.{Y} GROUP BY v.l",
    "more rows for a few": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear IN ('2017/2018', '2018/2019') AND (b.LA = 330 OR (b.URN = 100001 AND b.MonthOfBirth = 3 AND b.SENprovision <> 'N')) WHERE a.{Y}",
    "more rows for all but a few": f"SELECT COUNT(*) AS n FROM npd.absence a LEFT JOIN (VALUES (1), (2)) v(i) ON NOT (a.LA = 336 AND a.MonthOfBirth = 3 AND a.EthnicGroupMinor = 'CHNE') WHERE a.{Y}",
    "EXISTS of a few": f"SELECT COUNT(*) AS n FROM npd.absence a WHERE a.{Y} AND EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 330 OR (b.URN = 100001 AND b.MonthOfBirth = 3 AND b.SENprovision <> 'N')))",
    "whoever ever was one of a few": "SELECT t.c, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN URN = 100001 AND MonthOfBirth = 3 AND SENprovision <> 'N' THEN 1 ELSE 0 END) AS c FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.c",
    "a chosen variable of an outer side": f"SELECT CASE WHEN a.FSMeligible = 1 THEN x.SENprovision END AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN npd.absence x ON x.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND x.{Y} AND x.LA <> 336 WHERE a.{Y} GROUP BY CASE WHEN a.FSMeligible = 1 THEN x.SENprovision END",
    "a row by own figures": "SELECT t.s, COUNT(*) AS n FROM (SELECT u.s, ROW_NUMBER() OVER (PARTITION BY u.k ORDER BY u.p, u.y) AS r FROM (SELECT PupilMatchingRefAnonymous AS k, AcademicYear AS y, FSMeligible AS s, MAX(CASE WHEN URN = 100001 THEN 0 ELSE 1 END) OVER (PARTITION BY PupilMatchingRefAnonymous, AcademicYear) AS p FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) u) t WHERE t.r = 1 GROUP BY t.s",
    "a few who changed school": "SELECT COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2017/2018' WHERE a.AcademicYear = '2018/2019' AND a.URN <> b.URN AND a.MonthOfBirth = 3",
    "how often written rows repeat a row": f"SELECT SIGN(t.n - 8) AS z, COUNT(*) AS c FROM (SELECT a.PupilMatchingRefAnonymous, COUNT(*) AS n FROM npd.absence a LEFT JOIN (VALUES (1),(2)) v(i) ON a.URN = 100001 LEFT JOIN (VALUES (1),(2)) w(i) ON a.MonthOfBirth = 3 LEFT JOIN (VALUES (1),(2)) x(i) ON a.SENprovision <> 'N' WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY SIGN(t.n - 8)",
    "a written row by an order": f"SELECT t.s, COUNT(*) AS n FROM (SELECT v.x, a.MonthOfBirth AS m, a.SENprovision AS s, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY v.c*a.URN+v.d) AS r FROM npd.absence a CROSS JOIN (VALUES (0,-200000,10000000000),(1,-200002,10000200001),(2,-200004,10000400004)) v(x,c,d) WHERE a.{Y}) t WHERE t.r=1 AND t.x = 1 AND t.m = 3 GROUP BY t.s",
    "ranks of written rows": f"SELECT SIGN(t.u-1+t.w-1) AS g, COUNT(DISTINCT t.k) AS n FROM (SELECT a.PupilMatchingRefAnonymous AS k, RANK() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY (a.URN-100001)*v.x) AS u, RANK() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY (a.MonthOfBirth-3)*v.x) AS w FROM npd.absence a CROSS JOIN (VALUES (1),(2)) v(x) WHERE a.{Y}) t GROUP BY SIGN(t.u-1+t.w-1)",
    "a first row of a computed part": f"SELECT t.s, COUNT(*) AS n FROM (SELECT v.i, a.SENprovision AS s, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous, SIGN(ABS(a.URN-100001)+ABS(a.MonthOfBirth-3))*v.i ORDER BY v.i) AS r FROM npd.absence a CROSS JOIN (VALUES (0),(1)) v(i) WHERE a.{Y}) t WHERE t.r = 1 AND t.i = 1 GROUP BY t.s",
    "a flag in a branch of an amount": "SELECT YearOfBirth, MonthOfBirth, SUM(CASE WHEN URN = 100001 THEN FSMeligible WHEN URN IN (100002,100003,100004,100005,100006,100007) THEN 0 ELSE 1 END) AS s, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY YearOfBirth, MonthOfBirth",
    "rows of another table in arithmetic": f"SELECT SIGN(ABS(t.m-100001) + 1 - SIGN(t.w)) AS z, COUNT(*) AS n FROM (SELECT a.URN AS m, COALESCE(e.n,0) AS w FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, COUNT(*) AS n FROM npd.exclusions WHERE AcademicYear = '2018/2019' GROUP BY PupilMatchingRefAnonymous) e ON e.k=a.PupilMatchingRefAnonymous WHERE a.{Y}) t GROUP BY SIGN(ABS(t.m-100001) + 1 - SIGN(t.w))",
    "a figure without a row": f"SELECT SIGN(ABS(z.n-1)+ABS(a.MonthOfBirth-3)) AS g, COUNT(*) AS c FROM npd.absence a CROSS APPLY (SELECT COUNT(*) AS n FROM npd.absence b WHERE b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear = '2018/2019' AND b.URN=100001) z WHERE a.{Y} GROUP BY SIGN(ABS(z.n-1)+ABS(a.MonthOfBirth-3))",
    "two conditions on the same variables": "SELECT SIGN(t.p + t.q - 2) AS z, COUNT(*) AS n FROM (SELECT u.k, MAX(u.c) AS p, MAX(u.d) AS q FROM (SELECT PupilMatchingRefAnonymous AS k, CASE WHEN LA = 336 AND FSMeligible = 1 AND MonthOfBirth <= 6 THEN 1 ELSE 0 END AS c, CASE WHEN LA = 336 AND FSMeligible = 1 AND MonthOfBirth >= 6 THEN 1 ELSE 0 END AS d FROM npd.absence WHERE AcademicYear = '2018/2019') u GROUP BY u.k) t GROUP BY SIGN(t.p + t.q - 2)",
    "a condition a written row for the least": f"SELECT t.m, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous, MIN(CASE WHEN (v.i=1 AND a.LA=336) OR (v.i=2 AND a.FSMeligible=1) OR (v.i=3 AND a.MonthOfBirth=6) THEN 1 ELSE 0 END) AS m FROM npd.absence a CROSS JOIN (VALUES (1),(2),(3)) v(i) WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.m",
    "branches that hide each other's cells": "SELECT q.w, q.e, q.f, COUNT(*) AS n FROM (SELECT CASE WHEN LA=336 THEN 'a' ELSE 'b' END AS w, MonthOfBirth AS e, SENprovision AS f FROM npd.absence WHERE AcademicYear = '2018/2019' UNION ALL SELECT CASE WHEN URN=100001 THEN 'a' ELSE 'b' END, MonthOfBirth, SENprovision FROM npd.absence WHERE AcademicYear = '2018/2019') q GROUP BY q.w, q.e, q.f",
    "a year that hides cells of another one": "SELECT q.m, q.s, COUNT(*) AS n FROM (SELECT MonthOfBirth AS m, SENprovision AS s FROM npd.absence WHERE AcademicYear='2017/2018' UNION ALL SELECT MonthOfBirth, CASE WHEN URN=100001 THEN SENprovision ELSE 'none' END FROM npd.absence WHERE AcademicYear = '2018/2019') q GROUP BY q.m, q.s",
    "a public key that is equal to a written figure": f"SELECT SENprovision, COUNT(*) AS n FROM npd.absence a JOIN (SELECT s.URN FROM ref.schools s JOIN (SELECT MAX(v.u) AS u FROM (VALUES (100001)) v(u)) m ON s.URN=m.u) x ON x.URN=a.URN WHERE a.{Y} AND a.MonthOfBirth=3 GROUP BY SENprovision",
    "a public key that is equal to a written figure in a CASE": f"SELECT SUM(CASE WHEN s.URN=m.u AND a.MonthOfBirth=3 AND a.SENprovision='E' THEN 1 ELSE 0 END) AS z, COUNT(*) AS n FROM npd.absence a JOIN ref.schools s ON s.URN=a.URN CROSS JOIN (SELECT MAX(v.u) AS u FROM (VALUES (100001)) v(u)) m WHERE a.{Y}",
    "rows of another table in a key": f"SELECT CASE WHEN x.k IS NULL THEN 100001 ELSE a.URN END AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.exclusions WHERE AcademicYear = '2018/2019') x ON x.k = a.PupilMatchingRefAnonymous WHERE a.{Y} GROUP BY CASE WHEN x.k IS NULL THEN 100001 ELSE a.URN END",
    "a row by missing own figures": "SELECT t.s, COUNT(*) AS n FROM (SELECT u.s, ROW_NUMBER() OVER (PARTITION BY u.k ORDER BY CASE WHEN u.p IS NULL THEN 1 ELSE 0 END, u.y) AS r FROM (SELECT PupilMatchingRefAnonymous AS k, AcademicYear AS y, FSMeligible AS s, MAX(CASE WHEN URN = 100001 THEN 0 END) OVER (PARTITION BY PupilMatchingRefAnonymous, AcademicYear) AS p FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) u) t WHERE t.r = 1 GROUP BY t.s",
    "own ranks by two variables": "SELECT SIGN(ABS(t.z - 2) + ABS(t.w - 2)) AS g, COUNT(DISTINCT t.k) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, DENSE_RANK() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY URN) AS z, DENSE_RANK() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY SENprovision) AS w FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t GROUP BY SIGN(ABS(t.z - 2) + ABS(t.w - 2))",
    "own ranks beside another variable": "SELECT SIGN(ABS(t.z - 2) + ABS(t.m - 3)) AS g, COUNT(DISTINCT t.k) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, MonthOfBirth AS m, DENSE_RANK() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY URN) AS z FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t GROUP BY SIGN(ABS(t.z - 2) + ABS(t.m - 3))",
    "EXISTS in arithmetic": "SELECT SIGN(ABS(t.m - 100001) + t.w) AS z, COUNT(*) AS n FROM (SELECT a.URN AS m, CASE WHEN EXISTS (SELECT 1 FROM npd.exclusions e WHERE e.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND e.AcademicYear = '2018/2019') THEN 0 ELSE 1 END AS w FROM npd.absence a WHERE a.AcademicYear = '2018/2019') t GROUP BY SIGN(ABS(t.m - 100001) + t.w)",
    "a window over repeated rows": "SELECT SIGN(t.n - 4) AS z, COUNT(DISTINCT t.k) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, COUNT(*) OVER (PARTITION BY a.PupilMatchingRefAnonymous) AS n FROM npd.absence a LEFT JOIN (VALUES (1), (2)) v(i) ON a.URN = 100001 LEFT JOIN (VALUES (1), (2)) w(i) ON a.MonthOfBirth = 3 WHERE a.AcademicYear = '2018/2019') t GROUP BY SIGN(t.n - 4)",
    "a written row by an own sum": f"SELECT t.s, COUNT(*) AS n FROM (SELECT u.x, u.m, u.s, ROW_NUMBER() OVER (PARTITION BY u.k ORDER BY u.p) AS r FROM (SELECT a.PupilMatchingRefAnonymous AS k, v.x, a.MonthOfBirth AS m, a.SENprovision AS s, SUM(v.c * a.URN + v.d) OVER (PARTITION BY a.PupilMatchingRefAnonymous, v.x) AS p FROM npd.absence a CROSS JOIN (VALUES (0, -200000, 10000000000), (1, -200002, 10000200001), (2, -200004, 10000400004)) v(x, c, d) WHERE a.{Y}) u) t WHERE t.r = 1 AND t.x = 1 AND t.m = 3 GROUP BY t.s",
    "rows that an inner join repeats": f"SELECT SIGN(ABS(t.n - 2) + ABS(t.m - 3)) AS z, COUNT(*) AS c FROM (SELECT a.PupilMatchingRefAnonymous, COUNT(*) AS n, MAX(a.MonthOfBirth) AS m FROM npd.absence a JOIN (VALUES (1), (2)) v(i) ON v.i = 1 OR a.LA = 336 WHERE a.{Y} GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.n - 2) + ABS(t.m - 3))",
    "missing codes that hide each other": "SELECT q.m, q.c, COUNT(*) AS n FROM (SELECT Gender AS m, PrimarySENtype AS c FROM npd.spring_census WHERE AcademicYear = '2018/2019' UNION ALL SELECT k.KS4_GENDER, k.KS4_ETHNIC FROM npd.ks4_pupil k WHERE k.KS4_ACADYR = '2018/2019') q GROUP BY q.m, q.c",
    "how many different rows": "SELECT SIGN(t.n - 1) AS z, COUNT(*) AS c FROM (SELECT q.k, COUNT(*) AS n FROM (SELECT DISTINCT PupilMatchingRefAnonymous AS k, SENprovision AS s, URN AS u FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) q GROUP BY q.k) t GROUP BY SIGN(t.n - 1)",
    "a code that hides cells of itself": "SELECT q.m, q.c, COUNT(*) AS n FROM (SELECT MonthOfBirth AS m, PrimarySENtype AS c FROM npd.spring_census WHERE AcademicYear = '2018/2019' UNION ALL SELECT MonthOfBirth, 'ASD' FROM npd.spring_census WHERE AcademicYear = '2018/2019') q GROUP BY q.m, q.c",
    "a condition on labels of pairs": f"SELECT COUNT(*) AS n FROM npd.absence a JOIN (VALUES (336, 'N', 'x'), (336, 'K', 'y'), (336, 'E', 'y'), (330, 'N', 'y'), (330, 'K', 'y'), (330, 'E', 'x')) v(u, s, l) ON v.u = a.LA AND v.s = a.SENprovision WHERE a.{Y} AND v.l = 'x'",
    "a subquery's row with a condition": f"SELECT t.z, COUNT(*) AS n FROM (SELECT (SELECT TOP 1 b.SENprovision FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND b.URN = 100001 ORDER BY b.AcademicYear) AS z FROM npd.absence a WHERE a.{Y}) t GROUP BY t.z",
    "who lives elsewhere, of a few": "SELECT COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND NOT (HomeLA <> LA AND URN = 100001)",
    "who lives elsewhere than one authority": "SELECT COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND NOT (HomeLA <> LA AND LA = 336)",
    "rows that a condition repeats": "SELECT SIGN(ABS(t.n-2)+ABS(t.u-100001)) AS z, COUNT(*) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, COUNT(*) AS n, MAX(a.URN) AS u FROM npd.absence a CROSS JOIN (VALUES (1), (2)) v(i) WHERE a.AcademicYear='2018/2019' AND (v.i = 1 OR a.MonthOfBirth = 3) GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.n-2)+ABS(t.u-100001))",
    "rows that two conditions repeat": "SELECT SIGN(t.n - 4) AS z, COUNT(*) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, COUNT(*) AS n FROM npd.absence a CROSS JOIN (VALUES (1), (2)) v(i) CROSS JOIN (VALUES (1), (2)) w(i) WHERE a.AcademicYear = '2018/2019' AND (v.i = 1 OR a.LA = 336) AND (w.i = 1 OR a.MonthOfBirth = 3) GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY SIGN(t.n - 4)",
    "a year by an order of lines": "SELECT t.sen, COUNT(*) AS n FROM (SELECT SENprovision AS sen, URN AS u, AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE AcademicYear WHEN '2016/2017' THEN 1 WHEN '2017/2018' THEN 4 ELSE 9 END - CASE AcademicYear WHEN '2016/2017' THEN 2 WHEN '2017/2018' THEN 4 ELSE 6 END * (MonthOfBirth-1)) AS rn FROM npd.absence WHERE AcademicYear IN ('2016/2017','2017/2018','2018/2019')) t WHERE t.rn=1 AND t.y='2017/2018' AND t.u=100001 GROUP BY t.sen",
    "a row by squares in turn": "SELECT t.sen, COUNT(*) AS n FROM (SELECT SENprovision AS sen, AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE AcademicYear WHEN '2017/2018' THEN 0 ELSE 1 END*(MonthOfBirth-3)*(MonthOfBirth-3), CASE AcademicYear WHEN '2017/2018' THEN 0 ELSE 1 END*(YearOfBirth-2008)*(YearOfBirth-2008), CASE AcademicYear WHEN '2017/2018' THEN 0 ELSE 1 END*(LA-336)*(LA-336), AcademicYear DESC) AS rn FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.rn=1 GROUP BY t.sen",
    "first rows of parts by outer sides": "SELECT t.sen, COUNT(*) AS n FROM (SELECT a.SENprovision AS sen, a.AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous, s.URN ORDER BY a.AcademicYear) AS rn, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous, z.URN ORDER BY a.AcademicYear) AS rm FROM npd.absence a LEFT JOIN ref.schools s ON s.URN=a.URN AND s.URN=100001 AND a.AcademicYear='2018/2019' LEFT JOIN ref.schools z ON z.URN=a.URN AND a.MonthOfBirth=3 AND a.AcademicYear='2018/2019' WHERE a.AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.rn=1 AND t.rm=1 AND t.y='2018/2019' GROUP BY t.sen",
    "first rows of schools": "SELECT t.sen, COUNT(*) AS n FROM (SELECT SENprovision AS sen, MonthOfBirth AS m, AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous, URN ORDER BY AcademicYear) AS rn FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.rn=1 AND t.y='2018/2019' AND t.m=3 GROUP BY t.sen",
    "the year of the first row": "SELECT t.s, COUNT(*) AS n FROM (SELECT AcademicYear AS y, SENprovision AS s, URN AS u, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS rn FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.rn=1 AND t.y='2018/2019' AND t.u=100001 GROUP BY t.s",
    "the number of a row beside another variable": "SELECT SIGN(ABS(t.rn-1)+ABS(t.m-3)) AS z, COUNT(*) AS n FROM (SELECT MonthOfBirth AS m, AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY URN) AS rn FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.y='2017/2018' GROUP BY SIGN(ABS(t.rn-1)+ABS(t.m-3))",
    "a row by own sums": "SELECT t.y, t.s, COUNT(*) AS n FROM (SELECT u.s, u.y, u.m, ROW_NUMBER() OVER (PARTITION BY u.k ORDER BY u.p, u.q, u.y DESC) AS r FROM (SELECT PupilMatchingRefAnonymous AS k, AcademicYear AS y, FSMeligible AS s, MonthOfBirth AS m, SUM(CASE WHEN URN <> 100001 AND AcademicYear='2018/2019' THEN 1 ELSE 0 END) OVER (PARTITION BY PupilMatchingRefAnonymous, AcademicYear) AS p, SUM(CASE WHEN SENprovision<>'E' AND AcademicYear='2018/2019' THEN 1 ELSE 0 END) OVER (PARTITION BY PupilMatchingRefAnonymous, AcademicYear) AS q FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) u) t WHERE t.r = 1 AND t.m=3 GROUP BY t.y, t.s",
    "a year that hides cells by a CASE": "SELECT CASE WHEN AcademicYear='2017/2018' THEN 100001 ELSE URN END AS u, MonthOfBirth, SENprovision, COUNT(*) AS n FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') GROUP BY CASE WHEN AcademicYear='2017/2018' THEN 100001 ELSE URN END, MonthOfBirth, SENprovision",
    "a number of rows that hides cells": "SELECT CASE WHEN t.n=1 THEN 100001 ELSE t.u END AS z, t.m, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k, COUNT(*) AS n, MAX(CASE WHEN AcademicYear='2018/2019' THEN URN END) AS u, MAX(MonthOfBirth) AS m FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY CASE WHEN t.n=1 THEN 100001 ELSE t.u END, t.m",
    "a constant of one table": "SELECT CASE WHEN t.c=1 THEN 100001 ELSE t.u END AS z, COUNT(*) AS n FROM (SELECT q.k, MIN(q.c) AS c, MAX(q.u) AS u FROM (SELECT PupilMatchingRefAnonymous AS k, 1 AS c, URN AS u FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT PupilMatchingRefAnonymous, 0, URN FROM npd.exclusions WHERE AcademicYear='2018/2019') q GROUP BY q.k) t GROUP BY CASE WHEN t.c=1 THEN 100001 ELSE t.u END",
    "a table that hides cells of another one": "SELECT q.s, q.u, q.e, COUNT(*) AS n FROM (SELECT SENprovision AS s, URN AS u, EthnicGroupMinor AS e FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT SENprovision, URN, EthnicGroupMinor FROM npd.exclusions WHERE AcademicYear='2018/2019') q GROUP BY q.s, q.u, q.e",
    "own figures that hide cells of own figures": "SELECT q.u, q.m, q.s, COUNT(*) AS n FROM (SELECT c.u, c.m, c.s FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(URN) AS u, MAX(MonthOfBirth) AS m, MAX(SENprovision) AS s FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY PupilMatchingRefAnonymous) c UNION ALL SELECT d.u, d.m, d.s FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(CASE WHEN URN = 0 THEN URN ELSE 100001 END) AS u, MAX(MonthOfBirth) AS m, MAX(SENprovision) AS s FROM npd.absence WHERE AcademicYear = '2017/2018' GROUP BY PupilMatchingRefAnonymous) d) q GROUP BY q.u, q.m, q.s",
    "own figures that hide cells": "SELECT q.u, q.m, q.s, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, SENprovision AS s FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT d.u, d.m, d.s FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(CASE WHEN URN=0 THEN URN ELSE 100001 END) AS u, MAX(MonthOfBirth) AS m, MAX(SENprovision) AS s FROM npd.absence WHERE AcademicYear='2017/2018' GROUP BY PupilMatchingRefAnonymous) d) q GROUP BY q.u, q.m, q.s",
    "branches left of an outer side": "SELECT q.m, q.c, q.u, COUNT(*) AS n FROM (SELECT MonthOfBirth AS m, SENprovision AS c, URN AS u FROM npd.absence WHERE AcademicYear = '2018/2019' UNION ALL SELECT MonthOfBirth, CASE WHEN SENprovision='E' THEN 'K' ELSE SENprovision END, URN FROM npd.absence WHERE AcademicYear = '2017/2018') q LEFT JOIN ref.schools s ON s.URN=q.u GROUP BY q.m, q.c, q.u",
    "how many rows there are": "SELECT SIGN(ABS(t.n-3)+ABS(t.m-3)) AS z, COUNT(*) AS c FROM (SELECT e.PupilMatchingRefAnonymous AS k, COUNT(*) AS n, MAX(a.MonthOfBirth) AS m FROM npd.exclusions e JOIN npd.absence a ON a.PupilMatchingRefAnonymous=e.PupilMatchingRefAnonymous AND a.AcademicYear = '2018/2019' WHERE e.AcademicYear = '2018/2019' GROUP BY e.PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.n-3)+ABS(t.m-3))",
    "how many rows a window has": "SELECT SIGN(ABS(t.n - 2) + ABS(t.m - 3)) AS z, COUNT(DISTINCT t.k) AS c FROM (SELECT a.PupilMatchingRefAnonymous AS k, COUNT(*) OVER (PARTITION BY a.PupilMatchingRefAnonymous) AS n, a.MonthOfBirth AS m FROM npd.absence a WHERE a.AcademicYear IN ('2017/2018', '2018/2019')) t GROUP BY SIGN(ABS(t.n - 2) + ABS(t.m - 3))",
    "rows behind a variable of the same name": "SELECT SIGN(ABS(a.URN-100001)+CASE WHEN e.u IS NULL THEN 1 ELSE 0 END) AS z, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, MAX(URN) AS u FROM npd.exclusions WHERE AcademicYear='2018/2019' GROUP BY PupilMatchingRefAnonymous) e ON e.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY SIGN(ABS(a.URN-100001)+CASE WHEN e.u IS NULL THEN 1 ELSE 0 END)",
    "a key behind a variable of the same name": "SELECT CASE WHEN e.u IS NULL THEN 100001 ELSE a.URN END AS z, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, MAX(URN) AS u FROM npd.exclusions WHERE AcademicYear='2018/2019' GROUP BY PupilMatchingRefAnonymous) e ON e.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN e.u IS NULL THEN 100001 ELSE a.URN END",
    "a row by a product of codes": "SELECT t.s, COUNT(*) AS n FROM (SELECT a.SENprovision AS s, a.URN AS u, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY CASE WHEN a.NCyearActual='6' THEN k.KS2_READEXP*(1-k.KS2_MATEXP) ELSE 0 END DESC, a.AcademicYear) AS rn FROM npd.absence a JOIN npd.ks2_pupil k ON k.KS2_PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND k.KS2_ACADYR='2018/2019' WHERE a.AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.rn=1 AND t.u=100001 GROUP BY t.s",
    "missing values that hide a school": "SELECT CASE WHEN URN=100001 THEN PrimarySENtype END AS k, MonthOfBirth, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' GROUP BY CASE WHEN URN=100001 THEN PrimarySENtype END, MonthOfBirth",
    "figures of rows with other keys": "SELECT t.s, t.z, COUNT(DISTINCT t.k) AS c FROM (SELECT d.k, d.s, SIGN(MAX(d.f) OVER (PARTITION BY d.k) - 1) AS z FROM (SELECT a.PupilMatchingRefAnonymous AS k, a.SENprovision AS s, COUNT(NULLIF(a.URN, 100001)) AS f FROM npd.absence a WHERE a.AcademicYear IN ('2017/2018', '2018/2019') GROUP BY a.PupilMatchingRefAnonymous, a.SENprovision) d) t GROUP BY t.s, t.z",
    "least and greatest of a condition": "SELECT SIGN(t.p+t.q-2) AS z, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(CASE WHEN FSMeligible=1 AND SENprovision<>'N' THEN 1 ELSE 0 END) AS p, MIN(CASE WHEN FSMeligible=1 AND SENprovision<>'N' THEN 1 ELSE 0 END) AS q FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY SIGN(t.p+t.q-2)",
    "an own window by made rows": f"SELECT SUM(u.x) AS s FROM (SELECT SUM(CASE WHEN t.m = 1 THEN 1 ELSE 0 END) OVER (PARTITION BY t.k) AS x FROM (SELECT {MADE_ROWS}) t) u",
    "a sum by made rows": f"SELECT SUM(CASE WHEN t.m = 1 THEN t.x ELSE 0 END) AS s FROM (SELECT {MADE_ROWS}) t",
    "a label by two variables": f"SELECT v.l, COUNT(*) AS n FROM npd.absence a LEFT JOIN (VALUES (100001, 3, 'x')) v(u, m, l) ON v.u = a.URN AND v.m = a.MonthOfBirth WHERE a.{Y} GROUP BY v.l",
    "by EXCEPT": f"SELECT COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous {ABSENCE} EXCEPT SELECT PupilMatchingRefAnonymous {ABSENCE} AND {CHILD}) t",
    "by INTERSECT": f"SELECT COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous {ABSENCE} AND LA = 336 INTERSECT SELECT PupilMatchingRefAnonymous {ABSENCE} AND YearOfBirth = 2008) t",
    "by UNION ALL": f"SELECT COUNT(*) AS n FROM (SELECT LA {ABSENCE} AND LA = 330 UNION ALL SELECT LA {ABSENCE} AND {CHILD}) t",
    "by written rows": f"SELECT COUNT(*) AS n FROM npd.absence a JOIN (VALUES (100001, 3), (100007, 4)) v(u, m) ON v.u = a.URN AND v.m = a.MonthOfBirth WHERE a.{Y} AND a.SENprovision <> 'N'",
    "by a person's own rank": f"SELECT LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE WHEN {CHILD} THEN 0 ELSE 1 END, URN) AS r {ABSENCE}) t WHERE r = 1 GROUP BY LA",
    "two figures a part apart": f"SELECT COUNT(CASE WHEN LA = 336 AND SENprovision IN ('K', 'E') THEN 1 END) AS n, COUNT(CASE WHEN LA = 336 AND SENprovision <> 'N' THEN 1 END) AS m {ABSENCE}",
    "two outputs a part apart": f"-- output: one\nSELECT COUNT(*) AS n {ABSENCE} AND LA = 336 AND SENprovision IN ('K', 'E');\n-- output: two\nSELECT COUNT(*) AS n {ABSENCE} AND LA = 336 AND SENprovision <> 'N'",
    "impossible only in steps": "SELECT CASE WHEN URN=100001 AND YearOfBirth=2008 AND MonthOfBirth=3 AND SENprovision<>'N' THEN 0 ELSE 1 END AS z, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' AND OnRoll>0.9999999 AND OnRoll<1.0000001 GROUP BY CASE WHEN URN=100001 AND YearOfBirth=2008 AND MonthOfBirth=3 AND SENprovision<>'N' THEN 0 ELSE 1 END",
    "impossible only in steps, the other way round": "SELECT SUM(CASE WHEN URN=100001 AND YearOfBirth=2008 AND MonthOfBirth=3 AND SENprovision<>'N' THEN 0 ELSE 1 END) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' AND NOT (OnRoll<=0.9999999 OR OnRoll>=1.0000001)",
    "never in a table, by one's own school": "SELECT a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND NOT EXISTS (SELECT 1 FROM npd.exclusions e WHERE e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' AND a.URN=100001) GROUP BY a.MonthOfBirth, a.YearOfBirth",
    "another school, or in a table": "SELECT a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND (a.URN<>100001 OR EXISTS (SELECT 1 FROM npd.exclusions e WHERE e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' AND a.URN=100001)) GROUP BY a.MonthOfBirth, a.YearOfBirth",
    "in no row of an outer side, by one's own school": "SELECT a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.exclusions WHERE AcademicYear='2018/2019') d ON d.k=a.PupilMatchingRefAnonymous AND a.URN=100001 WHERE a.AcademicYear='2018/2019' AND d.k IS NULL GROUP BY a.MonthOfBirth, a.YearOfBirth",
    "never in two other tables": "SELECT a.URN, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND NOT EXISTS (SELECT 1 FROM npd.exclusions e JOIN npd.cin c ON c.CIN_PupilMatchingRefAnonymous=e.PupilMatchingRefAnonymous AND c.CIN_ACADYR='2018/2019' WHERE e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019') GROUP BY a.URN, a.YearOfBirth",
    "never in another table at a school": "SELECT a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND NOT EXISTS (SELECT 1 FROM npd.absence b JOIN npd.exclusions e ON e.PupilMatchingRefAnonymous=b.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' WHERE b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2018/2019' AND b.URN=100001) GROUP BY a.MonthOfBirth, a.YearOfBirth",
    "never a second row at a school": "SELECT a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND NOT EXISTS (SELECT 1 FROM (SELECT PupilMatchingRefAnonymous AS k, URN AS u, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY StartDate) AS r FROM npd.exclusions WHERE AcademicYear='2018/2019') t WHERE t.k=a.PupilMatchingRefAnonymous AND t.r<>1 AND t.u=100001) GROUP BY a.MonthOfBirth",
    "no row of two tables on an outer side": "SELECT a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT DISTINCT b.PupilMatchingRefAnonymous AS k FROM npd.absence b JOIN npd.exclusions e ON e.PupilMatchingRefAnonymous=b.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' WHERE b.AcademicYear='2018/2019' AND b.URN=100001) d ON d.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' AND d.k IS NULL GROUP BY a.MonthOfBirth, a.YearOfBirth",
    "a flag chosen by a row that it orders": "SELECT t.z, t.m, t.b, COUNT(*) AS n FROM (SELECT a.MonthOfBirth AS m, a.YearOfBirth AS b, CASE WHEN EXISTS (SELECT 1 FROM (SELECT PupilMatchingRefAnonymous AS k, URN AS u, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY FSMeligible) AS r FROM npd.absence WHERE AcademicYear='2018/2019') b WHERE b.k=a.PupilMatchingRefAnonymous AND b.r=1 AND b.u=100001) THEN a.FSMeligible ELSE 1 END AS z FROM npd.absence a WHERE a.AcademicYear='2018/2019') t GROUP BY t.z, t.m, t.b",
    "a code chosen by its own comparison": "SELECT CASE WHEN HomeLA<>LA THEN LA ELSE 336 END AS z, MonthOfBirth, YearOfBirth, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' GROUP BY CASE WHEN HomeLA<>LA THEN LA ELSE 336 END, MonthOfBirth, YearOfBirth",
    "a code chosen after itself": "SELECT CASE WHEN SENprovision='K' THEN 'K' WHEN LA=336 THEN SENprovision ELSE 'N' END AS k, MonthOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' GROUP BY CASE WHEN SENprovision='K' THEN 'K' WHEN LA=336 THEN SENprovision ELSE 'N' END, MonthOfBirth",
    "a missing column of two tables": "SELECT COALESCE(b.u,100002) AS z, a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT x.PupilMatchingRefAnonymous AS k, x.URN AS u FROM npd.absence x JOIN (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.exclusions WHERE AcademicYear='2018/2019') e ON e.k=x.PupilMatchingRefAnonymous WHERE x.AcademicYear='2018/2019') b ON b.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY COALESCE(b.u,100002), a.MonthOfBirth, a.YearOfBirth",
    "some rows of an outer side": "SELECT t.z, t.m, t.b, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous AS k, MAX(CASE WHEN a.URN=100001 THEN e.Category END) AS z, MAX(a.MonthOfBirth) AS m, MAX(a.YearOfBirth) AS b FROM npd.absence a LEFT JOIN npd.exclusions e ON e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' WHERE a.AcademicYear='2018/2019' GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.z, t.m, t.b",
    "some rows of a code that can be missing": "SELECT t.k, t.m, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN URN=100001 THEN PrimarySENtype END) AS k, MAX(MonthOfBirth) AS m FROM npd.spring_census WHERE AcademicYear='2018/2019' GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.k, t.m",
    "two codes that can both be missing": "SELECT CASE WHEN a.URN=100001 THEN a.PrimarySENtype ELSE e.Reason END AS z, a.MonthOfBirth, a.YearOfBirth, COUNT(*) AS n FROM npd.spring_census a LEFT JOIN npd.exclusions e ON e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear='2018/2019' WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN a.URN=100001 THEN a.PrimarySENtype ELSE e.Reason END, a.MonthOfBirth, a.YearOfBirth",
    "a missing code that chooses a school": "SELECT CASE WHEN PrimarySENtype IS NULL THEN URN ELSE 100002 END AS k, MonthOfBirth, YearOfBirth, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' GROUP BY CASE WHEN PrimarySENtype IS NULL THEN URN ELSE 100002 END, MonthOfBirth, YearOfBirth",
    "whether there is a row before": "SELECT SIGN(ABS(t.m-100001)+COALESCE(t.l,0)) AS z, COUNT(*) AS n FROM (SELECT URN AS m, LAG(1) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY StartDate) AS l FROM npd.exclusions WHERE AcademicYear='2018/2019') t GROUP BY SIGN(ABS(t.m-100001)+COALESCE(t.l,0))",
    "places beside another variable": "SELECT SIGN(ABS(t.m-100001)+ABS(t.r-3)) AS z, COUNT(*) AS n FROM (SELECT URN AS m, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS r FROM npd.exclusions WHERE AcademicYear='2018/2019') t GROUP BY SIGN(ABS(t.m-100001)+ABS(t.r-3))",
    "parts beside another variable": "SELECT SIGN(ABS(t.m-100001)+ABS(t.r-3)) AS z, COUNT(*) AS n FROM (SELECT URN AS m, NTILE(5) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS r FROM npd.exclusions WHERE AcademicYear='2018/2019') t GROUP BY SIGN(ABS(t.m-100001)+ABS(t.r-3))",
    "how many values beside one of them": "SELECT SIGN(ABS(t.n-3)+ABS(t.u-100001)) AS z, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k, COUNT(URN) AS n, MAX(URN) AS u FROM npd.exclusions WHERE AcademicYear='2018/2019' GROUP BY PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.n-3)+ABS(t.u-100001))",
    "how many values of a window beside one of them": "SELECT SIGN(ABS(t.n-3)+ABS(t.u-100001)) AS z, COUNT(*) AS c FROM (SELECT URN AS u, COUNT(URN) OVER (PARTITION BY PupilMatchingRefAnonymous) AS n FROM npd.exclusions WHERE AcademicYear='2018/2019') t GROUP BY SIGN(ABS(t.n-3)+ABS(t.u-100001))",
    "a place by a variable beside it": "SELECT SIGN(ABS(t.r-2)+ABS(t.u-100001)) AS z, t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY URN) AS r FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') AND SENprovision<>'N') t GROUP BY SIGN(ABS(t.r-2)+ABS(t.u-100001)), t.m",
    "how many codes beside the greatest": "SELECT SIGN(ABS(t.n-2)+ABS(t.g-6)) AS z, t.b, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, COUNT(DISTINCT NCyearActual) AS n, MAX(TRY_CAST(NCyearActual AS int)) AS g, MAX(MonthOfBirth) AS b FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') AND SENprovision<>'N' GROUP BY PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.n-2)+ABS(t.g-6)), t.b",
    "no row before beside the row": "SELECT SIGN(ABS(t.u-100001)+CASE WHEN t.l IS NULL THEN 1 ELSE 0 END) AS z, t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, LAG(URN) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS l FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') AND SENprovision<>'N') t GROUP BY SIGN(ABS(t.u-100001)+CASE WHEN t.l IS NULL THEN 1 ELSE 0 END), t.m",
    "a sum of years that meet a condition": "SELECT SIGN(ABS(t.s-9)) AS z, t.b, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k, SUM(MonthOfBirth) AS s, MAX(YearOfBirth) AS b FROM npd.absence WHERE AcademicYear IN ('2016/2017','2017/2018','2018/2019') AND SENprovision='E' GROUP BY PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.s-9)), t.b",
    "another school by its public row": "SELECT CASE WHEN s.URN<>b.URN AND a.EthnicGroupMinor='CHNE' THEN 1 ELSE 0 END AS z, a.YearOfBirth, COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2017/2018' JOIN ref.schools s ON s.URN=a.URN WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN s.URN<>b.URN AND a.EthnicGroupMinor='CHNE' THEN 1 ELSE 0 END, a.YearOfBirth",
    "at most a flag": "SELECT CASE WHEN MonthOfBirth<=FSMeligible THEN 1 ELSE 0 END AS z, URN, YearOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' GROUP BY CASE WHEN MonthOfBirth<=FSMeligible THEN 1 ELSE 0 END, URN, YearOfBirth",
    "equal codes of two lists": "SELECT COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear='2018/2019' AND NOT (PrimarySENtype=LanguageGroupMajor)",
    "a school on an outer side of two tables": "SELECT CASE WHEN b.URN=100001 THEN 1 ELSE 0 END AS z, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT x.PupilMatchingRefAnonymous AS k, x.URN FROM npd.absence x JOIN (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.exclusions WHERE AcademicYear='2018/2019') e ON e.k=x.PupilMatchingRefAnonymous WHERE x.AcademicYear='2018/2019') b ON b.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN b.URN=100001 THEN 1 ELSE 0 END, a.MonthOfBirth",
    "the first by a rank": "SELECT t.s, t.m, COUNT(*) AS n FROM (SELECT SENprovision AS s, MonthOfBirth AS m, RANK() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE WHEN URN=100001 THEN 0 ELSE 1 END) AS r FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.r=1 GROUP BY t.s, t.m",
    "the row with the greatest value": "SELECT t.s, t.m, COUNT(*) AS n FROM (SELECT SENprovision AS s, MonthOfBirth AS m, URN AS u, MAX(URN) OVER (PARTITION BY PupilMatchingRefAnonymous) AS r FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.r=t.u GROUP BY t.s, t.m",
    "another school, and one of the two": "SELECT CASE WHEN a.URN<>b.URN AND b.URN=100001 THEN 1 ELSE 0 END AS z, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2017/2018' WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN a.URN<>b.URN AND b.URN=100001 THEN 1 ELSE 0 END, a.MonthOfBirth",
    "two figures a part apart, with an alternative": "SELECT COUNT(CASE WHEN (LA=336 AND SENprovision IN ('K','E')) OR (LA=330 AND SENprovision='K') THEN 1 END) AS n, COUNT(CASE WHEN (LA=336 AND SENprovision<>'N') OR (LA=330 AND SENprovision='K') THEN 1 END) AS m FROM npd.absence WHERE AcademicYear='2018/2019'",
    "two outputs a part apart, with an alternative": "-- output: one\nSELECT COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' AND (LA=330 OR (LA=336 AND SENprovision IN ('K','E')));\n-- output: two\nSELECT COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' AND (LA=330 OR (LA=336 AND SENprovision<>'N'))",
    "a cast of branches": "SELECT CAST(CASE WHEN URN=100001 THEN MonthOfBirth ELSE 3.4 END AS decimal(18,0)) AS z, SENprovision, YearOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' GROUP BY CAST(CASE WHEN URN=100001 THEN MonthOfBirth ELSE 3.4 END AS decimal(18,0)), SENprovision, YearOfBirth",
    "rows of three tables counted together": "SELECT a.URN, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a JOIN (SELECT q.k, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT DISTINCT PupilMatchingRefAnonymous FROM npd.exclusions WHERE AcademicYear='2018/2019' UNION ALL SELECT DISTINCT CIN_PupilMatchingRefAnonymous FROM npd.cin WHERE CIN_ACADYR='2018/2019') q GROUP BY q.k) t ON t.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' AND t.c<3 GROUP BY a.URN, a.MonthOfBirth",
    "rows of three tables in arithmetic": "SELECT SIGN(ABS(t.c-3)) AS z, a.URN, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a JOIN (SELECT q.k, COUNT(*) AS c FROM (SELECT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT DISTINCT PupilMatchingRefAnonymous FROM npd.exclusions WHERE AcademicYear='2018/2019' UNION ALL SELECT DISTINCT CIN_PupilMatchingRefAnonymous FROM npd.cin WHERE CIN_ACADYR='2018/2019') q GROUP BY q.k) t ON t.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY SIGN(ABS(t.c-3)), a.URN, a.MonthOfBirth",
    "never in one or the other table": "SELECT a.URN, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear='2018/2019' AND NOT EXISTS (SELECT 1 FROM (SELECT PupilMatchingRefAnonymous AS k FROM npd.exclusions WHERE AcademicYear='2018/2019' UNION ALL SELECT CIN_PupilMatchingRefAnonymous AS k FROM npd.cin WHERE CIN_ACADYR='2018/2019') x WHERE x.k=a.PupilMatchingRefAnonymous) GROUP BY a.URN, a.MonthOfBirth",
    "the years of two first rows": "SELECT CASE WHEN t.fy='2018/2019' THEN t.gy ELSE '2017/2018' END AS z, t.u, t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, AcademicYear AS y, FIRST_VALUE(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY FSMeligible DESC, AcademicYear) AS fy, FIRST_VALUE(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY PA10_exact_6HalfTerms DESC, AcademicYear) AS gy FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.y='2018/2019' GROUP BY CASE WHEN t.fy='2018/2019' THEN t.gy ELSE '2017/2018' END, t.u, t.m",
    "different years of two first rows": "SELECT t.u, t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, AcademicYear AS y, FIRST_VALUE(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY FSMeligible DESC, AcademicYear) AS fy, FIRST_VALUE(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY PA10_exact_6HalfTerms DESC, AcademicYear) AS gy FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.y='2018/2019' AND t.fy<>t.gy GROUP BY t.u, t.m",
    "a school in a chosen year": "SELECT x.m, COUNT(*) AS n FROM (SELECT t.k, MAX(CASE WHEN t.fy='2018/2019' THEN t.u END) AS u, MAX(t.m) AS m FROM (SELECT PupilMatchingRefAnonymous AS k, URN AS u, MonthOfBirth AS m, FIRST_VALUE(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY FSMeligible DESC, AcademicYear) AS fy, AcademicYear AS y FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t GROUP BY t.k) x WHERE x.u=100001 GROUP BY x.m",
    "who came to a school": "SELECT t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, AcademicYear AS y, LAG(URN) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS l FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.y='2018/2019' AND NOT (t.u<>t.l AND t.u=100001) GROUP BY t.m",
    "a flag of who came to a school": "SELECT CASE WHEN t.u<>t.l AND t.u=100001 THEN 1 ELSE 0 END AS z, t.m, COUNT(*) AS n FROM (SELECT URN AS u, MonthOfBirth AS m, AcademicYear AS y, LAG(URN) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS l FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.y='2018/2019' GROUP BY CASE WHEN t.u<>t.l AND t.u=100001 THEN 1 ELSE 0 END, t.m",
    "a school by that of the year before": "SELECT CASE WHEN b.URN=100001 THEN a.URN ELSE 100002 END AS z, a.MonthOfBirth, a.SENprovision, COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2017/2018' WHERE a.AcademicYear='2018/2019' GROUP BY CASE WHEN b.URN=100001 THEN a.URN ELSE 100002 END, a.MonthOfBirth, a.SENprovision",
    "the schools of two years in a key": "SELECT SIGN(ABS(a.URN-100001)+ABS(b.URN-100002)) AS z, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2017/2018' WHERE a.AcademicYear='2018/2019' GROUP BY SIGN(ABS(a.URN-100001)+ABS(b.URN-100002)), a.MonthOfBirth",
    "flags of two years multiplied": "SELECT a.FSMeligible*b.FSMeligible AS z, a.URN, a.MonthOfBirth, COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND b.AcademicYear='2017/2018' WHERE a.AcademicYear='2018/2019' GROUP BY a.FSMeligible*b.FSMeligible, a.URN, a.MonthOfBirth",
    "the greatest and the least school": "SELECT SIGN(ABS(t.p-100002)+ABS(t.q-100001)) AS z, t.m, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(URN) AS p, MIN(URN) AS q, MAX(MonthOfBirth) AS m FROM npd.absence WHERE AcademicYear IN ('2017/2018','2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY SIGN(ABS(t.p-100002)+ABS(t.q-100001)), t.m",
    "how many rows of two years": "SELECT SIGN(ABS(p.c-2)+ABS(q.c-3)) AS z, a.URN, COUNT(*) AS n FROM npd.absence a JOIN (SELECT PupilMatchingRefAnonymous AS k, COUNT(*) AS c FROM npd.exclusions WHERE AcademicYear='2018/2019' GROUP BY PupilMatchingRefAnonymous) p ON p.k=a.PupilMatchingRefAnonymous JOIN (SELECT PupilMatchingRefAnonymous AS k, COUNT(*) AS c FROM npd.exclusions WHERE AcademicYear='2017/2018' GROUP BY PupilMatchingRefAnonymous) q ON q.k=a.PupilMatchingRefAnonymous WHERE a.AcademicYear='2018/2019' GROUP BY SIGN(ABS(p.c-2)+ABS(q.c-3)), a.URN",
    "a union in a branch": "SELECT r.w, r.s, r.m, r.u, COUNT(*) AS n FROM (SELECT 'x' AS w, q.s, q.m, q.u FROM (SELECT SENprovision AS s, MonthOfBirth AS m, URN AS u FROM npd.absence WHERE AcademicYear='2018/2019' UNION ALL SELECT CASE WHEN SENprovision='E' THEN 'K' ELSE SENprovision END, MonthOfBirth, URN FROM npd.absence WHERE AcademicYear='2017/2018') q UNION ALL SELECT 'y', SENprovision, MonthOfBirth, URN FROM npd.absence WHERE AcademicYear='2016/2017') r GROUP BY r.w, r.s, r.m, r.u",
    "a narrow band of a quotient": "SELECT URN, MonthOfBirth, YearOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear='2018/2019' AND (1.0*OverallAbsence_6HalfTerms/NULLIF(SessionsPossible_6HalfTerms,0)<0.10027 OR 1.0*OverallAbsence_6HalfTerms/NULLIF(SessionsPossible_6HalfTerms,0)>0.100272) GROUP BY URN, MonthOfBirth, YearOfBirth",
    "a row by whether there is another": "SELECT t.y, t.u, t.m, COUNT(*) AS n FROM (SELECT a.URN AS u, a.MonthOfBirth AS m, a.AcademicYear AS y, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY CASE WHEN e.Category IS NULL THEN 1 ELSE 0 END, a.AcademicYear) AS r FROM npd.absence a LEFT JOIN npd.exclusions e ON e.PupilMatchingRefAnonymous=a.PupilMatchingRefAnonymous AND e.AcademicYear=a.AcademicYear AND e.AcademicYear IN ('2017/2018','2018/2019') WHERE a.AcademicYear IN ('2017/2018','2018/2019')) t WHERE t.r=1 GROUP BY t.y, t.u, t.m",
    "a path of a CASE that leaves out": f"SELECT SUM(CASE WHEN LA = 336 AND NOT ({CHILD}) THEN 3000 ELSE 1 END) AS s {ABSENCE}",
    "an alternative on a path of a CASE": f"SELECT SUM(CASE WHEN FSMeligible IN (0, 1) AND (LA = 336 OR ({CHILD})) THEN 3000 ELSE 1 END) AS s {ABSENCE}",
    "a branch behind another one": f"SELECT SUM(CASE WHEN FSMeligible = 1 AND MonthOfBirth <> 4 THEN 1 WHEN {CHILD} THEN 3000 ELSE 2 END) AS s {ABSENCE}",
    "text of several variables, beside a condition": f"SELECT CONCAT(URN, '/', MonthOfBirth) AS k, COUNT(*) AS n {ABSENCE} AND FSMeligible = 0 AND NCyearActual <> '3' GROUP BY CONCAT(URN, '/', MonthOfBirth)",
    "arithmetic in a key, beside a condition": f"SELECT SIGN(ABS(URN - 100001) + ABS(MonthOfBirth - 3)) AS k, COUNT(*) AS n {ABSENCE} AND FSMeligible = 0 AND NCyearActual <> '3' GROUP BY SIGN(ABS(URN - 100001) + ABS(MonthOfBirth - 3))",
    "the greatest of made rows, beside a condition": f"SELECT t.c, COUNT(*) AS n FROM (SELECT a.PupilMatchingRefAnonymous, MAX(v.x) AS c FROM npd.absence a CROSS APPLY (VALUES (CASE WHEN a.URN <> 100001 THEN 1 ELSE 0 END), (CASE WHEN a.MonthOfBirth <> 3 THEN 1 ELSE 0 END), (CASE WHEN a.SENprovision = 'N' THEN 1 ELSE 0 END)) v(x) WHERE a.{Y} AND a.FSMeligible = 1 AND a.NCyearActual <> '3' GROUP BY a.PupilMatchingRefAnonymous) t GROUP BY t.c",
    "a CASE in arithmetic": f"SELECT COUNT(*) AS n {ABSENCE} AND (CASE WHEN {CHILD} THEN 1 WHEN FSMeligible = 1 THEN 1 ELSE 0 END) + 0 = 1",
    "the size of a CASE": f"SELECT COUNT(*) AS n {ABSENCE} AND ABS(CASE WHEN {CHILD} THEN 1 WHEN FSMeligible = 1 THEN 1 ELSE 0 END) = 1",
    "a CASE like a text": f"SELECT COUNT(*) AS n {ABSENCE} AND CASE WHEN {CHILD} THEN 'Z' WHEN FSMeligible = 1 THEN 'Z' ELSE 'n' END LIKE 'Z%'",
    "a product that is zero": f"SELECT COUNT(*) AS n {ABSENCE} AND (ABS(URN - 100001) + ABS(MonthOfBirth - 3)) * (MonthOfBirth - 5) = 0",
    "EXISTS as an alternative": f"SELECT COUNT(*) AS n FROM npd.absence a WHERE a.{Y} AND (a.FSMeligible = 1 OR EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 336 OR ({CHILD.replace('URN', 'b.URN')}))))",
    "never in no row": f"SELECT COUNT(*) AS n FROM npd.absence a WHERE a.{Y} AND a.FSMeligible = 1 AND NOT EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND NOT EXISTS (SELECT 1 FROM npd.absence c WHERE c.PupilMatchingRefAnonymous = b.PupilMatchingRefAnonymous AND c.{Y} AND (c.LA = 336 OR (c.URN = 100001 AND c.MonthOfBirth = 3 AND c.SENprovision <> 'N'))))",
    "a count of a subquery": f"SELECT COUNT(*) AS n FROM npd.absence a WHERE a.{Y} AND a.FSMeligible = 1 AND (SELECT COUNT(*) FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{Y} AND (b.LA = 336 OR (b.URN = 100001 AND b.MonthOfBirth = 3 AND b.SENprovision <> 'N'))) > 0",
    "two branches of figures apart": f"SELECT SUM(CASE WHEN MonthOfBirth = 3 AND SENprovision <> 'N' AND URN BETWEEN 100001 AND 100010 THEN 1 ELSE 0 END) AS a, SUM(CASE WHEN MonthOfBirth = 3 AND SENprovision <> 'N' AND URN BETWEEN 100002 AND 100010 THEN 1 ELSE 0 END) AS b {ABSENCE}",
    "an alternative that adds a few": f"SELECT COUNT(*) AS n {ABSENCE} AND (URN <> 100001 OR (MonthOfBirth = 3 AND SENprovision <> 'N'))",
    "years in which few are left out": "SELECT AcademicYear, COUNT(*) AS n FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018', '2018/2019') AND NOT (URN = 100001 AND MonthOfBirth = 3 AND SENprovision <> 'N') GROUP BY AcademicYear",
    "people with another row elsewhere": "SELECT COUNT(DISTINCT PupilMatchingRefAnonymous) AS n FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018') AND URN <> 100001 AND FSMeligible = 1",
}  # fmt: skip

ORDINARY = {
    "one authority": f"SELECT SENprovision, COUNT(*) AS n {ABSENCE} AND LA = 336 GROUP BY SENprovision",
    "one school": f"SELECT SENprovision, COUNT(*) AS n {ABSENCE} AND URN = 100001 GROUP BY SENprovision",
    "one number": f"SELECT COUNT(*) AS n {ABSENCE} AND {MISSED} = 57",
    "year groups and a provision": f"SELECT COUNT(*) AS n, AVG(1.0 * {MISSED}) AS m {ABSENCE} AND NCyearActual IN ('3', '4') AND SENprovision = 'E'",
    "an authority and a provision": f"SELECT NCyearActual, COUNT(*) AS n {ABSENCE} AND LA = 336 AND SENprovision IN ('K', 'E') GROUP BY NCyearActual",
    "authorities or a provision": f"SELECT COUNT(*) AS n {ABSENCE} AND (LA IN (336, 330) OR SENprovision = 'E')",
    "all but a provision": f"SELECT COUNT(*) AS n {ABSENCE} AND FSMeligible = 1 AND SENprovision <> 'N'",
    "several years": "SELECT AcademicYear, COUNT(*) AS n FROM npd.absence WHERE AcademicYear IN ('2016/2017', '2017/2018', '2018/2019') AND SENprovision = 'E' AND FSMeligible = 1 GROUP BY AcademicYear",
    "persistent absence": f"SELECT SENprovision, SUM(CASE WHEN 1.0 * {MISSED} / NULLIF(SessionsPossible_6HalfTerms, 0) >= 0.10 THEN 1 ELSE 0 END) AS n_pa, COUNT(*) AS n {ABSENCE} AND SessionsPossible_6HalfTerms > 0 GROUP BY SENprovision",
    "persistent absence without a division": f"SELECT SENprovision, SUM(CASE WHEN {MISSED} >= 0.10 * SessionsPossible_6HalfTerms THEN 1 ELSE 0 END) AS n_pa, COUNT(*) AS n {ABSENCE} AND SessionsPossible_6HalfTerms > 0 GROUP BY SENprovision",
    "severe absence, scaled": f"SELECT SENprovision, COUNT(*) AS n {ABSENCE} AND 2 * {MISSED} >= SessionsPossible_6HalfTerms GROUP BY SENprovision",
    "a share of a group": f"SELECT SENprovision, AVG(CASE WHEN FSMeligible = 1 THEN 1.0 * PA10_exact_6HalfTerms END) AS pa {ABSENCE} GROUP BY SENprovision",
    "who was suspended": "SELECT COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2022/2023' AND PupilMatchingRefAnonymous IN (SELECT PupilMatchingRefAnonymous FROM npd.exclusions WHERE AcademicYear = '2022/2023' AND Category = 'FIXD')",
    "a wide table": f"SELECT LA, SUM(CASE WHEN SENprovision = 'N' THEN 1 ELSE 0 END) AS none, SUM(CASE WHEN SENprovision = 'E' THEN 1 ELSE 0 END) AS ehcp, COUNT(*) AS n {ABSENCE} GROUP BY LA",
    "pupils on roll": "SELECT Gender, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2022/2023' AND OnRoll = 1 AND (RecordStatus IS NULL OR RecordStatus < 100) AND NCyearActual = '6' GROUP BY Gender",
    "keys alone": "SELECT URN, YearOfBirth, MonthOfBirth, EthnicGroupMinor, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2022/2023' GROUP BY URN, YearOfBirth, MonthOfBirth, EthnicGroupMinor",
    "bands": "SELECT CASE WHEN k.KS4_ATT8 < 20 THEN 'low' WHEN k.KS4_ATT8 < 57 THEN 'middle' ELSE 'high' END AS band, COUNT(*) AS n FROM npd.ks4_pupil k WHERE k.KS4_ACADYR = '2018/2019' AND k.KS4_NATRES = 1 GROUP BY CASE WHEN k.KS4_ATT8 < 20 THEN 'low' WHEN k.KS4_ATT8 < 57 THEN 'middle' ELSE 'high' END",
    "attainment by the census": "SELECT sc.SENprovision, AVG(k.KS4_ATT8) AS att8, COUNT(*) AS n FROM npd.spring_census sc JOIN npd.ks4_pupil k ON k.KS4_PupilMatchingRefAnonymous = sc.PupilMatchingRefAnonymous AND k.KS4_ACADYR = sc.AcademicYear WHERE sc.AcademicYear = '2018/2019' AND k.KS4_NATRES = 1 AND sc.NCyearActual = '11' GROUP BY sc.SENprovision",
    "who was never suspended": "SELECT sc.Gender, COUNT(*) AS n FROM npd.spring_census sc WHERE sc.AcademicYear = '2018/2019' AND NOT EXISTS (SELECT 1 FROM npd.exclusions e WHERE e.PupilMatchingRefAnonymous = sc.PupilMatchingRefAnonymous AND e.AcademicYear = '2018/2019') GROUP BY sc.Gender",
    "the first record of each": "SELECT Gender, COUNT(*) AS n FROM (SELECT Gender, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY RecordStatus, EnrolStatus) AS r FROM npd.spring_census WHERE AcademicYear = '2019/2020' AND OnRoll = 1) t WHERE r = 1 GROUP BY Gender",
    "stayers and movers": "SELECT COUNT(a.k) AS n, COUNT(b.k) AS m FROM (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.spring_census WHERE AcademicYear = '2017/2018') a FULL JOIN (SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.spring_census WHERE AcademicYear = '2018/2019') b ON a.k = b.k",
    "labels of codes": f"SELECT v.l, COUNT(*) AS n FROM npd.absence a LEFT JOIN (VALUES ('E', 'Plan'), ('K', 'Support')) v(c, l) ON v.c = a.SENprovision WHERE a.{Y} GROUP BY v.l",
    "a region if it is known": f"SELECT COALESCE(s.Region, 'Unknown') AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN ref.schools s ON s.URN = a.URN WHERE a.{Y} GROUP BY COALESCE(s.Region, 'Unknown')",
    "the provision of the year before": f"SELECT COALESCE(x.s, a.SENprovision) AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, SENprovision AS s FROM npd.absence WHERE AcademicYear = '2017/2018') x ON x.k = a.PupilMatchingRefAnonymous WHERE a.{Y} GROUP BY COALESCE(x.s, a.SENprovision)",
    "whether somebody was suspended": f"SELECT CASE WHEN x.n > 0 THEN 1 ELSE 0 END AS k, COUNT(*) AS n FROM npd.absence a LEFT JOIN (SELECT PupilMatchingRefAnonymous AS k, COUNT(*) AS n FROM npd.exclusions WHERE {Y} GROUP BY PupilMatchingRefAnonymous) x ON x.k = a.PupilMatchingRefAnonymous WHERE a.{Y} GROUP BY CASE WHEN x.n > 0 THEN 1 ELSE 0 END",
    "codes of some": f"SELECT CASE WHEN SENprovision IN ('E', 'K') THEN EthnicGroupMinor ELSE 'none' END AS k, COUNT(*) AS n {ABSENCE} GROUP BY CASE WHEN SENprovision IN ('E', 'K') THEN EthnicGroupMinor ELSE 'none' END",
    "the main record of each": "SELECT t.s, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, SENprovision AS s, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE WHEN EnrolStatus = 'C' THEN 0 ELSE 1 END, URN) AS r FROM npd.spring_census WHERE AcademicYear = '2018/2019') t WHERE t.r = 1 GROUP BY t.s",
    "provisions of two years": f"SELECT q.y, q.s, COUNT(*) AS n FROM (SELECT AcademicYear AS y, SENprovision AS s FROM npd.absence WHERE AcademicYear = '2017/2018' UNION ALL SELECT AcademicYear, SENprovision FROM npd.absence WHERE {Y}) q GROUP BY q.y, q.s",
    "flags as rows": f"SELECT v.s, SUM(v.x) AS m FROM npd.absence a CROSS APPLY (VALUES ('meals', a.FSMeligible), ('absence', a.PA10_exact_6HalfTerms)) v(s, x) WHERE a.{Y} GROUP BY v.s",
    "groups below each other": f"SELECT q.what, q.value, COUNT(*) AS n, AVG(1.0 * q.x) AS m FROM (SELECT 'need' AS what, SENprovision AS value, {MISSED} AS x {ABSENCE} UNION ALL SELECT 'year group', NCyearActual, {MISSED} {ABSENCE}) q GROUP BY q.what, q.value",
    "figures below each other": f"SELECT v.s, AVG(1.0 * v.x) AS m, COUNT(v.x) AS n FROM npd.absence a CROSS APPLY (VALUES ('all', a.OverallAbsence_6HalfTerms), ('authorised', a.AuthorisedAbsence_6HalfTerms)) v(s, x) WHERE a.{Y} GROUP BY v.s",
    "whoever ever met a condition": "SELECT t.c, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, MAX(CASE WHEN FSMeligible = 1 AND SENprovision <> 'N' THEN 1 ELSE 0 END) AS c FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY PupilMatchingRefAnonymous) t GROUP BY t.c",
    "figures of the persons of figures": f"SELECT t.sen, SUM(CASE WHEN t.missed > 40 THEN 1 ELSE 0 END) AS high, COUNT(*) AS n FROM (SELECT c.k, c.sen, SUM(a.{MISSED}) AS missed FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(SENprovision) AS sen FROM npd.spring_census WHERE {Y} AND OnRoll = 1 GROUP BY PupilMatchingRefAnonymous) c LEFT JOIN npd.absence a ON a.PupilMatchingRefAnonymous = c.k AND a.{Y} GROUP BY c.k, c.sen) t GROUP BY t.sen",
    "the main record by two codes": "SELECT t.s, COUNT(*) AS n FROM (SELECT SENprovision AS s, ROW_NUMBER() OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY CASE WHEN EnrolStatus = 'C' THEN 0 WHEN EnrolStatus = 'M' THEN 1 ELSE 2 END, CASE WHEN OnRoll = 1 THEN 0 ELSE 1 END, URN) AS r FROM npd.spring_census WHERE AcademicYear = '2018/2019') t WHERE t.r = 1 GROUP BY t.s",
    "a census on an outer side": "SELECT c.SENprovision, AVG(k.KS2_MATSCORE) AS m, COUNT(*) AS n FROM npd.ks2_pupil k LEFT JOIN npd.spring_census c ON c.PupilMatchingRefAnonymous = k.KS2_PupilMatchingRefAnonymous AND c.AcademicYear = k.KS2_ACADYR AND c.OnRoll = 1 WHERE k.KS2_ACADYR = '2018/2019' GROUP BY c.SENprovision",
    "the same provision as before": "SELECT CASE WHEN t.b = t.s THEN 'same' ELSE 'other' END AS c, COUNT(*) AS n FROM (SELECT AcademicYear AS y, SENprovision AS s, LAG(SENprovision) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS b FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t WHERE t.y = '2018/2019' GROUP BY CASE WHEN t.b = t.s THEN 'same' ELSE 'other' END",
    "who changed school": "SELECT COUNT(*) AS n FROM npd.absence a JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2017/2018' WHERE a.AcademicYear = '2018/2019' AND a.URN <> b.URN",
    "who lives elsewhere": "SELECT LA, COUNT(*) AS n, SUM(CASE WHEN HomeLA <> LA THEN 1 ELSE 0 END) AS from_outside FROM npd.spring_census WHERE AcademicYear = '2018/2019' AND OnRoll = 1 GROUP BY LA",
    "quarters by absence": f"SELECT t.q, t.FSMeligible, COUNT(*) AS n FROM (SELECT FSMeligible, NTILE(4) OVER (PARTITION BY AcademicYear ORDER BY {MISSED} DESC) AS q FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019')) t GROUP BY t.q, t.FSMeligible",
    "schools of a region": "SELECT s.Phase, COUNT(*) AS n FROM npd.spring_census c JOIN ref.schools s ON s.URN = c.URN WHERE c.AcademicYear = '2022/2023' AND s.Region = 'London' AND c.SENprovision = 'K' GROUP BY s.Phase",
    "two years below each other, with their schools": f"SELECT q.y, s.Phase, COUNT(*) AS n FROM (SELECT AcademicYear AS y, URN AS u FROM npd.absence WHERE AcademicYear = '2017/2018' UNION ALL SELECT AcademicYear, URN FROM npd.absence WHERE {Y}) q LEFT JOIN ref.schools s ON s.URN = q.u GROUP BY q.y, s.Phase",
    "schools of a phase on an outer side": f"SELECT s.Region, COUNT(*) AS n FROM npd.absence a LEFT JOIN ref.schools s ON s.URN = a.URN AND s.Phase = 'PS' WHERE a.{Y} GROUP BY s.Region",
    "who was ever in need": "SELECT k.KS4_SENF, COUNT(*) AS n FROM npd.ks4_pupil k WHERE k.KS4_ACADYR = '2018/2019' AND k.KS4_PupilMatchingRefAnonymous IN (SELECT CIN_PupilMatchingRefAnonymous FROM npd.cin WHERE CIN_ACADYR IN ('2017/2018', '2018/2019')) GROUP BY k.KS4_SENF",
    "how many years with free meals": "SELECT p.g, p.n AS years, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, Gender AS g, SUM(FSMeligible) AS n FROM npd.spring_census WHERE AcademicYear IN ('2017/2018', '2018/2019') AND OnRoll = 1 GROUP BY PupilMatchingRefAnonymous, Gender) p GROUP BY p.g, p.n",
}  # fmt: skip


def checked(text: str, profile: str = "npd-default") -> CheckedSubmission:
    project = POLICIES.project("P0421")
    assert project is not None
    found = check_submission(text, JobKind.SQL, "tsql", replace(project, profile=profile), POLICIES, date(2026, 11, 1))
    assert found.accepted, found.refusals
    return found


def parts(text: str, profile: str = "npd-default") -> list[SmallPart]:
    plan = checked(text, profile).plan
    assert plan is not None
    return [part for output in plan.outputs for part in output.small_parts]


FEW = "URN = 100001 AND MonthOfBirth = 3 AND YearOfBirth = 2008 AND SENprovision <> 'N'"


@pytest.mark.parametrize("order", ["NCyearActual < 'é'", "NOT (NCyearActual >= 'é')"])
def test_an_order_that_the_engine_decides_may_hold(order: str) -> None:
    """It says nothing of other parts of the text, as what is impossible would."""
    text = f"SELECT COUNT(*) AS n {ABSENCE} AND {order} AND (MonthOfBirth = 5 OR ({FEW}))"
    project = POLICIES.project("P0421")
    assert project is not None
    found = check_submission(text, JobKind.SQL, "duckdb", project, POLICIES, date(2026, 11, 1))
    assert found.accepted, found.refusals
    assert found.plan is not None
    assert found.plan.outputs[0].small_parts


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ATTACKS)
def test_a_part_that_singles_out_goes_to_a_person(name: str, profile: str) -> None:
    """Under every profile, each output that has such a part; the author is told before sending, with the place."""
    found = checked(ATTACKS[name], profile)
    assert found.plan is not None
    assert all(output.small_parts for output in found.plan.outputs)
    told = [p for output in found.plan.outputs for p in output.small_parts]
    least = found.plan.outputs[0].counted[0].least if found.plan.outputs[0].counted else 0
    assert {p.placed if not p.counted else p.placed_if_few(least) for p in told} <= {*found.review, *found.advice}
    lines = ATTACKS[name].split("\n")
    for part in told:
        assert part.line is not None
        assert part.column is not None
        assert part.text
        assert part.column <= len(lines[part.line - 1])


def about(text: str, child: Child) -> str:
    """The same text, about another child than the one that it names."""
    named = (
        ("100001", child.school), (r"(?<=MonthOfBirth = )3\b", child.month), (r"(?<=MonthOfBirth <> )3\b", child.month),
        (r"(?<=MonthOfBirth - )3\b", child.month), (r"2008", child.year),
    )  # fmt: skip
    for what, value in named:
        text = re.sub(what, str(value), text)
    return text


def children() -> list[Child]:
    """Half of them with the secret."""
    found = [child for child in town().children(5 * CHILDREN) if child.month not in PADS]
    half = CHILDREN // 2
    return [child for has in (True, False) for child in [c for c in found if c.has is has][:half]]


@pytest.mark.timeout(14_400)
def test_a_text_about_any_child_needs_a_review() -> None:
    """Of no text, of no child, under no profile is there anything to guess from before a person has looked."""
    asked_after, asked, alone = children(), 0, []
    for name, child, profile in product(ATTACKS, asked_after, PROFILES):
        found = checked(about(ATTACKS[name], child), profile)
        assert found.plan is not None
        asked += 1
        alone += [(name, child, profile) for output in found.plan.outputs if not output.small_parts]
    with_secret = sum(child.has for child in asked_after)
    tell("reach", {
        "texts": len(ATTACKS), "profiles": PROFILES, "children": len(asked_after), "with the secret": with_secret,
        "checked": asked, "outputs without a person": len(alone),
    })  # fmt: skip
    assert alone == []
    assert (len(asked_after), with_secret) == (CHILDREN, CHILDREN // 2)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_statistics_stay_in_the_automatic_lane(name: str, profile: str) -> None:
    assert parts(ORDINARY[name], profile) == []


def test_the_part_is_marked_at_its_place() -> None:
    text = f"SELECT COUNT(*) AS n\n{ABSENCE}\n  AND (LA = 336\n    OR (URN = 100001 AND MonthOfBirth = 3))"
    (part,) = parts(text)
    assert (part.line, part.column, part.text) == (4, 9, "URN = 100001 AND MonthOfBirth = 3")
    assert part.placed_if_few(30) == (
        "Line 4, column 9: A checker reviews the output if a part of the text selects or excludes fewer than 30 people: "
        "URN = 100001 AND MonthOfBirth = 3."
    )


def test_a_year_that_is_an_alternative_is_marked_as_such() -> None:
    (part,) = parts(ATTACKS["A8 years as a weight"])
    assert "count for more years than others" in part.why


@contextmanager
def broker_without_votes() -> Iterator[Broker]:
    """A broker with the shipped policies, whose projects release without votes."""
    with TemporaryDirectory() as folder:
        way = opened(Path(folder), POLICIES)
        broker = next(way)
        user_accounts.initialise_broker(
            broker.ports, [(Person(i, i.title(), frozenset({r})), None) for i, r in ROLES.items()]
        )
        broker.put_in_force(POLICIES)
        user_accounts.put_snapshot(
            broker.ports, Snapshot("s1", "0" * 64, broker.clock.now(), True, "snapshots/s1", "{}")
        )
        broker.policies = broker.govern(votes=0)
        yield broker
        assert next(way, None) is None


def test_no_output_of_such_a_text_leaves_without_a_person() -> None:
    """Where policy asks for no votes, and every cell has enough people: the same question without the part leaves."""
    asked = "SELECT SENprovision, COUNT(*) AS n {} GROUP BY SENprovision"
    with broker_without_votes() as broker:
        _, released = broker.ran(asked.format(ABSENCE))
        assert released.state is OutputState.RELEASED
        for condition in (f"({MISSED} = 3 OR ({CHILD}))", f"NOT ({CHILD})", CHILD):
            _, output = broker.ran(asked.format(f"{ABSENCE} AND {condition}"))
            assert output.state is OutputState.IN_REVIEW, condition
