"""Regressions of submitted rows in the real image: correct coefficients, absorbed effects, and refused models."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from broker.disclosure.judge_regression import judge_regression
from broker.domain.evidence import ModelFit
from broker.domain.findings import Verdict
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataProblem
from broker.domain.ports import SandboxEnd, SubmittedMicrodata, Vault
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.python_jobs.request_reader import read_request
from broker.python_jobs.submitted_rows import JobInputs
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.workflow.pipeline.script_computation import plan_regression_rows
from tests.integration.submitted_rows.conftest import LIMITS, file_of

pytestmark = [pytest.mark.long, pytest.mark.docker]
SELECT = """SELECT c.PupilMatchingRefAnonymous AS pupil, c.LA, c.FSMeligible AS fsm, c.PHASE AS phase,
    c.AcademicYear AS year, a.OverallAbsence_6HalfTerms AS missed, (a.OverallAbsence_6HalfTerms > 12)::INTEGER AS often
FROM npd.spring_census c JOIN npd.absence a USING (PupilMatchingRefAnonymous, AcademicYear)
WHERE a.OverallAbsence_6HalfTerms IS NOT NULL AND c.FSMeligible IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY pupil, year ORDER BY c.LA, c.PHASE, missed) = 1"""
REQUEST = {
    "version": 1, "kind": "regression", "name": "r", "person": "pupil", "formula": "missed ~ fsm", "family": "ols",
    "variables": {
        "pupil": "npd.spring_census.PupilMatchingRefAnonymous", "LA": "npd.spring_census.LA",
        "fsm": "npd.spring_census.FSMeligible", "missed": "npd.absence.OverallAbsence_6HalfTerms",
        "phase": "npd.spring_census.PHASE", "year": "npd.spring_census.AcademicYear",
    },
    "description": "absence",
}  # fmt: skip
Run = Callable[..., tuple[MicrodataCheck, ModelFit | None]]


@pytest.fixture
def fit(vault: Vault, inputs: JobInputs, policies, project, sandbox_root: Path, request) -> Run:
    sandbox = DockerSandbox(sandbox_root, "runc")

    def run(rows: pa.Table, **changed: object) -> tuple[MicrodataCheck, ModelFit | None]:
        asked = read_request(json.dumps(REQUEST | changed).encode(), "regression", "r")
        planned = plan_regression_rows(asked, inputs, project, policies)
        name = "".join(c if c.isalnum() else "." for c in request.node.name)
        named = rows.select([planned.person.name, *(c.name for c in planned.columns)])  # as the library does
        to = SubmittedMicrodata(vault, tuple(inputs.uses), file_of(named), name, 1)
        engine = DuckDBScriptRows()
        result = sandbox.run(engine.prepare_fit(asked, planned, to, LIMITS))
        assert result.end is SandboxEnd.ENDED
        return engine.read_fit(result.frames)

    return run


def least_squares(y: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(np.column_stack(columns), y, rcond=None)[0]


def test_a_linear_model_and_its_absorbed_twin(fit, select):
    rows = select(SELECT)
    y, x = (rows[c].to_numpy().astype(float) for c in ("missed", "fsm"))
    las = rows["LA"].to_numpy()
    _, found = fit(rows)
    assert [c.name for c in found.columns] == ["(constant)", "fsm"]
    wanted = least_squares(y, np.ones(len(y)), x)
    assert np.allclose([c.coefficient for c in found.columns], wanted)
    assert found.rows == rows.num_rows
    assert found.persons == len(set(rows["pupil"].to_pylist()))
    assert found.columns[1].persons == len({p for p, f in zip(rows["pupil"].to_pylist(), x, strict=True) if f})
    checked, absorbed = fit(rows, formula="missed ~ fsm | LA", cluster="LA")
    dummies = [(las == la) * 1.0 for la in np.unique(las)]
    assert absorbed is not None, checked
    assert np.isclose(absorbed.columns[0].coefficient, least_squares(y, x, *dummies)[0])
    assert [c.name for c in absorbed.columns] == ["fsm"]
    assert absorbed.absorbed_groups == len({la for la in las if (las == la).sum() > 1})


def test_families_categories_and_products(fit, select):
    rows = select(SELECT)
    _, logit = fit(rows, formula="often ~ fsm + C(year)", family="logit")
    assert logit.binary
    categories = {"fsm[0]", "fsm[1]", "year[2021/2022]", "year[2022/2023]"}
    assert {g.name for g in logit.groups} == categories  # a number of two values is a category too
    _, poisson = fit(rows, formula="missed ~ C(fsm)*C(year)", family="poisson")
    assert [c.name for c in poisson.columns][1:] == ["fsm[1]", "year[2022/2023]", "fsm[1]:year[2022/2023]"]
    assert len(poisson.cells) == 4


@pytest.mark.parametrize(
    ("problem", "formula", "family"),
    [
        (MicrodataProblem.MODEL, "missed ~ fsm + again", "ols"),
        (MicrodataProblem.MODEL, "often ~ decides", "logit"),
        (MicrodataProblem.MODEL, "missed ~ fsm", "logit"),
        (MicrodataProblem.MODEL, "missed ~ pid | pid", "ols"),
    ],
)
def test_what_cannot_be_fitted_says_so(fit, select, problem, formula, family):
    rows = select(SELECT)
    often = rows["often"].to_numpy().astype(float)
    more = {
        "again": rows["fsm"].to_numpy() * 2.0,
        "decides": often * 6 - 3,
        "pid": np.arange(rows.num_rows).astype(float),
    }
    for name, values in more.items():
        if name in formula:
            rows = rows.append_column(name, pa.array(values))
    checked, found = fit(rows, formula=formula, family=family)
    assert (checked.problem, found) == (problem, None)


def test_a_dummy_of_one_person_and_a_table_in_disguise_are_refused(fit, select, policies, project):
    """R2: what ACRO passes at 1997 degrees of freedom."""
    rows = select(SELECT)
    pupils = rows["pupil"].to_pylist()
    rows = rows.append_column("one", pa.array([float(p == pupils[0]) for p in pupils]))
    _, found = fit(rows, formula="missed ~ fsm + one")
    profile = policies.disclosure_rules(project.profile)
    assessment = judge_regression("r", found, profile)
    assert assessment.verdict is Verdict.REFUSE
    assert ("R2", "one") in {(f.rule, dict(f.figures).get("name")) for f in assessment.findings}
