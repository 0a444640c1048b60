"""Towns of the synthetic NPD that differ in one child: the same extracts with the child changed, removed, added or
doubled, each taken in as a snapshot of its own in one data folder. Nothing is asked of them here."""

from atexit import register
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import duckdb

from broker.domain.ports import Vault
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.vault.ingest import ingest
from broker.vault.vault_store import VaultStore
from broker.wiring.data_intake import make_extracts
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec

PROJECT = "P0421"
ABSENCE, CENSUS, SCHOOLS = "npd.absence", "npd.spring_census", "ref.schools"
YEARS = (2016, 2017, 2018)
YEAR = YEARS[-1]
KEY = "PupilMatchingRefAnonymous"
POLICIES = Path(__file__).resolve().parents[3] / "policies"
BASE = "base"
SMALL_REFERENCE = 20
TAKEN_IN = datetime(2026, 1, 1, tzinfo=UTC)
ATTENDED, EMPTY = 5, 3
"""Schools with pupils, and schools of the register without any."""
RARE = "WIRT"
"""The child's ethnic group: who else has it is part of a town, and a reader may know it."""
SHARED = (0, 8, 40)
"""How many others have it, by the town's seed."""


@dataclass(frozen=True, slots=True)
class Child:
    """The child that the attacker knows, as a neighbour does, and who shares what with the child."""

    key: str
    urn: int
    la: int
    month: int
    year: int
    group: str
    missed: int


@dataclass(frozen=True, slots=True)
class Town:
    """Snapshots by the way in which the child differs in them; `base` is the town as it is."""

    policies: PolicySet
    folder: Path
    child: Child
    schools: Sequence[tuple[int, int]]
    snapshots: Mapping[str, str]
    keeper: VaultStore

    def vault(self, way: str) -> Vault:
        return self.keeper.ensure(PROJECT, self.snapshots[way])


def policies_of_town(profile: str = "npd-default") -> PolicySet:
    """The project with the tables and years of a town, whose outputs policy lets go by itself."""
    found = load_policies(POLICIES)
    own = found.project(PROJECT)
    assert own is not None
    grants = tuple(
        replace(g, years=frozenset(YEARS) if g.years else g.years)
        for g in own.grants
        if g.table in {ABSENCE, CENSUS, SCHOOLS}
    )
    project = replace(own, grants=grants, votes=0, profile=profile)
    return replace(found, projects=tuple(project if p.ident == PROJECT else p for p in found.projects))


def without_cap(town: Town) -> Town:
    """The same, where no reference population is ever used up."""
    memory = replace(town.policies.memory, fraction=1000.0)
    return replace(town, policies=replace(town.policies, memory=memory))


def with_threshold(town: Town, t: int) -> Town:
    """The same with another threshold in all rules."""
    profiles = tuple(replace(p, t=t) for p in town.policies.profiles)
    return replace(town, policies=replace(town.policies, profiles=profiles))


def with_small_references(town: Town) -> Town:
    """The same without a cap, where a year group of a local authority of a town is a reference population by itself, as
    each is of a whole country."""
    memory = replace(without_cap(town).policies.memory, least=SMALL_REFERENCE)
    return replace(town, policies=replace(town.policies, memory=memory))


def lasting_folder(prefix: str) -> Path:
    """A folder for all tests of a process."""
    folder = Path(mkdtemp(prefix=f"{prefix}-"))
    register(rmtree, folder, ignore_errors=True)
    return folder


def build_town(
    folder: Path, seed: int, pupils: int, ways: Sequence[str] | Mapping[str, "Way"], profile: str = "npd-default"
) -> Town:
    policies = policies_of_town(profile)
    project = policies.project(PROJECT)
    assert project is not None
    asked = synthetic_data_spec(project, policies.catalogue, range(YEARS[0], YEARS[-1] + 1), pupils, seed)
    extracts = folder / "extracts"
    make_extracts(asked.catalogue, pupils, asked.years, seed, extracts, _quiet)
    changes = dict(ways) if isinstance(ways, Mapping) else {way: WAYS[way] for way in ways}
    with duckdb.connect() as con:
        con.execute("SET threads=1")
        schools = _gathered(con, extracts, Random(seed))
        child = _chosen(con, seed, schools)
        snapshots = {}
        for way, change in ({BASE: WAYS[BASE]} | changes).items():
            con.execute("BEGIN")
            change(con, child, schools)
            _written(con, extracts)
            con.execute("ROLLBACK")
            snapshots[way] = ingest(extracts, folder, asked.catalogue, TAKEN_IN, _quiet).ident
    return Town(policies, folder, child, schools, snapshots, VaultStore(folder, lambda: policies))


def _quiet(what: str, done: int, total: int) -> None: ...


def _tables() -> list[tuple[str, str]]:
    """Every table-year of persons, as a table of the database and as a file."""
    return [(f"{t.partition('.')[2]}_{y}", f"{t}/{y}.parquet") for t in (ABSENCE, CENSUS) for y in YEARS]


