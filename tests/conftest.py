"""What every kind of test may ask for: a container engine, and images built once for all runs on this machine."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine that answers. Where CI=true its absence is a failure, elsewhere a skip."""
    from broker.sandbox.images import answers

    if answers():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("No container engine answers, and CI=true: the sandbox cannot be tested.")
    pytest.skip("no container engine answers")


@pytest.fixture(scope="session")
def sandbox_root(engine: None) -> Path:
    """A data folder whose images are built; kept between runs, so that only the first one builds."""
    from broker.sandbox.images import build

    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "npd-broker" / "tests"
    build(root / "build")
    return root
