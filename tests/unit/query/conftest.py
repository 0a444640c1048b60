"""The project's own policies, for tests of the room's verdicts."""

from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.policy.models import Policies

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def policies() -> Policies:
    return load_policies(ROOT / "policies")
