"""How an attacker lets one child count with more rows than another: a condition that mixes the child's attribute with
written rows, numbers of rows or years, in an argument, a key or a branch. A checker reviews each, whatever the data
are."""

# ruff: noqa: E501 - one attack a line reads as a table

from decimal import Decimal
from itertools import pairwise

import pytest

from broker.disclosure.protected_values import rounded_value
from broker.disclosure.rounded_counts import CellSize, round_rows
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import RATIOS, Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.policy.disclosure_rules import DisclosureRules
from tests.attacks.decoders.kit import checked
from tests.attacks.decoders.towns import ABSENCE, CENSUS, KEY

AMOUNT, Y, K = "a.OverallAbsence_6HalfTerms", "a.AcademicYear = '2018/2019'", "a.SENprovision = 'K'"
YEARS = "IN ('2016/2017', '2017/2018', '2018/2019')"
HERE = f"FROM {ABSENCE} AS a"
APPLIED = f"{HERE} CROSS APPLY (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS v (i)"
UNPIVOTED = f"{HERE} CROSS APPLY (VALUES ('o', {AMOUNT}), ('p', a.SessionsPossible_6HalfTerms)) AS v (name, y)"
JOINED = f"{HERE} JOIN {CENSUS} AS b ON b.{KEY} = a.{KEY} WHERE a.AcademicYear {YEARS} AND b.AcademicYear {YEARS}"
NUMBERED = f"FROM (SELECT a.SENprovision AS k, ROW_NUMBER() OVER (PARTITION BY a.{KEY} ORDER BY a.AcademicYear) AS r {HERE} WHERE a.AcademicYear {YEARS}) AS d"
MIXED = f"{K} OR v.i = 1"
UNAUTHORISED, POSSIBLE = "1.0 * a.UnauthorisedAbsence_6HalfTerms", "1.0 * a.SessionsPossible_6HalfTerms"
TWO_AMOUNTS = f"{HERE} CROSS APPLY (VALUES (1, {UNAUTHORISED}), (2, {POSSIBLE})) AS v (r, y) WHERE {Y}"
ONE_ROW = f"FROM (SELECT b.{KEY} AS k, 1 AS r, 1.0 * b.UnauthorisedAbsence_6HalfTerms AS y FROM {ABSENCE} AS b WHERE b.AcademicYear = '2018/2019' UNION ALL SELECT b.{KEY}, 2, 1.0 * b.SessionsPossible_6HalfTerms FROM {ABSENCE} AS b WHERE b.AcademicYear = '2018/2019') AS u"
SCHOOLS = f"{HERE} CROSS JOIN ref.schools AS s CROSS JOIN ref.schools AS r WHERE {Y} AND ({K} OR (s.URN = a.URN AND r.URN = a.URN))"
PAIRED = f"{HERE} CROSS APPLY (VALUES (a.SessionsPossible_6HalfTerms, {{0}}), (a.UnauthorisedAbsence_6HalfTerms, {{1}})) AS v (x, o) WHERE {Y}"
CODED = PAIRED.format("a.SENprovision", "'E'")
FLAGGED = PAIRED.format("a.FSMeligible", "1")
STACKED = f"(SELECT a.{KEY} AS k, a.SessionsPossible_6HalfTerms AS x, a.SENprovision AS o {HERE} WHERE {Y} UNION ALL SELECT a.{KEY}, a.UnauthorisedAbsence_6HalfTerms, 'E' {HERE} WHERE {Y}) AS q"


ELEVEN_TIMES = ", ".join(["(a.FSMeligible)"] * 11)


def every_year(of: str, then: str) -> str:
    """A code of three years and two tables below each other, and one more row for everybody."""
    each = [(t, f"{y}/{y + 1}", of) for t in (ABSENCE, CENSUS) for y in (2016, 2017, 2018)]
    rows = [*each, (ABSENCE, "2018/2019", then)]
    parts = [f"SELECT {KEY} AS k, {o} AS o FROM {t} WHERE AcademicYear = '{y}'" for t, y, o in rows]
    return f"({' UNION ALL '.join(parts)}) AS q"


