"""A small synthetic NPD with a project's vault, and the images' trusted code, run in this process on the vault."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault
from broker.domain.progress import no_progress
from broker.domain.projects.project import ResearchProject
from broker.engine.hardened_duckdb import views_of
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.python_jobs.submitted_rows import JobInputs
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "sandbox_images" / "sql"))
LIMITS = SandboxLimits(60, 2**30, 2**24, 10, 64, 2, 2**24)
CENSUS, ABSENCE = "npd.spring_census", "npd.absence"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    return load_policies(ROOT / "policies")


@pytest.fixture(scope="session")
def project(policies: PolicySet) -> ResearchProject:
    found = policies.project("P0421")
    return found


@pytest.fixture(scope="session")
def vault(policies: PolicySet, project: ResearchProject, tmp_path_factory: pytest.TempPathFactory) -> Vault:
    root = tmp_path_factory.mktemp("handed")
    small = synthetic_data_spec(project, policies.catalogue, synthetic_years(), 600, 1)
    stage = build_rehearsal_data(policies, project.ident, small, root, no_progress)
    return stage.vaults.ensure(project.ident, stage.snapshot)


@pytest.fixture(scope="session")
def inputs(policies: PolicySet) -> JobInputs:
    """What a script's header would mount: census and absence of two years."""
    read = frozenset({Usage.READ})
    years = frozenset({2021, 2022})
    census = ("PupilMatchingRefAnonymous", "AcademicYear", "NCyearActual", "FSMeligible", "SENprovision", "PHASE", "LA")
    absence = ("PupilMatchingRefAnonymous", "AcademicYear", "OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms")
    uses = [VariableUse(CENSUS, v, years, read) for v in census] + [
        VariableUse(ABSENCE, v, years, read) for v in absence
    ]
    return JobInputs(tuple(uses), policies.catalogue, "npd")


def file_of(table: pa.Table) -> bytes:
    """As the library writes rows."""
    target = io.BytesIO()
    with pa.ipc.new_file(target, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return target.getvalue()


@pytest.fixture(scope="session")
def select(vault: Vault) -> Callable[[str], pa.Table]:
    """A query over what scripts see of the vault."""

    def run(sql: str) -> pa.Table:
        with opened(vault, vault.script, (CENSUS, ABSENCE), (2021, 2022)) as con:
            return con.sql(sql).to_arrow_table()

    return run


def opened(vault: Vault, folder: Path, tables: tuple[str, ...], years: tuple[int, ...]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:")
    for table in (t for t in vault.tables if t.name in tables):
        schema, _, name = table.name.partition(".")
        pairs = zip(table.paths, table.years, strict=True)
        paths = [str(folder / p) for p, y in pairs if y is None or y in years]
        for statement in views_of({"schema": schema, "name": name}, paths):
            con.execute(statement)
    return con


def run_here(request: SandboxRequest) -> tuple[tuple[str, bytes], ...]:
    """What `sandbox_images/sql/main.py` does with handed rows; tests of the container hold the two equal."""
    import handed

    ((_, payload),) = request.frames
    head, _, rows = payload.partition(b"\n")
    job = json.loads(head)
    with duckdb.connect(":memory:") as con:
        for table in job["tables"]:
            for statement in views_of(table, [str(request.mount / p) for p in table["paths"]]):
                con.execute(statement)
        found = handed.take(con, rows, job["rows"])
        frames = [("table", stream(handed.answer(found)))]
        if not handed.fails(found):
            frames += [("table", stream(con.sql(s["sql"]).to_arrow_table())) for s in job["statements"]]
    return (*frames, ("status", b'{"word": "ended"}'))


def stream(table: pa.Table) -> bytes:
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()
