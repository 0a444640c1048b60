"""What every kind of test may ask for: a container engine, and images built once for all runs on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""As a worker has it: several tests share the processors."""

settings.register_profile("anywhere", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("anywhere")

collect_ignore = ["library"]
"""Tests of the researcher's library: `tests/integration/library` runs them where its wheel is installed."""


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine that answers. Where CI=true its absence is a failure, elsewhere a skip."""
    from broker.sandbox.engine_images import is_available

    if is_available():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("No container engine answers, and CI=true: the sandbox cannot be tested.")
    pytest.skip("no container engine answers")


@pytest.fixture(scope="session")
def sandbox_root(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose images are built: those of the checkout, which `make` has built already."""
    from broker.sandbox.built_images import build_images

    images = Path(__file__).resolve().parents[1] / "build" / "images"
    build_images(images)
    root = tmp_path_factory.mktemp("sandbox")
    (root / "build").symlink_to(images)
    return root


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What has no turn today is left out; where workers share the tests, they are shared in this order."""
    from tests.turns import shared_out

    items[:], left = shared_out(items)
    config.hook.pytest_deselected(items=left)
    if hasattr(config, "workerinput"):
        from tests.sharing import place

        items.sort(key=lambda item: place(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[object]:
    """Where workers share the tests, those that measure time run alone. To wait is no part of a test's own time."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    from tests.alone import turn

    with turn(item.config.workerinput["testrunuid"], item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.sharing import Sharing

    return Sharing(config, log)
