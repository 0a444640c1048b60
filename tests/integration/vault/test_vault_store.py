"""The vault store: a vault holds what its project was granted, under the project's own pseudonyms, and nothing else."""

import json
import multiprocessing
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from broker.domain.errors import Breach, Unknown
from broker.domain.ports import Vault
from broker.policy.code_lists import CodeYears
from broker.policy.stored_policies import POLICY_SET_ADAPTER
from broker.vault.vault_store import VaultStore
from tests.integration.expected_errors import expect
from tests.integration.vault.conftest import POLICIES, file, owner_of, rows

pytestmark = pytest.mark.long


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.parquet"))
    assert found
    return found


HIDDEN = {"__p", "__r", "__ib", "__pb", "__y", "__i", "__k"}


def test_tables_and_years_are_those_granted_and_present(one, two):
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


def test_no_column_beyond_the_grants(one, two, policies):
    for vault in (one, two):
        project = policies.project(vault.project)
        for rendering, hidden in ((vault.evidence, HIDDEN), (vault.script, set())):
            for path in files(rendering):
                table = path.parent.name
                granted = {g.variable for g in project.grants if g.table == table}
                extra = hidden if table.startswith(("npd", "leo")) else set()
                extra = extra | ({f"__c_{v}" for v in granted & {"Gender"}} if extra else set())
                assert set(parquet.read_schema(path).names) == granted | extra


def test_a_year_without_a_grant_has_no_value(one, two):
    """Gender is granted in 2019 only, FSM in 2018 only; the column stays, so that a table has one schema."""
    for vault, variable, granted, other in ((one, "Gender", 2019, 2018), (two, "FSM", 2018, 2019)):
        for rendering in (vault.evidence, vault.script):
            value = f"SELECT count({variable}) FROM read_parquet('{rendering}/npd.census/{{}}.parquet')"
            assert rows(value.format(other)) == [(0,)]
            assert rows(value.format(granted)) != [(0,)]


def test_every_file_of_a_table_has_one_schema(one):
    for rendering in (one.evidence, one.script):
        for table in one.tables:
            read = [parquet.read_schema(rendering / path) for path in table.paths]
            schemas = {tuple(zip(schema.names, map(str, schema.types), strict=True)) for schema in read}
            assert len(schemas) == 1
            assert parquet.read_metadata(rendering / table.paths[0]).num_rows == 0


def test_no_raw_key_and_no_global_number(one, two):
    for vault in (one, two):
        for path in [*files(vault.evidence), *files(vault.script)]:
            found = {value for row in rows(f"FROM read_parquet('{path}')") for value in row}
            assert not found & {f"P{i}" for i in range(60)}
            assert not found & set(range(8800, 10000))
            assert "__person" not in parquet.read_schema(path).names
            for raw in (b"P17", b"UPN17", b"NAME17", b"__person", b"global"):
                assert raw not in path.read_bytes()


def test_one_person_has_one_pseudonym_in_a_project_and_another_elsewhere(one, two):
    def pseudonyms(vault: Vault, table: str, year: object) -> set[object]:
        return {r for (r,) in rows(f"SELECT PMR FROM read_parquet('{vault.script}/{table}/{year}.parquet')")} - {None}

    census = pseudonyms(one, "npd.census", 2018)
    assert len(census) == 40
    assert census == pseudonyms(one, "npd.census", 2019) == pseudonyms(one, "npd.attainment", 2019)
    assert pseudonyms(one, "leo.ae_pmr", "all") < census
    assert not census & pseudonyms(two, "npd.census", 2018)
    assert all(isinstance(p, str) and len(p) == 32 for p in census)


def test_pseudonyms_have_the_type_of_their_keys(one):
    """AE_ID is a whole number: 30 keys and 9999 and 8888 are 32 of them, none of which is a key."""
    links = f"read_parquet('{one.script}/leo.ae_pmr/all.parquet')"
    assert rows(f"SELECT DISTINCT typeof(AE_ID), typeof(PMR) FROM {links}") == [("BIGINT", "VARCHAR")]
    assert rows(f"SELECT count(DISTINCT AE_ID), min(AE_ID) > 10000 FROM {links}") == [(32, True)]


def test_two_keys_with_one_pseudonym_are_a_breach(apart, monkeypatch):
    worse = staticmethod(lambda pseudonym: int(pseudonym[0], 16))
    monkeypatch.setattr("broker.vault.pseudonyms.ProjectKey.whole", worse)
    expect(Breach, apart.vault, "ONE", match="one pseudonym")


def test_linked_keys_are_one_person_and_rows_without_a_key_are_each_their_own(one):
    links = f"read_parquet('{one.evidence}/leo.ae_pmr/all.parquet')"
    census = f"read_parquet('{one.evidence}/npd.census/2018.parquet')"
    assert rows(f"SELECT count(*) FROM {links} l JOIN {census} c ON l.PMR = c.PMR AND l.__p <> c.__p") == [(0,)]
    assert rows(f"SELECT count(DISTINCT PMR) - count(DISTINCT __p) FROM {census}") == [(40 - 42,)]
    assert rows(f"SELECT count(*), count(DISTINCT __p) FROM {census} WHERE PMR IS NULL") == [(3, 3)]


