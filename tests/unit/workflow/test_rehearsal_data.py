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


def with_years(*years: int) -> ResearchProject:
    """P0815 on data of these years, or of all."""
    phonics = project("P0815")
    return replace(phonics, grants=tuple(replace(g, years=frozenset(years) or None) for g in phonics.grants))


def of_the_first_key_stage(*years: int) -> ResearchProject:
    early = with_years(*years)
    return replace(early, grants=(replace(early.grants[0], table="npd.ks1"),))


@pytest.mark.parametrize(
    ("of", "years"),
    [
        pytest.param(project("FIXTURE"), (2023, 2023), id="without years: the last that is known"),
        pytest.param(with_years(), (2011, 2023), id="a grant without years: all of the table's"),
        pytest.param(of_the_first_key_stage(1999, 2001), (2001, 2001), id="years that can be made"),
    ],
)
def test_the_years_that_are_made(of, years):
    assert data(of).years == years


def test_where_no_year_can_be_made_it_is_an_error():
    with pytest.raises(Invalid, match="2001 to 2023"):
        data(of_the_first_key_stage(1999))


def test_the_name_is_that_of_the_data():
    of = project("P0815")
    name = data(of).name
    assert name == data(replace(of, title="Another title", votes=2)).name
    others = [
        data(of, pupils=1001),
        data(of, seed=2),
        data(project("P0421")),
        data(with_years(2015)),
        synthetic_data_spec(of, replace(CATALOGUE, version=2), KNOWN, 1000, 1),
    ]
    assert len({name, *(o.name for o in others)}) == 6


def test_more_people_and_more_files_take_longer():
    assert data(project("P0815")).about_seconds < data(project("P0421")).about_seconds
    assert data(project("P0421")).about_seconds < data(project("P0421"), pupils=100_000).about_seconds < 60