def of_each(figure: str, value: str, rows: str) -> str:
    """A figure of one value of each person."""
    return f"SELECT {figure} AS n FROM (SELECT a.{KEY} AS k, {value} AS y {rows} GROUP BY a.{KEY}) AS d"


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
    "weights below a person's count": of_each("SUM(d.y)", "COUNT(*)", f"{APPLIED} WHERE {Y} AND ({MIXED})"),
    "weights below a person's sum": of_each("SUM(d.y)", f"SUM({AMOUNT})", f"{APPLIED} WHERE {Y} AND ({MIXED})"),
    "written rows joined below a count": of_each("SUM(d.y)", "COUNT(*)", f"{HERE} JOIN (VALUES ('N'), ('E'), ('K'), ('K'), ('K'), ('K')) AS v (s) ON v.s = a.SENprovision WHERE {Y}"),
    "written rows on an outer side below a count": of_each("SUM(d.y)", "COUNT(*)", f"{HERE} LEFT JOIN (VALUES ('K'), ('K'), ('K'), ('K')) AS v (s) ON v.s = a.SENprovision WHERE {Y}"),
    "a count that a subquery reads": f"SELECT SUM(e.y) AS n FROM (SELECT d.k, (SELECT MAX(d.n) FROM {ABSENCE} AS b WHERE b.{KEY} = d.k AND b.AcademicYear = '2018/2019') AS y FROM (SELECT a.{KEY} AS k, COUNT(*) AS n {HERE} JOIN (VALUES ('N'), ('E'), ('K'), ('K'), ('K')) AS v (s) ON v.s = a.SENprovision WHERE {Y} GROUP BY a.{KEY}) AS d) AS e",
    "public rows below a count": of_each("SUM(d.y)", "COUNT(*)", SCHOOLS),
    "public rows counted by a subquery": f"SELECT SUM((SELECT COUNT(*) FROM ref.schools AS s WHERE {K} OR s.URN = a.URN)) AS n {HERE} WHERE {Y}",
    "written rows counted for each row": f"SELECT SUM(d.n) AS n {HERE} CROSS APPLY (SELECT COUNT(*) AS n FROM (VALUES ('N'), ('K'), ('K'), ('K'), ('K')) AS v (s) WHERE v.s = a.SENprovision) AS d WHERE {Y}",
    "a filter that picks the amount": of_each("AVG(d.y)", "MAX(v.y)", f"{TWO_AMOUNTS} AND ({K} OR v.r = 1)"),
    "an order that picks the amount": f"SELECT AVG(d.f) AS n FROM (SELECT FIRST_VALUE(v.y) OVER (PARTITION BY a.{KEY} ORDER BY v.r * (a.FSMeligible - 0.5) DESC) AS f {TWO_AMOUNTS}) AS d",
    "a partition that picks the amount": f"SELECT AVG(d.f) AS n FROM (SELECT MAX(v.y) OVER (PARTITION BY a.{KEY}, CASE WHEN {K} THEN 0 ELSE v.r END) AS f {TWO_AMOUNTS}) AS d",
    "the first of several rows": f"SELECT AVG(d.y) AS n {HERE} CROSS APPLY (SELECT TOP 1 u.y {ONE_ROW} WHERE u.k = a.{KEY} ORDER BY CASE WHEN {K} THEN 0 - u.r ELSE u.r END) AS d WHERE {Y}",
    "a branch that adds an amount": f"SELECT AVG(d.y) AS n FROM (SELECT u.k, MAX(u.y) AS y FROM (SELECT a.{KEY} AS k, {UNAUTHORISED} AS y {HERE} WHERE {Y} UNION ALL SELECT a.{KEY}, {POSSIBLE} {HERE} WHERE {Y} AND {K}) AS u GROUP BY u.k) AS d",
    "a variable in many made rows": f"SELECT COUNT(*) AS n {HERE} CROSS APPLY (VALUES (a.MonthOfBirth), {ELEVEN_TIMES}) AS v (i) WHERE {Y} AND v.i = 1",
    "a variable in many branches": f"SELECT COUNT(*) AS n FROM (SELECT a.{KEY} AS k, a.MonthOfBirth AS i {HERE} WHERE {Y} UNION ALL SELECT a.{KEY}, a.FSMeligible {HERE} WHERE {Y} UNION ALL SELECT a.{KEY}, a.FSMeligible {HERE} WHERE {Y}) AS d WHERE d.i = 1",
    "a code beside an amount, filtered below": of_each("AVG(1.0 * d.y)", "MAX(v.x)", f"{CODED} AND v.o = 'E'"),
    "a code beside an amount, filtered": f"SELECT AVG(1.0 * v.x) AS n {CODED} AND v.o = 'E'",
    "a code beside an amount, in a union": f"SELECT SUM(q.x) AS n FROM {STACKED} WHERE q.o = 'E'",
    "a code beside an amount, as a key": f"SELECT q.o, AVG(1.0 * q.x) AS n FROM {STACKED} GROUP BY q.o",
    "a code beside an amount, in a branch": f"SELECT SUM(CASE WHEN q.o = 'E' THEN q.x END) AS n FROM {STACKED}",
    "a code beside an amount, in an order": f"SELECT AVG(1.0 * d.m) AS n FROM (SELECT FIRST_VALUE(v.x) OVER (PARTITION BY a.{KEY} ORDER BY v.o DESC) AS m {PAIRED.format('1.0 * a.FSMeligible', '0.5')}) AS d",
    "a code beside an amount, in a partition": f"SELECT AVG(1.0 * d.m) AS n FROM (SELECT MAX(v.x) OVER (PARTITION BY a.{KEY}, v.o) AS m {FLAGGED}) AS d",
    "an amount beside an amount": of_each("AVG(1.0 * d.y)", "MAX(v.x)", f"{PAIRED.format(AMOUNT, '400')} AND v.o >= 60"),
    "two codes beside two amounts": f"SELECT AVG(1.0 * v.x) AS n {PAIRED.format('a.FSMeligible', 'a.MonthOfBirth')} AND v.o = 1",
    "a code of every year and a row for everybody": f"SELECT COUNT(*) AS n FROM {every_year('SENprovision', chr(39) + 'E' + chr(39))} WHERE q.o = 'E'",
    "a code of every year, counted by each person": f"SELECT SUM(d.y) AS n FROM (SELECT COUNT(*) OVER (PARTITION BY q.k) AS y FROM {every_year('FSMeligible', '1')} WHERE q.o = 1) AS d",
    "a code of every year and another of everybody": f"SELECT COUNT(*) AS n FROM {every_year('FSMeligible', 'MonthOfBirth')} WHERE q.o = 1",
    "values that are missing": f"SELECT COUNT(COALESCE(NULLIF(a.FSMeligible, 0), NULLIF(SIGN(v.i - 1), 1))) AS n {APPLIED} WHERE {Y}",
}  # fmt: skip
TABLES_BY_A_CODE = f"SELECT d.s, COUNT(*) AS n FROM (SELECT a.{KEY} AS k, a.SENprovision AS s {HERE} WHERE {Y} AND a.FSMeligible = 1 UNION ALL SELECT b.{KEY}, b.SENprovision FROM {CENSUS} AS b WHERE b.AcademicYear = '2018/2019' AND b.FSMeligible = 1) AS d GROUP BY d.s"
LEAVES = {
    "variables as rows": f"SELECT v.name, SUM(CASE WHEN a.FSMeligible = 1 THEN v.y ELSE 0 END) AS m {UNPIVOTED} WHERE {Y} GROUP BY v.name",
    "variables as rows that have a value": f"SELECT v.name, AVG(1.0 * v.y) AS m {UNPIVOTED} WHERE {Y} AND v.y IS NOT NULL GROUP BY v.name",
    "one of several variables": f"SELECT AVG(1.0 * v.y) AS m {UNPIVOTED} WHERE {Y} AND v.name = 'o'",
    "tables that a key tells apart": f"SELECT q.part, q.c, SUM(q.x) AS m FROM (SELECT 1 AS part, a.SENprovision AS c, {AMOUNT} AS x {HERE} WHERE {Y} UNION ALL SELECT 2, b.EthnicGroupMinor, b.MonthOfBirth FROM {CENSUS} AS b WHERE b.AcademicYear = '2018/2019') AS q GROUP BY q.part, q.c",
    "codes of two variables": f"SELECT v.c, COUNT(*) AS n {HERE} CROSS APPLY (VALUES (a.SENprovision), (a.EthnicGroupMinor)) AS v (c) WHERE {Y} GROUP BY v.c",
    "tables with other columns below each other": f"SELECT d.y, COUNT(d.m) AS m, COUNT(d.f) AS f FROM (SELECT a.AcademicYear AS y, {AMOUNT} AS m, NULL AS f {HERE} WHERE {Y} UNION ALL SELECT b.AcademicYear, NULL, b.FSMeligible FROM {CENSUS} AS b WHERE b.AcademicYear = '2018/2019') AS d GROUP BY d.y",
    "the last row": f"SELECT d.k, COUNT(*) AS n {NUMBERED} WHERE d.r = 1 GROUP BY d.k",
    "the last row with a code": f"SELECT SUM(CASE WHEN d.r = 1 AND d.k = 'K' THEN 1 ELSE 0 END) AS n {NUMBERED}",
    "a count for each year": f"SELECT SUM(CASE WHEN {Y} AND a.FSMeligible = 1 THEN 1 ELSE 0 END) AS n, SUM(CASE WHEN a.AcademicYear = '2017/2018' AND a.FSMeligible = 1 THEN 1 ELSE 0 END) AS m {HERE} WHERE a.AcademicYear {YEARS}",
    "bands": f"SELECT CASE WHEN {AMOUNT} < 10 THEN 'low' WHEN {AMOUNT} < 30 THEN 'mid' ELSE 'high' END AS band, COUNT(*) AS n {HERE} WHERE {Y} GROUP BY CASE WHEN {AMOUNT} < 10 THEN 'low' WHEN {AMOUNT} < 30 THEN 'mid' ELSE 'high' END",
    "the greater of two amounts": of_each("AVG(d.y)", "MAX(v.y)", TWO_AMOUNTS),
    "rows of each": of_each("SUM(d.y)", "COUNT(*)", f"{HERE} WHERE a.AcademicYear {YEARS}"),
    "bands of rows of each": f"SELECT d.y, COUNT(*) AS n FROM (SELECT a.{KEY} AS k, COUNT(*) AS y {HERE} WHERE a.AcademicYear {YEARS} AND a.FSMeligible = 1 GROUP BY a.{KEY}) AS d GROUP BY d.y",
    "missed sessions of each": of_each("AVG(1.0 * d.y)", f"SUM({AMOUNT})", f"{HERE} WHERE a.AcademicYear {YEARS}"),
    "a written list of codes": of_each("SUM(d.y)", "COUNT(*)", f"{HERE} JOIN (VALUES ('E'), ('K')) AS v (s) ON v.s = a.SENprovision WHERE a.AcademicYear {YEARS}"),
    "two years below each other": f"SELECT d.s, COUNT(*) AS n FROM (SELECT a.SENprovision AS s {HERE} WHERE {Y} UNION ALL SELECT a.SENprovision {HERE} WHERE a.AcademicYear = '2017/2018') AS d WHERE d.s <> 'N' GROUP BY d.s",
}  # fmt: skip


