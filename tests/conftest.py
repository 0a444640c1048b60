"""What every kind of test may ask for: a container engine, and images built once for all runs on this machine."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.places import by_turns, group_of

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


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "run each case on every runtime and database, not on one by turns"
    parser.addoption("--everywhere", action="store_true", help=help_text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the places of cases."""
    if not config.getoption("everywhere"):
        items[:], left = by_turns(items)
        config.hook.pytest_deselected(items=left)


class GroupScheduling(LoadScopeScheduling):
    """Gives a file, or the end-to-end tests of one broker, to one worker, so that each fixture of it is made once.

    The marks that `--dist loadgroup` reads are lost since pytest 9.2, which no longer lets xdist change a test's id.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    return GroupScheduling(config, log)
