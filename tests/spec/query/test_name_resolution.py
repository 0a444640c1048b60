"""The table that a name in FROM means, and the variable that a column name means: drawn tables, against the demo's
catalogue."""

# ruff: noqa: E501 - one case a line reads as a table

from dataclasses import replace
from string import ascii_lowercase

import pytest
import sqlglot
from query_kit import drawn
from sqlglot import exp

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage
from broker.policy.files import load_policies
from broker.query import CompiledSql, compile_sql
from broker.query.diagnostics import BindError
from broker.query.dialects.known_dialects import DIALECTS
from broker.query.name_resolution import ResolvedTable, resolve_table
from tests.policy_sets import TEST_POLICIES
from tests.spec.submission_kit import project

POLICIES = load_policies(TEST_POLICIES)


def found(name: str, ident: str = "P0421", dialect: str = "tsql") -> ResolvedTable:
    table = sqlglot.parse_one(f"SELECT 1 FROM {name}", dialect=dialect).find(exp.Table)
    assert table is not None
    return resolve_table(table, POLICIES.catalogue, project(ident, POLICIES), DIALECTS[dialect])


def years(text: str) -> frozenset[int]:
    """Years as in a table's title: 1995-2018 2021."""
    spans = [part.split("-") for part in text.split()]
    return frozenset(y for span in spans for y in range(int(span[0]), int(span[-1]) + 1))


# a physical name                                | the table           | first calendar years | its columns end in
PHYSICAL = drawn("""
[NPD].[P0421].[Spring_Census_2019]               | npd.spring_census   | 2018                 | _SPR19
NPD.P0421.Spring_Census_2019                     | npd.spring_census   | 2018                 | _SPR19
npd.p0421.spring_census_2019                     | npd.spring_census   | 2018                 | _SPR19
P0421.Spring_Census_2006                         | npd.spring_census   | 2005                 | _SPR06
dbo.Spring_Census_2024                           | npd.spring_census   | 2023                 | _SPR24
NPD..Spring_Census_2019                          | npd.spring_census   | 2018                 | _SPR19
Spring_Census_2019                               | npd.spring_census   | 2018                 | _SPR19
plasc_2002                                       | npd.spring_census   | 2001                 | _02
PLASC_2005                                       | npd.spring_census   | 2004                 | _05
Absence_2006_3term                               | npd.absence         | 2005                 | _ab06
NPD.dbo.Absence_2019_3term                       | npd.absence         | 2018                 | _ab19
EYFSP_2008_to_2019                               | npd.eyfsp           | 2007-2018            | -
KS1_1998_to_2019_and_2022                        | npd.ks1             | 1997-2018 2021       | -
KS2Pupil_1996_to_2019_and_2022                   | npd.ks2_pupil       | 1995-2018 2021       | -
KS4Pupil_2002_to_2014                            | npd.ks4_pupil       | 2001-2013            | -
[NPD].[P0421].[KS4Pupil_2015_to_2021]            | npd.ks4_pupil       | 2014-2020            | -
cla_2006_to_2021                                 | npd.cla             | 2005-2020            | -
NCCIS_2011_to_2021                               | npd.nccis           | 2010-2020            | -
""")


@pytest.mark.parametrize(("name", "table", "covered", "suffix"), PHYSICAL)
def test_a_physical_name_is_some_years_of_a_table(name: str, table: str, covered: str, suffix: str) -> None:
    meant = found(name)
    assert (meant.table.full_name, meant.years, meant.suffix) == (table, years(covered), suffix.strip("-"))


