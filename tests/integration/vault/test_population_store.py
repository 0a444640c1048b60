"""Known populations of a snapshot, and the map from a project's person numbers to the global ones."""

import stat
from dataclasses import replace

import numpy as np
import pytest

from broker.domain.errors import Unknown
from broker.domain.ports import Snapshot, Vault
from broker.evidence.member_tables import from_bytes
from broker.policy.policy_set import PolicySet
from broker.policy.release_history_policy import ReferencePopulation, ReleaseHistoryPolicy
from broker.vault.population_store import PopulationStore
from broker.vault.vault_store import VaultStore

BY_LA = ReferencePopulation(name="LA and gender", table="npd.census", variables=("LA", "Gender"))


@pytest.fixture
def with_references(policies: PolicySet) -> PolicySet:
    return replace(policies, memory=ReleaseHistoryPolicy(references=(BY_LA,)))


@pytest.fixture
def keeper(data, with_references) -> PopulationStore:
    return PopulationStore(data, lambda: with_references)


def source(data, snapshot: Snapshot, year: int) -> str:
    return f"'{data}/snapshots/{snapshot.ident}/npd.census/{year}.parquet'"


def test_everybody_of_a_table_is_one_cell_of_all_its_persons(keeper, snapshot, data, rows):
    found = keeper.everybody(snapshot.ident, "npd.census", 2018)
    persons, cells = from_bytes(found.content).rows()
    wanted = {p for (p,) in rows(f"SELECT DISTINCT __person FROM {source(data, snapshot, 2018)}")}
    assert set(persons.tolist()) == wanted
    assert (found.cells, found.sizes, set(cells.tolist())) == (((),), (len(wanted),), {0})
    with pytest.raises(Unknown):
        keeper.everybody(snapshot.ident, "npd.census", 2011)


def test_a_reference_population_parts_everybody_of_each_year(keeper, snapshot, data, rows):
    found = {p.year: p for p in keeper.references(snapshot.ident)}
    assert set(found) == {2018, 2019}
    for year, population in found.items():
        persons, cells = from_bytes(population.content).rows()
        every = rows(f"SELECT __person, min((LA, Gender)) FROM {source(data, snapshot, year)} GROUP BY __person")
        assert {p: population.cells[c] for p, c in zip(persons.tolist(), cells.tolist(), strict=True)} == dict(every)
        assert len(persons) == len(every)
        assert population.sizes == tuple(np.bincount(cells, minlength=len(population.cells)).tolist())
    assert found[2018].ident != found[2019].ident


def test_a_population_is_built_once_and_readable_by_its_owner_alone(keeper, snapshot, data, with_references):
    first = list(keeper.references(snapshot.ident))
    folder = data / "private" / "populations"
    (data / "snapshots" / snapshot.ident / "npd.census" / "2018.parquet").rename(data / "away")
    (data / "snapshots" / snapshot.ident / "npd.census" / "2018.parquet").touch()
    again = PopulationStore(data, lambda: with_references)
    assert list(again.references(snapshot.ident)) == first
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert stat.S_IMODE((data / "private").stat().st_mode) == 0o700
    assert len(files) == 2


def test_another_definition_under_the_same_name_is_another_population(data, with_references, snapshot):
    other = replace(BY_LA, variables=("LA",))
    one = PopulationStore(data, lambda: with_references)
    two = PopulationStore(data, lambda: replace(with_references, memory=ReleaseHistoryPolicy(references=(other,))))
    idents = [{p.ident for p in k.references(snapshot.ident)} for k in (one, two)]
    assert idents[0].isdisjoint(idents[1])


def test_numbers_lead_from_a_project_to_the_persons_of_the_snapshot(keeper, snapshot, data, with_references, rows):
    vaults = VaultStore(data, lambda: with_references)
    vault: Vault = vaults.ensure("ONE", snapshot.ident)
    numbers = np.frombuffer(keeper.numbers(vault), "<u4")
    mapped = dict(rows(f"SELECT __p, global FROM '{vaults.person_map(vault)}'"))
    assert dict(enumerate(numbers.tolist())) == mapped
    everybody = from_bytes(keeper.everybody(snapshot.ident, "npd.census", 2018).content).rows()[0]
    assert set(everybody.tolist()) <= set(numbers.tolist())


def test_nothing_of_it_lies_in_a_mount(keeper, snapshot, data, with_references):
    vault = VaultStore(data, lambda: with_references).ensure("ONE", snapshot.ident)
    list(keeper.references(snapshot.ident))
    for mount in (vault.evidence, vault.script):
        assert data / "private" not in [mount, *mount.parents]
        assert not any("populations" in str(p) or "private" in p.name for p in mount.rglob("*"))
