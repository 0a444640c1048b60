"""Tables have no row for a code in a year in which it does not exist."""

import pytest

from broker.disclosure.judged_tables import listed_rows
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import Value
from tests.spec.submission_kit import POLICIES, checked

RULES = POLICIES.disclosure_rules("npd-default")
CENSUS = "npd.spring_census WHERE AcademicYear"


def table_of(text: str) -> PlannedTable:
    found = checked(text)
    assert found.plan is not None, found.refusals
    ((table,),) = (output.tables for output in found.plan.outputs)
    return table


def rows_of(text: str) -> list[tuple[Value, ...]]:
    rows, covered = listed_rows(table_of(text).keys, (), RULES, {})
    assert covered
    return [row.keys for row in rows]


@pytest.mark.parametrize(("years", "codes"), [
    ("= '2018/2019'", "NKE"), ("= '2017/2018'", "NKES"), ("= '2014/2015'", "NKEAPS"),
    ("IN ('2014/2015', '2018/2019')", "NKEAPS"), ("IN ('2017/2018', '2018/2019')", "NKES"),
])  # fmt: skip
def test_a_code_has_a_row_if_it_exists_in_one_of_the_years(years: str, codes: str) -> None:
    rows = rows_of(f"SELECT SENprovision, COUNT(*) AS n FROM {CENSUS} {years} GROUP BY SENprovision")
    assert [code for (code,) in rows if code is not None] == list(codes)


@pytest.mark.parametrize("keys", ["AcademicYear, SENprovision", "SENprovision, AcademicYear"])
def test_by_year_each_code_has_rows_of_its_years(keys: str) -> None:
    years = "IN ('2014/2015', '2018/2019')"
    rows = rows_of(f"SELECT {keys}, COUNT(*) AS n FROM {CENSUS} {years} GROUP BY {keys}")
    pairs = {tuple(sorted(row, key=lambda value: len(str(value)), reverse=True)) for row in rows}
    of_years = {"2014/2015": "NKEAPS", "2018/2019": "NKE"}
    assert {(y, c) for y, c in pairs if c} == {(year, code) for year, codes in of_years.items() for code in codes}


def test_years_of_another_table_do_not_limit_a_code() -> None:
    """The provision of an earlier census, beside the year of this one."""
    text = """SELECT b.AcademicYear, a.SENprovision, COUNT(*) AS n FROM npd.spring_census AS a
    JOIN npd.spring_census AS b ON a.PupilMatchingRefAnonymous = b.PupilMatchingRefAnonymous
    WHERE a.AcademicYear = '2014/2015' AND b.AcademicYear = '2018/2019' GROUP BY b.AcademicYear, a.SENprovision"""
    assert {code for _, code in rows_of(text)} >= set("NKEAPS")


def test_a_key_computed_from_a_code_has_the_values_of_its_years() -> None:
    key = "CASE WHEN SENprovision IN ('A', 'P') THEN 'old' WHEN SENprovision = 'N' THEN 'none' ELSE 'new' END"
    rows = rows_of(f"SELECT {key} AS k, COUNT(*) AS n FROM {CENSUS} = '2018/2019' GROUP BY {key}")
    assert [label for (label,) in rows] == ["old", "none", "new"]


def test_a_variable_that_is_missing_up_to_a_year_has_a_row_for_it_in_these_years_only() -> None:
    years, table = "('2014/2015', '2018/2019')", "npd.ks2_pupil WHERE KS2_ACADYR"
    both = "KS2_ACADYR, KS2_READEXP"
    rows = rows_of(f"SELECT {both}, COUNT(*) AS n FROM {table} IN {years} GROUP BY {both}")
    assert [year for year, value in rows if value is None] == ["2014/2015"]
    alone = f"SELECT KS2_READEXP, COUNT(*) AS n FROM {table} = '2018/2019' GROUP BY KS2_READEXP"
    assert rows_of(alone) == [(0,), (1,)]


EARLIER = "b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2017/2018'"
LAST_ROW = "OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS k"
ROWS = "npd.spring_census AS a"
OF_YEAR = "WHERE a.AcademicYear = '2018/2019'"
MAYBE_EMPTY = {
    "the row before": f"SELECT LAG(Gender) {LAST_ROW} FROM {ROWS} {OF_YEAR}",
    "the year before": f"SELECT LAG(AcademicYear) {LAST_ROW} FROM {ROWS} {OF_YEAR}",
    "a subquery": "SELECT (SELECT MAX(b.Gender) FROM npd.spring_census AS b "
    f"WHERE {EARLIER}) AS k FROM {ROWS} {OF_YEAR}",
    "an applied aggregate": f"SELECT m.k FROM {ROWS} CROSS APPLY "
    f"(SELECT MAX(b.Gender) AS k FROM npd.spring_census AS b WHERE {EARLIER}) AS m {OF_YEAR}",
    "a constant of an outer join": f"SELECT b.k FROM {ROWS} LEFT JOIN (SELECT PupilMatchingRefAnonymous, AcademicYear, "
    f"'x' AS k FROM npd.spring_census) AS b ON {EARLIER} {OF_YEAR}",
}


@pytest.mark.parametrize("inner", MAYBE_EMPTY.values(), ids=MAYBE_EMPTY.keys())
def test_a_key_that_is_computed_from_no_row_has_a_row_without_value(inner: str) -> None:
    assert (None,) in rows_of(f"SELECT k, COUNT(*) AS n FROM ({inner}) AS x GROUP BY k")
