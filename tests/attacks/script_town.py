"""A small synthetic NPD for attacks by scripts: rows that a script submits, their outputs, and a broker.

Tables are computed in this process by the images' own code; models are fitted in the real container.
"""

import json
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

import pyarrow as pa

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judge_regression import judge_regression
from broker.disclosure.rules import evidence_needs
from broker.domain.findings import Assessment
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.script_files import RawFile
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataSchema
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult, SubmittedMicrodata, Vault
from broker.domain.progress import no_progress
from broker.domain.projects.project import ResearchProject
from broker.engine.file_rebuilders import ContainerRebuilder, InProcessRebuilder
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import RawRequest
from broker.python_jobs.request_reader import read_request
from broker.python_jobs.submitted_rows import JobInputs
from broker.sandbox.built_images import build_images
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.script_computation import plan_regression_rows, plan_tables
from broker.workflow.pipeline.trusted_stage import rebuild_request, with_review_findings
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.run_context import RunContext
from tests.attacks.broker_town import broker_under
from tests.integration.submitted_rows.conftest import ABSENCE, CENSUS, LIMITS, ROOT, file_of, opened, run_here
from tests.unit.workflow.conftest import PROJECT, REX, Broker

PUPILS, LEAST, SEED = 600, 500, 1
VARIABLES = {
    "pupil": "npd.spring_census.PupilMatchingRefAnonymous", "LA": "npd.spring_census.LA",
    "phase": "npd.spring_census.PHASE", "fsm": "npd.spring_census.FSMeligible",
    "year": "npd.spring_census.AcademicYear", "missed": "npd.absence.OverallAbsence_6HalfTerms",
}  # fmt: skip
SELECT = """SELECT c.PupilMatchingRefAnonymous AS pupil, c.LA, c.PHASE AS phase, c.FSMeligible AS fsm,
    c.AcademicYear AS year, a.OverallAbsence_6HalfTerms AS missed,
    list((year, c.LA, phase, fsm, missed)) OVER (PARTITION BY pupil ORDER BY year ROWS BETWEEN UNBOUNDED PRECEDING
        AND UNBOUNDED FOLLOWING) AS whole
FROM npd.spring_census c JOIN npd.absence a USING (PupilMatchingRefAnonymous, AcademicYear)
WHERE a.OverallAbsence_6HalfTerms IS NOT NULL AND c.FSMeligible IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY pupil, year ORDER BY c.LA, c.PHASE, missed) = 1"""
TABLE = {
    "version": 1, "kind": "table", "name": "t", "person": "pupil", "by": ["phase"], "measures": {"n": {"count": True}},
    "variables": VARIABLES, "description": "by phase",
}  # fmt: skip
MODEL = {
    "version": 1, "kind": "regression", "name": "r", "person": "pupil", "formula": "missed ~ fsm", "family": "ols",
    "variables": VARIABLES, "description": "absence",
}  # fmt: skip


@cache
def policies() -> PolicySet:
    found = load_policies(ROOT / "policies")
    ours = (replace(p, researchers=p.researchers | {REX}) if p.ident == PROJECT else p for p in found.projects)
    return replace(found, projects=tuple(ours))


def project(ident: str = PROJECT) -> ResearchProject:
    found = policies().project(ident)
    assert found is not None
    return found


def profile() -> DisclosureRules:
    return policies().disclosure_rules(project().profile)


@cache
def rehearsal_stage() -> RehearsalData:
    """The synthetic NPD of the project, and who keeps its vault."""
    small = synthetic_data_spec(project(), policies().catalogue, synthetic_years(), PUPILS, SEED)
    return build_rehearsal_data(policies(), PROJECT, small, Path(mkdtemp(prefix="script-town-")), no_progress)


@cache
def vault() -> Vault:
    return rehearsal_stage().vaults.ensure(PROJECT, rehearsal_stage().snapshot)


@cache
def inputs() -> JobInputs:
    read, years = frozenset({Usage.READ}), frozenset({2021, 2022})
    census = ("PupilMatchingRefAnonymous", "AcademicYear", "FSMeligible", "PHASE", "LA")
    absence = ("PupilMatchingRefAnonymous", "AcademicYear", "OverallAbsence_6HalfTerms")
    uses = [VariableUse(CENSUS, v, years, read) for v in census] + [
        VariableUse(ABSENCE, v, years, read) for v in absence
    ]
    return JobInputs(tuple(uses), policies().catalogue, "npd")


@cache
def rows() -> pa.Table:
    """What an honest script would hand over: a row for each pupil and year, in an order that the pupils' random ids
    do not decide."""
    with opened(vault(), vault().script, (CENSUS, ABSENCE), (2021, 2022)) as con:
        return con.sql(f"SELECT * EXCLUDE whole FROM ({SELECT}) ORDER BY whole, pupil, year").to_arrow_table()


def named(given: pa.Table, planned: MicrodataSchema) -> bytes:
    """The columns that the request names, as the library writes them."""
    return file_of(given.select([planned.person.name, *(c.name for c in planned.columns)]))


