"""Combination rules over a whole job: sides, years as sets, and gateways."""

from dataclasses import replace

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.policy.data_catalogue import TableKind
from broker.policy.policy_set import PolicySet
from broker.scope.combinations import check_combinations


def use(name: str, *years: int, line: int = 1) -> VariableUse:
    table, _, variable = name.rpartition(".")
    return VariableUse(table, variable, frozenset(years), frozenset({Usage.READ}), line, 1)


KS4, KS4_URN, CENSUS_URN = "npd.ks4_pupil.KS4_ATT8", "npd.ks4_pupil.KS4_URN", "npd.spring_census.urn"
JOBS = [
    ("schools beside Key Stage 4 of 2019/20", [use(KS4, 2019), use(KS4_URN, 2019)], "C3"),
    ("schools of another table and year", [use(KS4, 2020), use(CENSUS_URN, 2022)], "C3"),
    ("schools of the register", [use(KS4, 2020), use("ref.schools.LAEstab")], "C3"),
    ("years around the closed ones are no range", [use(KS4, 2018, 2021), use(KS4_URN, 2018, 2021)], None),
    ("Key Stage 4 without schools", [use(KS4, 2019, 2020), use("npd.spring_census.LA", 2019)], None),
    ("schools without Key Stage 4", [use(CENSUS_URN, 2019, 2020)], None),
    ("schools beside Key Stage 2 of 2021/22", [use("npd.ks2_pupil.KS2_URN", 2021)], "C4"),
    ("schools beside Key Stage 2 of 2018/19", [use("npd.ks2_pupil.KS2_URN", 2018)], None),
    ("care and postcode", [use("npd.cin.CIN_LA", 2020), use("npd.sc_addresses.Postcode", 2020)], "C1 C2"),
    ("a name alone", [use("npd.spring_census.Surname", 2020)], "C1"),
    ("nothing", [], None),
]


def rules(refusals: tuple[Refusal, ...]) -> str | None:
    return " ".join(r.message.split(":")[0].removeprefix("Rule ") for r in refusals) or None


@pytest.mark.parametrize(("what", "uses", "broken"), JOBS)
def test_combinations_that_a_rule_forbids(
    policies: PolicySet, project: ResearchProject, what: str, uses: list[VariableUse], broken: str | None
) -> None:
    found = check_combinations(uses, project, policies)
    assert rules(found) == broken, what
    assert {r.code for r in found} <= {"combination"}


def test_a_use_without_proved_years_is_of_all_years(policies: PolicySet, project: ResearchProject) -> None:
    unproved = VariableUse("npd.ks4_pupil", "KS4_URN", None, frozenset({Usage.READ}))
    assert rules(check_combinations([unproved], project, policies)) == "C3"


def test_the_refusal_points_to_the_school_and_has_both_ways_out(policies: PolicySet, project: ResearchProject) -> None:
    uses = [use(KS4, 2019, line=7), use(CENSUS_URN, 2022, line=3)]
    (refusal,) = check_combinations(uses, project, policies)
    assert (refusal.line, refusal.variable) == (3, "npd.spring_census.URN")
    assert "2019/2020" in refusal.advice
    assert "npd.ks4_pupil" in refusal.advice


def test_under_the_digital_economy_act_schools_are_pseudonymous(policies: PolicySet, project: ResearchProject) -> None:
    gateway = "Digital Economy Act 2017, Part 5, Chapter 5"
    uses = [use(CENSUS_URN, 2022, line=2), use(CENSUS_URN, 2021, line=5)]
    assert check_combinations(uses, project, policies) == ()
    (refusal,) = check_combinations(uses, replace(project, gateway=gateway), policies)
    assert (refusal.line, refusal.advice) == (2, "Use URN_anon.")


