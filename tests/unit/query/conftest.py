"""The tests' own policies: hostile samples are of the project FIXTURE."""

import pytest

from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from tests.policy_sets import TEST_POLICIES


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    return load_policies(TEST_POLICIES)