# what is written                     | by a project | in      | the table, or nothing
NAMES = drawn("""
npd.spring_census                     | P0421        | tsql    | npd.spring_census
NPD.npd.spring_census                 | P0421        | tsql    | npd.spring_census
[npd].[NPD].[Spring_Census]           | P0421        | tsql    | npd.spring_census
OTHER.npd.spring_census               | P0421        | tsql    | -
srv.NPD.npd.spring_census             | P0421        | tsql    | -
spring_census                         | P0421        | tsql    | npd.spring_census
dbo.spring_census                     | P0421        | tsql    | -
P0421.spring_census                   | P0421        | tsql    | -
npd_pupil                             | FIXTURE      | duckdb  | fixture.npd_pupil
main.npd_pupil                        | FIXTURE      | duckdb  | fixture.npd_pupil
memory.main.npd_pupil                 | FIXTURE      | duckdb  | fixture.npd_pupil
MEMORY.fixture.npd_pupil              | FIXTURE      | duckdb  | fixture.npd_pupil
memory.npd.spring_census              | P0421        | duckdb  | npd.spring_census
memory.main.spring_census             | P0421        | duckdb  | -
NPD.npd.spring_census                 | P0421        | duckdb  | -
temp.main.npd_pupil                   | FIXTURE      | duckdb  | -
system.main.npd_pupil                 | FIXTURE      | duckdb  | -
memory.information_schema.npd_pupil   | FIXTURE      | duckdb  | -
memory.npd_pupil                      | FIXTURE      | duckdb  | -
main.npd_pupil                        | FIXTURE      | tsql    | -
NPD.P0421.Absence_2019_3term          | P0421        | duckdb  | npd.absence
[NPD].[P0999].[Absence_2019_3term]    | P0421        | tsql    | -
[NPD].[P0421].[Absence_2019_3term]    | P0733        | tsql    | -
[NPD].[npd].[Absence_2019_3term]      | P0421        | tsql    | -
[LEO].[P0421].[Absence_2019_3term]    | P0421        | tsql    | -
Absence_2020_3term                    | P0421        | tsql    | -
Absence_2005_3term                    | P0421        | tsql    | -
Absence_2019                          | P0421        | tsql    | -
Absence_2019_3term_x                  | P0421        | tsql    | -
Autumn_Census_2019                    | P0421        | tsql    | -
Summer_Census_2019                    | P0421        | tsql    | -
AP_Census_2008_to_2020                | P0421        | tsql    | -
Spring_Census_2005                    | P0421        | tsql    | -
Spring_Census_2025                    | P0421        | tsql    | -
Spring_Census_1999                    | P0421        | tsql    | -
plasc_2006                            | P0421        | tsql    | -
KS4Pupil_2015_to_2022                 | P0421        | tsql    | -
Exclusions_2019                       | P0421        | tsql    | -
""")


@pytest.mark.parametrize(("name", "ident", "dialect", "table"), NAMES)
def test_what_a_name_in_from_means(name: str, ident: str, dialect: str, table: str) -> None:
    if table != "-":
        assert found(name, ident, dialect).table.full_name == table
        return
    with pytest.raises(BindError) as stop:
        found(name, ident, dialect)
    assert stop.value.code in {"unknown-table", "table-function"}


def compiled(text: str, ident: str = "P0421", dialect: str = "tsql") -> CompiledSql:
    return compile_sql(text, dialect, POLICIES.catalogue, project(ident, POLICIES), POLICIES.service)


S19 = "[NPD].[P0421].[Spring_Census_2019]"
# the FROM                  | a name in SELECT                                | the variable, or the code of the refusal
COLUMNS = drawn(f"""
{S19}                       | FSMeligible_SPR19                               | npd.spring_census.FSMeligible
{S19}                       | fsmELIGIBLE_spr19                               | npd.spring_census.FSMeligible
{S19}                       | FSMeligible                                     | npd.spring_census.FSMeligible
{S19}                       | FSMeligible_SPR18                               | unknown-variable
{S19}                       | FSMeligible_SPR19_SPR19                         | unknown-variable
{S19}                       | _SPR19                                          | unknown-variable
{S19} AS s                  | s.FSMeligible_SPR19                             | npd.spring_census.FSMeligible
{S19}                       | Spring_Census_2019.FSMeligible_SPR19            | npd.spring_census.FSMeligible
{S19}                       | P0421.Spring_Census_2019.FSMeligible_SPR19      | npd.spring_census.FSMeligible
{S19}                       | NPD.P0421.Spring_Census_2019.FSMeligible_SPR19  | npd.spring_census.FSMeligible
{S19}                       | NPD.P0733.Spring_Census_2019.FSMeligible_SPR19  | unknown-table
{S19}                       | LEO.P0421.Spring_Census_2019.FSMeligible_SPR19  | unknown-table
{S19} AS s                  | P0421.s.FSMeligible_SPR19                       | unknown-table
{S19}                       | UPN_SPR19                                       | identifier
plasc_2002                  | FSMeligible_02                                  | npd.spring_census.FSMeligible
Absence_2019_3term          | FSMeligible_ab19                                | npd.absence.FSMeligible
KS4Pupil_2015_to_2021       | KS4_ATT8                                        | npd.ks4_pupil.KS4_ATT8
NPD.npd.spring_census       | NPD.npd.spring_census.FSMeligible               | npd.spring_census.FSMeligible
npd.spring_census           | FSMeligible_SPR19                               | unknown-variable
""")


