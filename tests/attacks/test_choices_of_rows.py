"""How an attacker lets one child count with more rows than another: a condition that mixes the child's attribute with
written rows, numbers of rows or years, in an argument, a key or a branch. A checker reviews each, whatever the data
are."""

# ruff: noqa: E501 - one attack a line reads as a table

from functools import cache

import pytest

from broker.disclosure.protected_values import round_rows
from broker.domain.jobs.job import JobKind
from broker.policy.disclosure_rules import DisclosureRules
from broker.workflow.checking.submission_check import check_submission
from tests.attacks.decoders.kit import TODAY
from tests.attacks.decoders.towns import ABSENCE, CENSUS, KEY, PROJECT, policies_of_town

AMOUNT, Y, K = "a.OverallAbsence_6HalfTerms", "a.AcademicYear = '2018/2019'", "a.SENprovision = 'K'"
YEARS = "IN ('2016/2017', '2017/2018', '2018/2019')"
HERE = f"FROM {ABSENCE} AS a"
APPLIED = f"{HERE} CROSS APPLY (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS v (i)"
UNPIVOTED = f"{HERE} CROSS APPLY (VALUES ('o', {AMOUNT}), ('p', a.SessionsPossible_6HalfTerms)) AS v (name, y)"
JOINED = f"{HERE} JOIN {CENSUS} AS b ON b.{KEY} = a.{KEY} WHERE a.AcademicYear {YEARS} AND b.AcademicYear {YEARS}"
NUMBERED = f"FROM (SELECT a.SENprovision AS k, ROW_NUMBER() OVER (PARTITION BY a.{KEY} ORDER BY a.AcademicYear) AS r {HERE} WHERE a.AcademicYear {YEARS}) AS d"
MIXED = f"{K} OR v.i = 1"