def test_person_numbers_are_dense_mapped_and_private_to_a_project(one, two, keeper, snapshot):
    maps = {}
    for vault in (one, two):
        path = keeper.person_map(vault)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.is_relative_to(vault.evidence.parent)
        numbers = rows(f"FROM read_parquet('{path}')")
        assert sorted(n for n, _ in numbers) == list(range(len(numbers))) == list(range(vault.persons))
        made = f"read_parquet('{vault.evidence}/npd.census/2018.parquet')"
        joined = f"{made} JOIN read_parquet('{path}') USING (__p) JOIN {file(snapshot, 'npd.census/2018')}"
        assert rows(f"SELECT count(*) FROM {joined} ON global = __person") >= [(44,)]
        maps[vault.project] = {g: n for n, g in numbers}
    shared = maps["ONE"].keys() & maps["TWO"].keys()
    assert len(shared) > 40
    first, second = (sorted(shared, key=maps[project].get) for project in maps)
    assert len({tuple(first), tuple(second), tuple(sorted(shared))}) == 3


def test_rank_is_the_main_record_first(one):
    """P1 has two rows: RecordStatus NULL is the main record, 101 its duplicate. (P0 and P31 are one person.)"""
    census = f"read_parquet('{one.evidence}/npd.census/2018.parquet')"
    second = rows(f"SELECT DISTINCT RecordStatus, __r FROM {census} WHERE __r > 0 OR RecordStatus = 101 ORDER BY 1")
    assert second == [(101, 1), (None, 1)]
    twice = f"SELECT __p FROM {census} GROUP BY __p HAVING count(*) > 1 AND max(__r) + 1 <> count(DISTINCT __r)"
    assert rows(twice) == []


def test_evidence_columns(one, two):
    for year in (2018, 2019):
        census = f"read_parquet('{one.evidence}/npd.census/{year}.parquet')"
        bits = rows(f"SELECT DISTINCT bit_count(__ib), bit_count(__pb), __ib < 128, __y FROM {census}")
        assert bits == [(1, 1, True, year)]
        assert rows(f"SELECT max(n) FROM (SELECT count(DISTINCT __ib) n FROM {census} GROUP BY URN)") == [(1,)]
        assert rows(f"SELECT max(n) FROM (SELECT count(DISTINCT __pb) n FROM {census} GROUP BY __p)") == [(1,)]
        people = [p for (p,) in rows(f"SELECT __p FROM {census}")]
        assert people == sorted(people)
    codes = f"SELECT DISTINCT Gender, __c_Gender FROM read_parquet('{one.evidence}/npd.census/{{}}.parquet') ORDER BY 1"
    assert rows(codes.format(2018)) == [(None, None)]
    assert rows(codes.format(2019)) == [("F", 0), ("M", 1)]
    assert one.proofs["npd.census"][2019].codes == {"Gender": ("F", "M")}
    without_school = f"read_parquet('{two.evidence}/npd.census/2018.parquet')"
    assert rows(f"SELECT DISTINCT __ib FROM {without_school}") == [(0,)]


def test_scrambling_what_is_not_granted_changes_no_byte_of_files(draw, good, owner):
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
    vaults = [owner_of(draw, owner.data, e).vault("ONE") for e in (keyed, scrambled)]
    assert vaults[0].key != vaults[1].key
    for path in files(vaults[0].evidence.parent):
        twin = vaults[1].evidence.parent / path.relative_to(vaults[0].evidence.parent)
        if path.parts[-2] != "ref.schools":
            assert path.read_bytes() == twin.read_bytes(), path


def test_files_can_be_read_by_all_and_written_by_none(one):
    for rendering in (one.evidence, one.script):
        for path in (rendering, *rendering.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444)
    facts = one.evidence.parent / "facts.json"
    assert stat.S_IMODE(facts.stat().st_mode) == 0o400


def test_facts_and_proofs_are_the_granted_ones(keeper, one, two):
    assert json.loads((one.evidence.parent / "facts.json").read_text())["ref.schools"]["all"]["rows"] == 5
    facts = keeper.facts(two)
    assert set(facts) == set(two.proofs) == {"npd.census"}
    assert set(facts["npd.census"]["2018"]["largest"]) == {"LA", "FSM"}
    assert set(facts["npd.census"]["2019"]["nulls"]) == {"PMR", "LA"}
    assert facts["npd.census"]["2018"]["max_rows"] == 2
    proof = two.proofs["npd.census"][2018]
    assert (proof.max_rows, set(proof.totals), set(proof.smallest)) == (2, {"LA", "FSM"}, {"LA", "FSM"})


