"""A small catalogue and drawn extracts that fit it: two pupil tables, a link table, earnings, staff, a register."""

from collections.abc import Callable
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


def _pupil(name: str, *variables: Variable, most: int = 3) -> CatalogueTable:
    return CatalogueTable(
        schema_name="npd",
        name=name,
        kind=TableKind.PERSON,
        unit=PrivacyUnit.PUPIL,
        link_key="PMR",
        key_domain="pmr",
        year=YearAxis(variable="AcademicYear", format=YearFormat.ACADEMIC, years=frozenset(range(2015, 2021))),
        max_rows_per_unit_year=most,
        main_record=(MainRecord(variable="RecordStatus"),),
        variables=(
            variable("PMR", ScalarType.TEXT, C.IDENTIFIER),
            variable("AcademicYear", ScalarType.TEXT, missing=False),
            *variables,
        ),
    )


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
AE_PMR = CatalogueTable(
    schema_name="leo",
    name="ae_pmr",
    kind=TableKind.PERSON,
    unit=PrivacyUnit.PUPIL,
    link_key="AE_ID",
    key_domain="ae",
    second_key="PMR",
    second_key_domain="pmr",
    variables=(variable("AE_ID", ScalarType.INT, C.IDENTIFIER), variable("PMR", ScalarType.TEXT, C.IDENTIFIER)),
)
STAFF = CatalogueTable(
    schema_name="swc",
    name="staff",
    kind=TableKind.PERSON,
    unit=PrivacyUnit.STAFF,
    link_key="StaffRef",
    key_domain="staff",
    year=YearAxis(variable="CensusYear", format=YearFormat.CALENDAR, years=frozenset(range(2015, 2021))),
    max_rows_per_unit_year=4,
    variables=(
        variable("StaffRef", ScalarType.TEXT, C.IDENTIFIER),
        variable("CensusYear", ScalarType.INT),
        variable("Pay", ScalarType.DECIMAL, decimals=2),
    ),
)
SCHOOLS = CatalogueTable(
    schema_name="ref",
    name="schools",
    kind=TableKind.PUBLIC,
    unique_key="URN",
    variables=(variable("URN", ScalarType.INT, C.PUBLIC), variable("LA", ScalarType.INT, C.PUBLIC)),
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(version=1, codesets=(), tables=(CENSUS, ATTAINMENT, AE_PMR, STAFF, SCHOOLS))


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


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write extracts as Parquet under a new folder, marked as synthetic."""
    made = iter(range(100))

    def drawn(extracts: Extracts) -> Path:
        source = tmp_path / f"source{next(made)}"
        source.mkdir()
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def project(ident: str, *grants: tuple[str, str, frozenset[int] | None]) -> ResearchProject:
    return ResearchProject(
        ident=ident,
        title="T",
        organisation="O",
        organisation_type="university",
        gateway="G",
        purpose="P",
        expires=date(2099, 1, 1),
        mode=ProtectionMode.DISCLOSURE_CONTROL,
        profile="default",
        votes=1,
        dialect="duckdb",
        researchers=frozenset({"r"}),
        grants=tuple(Grant(t, v, y, "because", link_key=v in {"PMR", "AE_ID"}) for t, v, y in grants),
    )


BOTH = frozenset({2018, 2019})
ONE = project(
    "ONE",
    ("npd.census", "PMR", BOTH),
    ("npd.census", "AcademicYear", BOTH),
    ("npd.census", "RecordStatus", BOTH),
    ("npd.census", "Gender", frozenset({2019})),
    ("npd.census", "URN", BOTH),
    ("npd.attainment", "PMR", BOTH),
    ("npd.attainment", "Score", BOTH),
    ("leo.ae_pmr", "AE_ID", None),
    ("leo.ae_pmr", "PMR", None),
    ("ref.schools", "URN", None),
    ("ref.schools", "LA", None),
)
TWO = project("TWO", ("npd.census", "PMR", BOTH), ("npd.census", "LA", BOTH), ("npd.census", "FSM", frozenset({2018})))

SERVICE = ServiceLimits(
    text_bytes=1,
    max_tokens=1,
    max_depth=1,
    max_statements=1,
    max_outputs=1,
    max_parse_steps=1,
    max_scans=1,
    sql_wall_seconds=1,
    python_wall_seconds=1,
    memory_bytes=1,
    output_bytes=1,
    output_files=1,
    processes=1,
    threads=1,
    scratch_bytes=1,
    allowed_files=(),
    max_file_bytes=1,
    max_file_rows=1,
    max_attempts=1,
    jobs_per_project=1,
)


@pytest.fixture
def policies(catalogue: Catalogue) -> PolicySet:
    return PolicySet(catalogue=catalogue, projects=(ONE, TWO), profiles=(), combinations=(), service=SERVICE)


Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def rows() -> Rows:
    def run(query: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as con:
            return con.execute(query).fetchall()

    return run


@pytest.fixture
def snapshot(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> Snapshot:
    return ingest(draw(good), data, catalogue, NOW)


@pytest.fixture
def keeper(data: Path, policies: PolicySet) -> VaultStore:
    return VaultStore(data, lambda: policies)


@pytest.fixture
def one(keeper: VaultStore, snapshot: Snapshot) -> Vault:
    return keeper.ensure("ONE", snapshot.ident)


@pytest.fixture
def two(keeper: VaultStore, snapshot: Snapshot) -> Vault:
    return keeper.ensure("TWO", snapshot.ident)
