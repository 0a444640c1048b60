"""The vault store: a vault holds what its project was granted, under the project's own pseudonyms, and nothing else."""

import json
import multiprocessing
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from broker.domain.errors import Breach, Unknown
from broker.domain.ports import Snapshot, Vault
from broker.policy.code_lists import CodeYears
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet
from broker.policy.stored_policies import POLICY_SET_ADAPTER
from broker.vault.ingest import ingest
from broker.vault.vault_store import VaultStore
from tests.integration.vault.conftest import NOW

pytestmark = pytest.mark.long

Extracts = dict[str, str]
Draw = Callable[[Extracts], Path]
Rows = Callable[[str], list[tuple[object, ...]]]


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.parquet"))
    assert found
    return found


HIDDEN = {"__p", "__r", "__ib", "__pb", "__y", "__i", "__k"}


def test_tables_and_years_are_those_granted_and_present(one: Vault, two: Vault) -> None:
    assert [(t.name, t.years) for t in one.tables] == [
        ("leo.ae_pmr", (None, None)),
        ("npd.attainment", (None, 2019)),
        ("npd.census", (None, 2018, 2019)),
        ("ref.schools", (None, None)),
    ]
    assert [(t.name, t.paths) for t in two.tables] == [
        ("npd.census", ("npd.census/schema.parquet", "npd.census/2018.parquet", "npd.census/2019.parquet"))
    ]
    for vault in (one, two):
        for rendering in (vault.evidence, vault.script):
            named = {path for table in vault.tables for path in table.paths}
            assert {str(p.relative_to(rendering)) for p in files(rendering)} == named


def test_no_column_beyond_the_grants(one: Vault, two: Vault, policies: PolicySet) -> None:
    for vault in (one, two):
        project = policies.project(vault.project)
        assert project is not None
        for rendering, hidden in ((vault.evidence, HIDDEN), (vault.script, set())):
            for path in files(rendering):
                table = path.parent.name
                granted = {g.variable for g in project.grants if g.table == table}
                extra = hidden if table.startswith(("npd", "leo")) else set()
                extra = extra | ({f"__c_{v}" for v in granted & {"Gender"}} if extra else set())
                assert set(parquet.read_schema(path).names) == granted | extra


def test_a_year_without_a_grant_has_no_value(one: Vault, two: Vault, rows: Rows) -> None:
    """Gender is granted in 2019 only, FSM in 2018 only; the column stays, so that a table has one schema."""
    for vault, variable, granted, other in ((one, "Gender", 2019, 2018), (two, "FSM", 2018, 2019)):
        for rendering in (vault.evidence, vault.script):
            value = f"SELECT count({variable}) FROM read_parquet('{rendering}/npd.census/{{}}.parquet')"
            assert rows(value.format(other)) == [(0,)]
            assert rows(value.format(granted)) != [(0,)]


def test_every_file_of_a_table_has_one_schema(one: Vault) -> None:
    for rendering in (one.evidence, one.script):
        for table in one.tables:
            read = [parquet.read_schema(rendering / path) for path in table.paths]
            schemas = {tuple(zip(schema.names, map(str, schema.types), strict=True)) for schema in read}
            assert len(schemas) == 1
            assert parquet.read_metadata(rendering / table.paths[0]).num_rows == 0


def values(vault: Vault, rows: Rows) -> set[object]:
    found: set[object] = set()
    for rendering in (vault.evidence, vault.script):
        for path in files(rendering):
            for row in rows(f"FROM read_parquet('{path}')"):
                found.update(row)
    return found


def test_no_raw_key_and_no_global_number(one: Vault, two: Vault, snapshot: Snapshot, rows: Rows) -> None:
    for vault in (one, two):
        found = values(vault, rows)
        assert not found & {f"P{i}" for i in range(60)}
        assert not found & set(range(8800, 10000))
        for path in [*files(vault.evidence), *files(vault.script)]:
            assert "__person" not in parquet.read_schema(path).names
            for raw in (b"P17", b"UPN17", b"NAME17", b"__person", b"global"):
                assert raw not in path.read_bytes()


