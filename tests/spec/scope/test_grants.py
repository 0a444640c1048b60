"""Grants of a project as a drawn table: one use a line, and the broker's decision."""

# ruff: noqa: E501 - one case a line reads as a table

from datetime import date

import pytest

from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.policy.files import load_policies
from broker.scope.combinations import check_combinations
from broker.scope.grants import check_scope
from tests.policy_sets import TEST_POLICIES

POLICIES = load_policies(TEST_POLICIES)
TODAY = date(2026, 11, 24)

# project | what is used                               | in the years  | how              | the broker's word
TABLE = """
P0421   | npd.spring_census.EthnicGroupMinor           | 2022          | grouped released | yes
P0421   | npd.spring_census.EthnicGroupMinor           | 2013 2014     | grouped released | years-not-granted
P0421   | npd.spring_census.PupilMatchingRefAnonymous  | 2022          | joined read      | yes
P0421   | npd.spring_census.PupilMatchingRefAnonymous  | 2022          | released         | link-key
P0421   | npd.spring_census.UPN                        | 2022          | read             | identifier
P0421   | npd.spring_census.Surname                    | 2022          | filtered         | identifier combination
P0421   | npd.spring_census.LSOA11                     | 2022          | filtered         | yes
P0421   | npd.spring_census.LSOA11                     | 2022          | grouped          | quasi-grouped
P0421   | npd.ks2_pupil.KS2_MATSCORE                   | 2015 2018     | read             | yes
P0421   | npd.ks2_pupil.KS2_MATSCORE                   | 2021          | read             | years-not-granted
P0421   | npd.ks4_pupil.KS4_ATT8                       | 2019          | read             | yes
P0421   | npd.ks4_pupil.KS4_URN                        | 2019          | read             | combination
P0421   | npd.ks4_pupil.KS4_CLA_PP_1_DAY               | 2022          | read             | variable-not-granted
P0421   | npd.ks1.KS1_SCI_OUTCOME                      | 2018          | read             | table-not-granted
P0421   | leo.earnings.Earnings                        | 2014          | read             | yes
P0421   | leo.earnings.Earnings                        | 2013          | read             | years-not-granted
P0421   | leo.ae_pmr.AE_ID                             | -             | joined           | yes
P0421   | ref.schools.Region                           | -             | grouped          | yes
P0421   | hidden.npd_cin.x                             | -             | read             | unknown-table
P0733   | npd.absence.OverallAbsence_6HalfTerms        | 2022          | read             | yes
P0733   | npd.absence.FSMeligible                      | 2022          | read             | variable-not-granted combination
P0733   | npd.absence.LSOA11                           | 2022          | filtered         | variable-not-granted combination
P0733   | npd.absence.PupilMatchingRefAnonymous        | 2022          | joined           | yes
P0733   | npd.spring_census.LA                         | 2023          | grouped          | yes
P0733   | ref.schools.Region                           | -             | grouped          | table-not-granted
P0815   | npd.phonics.PHONICS_LA                       | 2018          | read             | project-expired
FIXTURE | fixture.npd_pupil.fsm                        | -             | grouped released | yes
FIXTURE | fixture.npd_pupil.upn                        | -             | filtered         | identifier
FIXTURE | fixture.npd_pupil.dob                        | -             | filtered         | variable-not-granted
FIXTURE | fixture.npd_absence.reason_code              | -             | grouped          | variable-not-granted
FIXTURE | fixture.npd_cin.primary_need                 | -             | read             | table-not-granted
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_the_broker_says(line: str) -> None:
    ident, name, years, how, word = (cell.strip() for cell in line.split("|"))
    project = POLICIES.project(ident)
    assert project is not None
    table, _, variable = name.rpartition(".")
    span = None if years == "-" else frozenset(map(int, years.split()))
    use = VariableUse(table, variable, span, frozenset(Usage(w) for w in how.split()))
    found = (*check_scope([use], project, POLICIES, TODAY), *check_combinations([use], project, POLICIES))
    assert " ".join(r.code for r in found) == ("" if word == "yes" else word)
    assert all(r.message and r.advice for r in found)
