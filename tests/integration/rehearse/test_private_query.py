"""A private query on a real vault: statement, exact vectors, noise, results. Exact answers equal those of the vault's
files; any other frame is a Breach."""

# ruff: noqa: E501 - one query a line reads as a table

import io
import json
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import NamedTuple

import pyarrow as pa
import pytest

from broker.domain.errors import Breach
from broker.domain.jobs.job import JobKind
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.domain.plans.plan import Plan
from broker.domain.ports import SandboxEnd, SandboxResult, Vault
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.private_engine import PrivateDuckDB
from broker.policy.files.privacy_files import load_promises_and_profiles
from broker.policy.policy_set import PolicySet
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.noise.noise_client import NoiseClient
from broker.privacy.request.directives import read_bounds
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.query import compile_sql
from broker.workflow.run_context import limits_for
from tests.integration.expected_errors import expect
from tests.integration.rehearse.conftest import ROOT, At
from tests.oracles.private_cells import cell_results

pytestmark = pytest.mark.long

PROFILE = load_promises_and_profiles(ROOT / "policies" / "privacy").profile("npd-private")
YEAR = "AcademicYear = '2018/2019'"
QUERIES = {
    "count and mean": f"-- rows: npd.absence 2\nSELECT SENprovision, COUNT(*) AS n, AVG(1.0 * OverallAbsence_6HalfTerms) "
                      f"AS m FROM npd.absence WHERE {YEAR} GROUP BY SENprovision",
    "margins": f"SELECT SENprovision, FSMeligible, COUNT(*) AS n FROM npd.absence WHERE {YEAR} "
               "GROUP BY CUBE (SENprovision, FSMeligible)",
    "a quantile": f"SELECT FSMeligible, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) AS m "
                  f"FROM npd.absence WHERE {YEAR} GROUP BY FSMeligible",
    "keys of the data": f"SELECT URN, COUNT(*) AS n FROM npd.absence WHERE {YEAR} GROUP BY URN",
    "persons first": "SELECT x, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous, CASE WHEN COUNT(*) > 2 THEN 'many' "
                     "ELSE 'few' END AS x FROM npd.absence GROUP BY PupilMatchingRefAnonymous) AS d GROUP BY x",
}  # fmt: skip


class Job(NamedTuple):
    plan: Plan
    measured: PrivateOutputPlan
    design: MeasurementDesign
    result: SandboxResult
    vault: Vault


@pytest.fixture
def job_of(policies: PolicySet, stage_of: At) -> Callable[[str], Job]:
    @cache
    def job(text: str) -> Job:
        project, stage = policies.project("P0421"), stage_of("P0421")
        dialect = "duckdb" if "CUBE" in text else "tsql"
        plan = compile_sql(text, dialect, policies.catalogue, project, policies.service, in_parts=False).plan
        assert plan is not None
        vault = stage.vaults.ensure(project.ident, stage.snapshot)
        given = PrivateContext(policies.catalogue, PROFILE, stage.vaults.registers(vault), read_bounds(text))
        measured = plan_private_output(plan.outputs[0], given)
        made = design_measurement(measured.tables, PrivacyAmount(Accounting.APPROXIMATE, 500_000, 10**6))
        request = PrivateDuckDB().prepare(plan, [measured], vault, "j", 1, limits_for(JobKind.SQL, policies))
        return Job(plan, measured, made, InProcessEngine().run(request), vault)

    return job


@pytest.mark.parametrize("name", QUERIES)
def test_the_whole_way(name, job_of):
    job = job_of(QUERIES[name])
    assert job.result.end is SandboxEnd.ENDED, job.result.log
    exact = PrivateDuckDB().read(job.plan, [job.measured], job.design, job.result.frames)
    with closing(NoiseClient(60)) as noise:
        drawn = noise.draw(job.design.bundle, exact.vectors)
    found = cell_results(job.design, drawn, 0, PROFILE, exact.observed[0])
    table = job.design.tables[0]
    if table.listed:
        assert len(found) == sum(table.cells(s) for s in range(len(table.sets)))
    assert any(c.shown for c in found)


def changed(payload: bytes, change: Callable[[pa.Table], pa.Table]) -> bytes:
    table, sink = change(pa.ipc.open_stream(payload).read_all()), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def with_column(name: str, values: Callable[[int], pa.Array]) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(t.schema.get_field_index(name), name, values(t.num_rows))


TAMPERED = {
    "another grouping set": with_column("g", lambda n: pa.array([1] * n, pa.int64())),
    "less than nothing": with_column("v0_0", lambda n: pa.array([-1] * n, pa.int64())),
    "nothing at all": with_column("v0_0", lambda n: pa.array([None] * n, pa.int64())),
    "a fraction": with_column("v0_0", lambda n: pa.array([0.5] * n)),
    "another key": with_column("k0", lambda n: pa.array([1] * n, pa.int64())),
    "a column more": lambda t: t.append_column("v9_0", pa.array([1] * t.num_rows, pa.int64())),
}


FRAMES = {how: lambda frames, change=change: [(k, changed(p, change) if k == "table" else p) for k, p in frames] for how, change in TAMPERED.items()} | {
    "none": lambda frames: [], "no stream": lambda frames: [("table", b"")], "one more": lambda frames: [("table", b"x")] * 2,
}  # fmt: skip


@pytest.mark.parametrize("how", FRAMES)
def test_unrequested_answers_are_a_breach(how, job_of):
    job = job_of(QUERIES["count and mean"])
    frames = FRAMES[how](job.result.frames)
    expect(Breach, PrivateDuckDB().read, job.plan, [job.measured], job.design, frames)


def test_only_what_is_read_is_mounted(policies, job_of):
    job = job_of(QUERIES["count and mean"])
    limits = limits_for(JobKind.SQL, policies)
    request = PrivateDuckDB().prepare(job.plan, [job.measured], job.vault, "j", 1, limits)
    ((_, payload),) = request.frames
    (table,) = json.loads(payload)["tables"]
    assert table["paths"] == ["npd.absence/schema.parquet", "npd.absence/2018.parquet"]
