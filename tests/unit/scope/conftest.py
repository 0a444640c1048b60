"""The first demo project, for whose grants scope is checked."""

import pytest

from broker.domain.projects import Project
from broker.policy.models import Policies


@pytest.fixture
def project(policies: Policies) -> Project:
    found = policies.project("P0421")
    assert found is not None
    return found