TO_A_PERSON = {
    "a sum of ones": f"SELECT SUM(CASE WHEN {MIXED} THEN 1 ELSE 0 END) AS n {APPLIED} WHERE {Y}",
    "a count": f"SELECT COUNT(CASE WHEN {MIXED} THEN 1 END) AS n {APPLIED} WHERE {Y}",
    "a share": f"SELECT AVG(CASE WHEN {MIXED} THEN 1.0 ELSE 0 END) AS n {APPLIED} WHERE {Y}",
    "an amount": f"SELECT SUM(CASE WHEN {MIXED} THEN {AMOUNT} ELSE 0 END) AS n {APPLIED} WHERE {Y}",
    "a join": f"SELECT SUM(CASE WHEN {MIXED} THEN 1 ELSE 0 END) AS n {HERE} CROSS JOIN (VALUES (1), (2), (3), (4)) AS v (i) WHERE {Y}",
    "everything but": f"SELECT SUM(CASE WHEN NOT ({K}) AND v.i > 1 THEN 0 ELSE 1 END) AS n {APPLIED} WHERE {Y}",
    "a key": f"SELECT CASE WHEN {MIXED} THEN 'x' ELSE 'y' END AS k, COUNT(*) AS n {APPLIED} WHERE {Y} GROUP BY CASE WHEN {MIXED} THEN 'x' ELSE 'y' END",
    "a mark below": f"SELECT SUM(d.y) AS n FROM (SELECT CASE WHEN {MIXED} THEN 1 ELSE 0 END AS y {APPLIED} WHERE {Y}) AS d",
    "a condition above": f"SELECT COUNT(*) AS n FROM (SELECT CASE WHEN {MIXED} THEN 1 ELSE 0 END AS y {APPLIED} WHERE {Y}) AS d WHERE d.y = 1",
    "variables as rows": f"SELECT SUM(CASE WHEN {K} OR v.name = 'o' THEN 1 ELSE 0 END) AS n {UNPIVOTED} WHERE {Y}",
    "branches by year": f"SELECT SUM(CASE WHEN {Y} THEN 1 WHEN {K} THEN 1 ELSE 0 END) AS n {HERE} WHERE a.AcademicYear {YEARS}",
    "branches by two years": f"SELECT SUM(CASE WHEN {Y} AND b.AcademicYear = '2018/2019' THEN 1 WHEN {K} THEN 1 ELSE 0 END) AS n {JOINED}",
    "numbered rows": f"SELECT SUM(CASE WHEN d.k = 'K' OR d.r = 1 THEN 1 ELSE 0 END) AS n {NUMBERED}",
    "numbered rows that are kept": f"SELECT COUNT(*) AS n {NUMBERED} WHERE d.k = 'K' OR d.r = 1",
    "a union of tables": f"SELECT COUNT(*) AS n FROM (SELECT a.{KEY} AS k, a.SENprovision AS s {HERE} WHERE {Y} UNION ALL SELECT b.{KEY}, b.SENprovision FROM {CENSUS} AS b WHERE b.AcademicYear {YEARS} AND b.SENprovision = 'K') AS d",
}  # fmt: skip
LEAVES = {
    "variables as rows": f"SELECT v.name, SUM(CASE WHEN a.FSMeligible = 1 THEN v.y ELSE 0 END) AS m {UNPIVOTED} WHERE {Y} GROUP BY v.name",
    "the last row": f"SELECT d.k, COUNT(*) AS n {NUMBERED} WHERE d.r = 1 GROUP BY d.k",
    "the last row with a code": f"SELECT SUM(CASE WHEN d.r = 1 AND d.k = 'K' THEN 1 ELSE 0 END) AS n {NUMBERED}",
    "a count for each year": f"SELECT SUM(CASE WHEN {Y} AND a.FSMeligible = 1 THEN 1 ELSE 0 END) AS n, SUM(CASE WHEN a.AcademicYear = '2017/2018' AND a.FSMeligible = 1 THEN 1 ELSE 0 END) AS m {HERE} WHERE a.AcademicYear {YEARS}",
    "bands": f"SELECT CASE WHEN {AMOUNT} < 10 THEN 'low' WHEN {AMOUNT} < 30 THEN 'mid' ELSE 'high' END AS band, COUNT(*) AS n {HERE} WHERE {Y} GROUP BY CASE WHEN {AMOUNT} < 10 THEN 'low' WHEN {AMOUNT} < 30 THEN 'mid' ELSE 'high' END",
    "a union of tables": f"SELECT d.s, COUNT(*) AS n FROM (SELECT a.{KEY} AS k, a.SENprovision AS s {HERE} WHERE {Y} AND a.FSMeligible = 1 UNION ALL SELECT b.{KEY}, b.SENprovision FROM {CENSUS} AS b WHERE b.AcademicYear = '2018/2019' AND b.FSMeligible = 1) AS d GROUP BY d.s",
}  # fmt: skip


POLICIES = cache(policies_of_town)


def is_automatic(select: str) -> bool:
    policies = POLICIES()
    project = policies.project(PROJECT)
    assert project is not None
    found = check_submission(f"-- output: t\n{select}", JobKind.SQL, "tsql", project, policies, TODAY)
    assert found.accepted, found.refusals
    return not found.review


@pytest.mark.parametrize("name", TO_A_PERSON)
def test_a_checker_reviews_it_whatever_the_data_are(name: str) -> None:
    assert not is_automatic(TO_A_PERSON[name])


@pytest.mark.parametrize("name", LEAVES)
def test_ordinary_choices_leave_by_themselves(name: str) -> None:
    assert is_automatic(LEAVES[name])


RULES = DisclosureRules(name="npd", source="test", t=10)
AT_MOST = 0.45
"""Persons and rows of each are two numbers: independent edges show one of them in 1 - 0.8² of cases, 36 %."""


@pytest.mark.parametrize("rows", [(1, 2), (1, 3), (2, 3), (1, 9), (5, 9)])
def test_a_count_of_rows_moves_as_seldom_as_two_counts(rows: tuple[int, int]) -> None:
    """Cells of persons with so many rows each, between two numbers; one more has the most rows or the fewest."""
    least, most = rows
    seen = tried = 0
    for persons in range(40, 400):
        total = sum(least + (n * 7 + persons) % (most - least + 1) for n in range(persons))
        for child in rows:
            tried += 1
            before, after = round_rows(total, persons, RULES), round_rows(total + child, persons + 1, RULES)
            seen += before != after
    assert seen <= AT_MOST * tried