def test_scripts_see_no_person_number(one: Vault) -> None:
    for path in files(one.script):
        assert not set(parquet.read_schema(path).names) & HIDDEN


def test_one_person_has_one_pseudonym_in_a_project_and_another_elsewhere(one: Vault, two: Vault, rows: Rows) -> None:
    def pseudonyms(vault: Vault, table: str, year: object) -> set[object]:
        return {r for (r,) in rows(f"SELECT PMR FROM read_parquet('{vault.script}/{table}/{year}.parquet')")} - {None}

    census = pseudonyms(one, "npd.census", 2018)
    assert len(census) == 40
    assert census == pseudonyms(one, "npd.census", 2019) == pseudonyms(one, "npd.attainment", 2019)
    assert pseudonyms(one, "leo.ae_pmr", "all") < census
    assert not census & pseudonyms(two, "npd.census", 2018)
    assert all(isinstance(p, str) and len(p) == 32 for p in census)


def test_pseudonyms_have_the_type_of_their_keys(one: Vault, rows: Rows) -> None:
    """AE_ID is a whole number: 30 keys and 9999 and 8888 are 32 of them, none of which is a key."""
    links = f"read_parquet('{one.script}/leo.ae_pmr/all.parquet')"
    assert rows(f"SELECT DISTINCT typeof(AE_ID), typeof(PMR) FROM {links}") == [("BIGINT", "VARCHAR")]
    assert rows(f"SELECT count(DISTINCT AE_ID), min(AE_ID) > 10000 FROM {links}") == [(32, True)]


def test_two_keys_with_one_pseudonym_are_a_breach(
    keeper: VaultStore, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "broker.vault.pseudonyms.ProjectKey.whole", staticmethod(lambda pseudonym: int(pseudonym[0], 16))
    )
    with pytest.raises(Breach, match="one pseudonym"):
        keeper.ensure("ONE", snapshot.ident)


def test_rows_without_key_stay_without(one: Vault, rows: Rows) -> None:
    table = f"read_parquet('{one.evidence}/npd.census/2018.parquet')"
    assert rows(f"SELECT count(*), count(DISTINCT __p) FROM {table} WHERE PMR IS NULL") == [(3, 3)]


def test_person_numbers_are_dense_mapped_and_private_to_a_project(
    one: Vault, two: Vault, keeper: VaultStore, snapshot: Snapshot, rows: Rows
) -> None:
    maps = {}
    for vault in (one, two):
        path = keeper.person_map(vault)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.is_relative_to(vault.evidence.parent)
        numbers = rows(f"FROM read_parquet('{path}')")
        assert sorted(n for n, _ in numbers) == list(range(len(numbers)))  # type: ignore[type-var]
        source = f"read_parquet('{snapshot.path}/npd.census/2018.parquet')"
        made = f"read_parquet('{vault.evidence}/npd.census/2018.parquet')"
        joined = (
            f"SELECT count(*) FROM {made} JOIN read_parquet('{path}') USING (__p) JOIN {source} ON global = __person"
        )
        assert rows(joined) >= [(44,)]
        maps[vault.project] = {g: n for n, g in numbers}
    shared = maps["ONE"].keys() & maps["TWO"].keys()
    assert len(shared) > 40
    first = sorted(shared, key=lambda g: maps["ONE"][g])  # type: ignore[arg-type, return-value]
    second = sorted(shared, key=lambda g: maps["TWO"][g])  # type: ignore[arg-type, return-value]
    assert len({tuple(first), tuple(second), tuple(sorted(shared))}) == 3  # type: ignore[type-var]