@pytest.mark.parametrize(("source", "column", "meant"), COLUMNS)
def test_what_a_name_of_a_column_means(source: str, column: str, meant: str) -> None:
    checked = compiled(f"SELECT SUM(CASE WHEN {column} = 1 THEN 1 ELSE 0 END) AS n FROM {source}")
    known = {use.full_name for use in checked.uses}
    assert meant in known if "." in meant else meant in {r.code for r in checked.refusals}


# what is asked | each table with the years in which anything of it is used
USED = drawn(rf"""
SELECT s.SENprovision_SPR19 AS sen, COUNT(*) AS n FROM {S19} s GROUP BY s.SENprovision_SPR19     | npd.spring_census: 2018
SELECT COUNT(*) AS n FROM KS4Pupil_2015_to_2021 WHERE KS4_ACADYR >= '2019/2020'                  | npd.ks4_pupil: 2019-2020
SELECT COUNT(*) AS n FROM KS2Pupil_1996_to_2019_and_2022                                         | npd.ks2_pupil: 1995-2018 2021
SELECT COUNT(*) AS n FROM npd.absence AS a LEFT JOIN plasc_2003 AS p ON a.PupilMatchingRefAnonymous = p.PupilMatchingRefAnonymous_03 \
WHERE a.AcademicYear >= '2021/2022' | npd.absence: 2021-2023, npd.spring_census: 2002
""")


@pytest.mark.parametrize(("text", "used"), USED)
def test_a_physical_table_is_read_in_the_years_of_its_name_only(text: str, used: str) -> None:
    checked = compiled(text)
    assert checked.plan is not None, checked.refusals
    expected = {(table, years(span)) for table, span in (use.split(": ") for use in used.split(", "))}
    assert {(u.table, u.years) for u in checked.uses} == expected


def test_a_spelling_with_the_database_is_refused_for_what_it_reads() -> None:
    """The name resolves, so that the column is told as what it is: the grants refuse it."""
    for name in ("memory.main.npd_pupil", "main.npd_pupil", "npd_pupil"):
        checked = compiled(f"SELECT {name}.upn FROM memory.main.npd_pupil", "FIXTURE", "duckdb")
        assert [(u.full_name, Usage.RELEASED in u.how) for u in checked.uses] == [("fixture.npd_pupil.upn", True)], name
        assert checked.plan is None


@pytest.mark.parametrize("name", ["'npd_pupil'", "main.'npd_pupil'", "'npd_pupil' AS p", "'data/npd_pupil.parquet'"])
def test_a_string_is_no_name_of_a_table(name: str) -> None:
    checked = compiled(f"SELECT COUNT(*) AS n FROM {name}", "FIXTURE", "duckdb")
    assert "table-function" in [r.code for r in checked.refusals]
    assert checked.plan is None


def test_two_physical_tables_of_one_query_need_two_names() -> None:
    both = "Spring_Census_2019 a JOIN dbo.Spring_Census_2018 b ON {}.PupilMatchingRefAnonymous_SPR19 = {}.{}"
    text = f"SELECT COUNT(*) AS n FROM {both.format('a', 'b', 'PupilMatchingRefAnonymous_SPR18')}"
    assert compiled(text).refusals == ()
    twice = compiled("SELECT COUNT(*) AS n FROM P0421.Spring_Census_2019, dbo.Spring_Census_2019")
    assert "duplicate-name" in [r.code for r in twice.refusals]


def answer(text: str, ident: str = "P0421") -> list[Refusal]:
    return list(compiled(text, ident).refusals)


