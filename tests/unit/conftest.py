"""The policies of this repository, read once for all unit tests. A room whose tests need others says so itself."""

from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    return load_policies(Path(__file__).parents[2] / "policies")