def test_linked_keys_are_one_person(one: Vault, rows: Rows) -> None:
    links = f"read_parquet('{one.evidence}/leo.ae_pmr/all.parquet')"
    census = f"read_parquet('{one.evidence}/npd.census/2018.parquet')"
    assert rows(f"SELECT count(*) FROM {links} l JOIN {census} c ON l.PMR = c.PMR AND l.__p <> c.__p") == [(0,)]
    assert rows(f"SELECT count(DISTINCT PMR) - count(DISTINCT __p) FROM {census}") == [(40 - 42,)]


def test_rank_is_the_main_record_first(one: Vault, rows: Rows) -> None:
    """P1 has two rows: RecordStatus NULL is the main record, 101 its duplicate. (P0 and P31 are one person.)"""
    census = f"read_parquet('{one.evidence}/npd.census/2018.parquet')"
    second = rows(f"SELECT DISTINCT RecordStatus, __r FROM {census} WHERE __r > 0 OR RecordStatus = 101 ORDER BY 1")
    assert second == [(101, 1), (None, 1)]
    twice = f"SELECT __p FROM {census} GROUP BY __p HAVING count(*) > 1 AND max(__r) + 1 <> count(DISTINCT __r)"
    assert rows(twice) == []


def test_evidence_columns(one: Vault, two: Vault, rows: Rows) -> None:
    for year in (2018, 2019):
        census = f"read_parquet('{one.evidence}/npd.census/{year}.parquet')"
        bits = rows(f"SELECT DISTINCT bit_count(__ib), bit_count(__pb), __ib < 128, __y FROM {census}")
        assert bits == [(1, 1, True, year)]
        assert rows(f"SELECT max(n) FROM (SELECT count(DISTINCT __ib) n FROM {census} GROUP BY URN)") == [(1,)]
        assert rows(f"SELECT max(n) FROM (SELECT count(DISTINCT __pb) n FROM {census} GROUP BY __p)") == [(1,)]
        people = [p for (p,) in rows(f"SELECT __p FROM {census}")]
        assert people == sorted(people)  # type: ignore[type-var]
    codes = f"SELECT DISTINCT Gender, __c_Gender FROM read_parquet('{one.evidence}/npd.census/{{}}.parquet') ORDER BY 1"
    assert rows(codes.format(2018)) == [(None, None)]
    assert rows(codes.format(2019)) == [("F", 0), ("M", 1)]
    assert one.proofs["npd.census"][2019].codes == {"Gender": ("F", "M")}
    without_school = f"read_parquet('{two.evidence}/npd.census/2018.parquet')"
    assert rows(f"SELECT DISTINCT __ib FROM {without_school}") == [(0,)]


def test_scrambling_what_is_not_granted_changes_no_byte_of_files(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, policies: PolicySet, keeper: VaultStore, one: Vault
) -> None:
    """Invariant 3. Surname, UPN, FSM, LA, and Gender in 2018 are not granted to ONE.

    (Keyless rows would be new persons.)
    """
    keyed = {k: q.replace("(VALUES (''), (NULL), (NULL)) v(k)", "range(0) v(k)") for k, q in good.items()}
    scrambled = dict(keyed)
    for old, new in (
        ("'UPN' || i UPN", "'U' || i * 7 UPN"),
        ("(i % 3 = 0)::TINYINT FSM", "(i % 2)::TINYINT FSM"),
        ("201 + i % 5 LA", "205 - i % 3 LA"),
        ("'NAME' || i Surname", "'ANON' Surname"),
    ):
        for stem in ("npd.census/2018", "npd.census/2019"):
            assert old in scrambled[stem]
            scrambled[stem] = scrambled[stem].replace(old, new)
    scrambled["npd.census/2018"] = scrambled["npd.census/2018"].replace("' f '", "'M'")
    vaults = [keeper.ensure("ONE", ingest(draw(e), data, catalogue, NOW).ident) for e in (keyed, scrambled)]
    assert vaults[0].key != vaults[1].key
    for path in files(vaults[0].evidence.parent):
        twin = vaults[1].evidence.parent / path.relative_to(vaults[0].evidence.parent)
        if path.parts[-2] != "ref.schools":
            assert path.read_bytes() == twin.read_bytes(), path


