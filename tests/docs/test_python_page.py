"""Every script of docs/reference/python.md runs in the real sandbox on synthetic data, and hands over exactly what it
declares."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd
from broker.engine.file_rebuilders import ContainerRebuilder
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.policy.files import load_policies
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.rehearsal_document import rehearse_script
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.run_context import RehearsalPorts
from tests.integration.rehearse.conftest import checked_progress

pytestmark = [pytest.mark.long, pytest.mark.docker]
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
POLICIES = load_policies(ROOT / "policies")
PROJECT = POLICIES.project("P0421")
PUPILS = 500


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> RehearsalData:
    assert PROJECT is not None
    asked = synthetic_data_spec(PROJECT, POLICIES.catalogue, synthetic_years(), PUPILS, 1)
    return build_rehearsal_data(POLICIES, "P0421", asked, tmp_path_factory.mktemp("page"), checked_progress)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: re.findall(r"# output: (\S+)", script)[0])
def test_a_script_of_the_page_does_what_it_says(script: str, stage: RehearsalData, sandbox_root: Path) -> None:
    assert PROJECT is not None
    checked = check_submission(script, JobKind.PYTHON, "tsql", PROJECT, POLICIES, date(2026, 11, 24))
    assert checked.refusals == ()
    ports = RehearsalPorts(stage.ports.engine, DockerSandbox(sandbox_root), ContainerRebuilder(), DuckDBScriptRows())
    ran = rehearse_script(replace(stage, ports=ports).context(checked, PROJECT, POLICIES))
    assert ran["end"] == SandboxEnd.ENDED, ran["log"]
    assert ran["absent"] == []
    assert [(o["name"], o["problem"]) for o in ran["left"] if o["problem"] or o["declared"] is None] == []
    assert "Traceback" not in ran["log"]


def test_the_page_has_scripts() -> None:
    assert len(SCRIPTS) >= 4
    assert all(script.startswith("# input:") for script in SCRIPTS)


def test_the_page_lists_what_the_image_holds() -> None:
    asked = (ROOT / "sandbox_images/python/requirements.in").read_text().split()
    (told,) = re.findall(r"with what they need: (.*?); and `npd`", PAGE, re.DOTALL)
    assert re.split(r",\s+", told) == [name.partition("==")[0] for name in asked]


def test_the_endings_of_files_are_those_of_the_policy() -> None:
    (told,) = re.findall(r"Files that can leave end in (.*?)\. ", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\.\w+)`", told)) == set(POLICIES.service.allowed_files)
