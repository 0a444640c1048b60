"""What the policies in the repository say: the tables, the classes, and what each demo project was granted."""

import time
from pathlib import Path

import pytest

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.projects.project import ProtectionMode
from broker.policy.data_catalogue import PrivacyUnit, TableKind, YearFormat
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet

POLICIES = Path(__file__).parents[3] / "policies"


def test_loading_all_policies_is_quick() -> None:
    best = min(_seconds() for _ in range(3))
    assert best < 0.7


def _seconds() -> float:
    started = time.process_time()
    load_policies(POLICIES)
    return time.process_time() - started


def test_names_answer_in_any_case(policies: PolicySet) -> None:
    table = policies.catalogue.table("NPD.SPRING_CENSUS")
    assert table.find("fsmELIGIBLE") is not None
    assert table.full_name == "npd.spring_census"


YEARS = [
    ("npd.spring_census", YearFormat.ACADEMIC, 2001, 2023, set()),
    ("npd.eyfsp", YearFormat.ACADEMIC, 2002, 2023, {2019, 2020}),
    ("npd.ks1", YearFormat.ACADEMIC, 1997, 2022, {2019, 2020}),
    ("npd.ks2_pupil", YearFormat.ACADEMIC, 1995, 2023, {2019, 2020}),
    ("npd.absence", YearFormat.ACADEMIC, 2005, 2023, {2019}),
    ("npd.cla", YearFormat.ENDING, 2005, 2023, set()),
    ("swc.workforce", YearFormat.CALENDAR, 2010, 2023, set()),
    ("leo.earnings", YearFormat.TAX, 2003, 2020, set()),
]


@pytest.mark.parametrize(("name", "kind", "first", "last", "gaps"), YEARS)
def test_the_years_of_a_table(
    policies: PolicySet, name: str, kind: YearFormat, first: int, last: int, gaps: set[int]
) -> None:
    axis = policies.catalogue.table(name).year
    assert axis is not None
    assert axis.format is kind
    assert axis.years == set(range(first, last + 1)) - gaps


CLASSES = [
    ("npd.spring_census", "UPN", VariableClass.IDENTIFIER, False),
    ("npd.spring_census", "Surname", VariableClass.INSTANT_IDENTIFIER, False),
    ("npd.spring_census", "LSOA11", VariableClass.QUASI, False),
    ("npd.spring_census", "EntryDate", VariableClass.QUASI, True),
    ("npd.spring_census", "DistCurrSch", VariableClass.QUASI, False),
    ("npd.spring_census", "FSMeligible", VariableClass.SENSITIVE, False),
    ("npd.spring_census", "NCyearActual", VariableClass.STANDARD, True),
    ("npd.spring_census", "MonthOfBirth", VariableClass.STANDARD, False),
    ("npd.exclusions", "StartDate", VariableClass.QUASI, True),
    ("npd.exclusions", "IDACIScore_15", VariableClass.QUASI, True),
    ("npd.cin", "CIN_CINReferralDate", VariableClass.QUASI, False),
    ("leo.earnings", "main_enterprise", VariableClass.QUASI, False),
    ("swc.workforce", "FTE", VariableClass.STANDARD, False),
    ("ref.schools", "OpenDate", VariableClass.PUBLIC, True),
]


@pytest.mark.parametrize(("table", "name", "cls", "default"), CLASSES)
def test_class_and_default_item(policies: PolicySet, table: str, name: str, cls: VariableClass, default: bool) -> None:
    variable = policies.catalogue.table(table).find(name)
    assert variable is not None
    assert (variable.cls, variable.default_item) == (cls, default)


def test_default_items_follow_the_rule_of_the_data_tables(policies: PolicySet) -> None:
    by_request = {"YearOfBirth", "MonthOfBirth"}
    for table in policies.catalogue.tables:
        for variable in table.variables:
            by_rule = variable.identifiability in {"3E", "5E"}
            asked_for = table.full_name == "npd.spring_census" and variable.name in by_request
            assert variable.default_item == (by_rule and not asked_for), (table.full_name, variable.name)


def test_every_exact_date_about_a_person_is_quasi(policies: PolicySet) -> None:
    persons = [t for t in policies.catalogue.tables if t.kind is TableKind.PERSON]
    dates = [v for t in persons for v in t.variables if v.type is ScalarType.DATE]
    assert len(dates) > 5
    assert {v.cls for v in dates} == {VariableClass.QUASI}


def test_every_person_table_has_unit_key_and_most_rows(policies: PolicySet) -> None:
    for table in (t for t in policies.catalogue.tables if t.kind is TableKind.PERSON):
        assert table.unit is (PrivacyUnit.STAFF if table.full_name == "swc.workforce" else PrivacyUnit.PUPIL)
        assert table.link_key
        assert table.key_domain
    public = [t for t in policies.catalogue.tables if t.kind is TableKind.PUBLIC]
    assert [(t.full_name, t.unique_key) for t in public] == [("ref.schools", "URN")]


def test_fixed_point_scores_say_their_digits(policies: PolicySet) -> None:
    for table in policies.catalogue.tables:
        for variable in table.variables:
            assert (variable.decimals is not None) == (variable.type is ScalarType.DECIMAL)


def test_all_grants_no_identifier_but_the_link_key(policies: PolicySet) -> None:
    project = policies.project("P0421")
    assert project is not None
    for grant in project.grants:
        variable = policies.catalogue.table(grant.table).find(grant.variable)
        assert variable is not None
        assert variable.cls is not VariableClass.INSTANT_IDENTIFIER
        assert grant.link_key == (variable.cls is VariableClass.IDENTIFIER)
    names = {(g.table, g.variable) for g in project.grants}
    assert ("npd.ks4_pupil", "KS4_SENF") in names
    assert ("npd.ks4_pupil", "KS4_CLA_PP_1_DAY") not in names
    assert ("npd.cin", "CIN_LAchildID") not in names
    assert not project.tables & {"npd.cla", "npd.sc_addresses", "npd.ks1", "npd.ks5_student", "npd.ks4_exam"}


def test_a_grant_over_a_gap_holds_the_years_that_exist(policies: PolicySet) -> None:
    project = policies.project("P0421")
    assert project is not None
    assert project.granted_years("npd.ks2_pupil", "KS2_MATSCORE") == {2015, 2016, 2017, 2018}
    assert project.granted_years("leo.earnings", "Earnings") == set(range(2014, 2021))
    assert project.granted_years("ref.schools", "LA") is None
    assert project.granted_years("npd.ks2_pupil", "KS2_NONE") is False


def test_default_items_grant_no_other_item(policies: PolicySet) -> None:
    project = policies.project("P0733")
    assert project is not None
    assert project.mode is ProtectionMode.DIFFERENTIAL_PRIVACY
    absence = {g.variable for g in project.grants if g.table == "npd.absence"}
    assert {"AcademicYear", "OverallAbsence_6HalfTerms", "LA", "PupilMatchingRefAnonymous"} <= absence
    assert not absence & {"EthnicGroupMinor", "FSMeligible", "URN", "LSOA11", "PA10_exact_6HalfTerms"}
    assert ("npd.absence", 4.0) in {(b.table, b.loss) for b in project.budgets}
