"""The whole check of a text: a refused text also gets its missing grants, and the text that the advice suggests is
accepted."""

# ruff: noqa: E501 - one case a line reads as a table

import re

import pytest

from broker.domain.errors import Refusal
from broker.domain.sql_dialects import SQL_DIALECTS
from tests.spec.submission_kit import checked

PREDICATE = re.compile(r"Add to the WHERE of (\S+): (AND .+?)(?= Add to|$)")


def refusals(text: str, dialect: str = "tsql") -> tuple[Refusal, ...]:
    return checked(text, dialect).refusals


# what is counted                       | of which table, and where
TOO_WIDE = """
SUM(1.0 * KS4_ATT8)                     | npd.ks4_pupil WHERE KS4_ENDKS = 1
COUNT(*)                                | npd.ks4_pupil WHERE KS4_ACADYR >= '2018/2019'
COUNT(KS2_MATSCORE)                     | npd.ks2_pupil WHERE 1 = 1
COUNT(*)                                | npd.absence WHERE AcademicYear LIKE '20%'
COUNT(FSP_GLD)                          | npd.eyfsp WHERE 1 = 1
COUNT(DISTINCT StaffMatchingRefAnonymous) | swc.workforce WHERE Post = 'TCH'
COUNT(Earnings)                         | leo.earnings WHERE 1 = 1
COUNT(*)                                | KS4Pupil_2002_to_2014 WHERE 1 = 1
COUNT(KS4_URN)                          | npd.ks4_pupil WHERE KS4_ENDKS = 1
COUNT(KS4_URN)                          | npd.ks4_pupil WHERE KS4_ACADYR > '2015/2016' AND KS4_ACADYR <> '2019/2020'
"""


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
@pytest.mark.parametrize("line", TOO_WIDE.strip().splitlines())
def test_a_text_with_the_conditions_of_the_advice_is_accepted(line: str, dialect: str) -> None:
    counted, table = (cell.strip() for cell in line.split("|"))
    text = f"SELECT {counted} AS n FROM {table}"
    found = refusals(text, dialect)
    assert {r.code for r in found} <= {"years-not-granted", "combination"}
    conditions = [m[2] for r in found for m in PREDICATE.finditer(r.advice)]
    assert len(conditions) == len(found) > 0
    assert refusals(" ".join([text, *conditions]), dialect) == ()


# a text that is refused for its form                                                                   | what the grants say of it too
REFUSED = """
SELECT TOP 5 COUNT(cla_SEX) AS n FROM npd.cla                                                           | table-not-granted
SELECT MAX(KS4_CLA_PP_1_DAY) AS m FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019'                     | variable-not-granted
SELECT MAX(KS2_MATSCORE) AS m FROM npd.ks2_pupil WHERE KS2_ACADYR = '2021/2022'                         | years-not-granted
SELECT MAX(UPN) AS m FROM npd.absence a JOIN npd.spring_census s ON a.PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous | identifier
SELECT MAX(KS4_ATT8) AS m FROM npd.ks4_pupil WHERE KS4_ACADYR = '2019/2020' AND KS4_URN = 100001        | combination
SELECT DISTINCT PupilMatchingRefAnonymous AS k FROM npd.absence WHERE AcademicYear = '2022/2023'        | link-key
SELECT DISTINCT UPN AS k FROM npd.spring_census WHERE AcademicYear = '2022/2023'                        | identifier
SELECT DISTINCT LSOA11 AS k FROM npd.absence WHERE AcademicYear = '2022/2023'                           | quasi-grouped
SELECT COUNT(*) + 1 AS n FROM npd.sc_addresses WHERE AcademicYear = '2022/2023'                         | table-not-grantable
SELECT LSOA11, COUNT(*) + 1 AS n FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY LSOA11      | quasi-grouped
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_grants_are_judged_of_refused_text_too(line: str) -> None:
    text, code = (cell.strip() for cell in line.split("|"))
    codes = {r.code for r in refusals(text)}
    assert code in codes
    assert len(codes) > 1 or code == "identifier"


# a text whose tables cannot be joined as they are: its conditions say its years all the same | why it is refused
JOINS = """
npd.spring_census a JOIN npd.spring_census b ON a.URN = b.URN WHERE a.AcademicYear = '2022/2023' AND b.AcademicYear = '2022/2023' | person-join
npd.spring_census a JOIN npd.spring_census b ON a.URN = b.URN AND b.AcademicYear = a.AcademicYear WHERE a.AcademicYear = '2022/2023' | person-join
npd.spring_census a LEFT JOIN npd.absence b ON a.URN = b.URN AND b.AcademicYear = '2022/2023' WHERE a.AcademicYear = '2022/2023' | person-join
npd.absence a CROSS APPLY (SELECT TOP 1 b.LA FROM npd.absence b WHERE b.URN = a.URN AND b.AcademicYear = a.AcademicYear ORDER BY b.LA) t WHERE a.AcademicYear = '2022/2023' | limit
npd.spring_census a JOIN npd.spring_census b ON a.URN = b.URN WHERE a.AcademicYear = '2022/2023'                                 | person-join, years-not-granted
npd.spring_census a LEFT JOIN npd.absence b ON a.URN = b.URN AND a.AcademicYear = '2022/2023' WHERE a.AcademicYear = '2022/2023' | person-join, years-not-granted
"""


@pytest.mark.parametrize("line", JOINS.strip().splitlines())
def test_years_of_tables_that_cannot_be_joined_are_those_of_their_conditions(line: str) -> None:
    sources, codes = (cell.strip() for cell in line.split("|"))
    assert sorted(r.code for r in refusals(f"SELECT COUNT(*) AS n FROM {sources}")) == codes.split(", ")


def test_ranges_of_a_quasi_identifier_are_columns_as_the_advice_says() -> None:
    census = "npd.spring_census WHERE AcademicYear = '2022/2023'"
    band = "CASE WHEN IDACIScore < 0.123 THEN 1 ELSE 0 END"
    (refusal,) = refusals(f"SELECT {band} AS band, COUNT(*) AS n FROM {census} GROUP BY {band}")
    assert (refusal.code, "SUM(CASE WHEN IDACIScore … THEN 1 ELSE 0 END)" in refusal.advice) == ("quasi-grouped", True)
    assert refusals(f"SELECT SUM({band}) AS low, COUNT(*) AS n FROM {census}") == ()


def test_two_rules_that_one_name_breaks_are_both_reported() -> None:
    joined = "npd.cin c JOIN npd.sc_addresses a ON a.PupilMatchingRefAnonymous = c.CIN_PupilMatchingRefAnonymous"
    found = refusals(f"SELECT COUNT(*) AS n FROM {joined} WHERE a.Postcode = 'AB1'")
    assert {r.message.split(":")[0] for r in found if r.code == "combination"} == {"Rule C1", "Rule C2"}


def test_one_reason_is_reported_once() -> None:
    """The query's room and the grants both refuse a link key that is compared with a value."""
    found = refusals("SELECT COUNT(*) AS n FROM Spring_Census_2022 WHERE PupilMatchingRefAnonymous_SPR22 = 'x'")
    assert [r.code for r in found] == ["link-key"]
