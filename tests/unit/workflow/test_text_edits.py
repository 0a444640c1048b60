"""Edits of refusals, applied to a text as they are: most refused texts are accepted after one round."""

# ruff: noqa: E501 - one text a line reads as a table

from datetime import date
from pathlib import Path

import pytest

from broker.domain.errors import TextEdit
from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.checking.text_edits import apply_edits, fix_text, separate_edits

POLICIES = load_policies(Path(__file__).parents[3] / "policies")
PROJECT = POLICIES.project("P0421")
YEAR = "AcademicYear = '2019/2020'"


def check(text: str, dialect: str = "tsql") -> CheckedSubmission:
    assert PROJECT is not None
    return check_submission(text, JobKind.SQL, dialect, PROJECT, POLICIES, date(2026, 11, 24))


FIXED_AT_ONCE = [
    # names
    ("tsql", f"SELECT LA, COUNT(*) AS n FROM npd.spring_cencus WHERE {YEAR} GROUP BY LA"),
    ("tsql", f"SELECT Gendr, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY Gendr"),
    ("duckdb", f"SELECT c.LA, COUNT(*) AS n FROM npd.spring_census AS c WHERE c.{YEAR} AND c.Gendr = 'F' GROUP BY c.LA"),
    ("tsql", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE ACADYR = '2019/2020' GROUP BY LA"),
    ("tsql", "SELECT COUNT(*) AS n FROM npd.absence WHERE AcadmicYear = '2018/2019' AND SENprovison = 'E'"),
    ("tsql", f"SELECT COUNT(*) AS n FROM npd.spring_census AS cen WHERE ce.{YEAR}"),
    # years
    ("tsql", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2019/20' GROUP BY LA"),
    ("duckdb", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear IN ('2018-19', '2019-20') GROUP BY LA"),
    ("tsql", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '201920' GROUP BY LA"),
    ("tsql", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = 201920 GROUP BY LA"),
    ("tsql", "SELECT LA, COUNT(*) AS n FROM npd.spring_census GROUP BY LA"),
    ("duckdb", "SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE Gender = 'F' OR PHASE = 'PS' GROUP BY LA"),
    ("tsql", "WITH c AS (SELECT LA FROM npd.spring_census) SELECT LA, COUNT(*) AS n FROM c GROUP BY LA"),
    ("tsql", "SELECT c.LA, COUNT(*) AS n FROM npd.spring_census c JOIN npd.absence a ON a.PupilMatchingRefAnonymous = c.PupilMatchingRefAnonymous GROUP BY c.LA"),
    # codes
    ("tsql", f"SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND SENprovision = 'EHCP' GROUP BY LA"),
    ("duckdb", f"SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND Gender = 'Female' GROUP BY LA"),
    ("duckdb", f"SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND Gender = 'f' GROUP BY LA"),
    ("tsql", f"SELECT LA, SUM(CASE WHEN PHASE IN ('primary', 'secondary') THEN 1 ELSE 0 END) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA"),
    ("tsql", f"SELECT LA, SUM(IIF(EthnicGroupMajor = 'Asian', 1, 0)) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA"),
    ("tsql", f"SELECT Gender, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND NCyearActual = 11 GROUP BY Gender"),
    # keys
    ("tsql", f"SELECT LA, Gender, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA"),
    ("duckdb", f"SELECT LA, Gender, PHASE, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA ORDER BY n"),
    ("tsql", f"SELECT c.LA, COUNT(*) AS n FROM npd.spring_census c WHERE c.{YEAR}"),
    ("tsql", "SELECT LA, Gender, COUNT(*) AS n FROM npd.spring_census"),
    # functions and quotes
    ("duckdb", f"SELECT ISNULL(Gender, '?') AS g, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY ISNULL(Gender, '?')"),
    ("duckdb", f"SELECT LA, COUNT_BIG(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA"),
    ("tsql", "SELECT LA, MEAN(1.0 * OverallAbsence_6HalfTerms) AS m FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY LA"),
    ("duckdb", f"SELECT [LA], COUNT(*) AS n FROM [npd].[spring_census] WHERE {YEAR} GROUP BY [LA]"),
    # dates
    ("tsql", f"SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND EntryDate > '31/08/2018' GROUP BY LA"),
    ("duckdb", f"SELECT LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND EntryDate >= '15.09.2018' GROUP BY LA"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text"), FIXED_AT_ONCE)
def test_the_advice_applied_as_it_is_leads_to_acceptance_in_one_round(dialect: str, text: str) -> None:
    refusals = check(text, dialect).refusals
    assert refusals
    fixed = apply_edits(text, separate_edits(text, (r.edit for r in refusals if r.edit is not None)))
    assert check(fixed, dialect).refusals == (), fixed


def test_the_condition_on_years_goes_where_the_table_is_joined() -> None:
    text = (
        "SELECT c.LA, COUNT(a.SENprovision) AS n FROM npd.spring_census c LEFT JOIN npd.absence AS a "
        f"ON a.PupilMatchingRefAnonymous = c.PupilMatchingRefAnonymous WHERE c.{YEAR} GROUP BY c.LA"
    )
    fixed = fix_text(text, check)
    assert " ON a.AcademicYear BETWEEN '2015/2016' AND '2022/2023' AND a.Pupil" in fixed.text
    assert fixed.checked.accepted


def test_a_text_whose_lines_end_in_two_characters_stays_so() -> None:
    text = f"SELECT Gendr,\r\nCOUNT(*) AS n\r\nFROM npd.spring_census WHERE {YEAR}\r\nGROUP BY Gendr"
    assert fix_text(text, check).text == text.replace("Gendr", "Gender")


def test_edits_that_overlap_are_not_made_together() -> None:
    first, second = TextEdit(1, 1, 3, "x"), TextEdit(1, 2, 3, "y")
    assert separate_edits("abcdef", (second, first, first)) == [first]
    assert apply_edits("ab\ncd", [TextEdit(1, 2, 1, "B"), TextEdit(2, 1, 0, "+")]) == "aB\n+cd"


def test_a_text_without_edits_stays_as_it_is() -> None:
    text = "SELECT COUNT(*) AS n FROM npd.spring_census WHERE nothing(LA) = 1 AND AcademicYear = '2019/2020'"
    fixed = fix_text(text, check)
    assert (fixed.text, fixed.edits, fixed.checked.accepted) == (text, (), False)


HINTS = [
    ("duckdb", f"SELECT TOP 5 LA, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA", "T-SQL (TOP)"),
    ("duckdb", f"SELECT [LA], COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY [LA]", "T-SQL ([name])"),
    ("duckdb", f"SELECT COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND EntryDate < GETDATE()", "T-SQL (GETDATE)"),
    ("tsql", f"SELECT LA::varchar AS a, nothing(LA) AS b, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY ALL", "DuckDB (::, GROUP BY ALL)"),
    ("tsql", f"SELECT COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} AND Gender ILIKE 'x'", "DuckDB (ILIKE)"),
    ("tsql", f"SELECT COUNT(*) FILTER (WHERE Gender = 'female') AS n FROM npd.spring_census WHERE {YEAR}", "DuckDB (FILTER)"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text", "words"), HINTS)
def test_a_text_of_another_dialect_gets_one_hint(dialect: str, text: str, words: str) -> None:
    first, *rest = check(text, dialect).refusals
    assert f"The text looks like {words}" in first.advice
    assert not any("looks like" in r.advice for r in rest)


@pytest.mark.parametrize("dialect", ["tsql", "duckdb"])
def test_words_of_another_dialect_in_texts_and_comments_are_no_hint(dialect: str) -> None:
    text = "-- TOP 5\nSELECT Gendr /* x::int */, COUNT(*) AS n FROM npd.spring_census WHERE PHASE = 'top 5 ilike'"
    assert not any("looks like" in r.advice for r in check(text, dialect).refusals)


def test_a_wrong_name_is_reported_although_a_cte_was_refused_and_no_name_of_a_refused_definition() -> None:
    text = (
        "WITH k AS (SELECT AcademicYearx AS yr, LA AS area FROM npd.spring_census) "
        "SELECT yr, SUM(zone) AS s, COUNT(area) AS n FROM k GROUP BY yr ORDER BY yr"
    )
    names = [r.message for r in check(text).refusals if r.code == "unknown-variable"]
    assert names == ["There is no variable AcademicYearx here.", "There is no variable zone here."]
    text = f"SELECT LA, nothing(LA) AS x, COUNT(*) AS n FROM npd.spring_census WHERE {YEAR} GROUP BY LA ORDER BY x"
    assert [r.code for r in check(text).refusals] == ["function"]
