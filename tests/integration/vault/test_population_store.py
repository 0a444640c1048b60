"""Known populations of a snapshot, and the map from a project's person numbers to the global ones."""

import stat
from dataclasses import replace

import numpy as np
import pytest

from broker.domain.errors import Unknown
from broker.domain.ports import Snapshot, Vault
from broker.evidence.member_tables import from_bytes
from broker.policy.release_history_policy import ReferencePopulation, ReleaseHistoryPolicy
from broker.vault.population_store import PopulationStore
from broker.vault.vault_store import VaultStore
from tests.integration.expected_errors import expect
from tests.integration.vault.conftest import POLICIES, rows

BY_LA = ReferencePopulation(name="LA and gender", table="npd.census", variables=("LA", "Gender"))


WITH_REFERENCES = replace(POLICIES, memory=ReleaseHistoryPolicy(references=(BY_LA,)))


@pytest.fixture
def keeper(data) -> PopulationStore:
    return PopulationStore(data, lambda: WITH_REFERENCES)


def source(data, snapshot: Snapshot, year: int) -> str:
    return f"'{data}/snapshots/{snapshot.ident}/npd.census/{year}.parquet'"


def test_everybody_of_a_table_is_one_cell_of_all_its_persons(keeper, snapshot, data):
    found = keeper.everybody(snapshot.ident, "npd.census", 2018)
    persons, cells = from_bytes(found.content).rows()
    wanted = {p for (p,) in rows(f"SELECT DISTINCT __person FROM {source(data, snapshot, 2018)}")}
    assert set(persons.tolist()) == wanted
    assert (found.cells, found.sizes, set(cells.tolist())) == (((),), (len(wanted),), {0})
    expect(Unknown, keeper.everybody, snapshot.ident, "npd.census", 2011)


def test_a_reference_population_parts_everybody_of_each_year(keeper, snapshot, data):
    found = {p.year: p for p in keeper.references(snapshot.ident)}
    assert set(found) == {2018, 2019}
    for year, population in found.items():
        persons, cells = from_bytes(population.content).rows()
        every = rows(f"SELECT __person, min((LA, Gender)) FROM {source(data, snapshot, year)} GROUP BY __person")
        assert {p: population.cells[c] for p, c in zip(persons.tolist(), cells.tolist(), strict=True)} == dict(every)
        assert len(persons) == len(every)
        assert population.sizes == tuple(np.bincount(cells, minlength=len(population.cells)).tolist())
    assert found[2018].ident != found[2019].ident


def test_a_population_is_built_once_and_readable_by_its_owner_alone(apart):
    data, snapshot = apart.data, apart.snapshot.ident
    first, again = (PopulationStore(data, lambda: WITH_REFERENCES) for _ in range(2))
    made = list(first.references(snapshot))
    path = data / "snapshots" / snapshot / "npd.census" / "2018.parquet"
    path.rename(data / "away")
    path.touch()
    assert list(again.references(snapshot)) == made
    files = [p for p in (data / "private" / "populations").rglob("*") if p.is_file() and p.name != ".lock"]
    assert [stat.S_IMODE(p.stat().st_mode) for p in (*files, data / "private")] == [0o600, 0o600, 0o700]


def test_another_definition_under_the_same_name_is_another_population(data, snapshot):
    other = replace(BY_LA, variables=("LA",))
    one = PopulationStore(data, lambda: WITH_REFERENCES)
    two = PopulationStore(data, lambda: replace(WITH_REFERENCES, memory=ReleaseHistoryPolicy(references=(other,))))
    idents = [{p.ident for p in k.references(snapshot.ident)} for k in (one, two)]
    assert idents[0].isdisjoint(idents[1])


def test_numbers_lead_from_a_project_to_the_persons_of_the_snapshot(keeper, snapshot, data):
    vaults = VaultStore(data, lambda: WITH_REFERENCES)
    vault: Vault = vaults.ensure("ONE", snapshot.ident)
    numbers = np.frombuffer(keeper.numbers(vault), "<u4")
    mapped = dict(rows(f"SELECT __p, global FROM '{vaults.person_map(vault)}'"))
    assert dict(enumerate(numbers.tolist())) == mapped
    everybody = from_bytes(keeper.everybody(snapshot.ident, "npd.census", 2018).content).rows()[0]
    assert set(everybody.tolist()) <= set(numbers.tolist())
