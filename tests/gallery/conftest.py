"""Runs a script of the gallery as a job would: checked, run in the real container, computed, prepared."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.domain.jobs.job import JobKind
from broker.domain.ports import Vault, Vaults
from broker.domain.progress import no_progress
from broker.engine.file_rebuilders import ContainerRebuilder
from broker.engine.script_rows_engine import DuckDBScriptRows
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.script_outputs import draft_script_outputs
from broker.workflow.pipeline.script_run import read_outputs, run_script
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.run_context import RunContext

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "scripts"
PROJECT, PUPILS = "P0421", 3000
RUNTIMES = ("runc", "runsc")


@dataclass
class Parts:
    """Of the ports what the way of a script uses; nothing is stored or compared with a memory."""

    sandbox: Any
    file_rebuilder: Any
    microdata_engine: Any


@dataclass
class Gallery:
    policies: PolicySet
    vaults: Vaults
    vault: Vault
    parts: Mapping[str, Any]
    """By runtime."""

    def run(self, name: str, runtime: str) -> list[DraftOutput]:
        """The outputs of a script, as they would come to the checkers."""
        policies, parts = self.policies, self.parts[runtime]
        project = policies.project(PROJECT)
        text, now = (SCRIPTS / f"{name}.py").read_text(), datetime.now(UTC)
        checked = check_submission(text, JobKind.PYTHON, "", project, policies, now.date())
        assert checked.accepted, checked.refusals
        ident = f"gallery-{name.replace('_', '-')}-{secrets.token_hex(3)}"
        context = RunContext(parts, self.vaults, ident, 1, self.vault, checked, project, policies)
        ran = read_outputs(context, run_script(context))
        assert ran.result.runtime == runtime
        profile = policies.disclosure_rules(project.profile)
        return draft_script_outputs(ran, checked.declared, policies, profile)


@pytest.fixture(scope="session")
def gallery(sandbox_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    policies = load_policies(ROOT / "policies")
    project = policies.project(PROJECT)
    small = synthetic_data_spec(project, policies.catalogue, synthetic_years(), PUPILS, 7)
    stage = build_rehearsal_data(policies, PROJECT, small, tmp_path_factory.mktemp("gallery"), no_progress)
    vault = stage.vaults.ensure(PROJECT, stage.snapshot)
    parts = {r: Parts(DockerSandbox(sandbox_root, r), ContainerRebuilder(), DuckDBScriptRows()) for r in RUNTIMES}
    return Gallery(policies, stage.vaults, vault, parts)
