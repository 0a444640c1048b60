"""Combination rules over a whole job: sides, years as sets, and gateways."""

from dataclasses import replace

import pytest

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.policy.data_catalogue import TableKind
from broker.scope.combinations import check_combinations
from tests.unit.scope.conftest import POLICIES, PROJECT, use

KS4, KS4_URN, CENSUS_URN = "npd.ks4_pupil.KS4_ATT8", "npd.ks4_pupil.KS4_URN", "npd.spring_census.urn"
JOBS = [
    ("schools beside Key Stage 4 of 2019/20", [use(KS4, 2019), use(KS4_URN, 2019)], "C3"),
    ("schools of another table and year", [use(KS4, 2020), use(CENSUS_URN, 2022)], "C3"),
    ("schools of the register", [use(KS4, 2020), use("ref.schools.LAEstab")], "C3"),
    ("a use without proved years is of all years", [use(KS4_URN)], "C3"),
    ("years around the closed ones are no range", [use(KS4, 2018, 2021), use(KS4_URN, 2018, 2021)], None),
    ("Key Stage 4 without schools", [use(KS4, 2019, 2020), use("npd.spring_census.LA", 2019)], None),
    ("schools without Key Stage 4", [use(CENSUS_URN, 2019, 2020)], None),
    ("schools beside Key Stage 2 of 2021/22", [use("npd.ks2_pupil.KS2_URN", 2021)], "C4"),
    ("schools beside Key Stage 2 of 2018/19", [use("npd.ks2_pupil.KS2_URN", 2018)], None),
    ("care and postcode", [use("npd.cin.CIN_LA", 2020), use("npd.sc_addresses.Postcode", 2020)], "C1 C2"),
    ("a name alone", [use("npd.spring_census.Surname", 2020)], "C1"),
    ("nothing", [], None),
]


def refusals(*uses: VariableUse, project: ResearchProject = PROJECT, header: bool = False) -> tuple[Refusal, ...]:
    return check_combinations(uses, project, POLICIES, header=header)


def rules(found: tuple[Refusal, ...]) -> str | None:
    return " ".join(r.message.split(":")[0].removeprefix("Rule ") for r in found) or None


@pytest.mark.parametrize(("what", "uses", "broken"), JOBS)
def test_combinations_that_a_rule_forbids(what: str, uses: list[VariableUse], broken: str | None) -> None:
    found = refusals(*uses)
    assert rules(found) == broken, what
    assert {r.code for r in found} <= {"combination"}


def test_under_the_digital_economy_act_schools_are_pseudonymous() -> None:
    uses = [use(CENSUS_URN, 2022, line=2), use(CENSUS_URN, 2021, line=5)]
    assert refusals(*uses) == ()
    (refusal,) = refusals(*uses, project=replace(PROJECT, gateway="Digital Economy Act 2017, Part 5, Chapter 5"))
    assert (refusal.line, refusal.advice) == (2, "Use URN_anon.")


def test_a_refusal_of_a_script_has_the_years_of_its_header() -> None:
    (refusal,) = refusals(use(KS4_URN, 2018, 2019, 2021), header=True)
    assert refusal.advice.endswith("# input: npd.ks4_pupil 2018/2019, 2021/2022")


def test_every_establishment_number_of_a_person_table_is_in_the_rules_on_schools() -> None:
    schools = {
        v.name.casefold()
        for t in POLICIES.catalogue.tables
        for v in t.variables
        if t.kind is TableKind.PERSON and v.name.upper().removesuffix("_ANON").endswith(("URN", "LAESTAB"))
    }
    assert len(schools) > 8
    for rule in POLICIES.combinations:
        named = {m.removeprefix("variable:").casefold() for m in rule.with_any} | {n.casefold() for n in rule.replace}
        assert rule.id not in {"C3", "C4", "C5"} or schools <= named, rule.id


def test_rows_alone_are_no_item_by_request() -> None:
    rows = VariableUse("npd.absence", None, frozenset({2022}), frozenset({Usage.READ}))
    default = Grant("npd.absence", "LA", frozenset({2022}), "because", default_items=True)
    assert refusals(rows, project=replace(PROJECT, grants=(default,))) == ()