def granted(project: str, policies, data, *grants, also=()) -> VaultStore:
    """Keeps vaults of the project with these grants, and with one like its first for each of `also`."""
    own = policies.project(project)
    changed = replace(own, grants=(*grants, *(replace(own.grants[0], **more) for more in also)))
    return VaultStore(data, lambda: replace(policies, projects=(changed,)))


def test_a_vault_is_built_once_and_its_key_follows_the_grants(keeper, one, two, snapshot, data, policies):
    built = one.evidence.stat().st_mtime_ns
    assert keeper.ensure("ONE", snapshot.ident) == one
    assert one.evidence.stat().st_mtime_ns == built
    other = granted("ONE", policies, data, *policies.project("ONE").grants[1:]).ensure("ONE", snapshot.ident)
    assert len({one.key, two.key, other.key}) == 3
    assert "PMR" not in parquet.read_schema(other.script / "npd.census" / "2018.parquet").names


def test_processes_at_once_build_a_vault_once(apart):
    """Threads, and who waits for whom, are `build_once`'s."""
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        found = processes.starmap(_ensure, [(str(apart.data), POLICIES.text, apart.snapshot.ident)] * 4)
    assert len({key for key, _ in found}) == len({built for _, built in found}) == 1
    assert [p.name for p in (apart.data / "vaults").iterdir() if p.is_dir()] == [found[0][0]]


def _ensure(data: str, policies: str, snapshot: str) -> tuple[str, int]:
    """The vault's key, and the number of its folder, which another build would change."""
    loaded = POLICY_SET_ADAPTER.validate_json(policies)
    vault = VaultStore(Path(data), lambda: loaded).ensure("TWO", snapshot)
    return vault.key, vault.evidence.stat().st_ino


def test_a_failed_build_leaves_nothing_and_can_be_repeated(apart, monkeypatch):
    def fail(*_: object) -> str:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("broker.vault.vault_store.facts_json", fail)
        expect(MemoryError, apart.vault, "ONE")
    assert not [p for p in (apart.data / "vaults").iterdir() if p.is_dir()]
    assert list((apart.data / "private" / "maps").iterdir()) == []
    assert apart.vault("ONE").evidence.is_dir()


def test_unused_vaults_go_with_their_maps(apart):
    keeper, one, two = apart.keeper, apart.vault("ONE"), apart.vault("TWO")
    assert keeper.remove_unused(frozenset({one.key, two.key})) == 0
    assert keeper.remove_unused(frozenset({two.key})) == 1
    assert not one.evidence.parent.exists()
    assert not keeper.person_map(one).exists()
    assert two.evidence.is_dir()
    assert keeper.remove_unused(frozenset({two.key})) == 0


def test_unknown_projects_and_snapshots(keeper, snapshot):
    expect(Unknown, keeper.ensure, "NONE", snapshot.ident)
    expect(Unknown, keeper.ensure, "ONE", "s0")


def test_an_instant_identifier_is_never_put_into_a_vault(data, policies, snapshot):
    worse = granted("ONE", policies, data, *policies.project("ONE").grants, also=[{"variable": "Surname"}])
    expect(Breach, worse.ensure, "ONE", snapshot.ident, match="Surname")


def test_any_other_identifier_is_a_pseudonym(data, policies, snapshot):
    more = [{"variable": "UPN", "link_key": False}]
    vault = granted("TWO", policies, data, *policies.project("TWO").grants, also=more).ensure("TWO", snapshot.ident)
    found = rows(f"SELECT UPN, PMR FROM read_parquet('{vault.script}/npd.census/2018.parquet')")
    assert all(len(str(upn)) == 32 and upn != pmr for upn, pmr in found)


def test_a_project_without_grants_has_an_empty_vault(data, policies, snapshot):
    vault = granted("TWO", policies, data).ensure("TWO", snapshot.ident)
    assert vault.tables == ()
    assert vault.evidence.is_dir()
    assert vault.script.is_dir()


@pytest.mark.parametrize("stricter", [{"missing": False}, {"code_years": (CodeYears(code="F", until=2018),)}])
def test_no_vault_of_a_snapshot_that_breaks_a_stricter_catalogue(apart, policies, stricter):
    """The rows of a table follow the catalogue, so people that it rules out would be in no row."""
    name = "RecordStatus" if "missing" in stricter else "Gender"
    census, *others = policies.catalogue.tables
    variables = tuple(replace(v, **stricter) if v.name == name else v for v in census.variables)
    catalogue = replace(policies.catalogue, tables=(replace(census, variables=variables), *others))
    keeper = VaultStore(apart.data, lambda: replace(policies, catalogue=catalogue))
    wanted = rf"ingest it again. In npd.census of 20\d\d: {name} "
    expect(Breach, keeper.ensure, "ONE", apart.snapshot.ident, match=wanted)
    assert not list(apart.data.glob("vaults/v*"))
