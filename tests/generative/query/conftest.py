"""Lets properties import `query_kit` of the specs and the modules beside them: tests have no packages."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "spec" / "query")]


@pytest.fixture(scope="session")
def policies() -> object:
    """The tests' own, with the project of the hostile samples."""
    from broker.policy.files import load_policies
    from tests.policy_sets import TEST_POLICIES

    return load_policies(TEST_POLICIES)
