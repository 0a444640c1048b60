"""The in-process engine equals the launcher of the `sql` image without isolation: the same code, frames and failures.
It reads synthetic data only."""

import json
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pyarrow as pa
import pytest

from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Breach
from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd, SandboxRequest
from broker.engine import hardened_duckdb
from broker.engine.hardened_duckdb import views_of
from broker.engine.in_process_engine import InProcessEngine
from broker.policy.policy_set import PolicySet
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.run_context import limits_for
from tests.integration.expected_errors import expect
from tests.integration.rehearse.conftest import ROOT, At

pytestmark = pytest.mark.long

TODAY = date(2026, 11, 24)
QUERIES = {
    "two keys, a count and a mean": """
        SELECT a.SENprovision, a.FSMeligible, COUNT(*) AS n, AVG(1.0 * a.OverallAbsence_6HalfTerms) AS missed
        FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023' GROUP BY a.SENprovision, a.FSMeligible""",
    "a join, a share and a sum": """
        SELECT s.SENprovision, COUNT(DISTINCT s.PupilMatchingRefAnonymous) AS n, SUM(k.KS4_ATT8) AS att8,
               AVG(1.0 * s.FSMeligible) AS fsm
        FROM npd.spring_census AS s
        JOIN npd.ks4_pupil AS k ON k.KS4_PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous
        WHERE s.AcademicYear = '2022/2023' AND k.KS4_ACADYR = '2022/2023' GROUP BY s.SENprovision""",
    "two outputs, one of them of nobody": """
        SELECT a.NCyearActual, STDEV(a.SessionsPossible_6HalfTerms) AS spread FROM npd.absence AS a
        WHERE a.AcademicYear = '2021/2022' GROUP BY a.NCyearActual;
        SELECT e.SENprovision, COUNT(*) AS n FROM npd.exclusions AS e
        WHERE e.AcademicYear = '2021/2022' AND e.SENprovision = 'S' GROUP BY e.SENprovision""",
}


def request_of(text: str, policies: PolicySet, stage_of: At) -> SandboxRequest:
    project = policies.project("P0421")
    checked = check_submission(text, JobKind.SQL, "tsql", project, policies, TODAY)
    assert checked.plan is not None, checked.refusals
    stage = stage_of("P0421")
    vault, limits = stage.vaults.ensure(project.ident, stage.snapshot), limits_for(JobKind.SQL, policies)
    needs = evidence_needs(policies.disclosure_rules(project.profile))
    return stage.ports.engine.prepare(checked.plan, vault, f"here-{uuid4().hex[:8]}", 1, limits, needs)


@pytest.mark.docker
@pytest.mark.parametrize("name", QUERIES)
def test_every_frame_is_the_launchers(name, policies, stage_of, sandbox_root):
    asked = request_of(QUERIES[name], policies, stage_of)
    sandbox = DockerSandbox(sandbox_root, "runc")
    mine, theirs = InProcessEngine().run(asked), sandbox.run(asked)
    sandbox.close()  # all queries here are one attempt by name: the next one needs it free
    assert (mine.end, mine.log) == (theirs.end, b"") == (SandboxEnd.ENDED, b"")
    assert [kind for kind, _ in mine.frames] == [kind for kind, _ in theirs.frames]
    assert mine.frames[-1] == theirs.frames[-1]
    for (_, here), (_, there) in zip(mine.frames[:-1], theirs.frames[:-1], strict=True):
        assert content(here) == content(there)


def content(payload: bytes) -> tuple[pa.Schema, list[str]]:
    """Columns, types and rows; groups come in any order, there as here."""
    with pa.ipc.open_stream(payload) as reader:
        table = reader.read_all()
    return table.schema, sorted(map(repr, table.to_pylist()))


def altered(asked: SandboxRequest, *, sql: str | None = None, **limits: int) -> SandboxRequest:
    job = json.loads(asked.frames[0][1])
    if sql is not None:
        job["statements"] = [{"name": "t", "sql": sql}]
    job["settings"] |= limits
    return replace(asked, frames=(("job", json.dumps(job).encode()),))


BAD_ENDS = {
    "a fault": ({"sql": "SELECT CAST(SENprovision || 'x' AS INTEGER) FROM npd.absence"}, SandboxEnd.ENGINE_ERROR),
    "another file": ({"sql": "SELECT * FROM read_text('/etc/passwd')"}, SandboxEnd.ENGINE_ERROR),
    "another setting": ({"sql": "SET memory_limit='99GB'"}, SandboxEnd.ENGINE_ERROR),
    "a file of its own": ({"sql": "COPY (SELECT 1) TO '/tmp/x.csv'"}, SandboxEnd.ENGINE_ERROR),
    "too much": ({"sql": "SELECT * FROM range(9000000)", "output_bytes": 1 << 20}, SandboxEnd.OUTPUT_LIMIT),
    "too long": ({"sql": "SELECT max(hash(a)) FROM range(9999999999) t(a)", "wall_seconds": 1}, SandboxEnd.TIME_LIMIT),
    "too large": (
        {"sql": "SELECT a, list(hash(a)) FROM range(50000000) t(a) GROUP BY a", "memory_bytes": 1 << 27},
        SandboxEnd.MEMORY_LIMIT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ENDS)
def test_a_bad_end_has_the_launchers_word_and_no_frame(name, policies, stage_of):
    changes, end = BAD_ENDS[name]
    asked = request_of(QUERIES["two keys, a count and a mean"], policies, stage_of)
    found = InProcessEngine().run(altered(asked, **changes))
    assert (found.end, found.frames) == (end, ())
    assert bool(found.log) == (end is not SandboxEnd.OUTPUT_LIMIT)


@pytest.mark.parametrize(
    ("changes", "why"), [({"synthetic": False}, "synthetic"), ({"image": "python"}, "sandbox only")]
)
def test_neither_real_data_nor_a_script_is_read_here(policies, stage_of, changes, why):
    """Invariant 11: what a researcher runs without a broker never sees a vault of real data."""
    asked = request_of(QUERIES["two keys, a count and a mean"], policies, stage_of)
    expect(Breach, InProcessEngine().run, replace(asked, **changes), match=why)


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/passwd", "npd.absence/../../x.parquet"])
def test_no_path_leads_out_of_the_mount(path, policies, stage_of):
    asked = request_of(QUERIES["two keys, a count and a mean"], policies, stage_of)
    job = json.loads(asked.frames[0][1])
    job["tables"][0]["paths"] = [path]
    outside = replace(asked, frames=(("job", json.dumps(job).encode()),))
    expect(Breach, InProcessEngine().run, outside, match="leaves the mount")


@pytest.mark.parametrize("name", ["sql", "fit"])
def test_the_images_and_this_process_share_one_file(name):
    assert (ROOT / "sandbox_images" / name / "hardened.py").samefile(hardened_duckdb.__file__)


def test_a_table_is_read_by_its_quoted_name():
    assert views_of({"schema": "npd", "name": 'a "table"'}, ["/data/t/schema.parquet", "/data/t/2021.parquet"]) == [
        'CREATE SCHEMA IF NOT EXISTS "npd"',
        'CREATE VIEW "npd"."a ""table""" AS FROM read_parquet('
        "['/data/t/schema.parquet', '/data/t/2021.parquet'], union_by_name=true)",
    ]
