"""A small synthetic NPD, made once: what a rehearsal of a project runs on, without the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from tests.policy_sets import TEST_POLICIES

ROOT = Path(__file__).resolve().parents[3]
PUPILS = 500
At = Callable[[str], RehearsalData]


def checked_progress(what: str, done: int, total: int) -> None:
    assert done <= total


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    return load_policies(TEST_POLICIES)


@pytest.fixture(scope="session")
def stage_of(policies: PolicySet, tmp_path_factory: pytest.TempPathFactory) -> At:
    """`stage_of("P0421")`: made when it is first asked for."""
    root = tmp_path_factory.mktemp("rehearsal")

    def stage(project: str) -> RehearsalData:
        found = policies.project(project)
        asked = synthetic_data_spec(found, policies.catalogue, synthetic_years(), PUPILS, 1)
        return build_rehearsal_data(policies, project, asked, root, checked_progress)

    return stage
