"""Which synthetic data a project's rehearsals need: what its grants name, and what tells who is one person."""

from dataclasses import replace

import pytest

from broker.domain.errors import Invalid
from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.workflow.rehearsal.synthetic_data import SyntheticDataSpec, synthetic_data_spec
from tests.policy_sets import TEST_POLICIES

POLICIES = load_policies(TEST_POLICIES)
CATALOGUE = POLICIES.catalogue
KNOWN = range(2001, 2024)
LINKS = {"leo.ae_pmr", "leo.ae_edukey"}


def project(ident: str) -> ResearchProject:
    found = POLICIES.project(ident)
    assert found is not None
    return found


def data(of: ResearchProject, pupils: int = 1000, seed: int = 1) -> SyntheticDataSpec:
    return synthetic_data_spec(of, CATALOGUE, KNOWN, pupils, seed)


def test_the_tables_of_the_grants_and_those_that_link_keys():
    found = data(project("P0815"))
    assert {t.full_name for t in found.catalogue.tables} == {"npd.phonics", "ref.schools"} | LINKS
    assert found.years == (2015, 2018)


def test_the_years_of_a_table_are_those_of_its_grants():
    years = {t.full_name: t.years for t in data(project("P0421")).catalogue.tables}
    assert years["npd.ks2_pupil"] == frozenset(range(2015, 2019))  # no tests were held in the two years after
    assert years["npd.spring_census"] == frozenset(range(2014, 2024))
    assert years["ref.schools"] is None
    assert "npd.cla" not in years
    assert data(project("P0421")).years == (2011, 2023)


def test_a_project_without_years_has_the_last_that_is_known():
    assert data(project("FIXTURE")).years == (2023, 2023)


def with_years(years: frozenset[int] | None) -> ResearchProject:
    phonics = project("P0815")
    return replace(phonics, grants=tuple(replace(g, years=years) for g in phonics.grants))


def test_years_that_cannot_be_made_are_left_out_and_none_at_all_is_an_error():
    early = replace(
        project("P0815"), grants=(replace(project("P0815").grants[0], table="npd.ks1", years=frozenset({1999, 2001})),)
    )
    assert data(early).years == (2001, 2001)
    with pytest.raises(Invalid, match="2001 to 2023"):
        data(replace(early, grants=(replace(early.grants[0], years=frozenset({1999})),)))


def test_a_grant_without_years_is_all_of_the_tables():
    assert data(with_years(None)).years == (2011, 2023)


def test_the_name_is_that_of_the_data():
    of = project("P0815")
    name = data(of).name
    assert name == data(replace(of, title="Another title", votes=2)).name
    others = [
        data(of, pupils=1001),
        data(of, seed=2),
        data(project("P0421")),
        data(with_years(frozenset({2015}))),
        synthetic_data_spec(of, replace(CATALOGUE, version=2), KNOWN, 1000, 1),
    ]
    assert len({name, *(o.name for o in others)}) == 6


def test_more_people_and_more_files_take_longer():
    assert data(project("P0815")).about_seconds < data(project("P0421")).about_seconds
    assert data(project("P0421")).about_seconds < data(project("P0421"), pupils=100_000).about_seconds < 60
