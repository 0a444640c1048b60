"""The scope check gives every reason at once, with its place, its variable in catalogue spelling, and advice."""

from dataclasses import replace
from datetime import date

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.scope.grants import check_scope
from tests.unit.scope.conftest import POLICIES, PROJECT, use

TODAY = date(2026, 11, 24)


def refusals(
    *uses: VariableUse, project: ResearchProject = PROJECT, today: date = TODAY, header: bool = False
) -> tuple[Refusal, ...]:
    return check_scope(uses, project, POLICIES, today, header=header)


def codes(*uses: VariableUse, project: ResearchProject = PROJECT, today: date = TODAY) -> list[str]:
    return [r.code for r in refusals(*uses, project=project, today=today)]


def test_an_expired_project_is_refused_from_the_day_after() -> None:
    ended = replace(PROJECT, expires=date(2025, 12, 31))
    assert codes(project=ended, today=date(2025, 12, 31)) == []
    assert codes(project=ended, today=date(2026, 1, 1)) == ["project-expired"]


def test_a_table_of_another_project_answers_as_for_anybody() -> None:
    (refusal,) = refusals(use("npd.cla.cla_SEX", 2020))
    assert "P0999" not in refusal.message + refusal.advice


@pytest.mark.parametrize(("name", "predicate"), [
    ("npd.spring_census.OnRoll", "AcademicYear BETWEEN '2014/2015' AND '2023/2024'"),
    ("npd.absence.LA", "AcademicYear BETWEEN '2015/2016' AND '2022/2023'"),
    ("leo.earnings.Earnings", "TaxYear BETWEEN 201415 AND 202021"),
    ("swc.workforce.FTE", "CensusYear BETWEEN 2015 AND 2023"),
])  # fmt: skip
def test_the_advice_is_a_predicate_in_the_tables_own_years(name: str, predicate: str) -> None:
    (refusal,) = refusals(use(name, 2000))
    assert refusal.advice.endswith(predicate)


def test_a_script_is_advised_about_its_header() -> None:
    (refusal,) = refusals(use("npd.phonics.PHONICS_LA", 2023), header=True)
    assert refusal.advice.endswith("# input: npd.phonics 2011/2012-2022/2023")


def test_a_use_in_no_year_has_nothing_to_prove() -> None:
    assert refusals(replace(use("npd.ks2_pupil.KS2_MATSCORE"), years=frozenset())) == ()


def test_rows_alone_need_a_grant_on_the_table_in_these_years() -> None:
    def rows(table: str, *years: int) -> list[str]:
        return codes(VariableUse(table, None, frozenset(years), frozenset()))

    assert rows("npd.absence", 2022) == []
    assert rows("npd.absence", 2023) == ["years-not-granted"]
    assert rows("npd.cla", 2022) == ["table-not-granted"]


KEY = "npd.absence.PupilMatchingRefAnonymous"
QUASI = "npd.spring_census.LSOA11"


@pytest.mark.parametrize(("name", "how", "code"), [
    (KEY, (Usage.READ,), None),
    (KEY, (Usage.JOINED, Usage.READ), None),
    *((KEY, (how,), "link-key") for how in (Usage.GROUPED, Usage.RELEASED, Usage.ORDERED, Usage.FILTERED)),
    (QUASI, (Usage.FILTERED,), None),
    (QUASI, (Usage.READ, Usage.GROUPED), "quasi-grouped"),
    ("npd.spring_census.LA", (Usage.GROUPED, Usage.RELEASED, Usage.ORDERED), None),
])  # fmt: skip
def test_how_a_variable_may_be_used(name: str, how: tuple[Usage, ...], code: str | None) -> None:
    assert codes(use(name, 2022, how=how)) == ([code] if code else [])


def test_names_match_in_any_case_and_are_shown_in_catalogue_spelling() -> None:
    assert refusals(use("NPD.ABSENCE.la", 2022)) == ()
    (refusal,) = refusals(use("NPD.SPRING_CENSUS.upn", 2022))
    assert refusal.variable == "npd.spring_census.UPN"


def test_a_table_that_is_granted_to_nobody_says_so() -> None:
    name = "npd.sc_addresses.Postcode"
    assert codes(use(name, 2020)) == ["table-not-grantable", "identifier"]


def test_grouping_by_a_quasi_identifier_is_granted_for_its_years_only() -> None:
    by_year = [
        Grant("npd.spring_census", "LSOA11", frozenset({2021}), "because", group_quasi=True),
        Grant("npd.spring_census", "LSOA11", frozenset({2022}), "because"),
    ]
    some = replace(PROJECT, grants=tuple(by_year))
    for years, expected in (([2021], []), ([2022], ["quasi-grouped"]), ([2021, 2022], ["quasi-grouped"])):
        assert codes(use(QUASI, *years, how=(Usage.GROUPED,)), project=some) == expected


@pytest.mark.parametrize(("name", "years", "told"), [
    ("npd.cla.cla_SEX", {2018, 2020}, "npd.cla in 2018/2019, 2020/2021."),
    ("npd.ks4_pupil.KS4_CLA_PP_1_DAY", {2019, 2020, 2021}, "npd.ks4_pupil.KS4_CLA_PP_1_DAY in 2019/2020-2021/2022."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2018, 2021}, "It cannot use 2021/2022."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2014, 2018}, "Your project can use 2015/2016-2018/2019."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2014, 2018}, "Add to the WHERE of npd.ks2_pupil: AND KS2_ACADYR BETWEEN"),
    ("npd.ks2_pupil.KS2_MATSCORE", {2021}, "Read npd.ks2_pupil in other years: KS2_ACADYR BETWEEN"),
])  # fmt: skip
def test_a_missing_grant_is_reported_with_its_years(name: str, years: set[int], told: str) -> None:
    (refusal,) = refusals(use(name, *years))
    assert told in refusal.advice


@pytest.mark.parametrize(("name", "asked"), [
    ("npd.absense.LA", "Did you mean npd.absence?"),
    ("npd.cal.cla_SEX", ""),
    ("npd.absence.OveralAbsence_6HalfTerms", "Did you mean OverallAbsence_6HalfTerms?"),
    ("npd.absence.PupilMatchingRefAnonymus", "Did you mean PupilMatchingRefAnonymous?"),
    ("npd.spring_census.Surnam", ""),
])  # fmt: skip
def test_a_typing_mistake_in_a_header_gets_a_suggestion(name: str, asked: str) -> None:
    (refusal,) = refusals(use(name, 2022), header=True)
    _, question, names = refusal.advice.partition("Did you mean ")
    assert question + names == asked


def test_only_some_mistakes_of_a_header_are_compared() -> None:
    uses = [use(f"npd.absence.URN{i}", 2022, column=i) for i in range(20)]
    found = refusals(*uses, header=True)
    assert len(found) == 20
    assert sum("Did you mean" in r.advice for r in found) <= 10
