"""The first demo project, for whose grants scope is checked."""

import pytest

from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet


@pytest.fixture
def project(policies: PolicySet) -> ResearchProject:
    found = policies.project("P0421")
    assert found is not None
    return found