def reasons_of_rows(select: str) -> list[str]:
    """Why a checker reviews it, whomever its parts could single out."""
    found = checked(select)
    assert found.plan is not None
    small = {part.placed for output in found.plan.outputs for part in output.small_parts}
    return [reason for reason in found.review if reason not in small]


@pytest.mark.parametrize("name", TO_A_PERSON)
def test_a_checker_reviews_it_whatever_the_data_are(name: str) -> None:
    assert reasons_of_rows(TO_A_PERSON[name])


def test_rows_of_one_table_that_hide_small_cells_of_another_are_reviewed() -> None:
    assert checked(TABLES_BY_A_CODE).review


@pytest.mark.parametrize("name", LEAVES)
def test_ordinary_choices_leave_by_themselves(name: str) -> None:
    assert not checked(LEAVES[name]).review


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


MEASURES = {
    "a count": (Measure.COUNT_ROWS, 1),
    "a sum": (Measure.SUM, 1),
    "a mean": (Measure.MEAN, 1),
    "a share": (Measure.SHARE, 2),
    "a share of a quarter": (Measure.SHARE, 4),
}


@pytest.mark.parametrize("each", [2, 3, 5, 8])
@pytest.mark.parametrize("name", MEASURES)
def test_equal_rows_of_everybody_show_no_more_than_the_persons(name: str, each: int) -> None:
    """Every person has as many rows, each of the same amount; of a share, one of so many rows is 1."""
    measure, of = MEASURES[name]
    statistic = PlannedStatistic(0, measure, None, ScalarType.INT, bounds=(0, 400))
    shown = []
    for persons in range(40, 400):
        rows = persons * each * of
        evidence = StatisticEvidence(rows, rows, persons, total=70 * rows, sizes=70 * rows)
        if measure is Measure.SHARE:
            ones = rows // of
            evidence = StatisticEvidence(
                Decimal(1) / of, ones, persons, rest=persons, rest_rows=rows - ones, total=ones
            )
        shown.append(rounded_value(statistic, evidence, RULES, cell=CellSize(rows, persons)))
    changes = sum(before != after for before, after in pairwise(shown))
    assert changes <= len(shown) / RULES.round_base + 1
    assert measure in RATIOS or changes > 10
