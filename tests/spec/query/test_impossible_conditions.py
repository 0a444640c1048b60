"""Conditions that no value of a code list meets: refused with the right form, or noted where they have no effect."""

import random

import duckdb
import pytest
from query_kit import drawn
from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.expressions.text_functions import pattern_regex
from broker.query.operations.text_operations import like, matches
from broker.workflow.checking.submission_check import CheckedSubmission
from tests.spec.submission_kit import checked

CODE = "impossible-condition"


def check(condition: str, dialect: str = "tsql", column: str = "COUNT(*)") -> CheckedSubmission:
    year = "" if "AcademicYear" in condition else " AND AcademicYear = '2019/2020'"
    return checked(f"SELECT {column} AS n FROM npd.spring_census WHERE {condition}{year}", dialect)


REFUSED = drawn(r"""
SENprovision = 'EHCP'                                      | 'E'
'EHCP' = SENprovision                                      | 'E'
SENprovision IN ('EHCP', 'SEN support')                    | 'E', 'K'
(Gender = 'Female')                                        | 'F'
Gender = 'Female' AND LA = 301                             | 'F'
(Gender = 'girl' OR Gender = 'Femal')                      | 'F'
UPPER(Gender) = 'FEMALE'                                   | 'F'
AcademicYear = '2019/20'                                   | '2019/2020'
AcademicYear IN ('2018/19', '2019-2020')                   | '2018/2019', '2019/2020'
AcademicYear = '2019'                                      | none
AcademicYear LIKE '2019-%'                                 | none
""")


@pytest.mark.parametrize(("condition", "meant"), REFUSED)
@pytest.mark.parametrize("dialect", ["tsql", "duckdb"])
def test_a_condition_about_nobody_is_refused_with_the_right_form(condition: str, meant: str, dialect: str) -> None:
    refusals = [r for r in check(condition, dialect).refusals if r.code == CODE]
    assert {r.edit.replacement if r.edit is not None else "none" for r in refusals} == {meant}


NOTED = drawn(r"""
SENprovision NOT IN ('-99')
Gender <> 'x'
NOT Gender = 'X'
(Gender = 'X' OR Gender = 'F')
Gender IN ('F', 'W')
SENprovision NOT LIKE '-%'
Gender LIKE 'X%'
Gender = 'DROP TABLE x'
Gender LIKE '[^FM]'
LEFT(EthnicGroupMajor, 2) = 'zz'
AcademicYear = '1999/2000'
""")


@pytest.mark.parametrize("condition", [c[0] for c in NOTED])
@pytest.mark.parametrize("dialect", ["tsql", "duckdb"])
def test_a_comparison_without_effect_gets_a_note(condition: str, dialect: str) -> None:
    found = check(condition, dialect)
    assert not found.refusals
    assert any("Line 1, column" in sentence for sentence in found.advice)


FINE = ["Gender = 'f '", "SENprovision IS NULL", "SENprovision IN ('E', 'S')", "LSOA11 = 'nowhere'", "LA = 1", "1 = 0"]


@pytest.mark.parametrize("condition", FINE)
def test_other_conditions_are_left_alone(condition: str) -> None:
    assert CODE not in {r.code for r in check(condition).refusals}


CASES = [
    ("SUM(CASE WHEN SENprovision = 'EHCP' THEN 1 ELSE 0 END)", True),
    ("SUM(CASE SENprovision WHEN 'EHCP' THEN 1 ELSE 0 END)", True),
    ("SUM(CASE WHEN SENprovision = 'E' THEN 1 WHEN SENprovision = 'EHCP' THEN 1 ELSE 0 END)", False),
    ("SUM(CASE WHEN SENprovision = '' THEN 0 ELSE 1 END)", False),
    ("SUM(CASE WHEN SENprovision = 'EHCP' OR SENprovision = 'E' THEN 1 ELSE 0 END)", False),
    ("SUM(CASE WHEN LA = 301 AND SENprovision = 'EHCP' THEN 1 ELSE 0 END)", True),
]


@pytest.mark.parametrize(("column", "refused"), CASES)
def test_a_case_about_nobody_is_refused_and_a_further_branch_is_not(column: str, refused: bool) -> None:
    found = check("LA > 0", column=column)
    assert (CODE in {r.code for r in found.refusals}) == refused
    assert refused or any("SENprovision" in sentence for sentence in found.advice)


def test_a_whole_number_for_a_year_in_another_format_gets_a_note() -> None:
    found = checked("SELECT COUNT(*) AS n FROM leo.earnings WHERE TaxYear = 2017")
    assert not found.refusals
    assert any("leo.earnings.TaxYear is never 2017. This table writes the year" in s for s in found.advice)


YEARS = drawn(r"""
AcademicYear LIKE '201[5-8]/%'       | 2015 2016 2017 2018
AcademicYear LIKE '201[^0-7]/%'      | 2018 2019
AcademicYear LIKE '2019!/%' ESCAPE '!' | 2019
RIGHT(AcademicYear, 4) = '2019'      | 2018
LEFT(AcademicYear, 4) IN ('2016', '2017') | 2016 2017
AcademicYear IN (SELECT v.y FROM (VALUES ('2018/2019'), ('2020/2021')) AS v(y)) | 2018 2020
""")


@pytest.mark.parametrize(("condition", "years"), YEARS)
def test_years_are_proved_by_any_pattern(condition: str, years: str) -> None:
    uses = check(condition).uses
    assert {y for u in uses for y in u.years or ()} == set(map(int, years.split()))


def test_patterns_fold_as_the_engine_matches_them() -> None:
    """Random texts and patterns with classes and escapes, compared with the engine."""
    draw, rows = random.Random(23), []
    for _ in range(3000):
        text = "".join(draw.choice("aAb%_!-1 ") for _ in range(draw.randint(0, 6)))
        signs = ["a", "B", "%", "_", "!%", "[a-c]", "[^ab]", "[%]", "1", "-", " ", "!_", "!!"]
        pattern = "".join(draw.choice(signs) for _ in range(draw.randint(0, 5)))
        try:
            rows.append((text, pattern, pattern_regex(exp.Null(), pattern, "!")))
        except BindError:
            continue
    engine = duckdb.connect()
    engine.execute("CREATE TABLE t (a VARCHAR, p VARCHAR, r VARCHAR)")
    engine.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    query = "SELECT a, p, r, regexp_full_match(a, r), a LIKE p, a LIKE replace(p, '[', '(') ESCAPE '!' FROM t"
    for text, pattern, regex, any_case, plain, escaped in engine.execute(query).fetchall():
        assert matches(text, regex) == any_case
        assert like(text, pattern) == plain
        assert like(text, pattern.replace("[", "("), "!") == escaped