def tabulated(given: pa.Table, **changed: Any) -> tuple[MicrodataCheck, Assessment | None]:
    """What becomes of a table's rows: as a checker would get it, or the problem."""
    asked = read_request(json.dumps(TABLE | changed).encode(), "table", "t")
    planned = plan_tables((asked,), inputs(), project(), policies())
    to = SubmittedMicrodata(vault(), tuple(inputs().uses), named(given, planned.rows), "j", 1)
    engine, needs = DuckDBScriptRows(), evidence_needs(profile())
    frames = run_here(engine.prepare(planned.plan, planned.rows, to, LIMITS, needs))
    checked, evidence = engine.read(planned.plan, frames, needs)
    if evidence is None:
        return checked, None
    (assessment,) = judge_job(planned.plan, evidence, profile())
    return checked, with_review_findings(assessment, checked, planned.rows.derived)


@cache
def sandbox(runtime: str = "runc", cpus: str = "") -> DockerSandbox:
    """The real container, with the images of the checkout, on some processors or on all."""
    root, images = Path(mkdtemp(prefix="script-town-")), Path(__file__).resolve().parents[2] / "build" / "images"
    build_images(images)
    (root / "build").symlink_to(images)
    return DockerSandbox(root, runtime, cpus=cpus)


def fitted(given: pa.Table, cpus: str = "", **changed: Any) -> tuple[MicrodataCheck, Assessment | None]:
    asked = read_request(json.dumps(MODEL | changed).encode(), "regression", "r")
    planned = plan_regression_rows(asked, inputs(), project(), policies())
    to = SubmittedMicrodata(vault(), tuple(inputs().uses), named(given, planned), f"fit-{secrets.token_hex(4)}", 1)
    engine = DuckDBScriptRows()
    result = sandbox(cpus=cpus).run(engine.prepare_fit(asked, planned, to, LIMITS))
    assert result.end is SandboxEnd.ENDED
    checked, fit = engine.read_fit(result.frames)
    return checked, None if fit is None else with_review_findings(
        judge_regression("r", fit, profile()), checked, planned.derived
    )


def picture(content: bytes) -> bytes | None:
    """A script's picture, made anew in the real container."""
    there = stage_there()
    file = RawFile("t.png", ".png", content)
    (made,) = ContainerRebuilder().rebuild([file], rebuild_request(there), there.ports.sandbox)
    return made.content


SCRIPT = """\
# input: npd.spring_census [PupilMatchingRefAnonymous, PHASE, FSMeligible, LA, AcademicYear] 2021/2022-2022/2023
# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, OverallAbsence_6HalfTerms] 2021/2022-2022/2023
# output: t.csv | By phase
# output: u.csv | By phase again
import npd
npd.output.table(rows, by=["phase"], measures={"n": "count", "people": "persons", "missed_mean": "mean"}, name="t")
"""
MEASURES: dict[str, Any] = {"n": {"count": True}, "people": {"persons": True}, "missed_mean": {"mean": "missed"}}


class Here:
    """The trusted stage's container, in this process."""

    microdata_engine, file_rebuilder = DuckDBScriptRows(), InProcessRebuilder()

    @property
    def sandbox(self) -> "Here":
        return self

    def run(self, request: SandboxRequest) -> SandboxResult:
        return SandboxResult(SandboxEnd.ENDED, run_here(request), "i", "runc", 1.0, b"")


def stage(script: str = SCRIPT) -> RunContext:
    checked = check_submission(script, JobKind.PYTHON, "", project(), policies(), date(2026, 11, 26))
    assert checked.accepted, checked.refusals
    vaults: Any = mock.Mock(registers=lambda vault: {})
    return RunContext(Here(), vaults, "j", 1, vault(), checked, project(), policies())


class There:
    """The trusted stage's container, for real."""

    microdata_engine, file_rebuilder = DuckDBScriptRows(), ContainerRebuilder()

    def __init__(self, runtime: str) -> None:
        self.sandbox = sandbox(runtime)


def stage_there(runtime: str = "runc") -> RunContext:
    return replace(stage(), ports=There(runtime), subject=f"there-{secrets.token_hex(4)}")


def submitted_request(
    name: str = "t", less: int = 0, measures: Mapping[str, Any] = MEASURES, **changed: Any
) -> RawRequest:
    """A request with its rows, as a script leaves them; `less`: without the first rows."""
    used = rows().select(list(VARIABLES))
    document = TABLE | {"name": name, "measures": measures, "description": "57", **changed}
    return RawRequest(name, "table", json.dumps(document).encode(), file_of(used.slice(less)))


def new_vaults(folder: str, *idents: str) -> list[Vault]:
    """Small vaults of projects, made anew in `folder` of one snapshot."""
    small = synthetic_data_spec(project(), policies().catalogue, synthetic_years(), LEAST, SEED)
    stage = build_rehearsal_data(policies(), PROJECT, small, Path(folder), no_progress)
    return [stage.vaults.ensure(ident, stage.snapshot) for ident in idents]


def broker() -> AbstractContextManager[Broker]:
    return broker_under(policies)