def test_files_can_be_read_by_all_and_written_by_none(one: Vault) -> None:
    for rendering in (one.evidence, one.script):
        for path in (rendering, *rendering.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444)
    facts = one.evidence.parent / "facts.json"
    assert stat.S_IMODE(facts.stat().st_mode) == 0o400


def test_facts_are_the_granted_ones(keeper: VaultStore, two: Vault) -> None:
    facts = keeper.facts(two)
    assert set(facts) == {"npd.census"}
    assert set(facts["npd.census"]["2018"]["largest"]) == {"LA", "FSM"}
    assert set(facts["npd.census"]["2019"]["nulls"]) == {"PMR", "LA"}
    assert facts["npd.census"]["2018"]["max_rows"] == 2


def test_a_vault_is_built_once_and_its_key_follows_the_grants(
    keeper: VaultStore, one: Vault, two: Vault, snapshot: Snapshot, data: Path, policies: PolicySet
) -> None:
    built = one.evidence.stat().st_mtime_ns
    assert keeper.ensure("ONE", snapshot.ident) == one
    assert one.evidence.stat().st_mtime_ns == built
    project = policies.project("ONE")
    assert project is not None
    fewer = replace(policies, projects=(replace(project, grants=project.grants[1:]),))
    other = VaultStore(data, lambda: fewer).ensure("ONE", snapshot.ident)
    assert len({one.key, two.key, other.key}) == 3
    assert "PMR" not in parquet.read_schema(other.script / "npd.census" / "2018.parquet").names


