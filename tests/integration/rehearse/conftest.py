"""A small synthetic NPD, made once: what a rehearsal of a project runs on, without the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.policy.models import Policies
from broker.wiring.data import synthetic_years
from broker.wiring.rehearsing import build_stage
from broker.workflow.rehearsal_data import wanted
from broker.workflow.rehearse import Stage

ROOT = Path(__file__).resolve().parents[3]
PUPILS = 500
At = Callable[[str], Stage]


class Quiet:
    """Counts what is made, and says nothing."""

    def __init__(self) -> None:
        self.made = self.waited = 0

    def waits(self) -> None:
        self.waited += 1

    def begins(self) -> None:
        self.made += 1

    def steps(self, what: str, done: int, total: int) -> None:
        assert done <= total


@pytest.fixture(scope="session")
def policies() -> Policies:
    return load_policies(ROOT / "policies")


@pytest.fixture(scope="session")
def stage_of(policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> At:
    """`stage_of("P0421")`: made when it is first asked for."""
    root = tmp_path_factory.mktemp("rehearsal")

    def stage(project: str) -> Stage:
        found = policies.project(project)
        assert found is not None
        return build_stage(
            policies, project, wanted(found, policies.catalogue, synthetic_years(), PUPILS, 1), root, Quiet()
        )

    return stage