def _gathered(con: Any, extracts: Path, random: Random) -> list[tuple[int, int]]:
    """Reads the extracts, and puts all pupils into a few schools of different size: the register names these alone."""
    public = extracts / SCHOOLS / "all.parquet"
    found = con.execute(f"SELECT URN, LA FROM '{public}' ORDER BY URN").fetchall()
    areas = random.sample(sorted({la for _, la in found}), 4)
    schools = [s for s in found if s[1] in areas]
    random.shuffle(schools)
    schools = schools[: ATTENDED + EMPTY]
    con.execute(f"CREATE TABLE schools AS FROM '{public}' WHERE URN IN {tuple(u for u, _ in schools)}")
    for name, file in _tables():
        con.execute(f"CREATE TABLE {name} AS FROM '{extracts / file}'")
    con.execute("CREATE TABLE pupils AS " + " UNION ".join(f"SELECT {KEY} FROM {n}" for n, _ in _tables()))
    con.execute("CREATE TABLE places (n INTEGER, URN BIGINT, LA BIGINT)")
    con.executemany("INSERT INTO places VALUES (?, ?, ?)", [(n, *s) for n, s in enumerate(schools[:ATTENDED])])
    con.execute(
        f"CREATE TABLE goes AS SELECT {KEY}, p.URN, p.LA FROM pupils JOIN places p "
        f"ON p.n = (hash({KEY}) % {2 * ATTENDED - 1})::INTEGER // 2"
    )
    for name, _ in _tables():
        con.execute(f"UPDATE {name} SET URN = {schools[0][0]}, LA = {schools[0][1]}")  # of rows without a key
        con.execute(f"UPDATE {name} t SET URN = g.URN, LA = g.LA FROM goes g WHERE g.{KEY} = t.{KEY}")
        con.execute(f"UPDATE {name} SET EthnicGroupMinor = 'WOTH' WHERE EthnicGroupMinor = '{RARE}'")
        if name.startswith("spring"):
            con.execute(f"UPDATE {name} SET HomeLA = LA, LAEstab = LA * 10000 + 2000")
    return schools


def _chosen(con: Any, seed: int, schools: Sequence[tuple[int, int]]) -> Child:
    """A child with one row in each table and year, alone by school, month and year of birth, without the secrets, who
    misses about as much as others; and as many others of the child's ethnic group as the town says."""
    once = " AND ".join(f"(SELECT count(*) FROM {n} x WHERE x.{KEY} = a.{KEY}) = 1" for n, _ in _tables())
    rows = con.execute(
        f"SELECT {KEY}, URN, LA, MonthOfBirth, YearOfBirth, EthnicGroupMinor, OverallAbsence_6HalfTerms AS missed "
        f"FROM absence_{YEAR} a WHERE SENprovision = 'N' AND FSMeligible = 0 AND PA10_exact_6HalfTerms = 0 "
        f"AND missed BETWEEN 10 AND 25 AND {once} AND (SELECT count(*) FROM absence_{YEAR} b WHERE b.URN = a.URN "
        f"AND b.MonthOfBirth = a.MonthOfBirth AND b.YearOfBirth = a.YearOfBirth) = 1 ORDER BY {KEY}"
    ).fetchall()
    found = Child(*rows[seed % len(rows)])
    others = con.execute(
        f"SELECT DISTINCT {KEY} FROM absence_{YEAR} WHERE {KEY} <> ? ORDER BY hash({KEY} || '{seed}') LIMIT ?",
        [found.key, SHARED[seed % len(SHARED)]],
    ).fetchall()
    for name, _ in _tables():
        con.execute(
            f"UPDATE {name} SET EthnicGroupMinor = '{RARE}' WHERE list_contains(?, {KEY})",
            [[found.key, *(k for (k,) in others)]],
        )
    return replace(found, group=RARE)


def _written(con: Any, extracts: Path) -> None:
    for name, file in [*_tables(), ("schools", f"{SCHOOLS}/all.parquet")]:
        con.execute(f"COPY {name} TO '{extracts / file}' (FORMAT parquet)")


Way = Callable[[Any, Child, Sequence[tuple[int, int]]], None]


def setting(assignment: str, only: str = "") -> Way:
    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        for name in (n for n, _ in _tables() if n.startswith(only)):
            con.execute(f"UPDATE {name} SET {assignment} WHERE {KEY} = ?", [child.key])

    return changed


def _removed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
    for name, _ in _tables():
        con.execute(f"DELETE FROM {name} WHERE {KEY} = ?", [child.key])


def _with_a_twin(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
    """Another child who is equal in everything but the key."""
    for name, _ in _tables():
        own = f"'TWIN' AS {KEY}" + (", 'M000000000001' AS UPN" if name.startswith("spring") else "")
        con.execute(f"INSERT INTO {name} SELECT * REPLACE ({own}) FROM {name} WHERE {KEY} = ?", [child.key])


def _with_two_rows(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
    """The child was at another school, too, in the year that is asked of."""
    urn, la = next(s for s in schools if s[0] != child.urn)
    for name in (f"absence_{YEAR}", f"spring_census_{YEAR}"):
        con.execute(
            f"INSERT INTO {name} SELECT * REPLACE ({urn} AS URN, {la} AS LA) FROM {name} WHERE {KEY} = ?", [child.key]
        )


def _moved(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
    urn, la = next(s for s in schools if s[0] != child.urn)
    setting(f"URN = {urn}, LA = {la}")(con, child, schools)


WAYS: Mapping[str, Way] = {
    BASE: lambda con, child, schools: None,
    "special needs": setting("SENprovision = 'K'"),
    "free meals": setting("FSMeligible = 1"),
    "absence": setting("OverallAbsence_6HalfTerms = OverallAbsence_6HalfTerms + 9", "absence"),
    "removed": _removed,
    "twin": _with_a_twin,
    "two rows": _with_two_rows,
    "another school": _moved,
}


def four_ways(seed: int) -> tuple[str, ...]:
    """Two attributes of the child that change, and by turns two of the other ways."""
    others = [w for w in WAYS if w not in {BASE, *ATTRIBUTES}]
    return (*ATTRIBUTES, *(others[(seed + n) % len(others)] for n in (0, 2)))


ATTRIBUTES = ("special needs", "free meals")