def test_threads_and_processes_build_a_vault_once(
    data: Path, policies: PolicySet, snapshot: Snapshot, keeper: VaultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[str] = []
    real = VaultStore._build

    def counting(self: VaultStore, key: str, *rest: object) -> None:
        builds.append(key)
        real(self, key, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(VaultStore, "_build", counting)
    with ThreadPoolExecutor(6) as pool:
        keys = {v.key for v in pool.map(lambda _: keeper.ensure("ONE", snapshot.ident), range(12))}
    assert len(keys) == len(builds) == 1
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as processes:
        found = processes.starmap(_ensure, [(str(data), policies.text, snapshot.ident)] * 4)
    assert len(set(found)) == 1
    assert len(list((data / "vaults").glob("v*"))) == 2
    assert not list((data / "vaults").glob(".half*"))


def _ensure(data: str, policies: str, snapshot: str) -> str:
    loaded = POLICY_SET_ADAPTER.validate_json(policies)
    return VaultStore(Path(data), lambda: loaded).ensure("TWO", snapshot).key


def test_a_failed_build_leaves_nothing_and_can_be_repeated(
    keeper: VaultStore, snapshot: Snapshot, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("broker.vault.vault_store.facts_json", fail)
        with pytest.raises(MemoryError):
            keeper.ensure("ONE", snapshot.ident)
    assert not [p for p in (data / "vaults").iterdir() if p.is_dir()]
    assert list((data / "private" / "maps").iterdir()) == []
    assert keeper.ensure("ONE", snapshot.ident).evidence.is_dir()


def test_a_half_built_vault_of_a_killed_process_is_built_anew(
    keeper: VaultStore, one: Vault, snapshot: Snapshot, data: Path
) -> None:
    one.evidence.parent.rename(data / "vaults" / f".half-{one.key}")
    again = keeper.ensure("ONE", snapshot.ident)
    assert again == one
    assert len(files(again.evidence)) == sum(len(t.paths) for t in one.tables)


def test_unused_vaults_go_with_their_maps(keeper: VaultStore, one: Vault, two: Vault) -> None:
    assert keeper.remove_unused(frozenset({one.key, two.key})) == 0
    assert keeper.remove_unused(frozenset({two.key})) == 1
    assert not one.evidence.parent.exists()
    assert not keeper.person_map(one).exists()
    assert two.evidence.is_dir()
    assert keeper.remove_unused(frozenset({two.key})) == 0


def test_unknown_projects_and_snapshots(keeper: VaultStore, snapshot: Snapshot) -> None:
    with pytest.raises(Unknown):
        keeper.ensure("NONE", snapshot.ident)
    with pytest.raises(Unknown):
        keeper.ensure("ONE", "s0")


def test_an_instant_identifier_is_never_put_into_a_vault(data: Path, policies: PolicySet, snapshot: Snapshot) -> None:
    project = policies.project("ONE")
    assert project is not None
    worse = replace(project, grants=(*project.grants, replace(project.grants[0], variable="Surname")))
    keeper = VaultStore(data, lambda: replace(policies, projects=(worse,)))
    with pytest.raises(Breach, match="Surname"):
        keeper.ensure("ONE", snapshot.ident)


def test_any_other_identifier_is_a_pseudonym(data: Path, policies: PolicySet, snapshot: Snapshot, rows: Rows) -> None:
    project = policies.project("TWO")
    assert project is not None
    more = replace(project, grants=(*project.grants, replace(project.grants[0], variable="UPN", link_key=False)))
    vault = VaultStore(data, lambda: replace(policies, projects=(more,))).ensure("TWO", snapshot.ident)
    found = rows(f"SELECT UPN, PMR FROM read_parquet('{vault.script}/npd.census/2018.parquet')")
    assert all(len(str(upn)) == 32 and upn != pmr for upn, pmr in found)


def test_a_project_without_grants_has_an_empty_vault(data: Path, policies: PolicySet, snapshot: Snapshot) -> None:
    project = policies.project("TWO")
    assert project is not None
    none = replace(policies, projects=(replace(project, grants=()),))
    vault = VaultStore(data, lambda: none).ensure("TWO", snapshot.ident)
    assert vault.tables == ()
    assert vault.evidence.is_dir()
    assert vault.script.is_dir()


def test_the_facts_file_is_json(one: Vault) -> None:
    assert json.loads((one.evidence.parent / "facts.json").read_text())["ref.schools"]["all"]["rows"] == 5


def test_proofs_are_the_facts_of_granted_person_tables(keeper: VaultStore, two: Vault, rows: Rows) -> None:
    assert set(two.proofs) == {"npd.census"}
    proof = two.proofs["npd.census"][2018]
    assert (proof.max_rows, set(proof.totals), set(proof.smallest)) == (2, {"LA", "FSM"}, {"LA", "FSM"})
    assert rows(f"SELECT max(__p) + 1 FROM '{keeper.person_map(two)}'") == [(two.persons,)]


@pytest.mark.parametrize("stricter", [{"missing": False}, {"code_years": (CodeYears(code="F", until=2018),)}])
def test_no_vault_of_a_snapshot_that_breaks_a_stricter_catalogue(
    stricter: dict[str, object], data: Path, snapshot: Snapshot, policies: PolicySet
) -> None:
    """The rows of a table follow the catalogue, so people that it rules out would be in no row."""
    name = "RecordStatus" if "missing" in stricter else "Gender"
    census, *others = policies.catalogue.tables
    variables = tuple(replace(v, **stricter) if v.name == name else v for v in census.variables)
    catalogue = replace(policies.catalogue, tables=(replace(census, variables=variables), *others))
    keeper = VaultStore(data, lambda: replace(policies, catalogue=catalogue))
    with pytest.raises(Breach, match=rf"ingest it again. In npd.census of 20\d\d: {name} "):
        keeper.ensure("ONE", snapshot.ident)
    assert not list(data.glob("vaults/v*"))
