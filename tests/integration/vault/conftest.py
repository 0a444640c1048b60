"""A small catalogue and drawn extracts that fit it: two pupil tables, a link table, earnings, staff, a register."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.ports import Snapshot, Vault
from broker.domain.projects.project import Grant, ProtectionMode, ResearchProject
from broker.policy.data_catalogue import (
    Catalogue,
    CatalogueTable,
    MainRecord,
    PrivacyUnit,
    TableKind,
    Variable,
    YearAxis,
    YearFormat,
)
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.vault.ingest import ingest
from broker.vault.vault_store import VaultStore

C = VariableClass
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def variable(name: str, kind: ScalarType, cls: VariableClass = C.STANDARD, **more: Any) -> Variable:
    return Variable(name=name, type=kind, cls=cls, **more)


def _people(full_name: str, key: str, domain: str, year: YearAxis | None, *variables: Variable, **more: Any):
    schema, _, name = full_name.partition(".")
    return CatalogueTable(
        schema_name=schema, name=name, kind=TableKind.PERSON, unit=more.pop("unit", PrivacyUnit.PUPIL),
        link_key=key, key_domain=domain, year=year, variables=variables, **more,
    )  # fmt: skip


def _years(name: str, form: YearFormat) -> YearAxis:
    return YearAxis(variable=name, format=form, years=frozenset(range(2015, 2021)))


def _pupil(name: str, *variables: Variable) -> CatalogueTable:
    own = (variable("PMR", ScalarType.TEXT, C.IDENTIFIER), variable("AcademicYear", ScalarType.TEXT, missing=False))
    main, year = (MainRecord(variable="RecordStatus"),), _years("AcademicYear", YearFormat.ACADEMIC)
    return _people(f"npd.{name}", "PMR", "pmr", year, *own, *variables, max_rows_per_unit_year=3, main_record=main)


CENSUS = _pupil(
    "census",
    variable("UPN", ScalarType.TEXT, C.IDENTIFIER),
    variable("Surname", ScalarType.TEXT, C.INSTANT_IDENTIFIER),
    variable("RecordStatus", ScalarType.INT),
    variable("Gender", ScalarType.TEXT, C.SENSITIVE, codes=("M", "F")),
    variable("FSM", ScalarType.FLAG, C.SENSITIVE),
    variable("URN", ScalarType.INT, low=100000, high=150000, most=5),
    variable("LA", ScalarType.INT, register_key="ref.schools.LA"),
)
ATTAINMENT = _pupil(
    "attainment",
    variable("RecordStatus", ScalarType.INT),
    variable("Score", ScalarType.DECIMAL, decimals=2, low=0, high=90),
    variable("Term", ScalarType.TEXT, codes=("Autumn", "Spring")),
    variable("Start", ScalarType.DATE),
    variable("Distance", ScalarType.DOUBLE),
)
AE_PMR = _people(
    "leo.ae_pmr", "AE_ID", "ae", None,
    variable("AE_ID", ScalarType.INT, C.IDENTIFIER), variable("PMR", ScalarType.TEXT, C.IDENTIFIER),
    second_key="PMR", second_key_domain="pmr",
)  # fmt: skip
STAFF = _people(
    "swc.staff", "StaffRef", "staff", _years("CensusYear", YearFormat.CALENDAR),
    variable("StaffRef", ScalarType.TEXT, C.IDENTIFIER), variable("CensusYear", ScalarType.INT),
    variable("Pay", ScalarType.DECIMAL, decimals=2), unit=PrivacyUnit.STAFF, max_rows_per_unit_year=4,
)  # fmt: skip
SCHOOLS = CatalogueTable(
    schema_name="ref",
    name="schools",
    kind=TableKind.PUBLIC,
    unique_key="URN",
    variables=(variable("URN", ScalarType.INT, C.PUBLIC), variable("LA", ScalarType.INT, C.PUBLIC)),
)


CATALOGUE = Catalogue(version=1, codesets=(), tables=(CENSUS, ATTAINMENT, AE_PMR, STAFF, SCHOOLS))


@pytest.fixture
def catalogue() -> Catalogue:
    return CATALOGUE


Extracts = dict[str, str]
"""{path without ending: SQL that makes its rows}."""

GOOD: Extracts = {
    **{
        f"npd.census/{year}": f"SELECT 'P' || i PMR, '{year}/{year + 1}' AcademicYear, "
        "'UPN' || i UPN, 'NAME' || i Surname, "
        "NULL::INT RecordStatus, CASE WHEN i % 2 = 0 THEN 'M' ELSE ' f ' END Gender, (i % 3 = 0)::TINYINT FSM, "
        f"100000 + i % 5 URN, 201 + i % 5 LA FROM range(40) t(i) "
        f"UNION ALL SELECT 'P1', '{year}/{year + 1}', 'UPN1', 'NAME1', 101, 'F', 0, 100003, 204 "
        f"UNION ALL SELECT k, '{year}/{year + 1}', 'UPNx', 'NAMEx', NULL, 'F', 0, 100004, 205 "
        "FROM (VALUES (''), (NULL), (NULL)) v(k)"
        for year in (2018, 2019)
    },
    "npd.attainment/2019": "SELECT 'P' || i PMR, '2019/2020' AcademicYear, 1 RecordStatus, i + 0.25 Score, "
    "'AUTUMN' Term, DATE '2019-09-01' + i::INT AS Start, i / 7 Distance FROM range(40) t(i)",
    "leo.ae_pmr/all": "SELECT 9000 + i AE_ID, 'P' || i PMR FROM range(30) t(i) UNION ALL SELECT 9000, 'P31' "
    "UNION ALL SELECT 9999, 'P2' UNION ALL SELECT 8888, NULL",
    "swc.staff/2019": "SELECT 'P' || i StaffRef, 2019 CensusYear, 30000.5 + i Pay FROM range(20) t(i)",
    "ref.schools/all": "SELECT 100000 + i URN, 201 + i LA FROM range(5) t(i)",
}

Draw = Callable[[Extracts], Path]


@pytest.fixture(scope="session")
def draw(tmp_path_factory: pytest.TempPathFactory) -> Draw:
    """Write extracts as Parquet under a new folder, marked as synthetic."""

    def drawn(extracts: Extracts) -> Path:
        source = tmp_path_factory.mktemp("source")
        (source / "synthetic.json").write_text("{}")
        with duckdb.connect() as con:
            for stem, query in extracts.items():
                path = source / f"{stem}.parquet"
                path.parent.mkdir(exist_ok=True)
                con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return source

    return drawn


@pytest.fixture
def good() -> Extracts:
    return dict(GOOD)


def project(ident: str, *grants: tuple[str, str, frozenset[int] | None]) -> ResearchProject:
    about = {"title": "T", "organisation": "O", "organisation_type": "university", "gateway": "G", "purpose": "P"}
    rules = {"mode": ProtectionMode.DISCLOSURE_CONTROL, "profile": "default", "votes": 1, "dialect": "duckdb"}
    granted = tuple(Grant(t, v, y, "because", link_key=v in {"PMR", "AE_ID"}) for t, v, y in grants)
    until, people = date(2099, 1, 1), frozenset({"r"})
    return ResearchProject(ident=ident, **about, **rules, expires=until, researchers=people, grants=granted)


BOTH = frozenset({2018, 2019})
ONE = project(
    "ONE",
    *(("npd.census", name, BOTH) for name in ("PMR", "AcademicYear", "RecordStatus", "URN")),
    ("npd.census", "Gender", frozenset({2019})),
    *(("npd.attainment", name, BOTH) for name in ("PMR", "Score")),
    *(("leo.ae_pmr", name, None) for name in ("AE_ID", "PMR")),
    *(("ref.schools", name, None) for name in ("URN", "LA")),
)
TWO = project("TWO", ("npd.census", "PMR", BOTH), ("npd.census", "LA", BOTH), ("npd.census", "FSM", frozenset({2018})))

SERVICE = ServiceLimits(**{f.name: 1 for f in fields(ServiceLimits) if f.default is MISSING} | {"allowed_files": ()})
POLICIES = PolicySet(catalogue=CATALOGUE, projects=(ONE, TWO), profiles=(), combinations=(), service=SERVICE)


@pytest.fixture
def policies() -> PolicySet:
    return POLICIES


def rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        return con.execute(query).fetchall()


def file(snapshot: Snapshot, name: str) -> str:
    """A table and year of a snapshot, as SQL reads it."""
    return f"read_parquet('{snapshot.path}/{name}.parquet')"


@dataclass(frozen=True)
class Owner:
    """A data folder with a snapshot, and what keeps its vaults; each vault is made when it is first asked for."""

    data: Path
    snapshot: Snapshot

    @property
    def keeper(self) -> VaultStore:
        return VaultStore(self.data, lambda: POLICIES)

    def vault(self, project: str) -> Vault:
        return self.keeper.ensure(project, self.snapshot.ident)


def owner_of(draw: Draw, data: Path, extracts: Extracts) -> Owner:
    return Owner(data, ingest(draw(extracts), data, CATALOGUE, NOW))


@pytest.fixture
def take(draw: Draw, tmp_path: Path) -> Callable[..., Snapshot]:
    """Ingests extracts, or a folder of them, into a data folder of the test's own: `tmp_path`."""

    def taken(
        given: Extracts | Path, *progress: Any, at: datetime = NOW, catalogue: Catalogue = CATALOGUE, **more: Any
    ):
        source = given if isinstance(given, Path) else draw(given)
        return ingest(source, tmp_path, catalogue, at, *progress, **more)

    return taken


@pytest.fixture
def apart(draw: Draw, tmp_path: Path) -> Owner:
    """For a test that changes something of it."""
    return owner_of(draw, tmp_path, GOOD)


@pytest.fixture(scope="module")
def owner(draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Owner:
    return owner_of(draw, tmp_path_factory.mktemp("data"), GOOD)


@pytest.fixture
def data(owner: Owner) -> Path:
    return owner.data


@pytest.fixture
def snapshot(owner: Owner) -> Snapshot:
    return owner.snapshot


@pytest.fixture
def keeper(owner: Owner) -> VaultStore:
    return owner.keeper


@pytest.fixture
def one(owner: Owner) -> Vault:
    return owner.vault("ONE")


@pytest.fixture
def two(owner: Owner) -> Vault:
    return owner.vault("TWO")
