"""The scope check gives every reason at once, with its place, its variable in catalogue spelling, and advice."""

from dataclasses import replace
from datetime import date

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.policy.policy_set import PolicySet
from broker.scope.grants import check_scope

TODAY = date(2026, 11, 24)


def use(name: str, years: set[int] | None = None, *how: Usage, line: int = 1, column: int = 1) -> VariableUse:
    table, _, variable = name.rpartition(".")
    return VariableUse(
        table, variable, None if years is None else frozenset(years), frozenset(how or {Usage.READ}), line, column
    )


def codes(refusals: tuple[Refusal, ...]) -> list[str]:
    return [r.code for r in refusals]


def test_all_refusals_are_reported_in_order_of_place(policies: PolicySet, project: ResearchProject) -> None:
    uses = [
        use("npd.cla.cla_SEX", {2020}, line=4),
        use("npd.spring_census.UPN", {2022}, line=1),
        use("npd.ks4_pupil.KS4_CLA_PP_1_DAY", {2022}, line=2),
        use("npd.nothing.x", None, line=5),
        use("npd.ks2_pupil.KS2_MATSCORE", {2021}, line=3),
    ]
    assert codes(check_scope(uses, project, policies, TODAY)) == [
        "identifier",
        "variable-not-granted",
        "years-not-granted",
        "table-not-granted",
        "unknown-table",
    ]


def test_an_expired_project_is_refused_from_the_day_after(policies: PolicySet, project: ResearchProject) -> None:
    ended = replace(project, expires=date(2025, 12, 31))
    assert check_scope([], ended, policies, date(2025, 12, 31)) == ()
    assert codes(check_scope([], ended, policies, date(2026, 1, 1))) == ["project-expired"]


def test_a_table_is_refused_once_whatever_is_used_of_it(policies: PolicySet, project: ResearchProject) -> None:
    uses = [use("npd.cla.cla_SEX", {2020}, line=2), use("npd.cla.cla_AGE_AUG", {2020}, line=1)]
    (refusal,) = check_scope(uses, project, policies, TODAY)
    assert (refusal.code, refusal.line, refusal.variable) == ("table-not-granted", 1, "npd.cla.cla_AGE_AUG")
    assert "administrators" in refusal.advice


def test_a_table_of_another_project_answers_as_for_anybody(policies: PolicySet, project: ResearchProject) -> None:
    (refusal,) = check_scope([use("npd.cla.cla_SEX", {2020})], project, policies, TODAY)
    assert "P0999" not in refusal.message + refusal.advice


def test_years_of_many_variables_are_one_refusal(policies: PolicySet, project: ResearchProject) -> None:
    names = ("KS2_ACADYR", "KS2_MATSCORE", "KS2_READSCORE")
    uses = [use(f"npd.ks2_pupil.{n}", {2018, 2021}, line=i) for i, n in enumerate(names, 2)]
    (refusal,) = check_scope(uses, project, policies, TODAY)
    assert refusal.line == 2
    assert "KS2_MATSCORE" in refusal.message
    assert "2021/2022" in refusal.message
    assert "2018/2019" not in refusal.message
    assert refusal.advice.endswith("KS2_ACADYR BETWEEN '2015/2016' AND '2018/2019'")


ADVICE = [
    ("npd.spring_census.OnRoll", "AcademicYear BETWEEN '2014/2015' AND '2023/2024'"),
    ("npd.absence.LA", "AcademicYear BETWEEN '2015/2016' AND '2022/2023'"),
    ("leo.earnings.Earnings", "TaxYear BETWEEN 201415 AND 202021"),
    ("swc.workforce.FTE", "CensusYear BETWEEN 2015 AND 2023"),
]


@pytest.mark.parametrize(("name", "predicate"), ADVICE)
def test_the_advice_is_a_predicate_in_the_tables_own_years(
    policies: PolicySet, project: ResearchProject, name: str, predicate: str
) -> None:
    (refusal,) = check_scope([use(name, {2000})], project, policies, TODAY)
    assert refusal.advice.endswith(predicate)


def test_a_script_is_advised_about_its_header(policies: PolicySet, project: ResearchProject) -> None:
    (refusal,) = check_scope([use("npd.phonics.PHONICS_LA", {2023})], project, policies, TODAY, header=True)
    assert refusal.advice.endswith("# input: npd.phonics 2011/2012-2022/2023")


def test_a_use_without_proved_years_is_of_all_years(policies: PolicySet, project: ResearchProject) -> None:
    (refusal,) = check_scope([use("npd.ks2_pupil.KS2_MATSCORE", None)], project, policies, TODAY)
    assert refusal.code == "years-not-granted"


def test_a_use_in_no_year_has_nothing_to_prove(policies: PolicySet, project: ResearchProject) -> None:
    assert check_scope([use("npd.ks2_pupil.KS2_MATSCORE", set())], project, policies, TODAY) == ()


def test_rows_alone_need_a_grant_on_the_table_in_these_years(policies: PolicySet, project: ResearchProject) -> None:
    def rows(table: str, *years: int) -> list[str]:
        return codes(check_scope([VariableUse(table, None, frozenset(years), frozenset())], project, policies, TODAY))

    assert rows("npd.absence", 2022) == []
    assert rows("npd.absence", 2023) == ["years-not-granted"]
    assert rows("npd.cla", 2022) == ["table-not-granted"]