EXCLUDES = [
    ([use(KS4, 2018, 2019), use(KS4_URN, 2018, 2019)], "AND KS4_ACADYR <> '2019/2020'"),
    ([use(KS4, 2018, 2019, 2020), use(KS4_URN, 2018)], "AND KS4_ACADYR NOT IN ('2019/2020', '2020/2021')"),
    ([use(KS4, 2018, 2019), use(KS4, 2020), use(CENSUS_URN, 2022)], "AND KS4_ACADYR NOT IN ('2019/2020', '2020/2021')"),
    ([use("npd.ks2_pupil.KS2_URN", 2018, 2021)], "AND KS2_ACADYR <> '2021/2022'"),
]


@pytest.mark.parametrize(("uses", "predicate"), EXCLUDES)
def test_the_advice_has_the_condition_that_leaves_the_years_out(
    policies: PolicySet, project: ResearchProject, uses: list[VariableUse], predicate: str
) -> None:
    (refusal,) = check_combinations(uses, project, policies)
    assert refusal.advice.endswith(predicate)


def test_the_refusal_has_only_the_years_that_break_a_rule(policies: PolicySet, project: ResearchProject) -> None:
    (refusal,) = check_combinations([use(KS4, 2018, 2020, 2021), use(CENSUS_URN, 2018)], project, policies)
    assert refusal.message.endswith("This job may read npd.ks4_pupil in 2020/2021.")


def test_a_refusal_of_a_script_has_the_years_of_its_header(policies: PolicySet, project: ResearchProject) -> None:
    (refusal,) = check_combinations([use(KS4_URN, 2018, 2019, 2021)], project, policies, header=True)
    assert refusal.advice.endswith("# input: npd.ks4_pupil 2018/2019, 2021/2022")


def test_every_establishment_number_of_a_person_table_is_in_the_rules_on_schools(policies: PolicySet) -> None:
    schools = {
        v.name.casefold()
        for t in policies.catalogue.tables
        for v in t.variables
        if t.kind is TableKind.PERSON and v.name.upper().removesuffix("_ANON").endswith(("URN", "LAESTAB"))
    }
    assert len(schools) > 8
    for rule in policies.combinations:
        named = {m.removeprefix("variable:").casefold() for m in rule.with_any} | {n.casefold() for n in rule.replace}
        assert rule.id not in {"C3", "C4", "C5"} or schools <= named, rule.id


def _by_default(project: ResearchProject, *named: Grant) -> ResearchProject:
    """A project that has npd.absence by default items, and perhaps more of it by name."""
    default = Grant("npd.absence", "LA", frozenset({2021, 2022}), "because", default_items=True)
    return replace(project, grants=(default, *named))


FSM = "npd.absence.FSMeligible"
BY_NAME = Grant("npd.absence", "FSMeligible", frozenset({2022}), "because")
REQUESTED = [
    ("a default item", use("npd.absence.LA", 2022), (), None),
    ("an item by request", use(FSM, 2022), (), "2022/2023"),
    ("that item in the years in which it was granted by name", use(FSM, 2022), (BY_NAME,), None),
    ("and in others", use(FSM, 2020, 2022), (BY_NAME,), "2020/2021"),
    ("a table that was granted item by item", use("npd.spring_census.FSMeligible", 2022), (), None),
    ("the rows alone", VariableUse("npd.absence", None, frozenset({2022}), frozenset({Usage.READ})), (), None),
]


@pytest.mark.parametrize(("what", "used", "named", "years"), REQUESTED)
def test_default_items_give_no_other_items(
    policies: PolicySet,
    project: ResearchProject,
    what: str,
    used: VariableUse,
    named: tuple[Grant, ...],
    years: str | None,
) -> None:
    found = check_combinations([used], _by_default(project, *named), policies)
    assert rules(found) == ("C6" if years else None), what
    assert all(f"FSMeligible in {years}." in r.advice for r in found)


def test_the_demo_project_of_default_items_is_judged_by_them(policies: PolicySet) -> None:
    dashboard = policies.project("P0733")
    assert dashboard is not None
    assert rules(check_combinations([use(FSM, 2022)], dashboard, policies)) == "C6"
    assert check_combinations([use("npd.spring_census.FSMeligible", 2022)], dashboard, policies) == ()
