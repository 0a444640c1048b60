"""What the policies in the repository say: the tables, the classes, and what each demo project was granted."""

import time
from pathlib import Path

import pytest

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import PrivacyUnit, TableKind, YearFormat
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet

POLICIES = Path(__file__).parents[3] / "policies"


@pytest.mark.alone
def test_loading_all_policies_is_quick() -> None:
    def seconds() -> float:
        started = time.process_time()
        load_policies(POLICIES)
        return time.process_time() - started

    assert min(seconds() for _ in range(3)) < 0.7


@pytest.mark.parametrize(("name", "kind", "first", "last", "gaps"), [
    ("npd.spring_census", YearFormat.ACADEMIC, 2001, 2023, set()),
    ("npd.eyfsp", YearFormat.ACADEMIC, 2002, 2023, {2019, 2020}),
    ("npd.ks1", YearFormat.ACADEMIC, 1997, 2022, {2019, 2020}),
    ("npd.ks2_pupil", YearFormat.ACADEMIC, 1995, 2023, {2019, 2020}),
    ("npd.absence", YearFormat.ACADEMIC, 2005, 2023, {2019}),
    ("npd.cla", YearFormat.ENDING, 2005, 2023, set()),
    ("swc.workforce", YearFormat.CALENDAR, 2010, 2023, set()),
    ("leo.earnings", YearFormat.TAX, 2003, 2020, set()),
])  # fmt: skip
def test_the_years_of_a_table(policies: PolicySet, name, kind, first, last, gaps) -> None:
    axis = policies.catalogue.table(name).year
    assert axis is not None
    assert axis.format is kind
    assert axis.years == set(range(first, last + 1)) - gaps


@pytest.mark.parametrize(("table", "name", "cls", "default"), [
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
])  # fmt: skip
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


def test_every_person_table_has_unit_and_key_and_exact_dates_are_quasi(policies: PolicySet) -> None:
    persons = [t for t in policies.catalogue.tables if t.kind is TableKind.PERSON]
    dates = [v for t in persons for v in t.variables if v.type is ScalarType.DATE]
    assert len(dates) > 5
    assert {v.cls for v in dates} == {VariableClass.QUASI}
    for table in persons:
        assert table.unit is (PrivacyUnit.STAFF if table.full_name == "swc.workforce" else PrivacyUnit.PUPIL)
        assert table.link_key
        assert table.key_domain
    public = [t for t in policies.catalogue.tables if t.kind is TableKind.PUBLIC]
    assert [(t.full_name, t.unique_key) for t in public] == [("ref.schools", "URN")]


def test_all_grants_no_identifier_but_the_link_key(policies: PolicySet) -> None:
    project = policies.project("P0421")
    assert project is not None
    for grant in project.grants:
        variable = policies.catalogue.table(grant.table).find(grant.variable)
        assert variable is not None
        assert variable.cls is not VariableClass.INSTANT_IDENTIFIER
        assert grant.link_key == (variable.cls is VariableClass.IDENTIFIER)
    assert not project.tables & {"npd.cla", "npd.sc_addresses", "npd.ks1", "npd.ks5_student", "npd.ks4_exam"}
