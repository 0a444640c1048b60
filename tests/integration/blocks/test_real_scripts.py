"""Three real scripts, with a header and `answer` added, go from text to noisy table: check, synthetic NPD, trusted cut,
real container, noise."""

# ruff: noqa: E501 - edits, scripts and figures read better in one line

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.cli.output.rehearsal_output import rehearsal_document
from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.private_jobs.private_request import PrivateScript
from broker.workflow.rehearsal.rehearsal_document import rehearse_blocks
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from tests.integration.rehearse.conftest import checked_progress
from tests.proof_size import report_figures, size

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
POLICIES = load_policies(ROOT / "policies")
FULL = bool(size("BLOCK_TRICKS", 0))
PROJECT, PUPILS, TODAY = "P0421", 4000 if FULL else 1000, date(2026, 11, 24)

LOGIT = """# private: epsilon 0.5, blocks 20, range sen_support [-3, 3], range month [-1, 1], median, seconds 3
# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, SENprovision, MonthOfBirth, OverallAbsence_6HalfTerms, SessionsPossible_6HalfTerms] 2022/2023
# output: persistent.csv | Log odds of persistent absence
import pandas as pd
import statsmodels.formula.api as smf


def answer(tables):
    df = tables["absence"].dropna(subset=["OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms"])
    df = df[df["SessionsPossible_6HalfTerms"] > 0].copy()
    df["persistent"] = (df["OverallAbsence_6HalfTerms"] / df["SessionsPossible_6HalfTerms"] > 0.1).astype(int)
    df["sen"] = (df["SENprovision"] != "N").astype(int)
    fit = smf.logit("persistent ~ sen + MonthOfBirth", data=df).fit(disp=0)
    return fit.params[["sen", "MonthOfBirth"]]
"""

BOOSTING = """# private: epsilon 0.5, blocks 20, range auc [0, 1], range brier [0, 1], seconds 3
# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, NCyearActual, MonthOfBirth, OverallAbsence_6HalfTerms, SessionsPossible_6HalfTerms] 2021/2022-2022/2023
# output: boosting.csv | How well absence can be predicted
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split


def answer(tables):
    df = tables["absence"].dropna(subset=["OverallAbsence_6HalfTerms", "SessionsPossible_6HalfTerms", "MonthOfBirth"])
    y = (df["OverallAbsence_6HalfTerms"] > df["OverallAbsence_6HalfTerms"].median()).astype(int)
    X = np.column_stack([df["SessionsPossible_6HalfTerms"], df["MonthOfBirth"], df["AcademicYear"] == "2022/2023"])
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1, stratify=y)
    model = GradientBoostingClassifier(n_estimators=50, random_state=1).fit(X_train, y_train)
    p = model.predict_proba(X_test)[:, 1]
    return roc_auc_score(y_test, p), brier_score_loss(y_test, p)
"""

DECOMPOSITION = """# private: epsilon 0.5, blocks 20, range between_years [-20, 20], range within [-20, 20], seconds 3
# input: npd.absence [PupilMatchingRefAnonymous, AcademicYear, SENprovision, OverallAbsence_6HalfTerms] 2021/2022-2022/2023
# output: decomposition.csv | The change in absence, by mix and by rate
import pandas as pd


def answer(tables):
    df = tables["absence"]
    df = df.assign(group=df["SENprovision"].fillna("none"))
    rate = df.pivot_table(index="group", columns="AcademicYear", values="OverallAbsence_6HalfTerms", aggfunc="mean")
    mix = df.groupby("AcademicYear")["group"].value_counts(normalize=True).unstack(0)
    before, after = "2021/2022", "2022/2023"
    both = pd.concat([rate.add_prefix("rate "), mix.add_prefix("mix ")], axis=1).dropna()
    within = (both[f"mix {before}"] * (both[f"rate {after}"] - both[f"rate {before}"])).sum()
    between = ((both[f"mix {after}"] - both[f"mix {before}"]) * both[f"rate {after}"]).sum()
    return {"between_years": between, "within": within}
"""
SCRIPTS = {"logit": LOGIT, "boosting": BOOSTING, "decomposition": DECOMPOSITION}
RUNTIMES = ("runc", "runsc") if FULL else ("runc",)
EVERY_DAY = ("logit",)


def text_of(name, runtime="runc"):
    """Under gVisor blocks take longer."""
    return SCRIPTS[name] if runtime == "runsc" else SCRIPTS[name].replace("seconds 3", "seconds 1.2")


class TimedSandbox(DockerSandbox):
    """Knows how long its last run took."""

    seconds = 0.0

    def run(self, request):
        result = super().run(request)
        self.seconds = result.seconds
        return result


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    project = POLICIES.project(PROJECT)
    asked = synthetic_data_spec(project, POLICIES.catalogue, synthetic_years(), PUPILS, 1)
    found = build_rehearsal_data(POLICIES, PROJECT, asked, tmp_path_factory.mktemp("people"), checked_progress)
    yield found
    found.ports.private.noise.close()


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_accepted(name):
    found = check_submission(text_of(name), JobKind.PYTHON, "tsql", POLICIES.project(PROJECT), POLICIES, TODAY)
    assert found.accepted, found.refusals


@pytest.mark.docker
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SCRIPTS if FULL else EVERY_DAY)
def test_a_script_that_people_write(name, runtime, stage, sandbox_root):
    project = POLICIES.project(PROJECT)
    checked = check_submission(text_of(name, runtime), JobKind.PYTHON, "tsql", project, POLICIES, TODAY)
    assert checked.accepted, checked.refusals
    assert isinstance(checked.private, PrivateScript)
    sandbox = TimedSandbox(sandbox_root, runtime)
    on = replace(stage, ports=replace(stage.ports, sandbox=sandbox))
    found = rehearse_blocks(on.context(checked, project, POLICIES), checked.private)
    report_figures(f"people_write_{name}_{runtime}", {"failed": found["failed"], "seconds": round(sandbox.seconds, 1)})
    assert found["failed"] <= 2, found["log"]
    for number, of in zip(found["numbers"], checked.private.parameters.ranges, strict=True):
        assert float(of.low) < number["without_noise"] < float(of.high)
        assert number["spread"] > 0
    assert [name for name, *_ in found["output"]["rows"]] == [r.name for r in checked.private.parameters.ranges]
    asked = synthetic_data_spec(project, POLICIES.catalogue, synthetic_years(), PUPILS, 1)
    told = rehearsal_document(checked, {"rehearsed": found}, asked, {})
    assert told["rehearsed"]["failed"] == found["failed"]