KEY = "npd.absence.PupilMatchingRefAnonymous"
QUASI = "npd.spring_census.LSOA11"
HOWS = [
    (KEY, (Usage.READ,), None),
    (KEY, (Usage.JOINED, Usage.READ), None),
    (KEY, (Usage.GROUPED,), "link-key"),
    (KEY, (Usage.RELEASED,), "link-key"),
    (KEY, (Usage.ORDERED,), "link-key"),
    (KEY, (Usage.FILTERED,), "link-key"),
    (QUASI, (Usage.FILTERED,), None),
    (QUASI, (Usage.READ, Usage.GROUPED), "quasi-grouped"),
    ("npd.spring_census.LA", (Usage.GROUPED, Usage.RELEASED, Usage.ORDERED), None),
]


@pytest.mark.parametrize(("name", "how", "code"), HOWS)
def test_how_a_variable_may_be_used(
    policies: PolicySet, project: ResearchProject, name: str, how: tuple[Usage, ...], code: str | None
) -> None:
    assert codes(check_scope([use(name, {2022}, *how)], project, policies, TODAY)) == ([code] if code else [])


def test_names_match_in_any_case_and_are_shown_in_catalogue_spelling(
    policies: PolicySet, project: ResearchProject
) -> None:
    assert check_scope([use("NPD.ABSENCE.la", {2022})], project, policies, TODAY) == ()
    (refusal,) = check_scope([use("NPD.SPRING_CENSUS.upn", {2022})], project, policies, TODAY)
    assert refusal.variable == "npd.spring_census.UPN"


def test_a_table_that_is_granted_to_nobody_says_so(policies: PolicySet, project: ResearchProject) -> None:
    name = "npd.sc_addresses.Postcode"
    assert codes(check_scope([use(name, {2020})], project, policies, TODAY)) == ["table-not-grantable", "identifier"]


def test_grouping_by_a_quasi_identifier_is_granted_for_its_years_only(
    policies: PolicySet, project: ResearchProject
) -> None:
    by_year = [
        Grant("npd.spring_census", "LSOA11", frozenset({2021}), "because", group_quasi=True),
        Grant("npd.spring_census", "LSOA11", frozenset({2022}), "because"),
    ]
    some = replace(project, grants=tuple(by_year))
    for years, expected in (({2021}, []), ({2022}, ["quasi-grouped"]), ({2021, 2022}, ["quasi-grouped"])):
        assert codes(check_scope([use(QUASI, years, Usage.GROUPED)], some, policies, TODAY)) == expected


MISSING = [
    ("npd.cla.cla_SEX", {2018, 2020}, "npd.cla in 2018/2019, 2020/2021."),
    ("npd.ks4_pupil.KS4_CLA_PP_1_DAY", {2019, 2020, 2021}, "npd.ks4_pupil.KS4_CLA_PP_1_DAY in 2019/2020-2021/2022."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2018, 2021}, "It cannot use 2021/2022."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2014, 2018}, "Your project can use 2015/2016-2018/2019."),
    ("npd.ks2_pupil.KS2_MATSCORE", {2014, 2018}, "Add to the WHERE of npd.ks2_pupil: AND KS2_ACADYR BETWEEN"),
    ("npd.ks2_pupil.KS2_MATSCORE", {2021}, "Read npd.ks2_pupil in other years: KS2_ACADYR BETWEEN"),
]


@pytest.mark.parametrize(("name", "years", "told"), MISSING)
def test_a_missing_grant_is_reported_with_its_years(
    policies: PolicySet, project: ResearchProject, name: str, years: set[int], told: str
) -> None:
    (refusal,) = check_scope([use(name, years)], project, policies, TODAY)
    assert told in refusal.advice


MISTYPED = [
    ("npd.absense.LA", "Did you mean npd.absence?"),
    ("npd.cal.cla_SEX", ""),
    ("npd.absence.OveralAbsence_6HalfTerms", "Did you mean OverallAbsence_6HalfTerms?"),
    ("npd.absence.PupilMatchingRefAnonymus", "Did you mean PupilMatchingRefAnonymous?"),
    ("npd.spring_census.Surnam", ""),
]


@pytest.mark.parametrize(("name", "asked"), MISTYPED)
def test_a_typing_mistake_in_a_header_gets_a_suggestion(
    policies: PolicySet, project: ResearchProject, name: str, asked: str
) -> None:
    (refusal,) = check_scope([use(name, {2022})], project, policies, TODAY, header=True)
    _, question, names = refusal.advice.partition("Did you mean ")
    assert question + names == asked


def test_only_some_mistakes_of_a_header_are_compared(policies: PolicySet, project: ResearchProject) -> None:
    uses = [use(f"npd.absence.URN{i}", {2022}, column=i) for i in range(20)]
    found = check_scope(uses, project, policies, TODAY, header=True)
    assert len(found) == 20
    assert sum("Did you mean" in r.advice for r in found) <= 10