@pytest.mark.parametrize("name", ["Spring_Census_2019", "cla_2006_to_2021", "Nothing_2019", "npd.cla"])
def test_a_table_of_another_project_answers_like_one_of_nobody(name: str) -> None:
    """Whether P0999 exists cannot be told from the answer."""
    texts = [f"SELECT COUNT(*) AS n FROM [NPD].[{owner}].[{name}]" for owner in ("P0999", "P0733", "P9999", "Q0001")]
    answers = [answer(text) for text in texts]
    assert [r.code for r in answers[0]] == ["unknown-table"]
    assert all(a == answers[0] for a in answers)


def test_a_project_sees_its_own_schema_only() -> None:
    own, other = "[NPD].[P0421].[Spring_Census_2019]", "[NPD].[P0733].[Spring_Census_2019]"
    for ident, mine, theirs in (("P0421", own, other), ("P0733", other, own)):
        assert answer(f"SELECT COUNT(*) AS n FROM {mine}", ident) == []
        assert [r.code for r in answer(f"SELECT COUNT(*) AS n FROM {theirs}", ident)] == ["unknown-table"]


# what is wrong                                                             | what the advice asks
MISTAKES = drawn("""
SELECT COUNT(FSMelegible) AS n FROM npd.spring_census                       | Did you mean FSMeligible?
SELECT COUNT(s.EthnicGroupMjor) AS n FROM npd.spring_census s               | Did you mean EthnicGroupMajor or EthnicGroupMinor?
SELECT COUNT(FSMelegible_SPR19) AS n FROM Spring_Census_2019                | Did you mean FSMeligible_SPR19?
SELECT COUNT(PupilMatchingRefAnon) AS n FROM npd.spring_census              | Did you mean PupilMatchingRefAnonymous?
SELECT COUNT(Surnam) AS n FROM npd.spring_census                            | -
SELECT COUNT(UPNN) AS n FROM npd.spring_census                              | -
SELECT COUNT(Nothing) AS n FROM npd.spring_census                           | -
SELECT COUNT(*) AS n FROM npd.sping_census                                  | Did you mean npd.spring_census?
SELECT COUNT(*) AS n FROM sping_census                                      | Did you mean npd.spring_census?
SELECT COUNT(*) AS n FROM ref.school                                        | Did you mean ref.schools?
SELECT COUNT(*) AS n FROM npd.Spring_Census_2019                            | Did you mean NPD.P0421.Spring_Census_2019?
SELECT COUNT(*) AS n FROM npd.claa                                          | -
SELECT COUNT(*) AS n FROM npd.ks5_students                                  | -
SELECT COUNT(*) AS n FROM Autumn_Census_2019                                | -
SELECT COUNT(cenus.LA) AS n FROM npd.spring_census AS census                | Did you mean census?
SELECT COUNT(d.tota) AS n FROM (SELECT LA AS total FROM npd.absence) AS d   | Did you mean total?
""")


@pytest.mark.parametrize(("text", "asked"), MISTAKES)
def test_a_typing_mistake_gets_a_suggestion(text: str, asked: str) -> None:
    (refusal,) = answer(text)
    assert refusal.code in {"unknown-table", "unknown-variable"}
    _, question, names = refusal.advice.partition("Did you mean ")
    assert (question + names or "-") == asked


def test_tables_that_were_not_granted_are_not_suggested() -> None:
    bare = replace(project(), grants=())
    text = "SELECT COUNT(*) AS n FROM npd.sping_census"
    (refusal,) = compile_sql(text, "tsql", POLICIES.catalogue, bare, POLICIES.service).refusals
    assert "npd.spring_census" not in refusal.advice


def test_only_some_mistakes_of_a_long_text_are_compared() -> None:
    names = ", ".join(f"COUNT(FSMelegible{c}) AS n{c}" for c in ascii_lowercase)
    asked = ["Did you mean" in r.advice for r in answer(f"SELECT {names} FROM npd.spring_census")]
    assert (sum(asked), len(asked)) == (10, 26)


def test_the_saved_text_of_a_physical_name_means_the_same() -> None:
    checked = compiled(f"SELECT SENprovision_SPR19 AS sen, COUNT(*) AS n FROM {S19} GROUP BY SENprovision_SPR19")
    again = compiled(checked.canonical)
    assert checked.plan is not None
    assert again.plan is not None
    assert again.plan.hash == checked.plan.hash
