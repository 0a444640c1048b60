"""What every kind of test may ask for: a container engine, and images built once for all runs on this machine."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.places import by_turns, group_of, in_slice, parsed_slice

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
    parser.addoption("--slice", metavar="K/N", type=parsed_slice, help="run only the K-th of N parts of the tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the places of cases, and the slice. Files come in the order of their folders; in each, tests are shuffled
    by the seed that `make` prints."""
    items.sort(key=lambda item: item.path)
    left: list[pytest.Item] = []
    if not config.getoption("everywhere"):
        items[:], left = by_turns(items)
    if chosen := config.getoption("slice"):
        left += [item for item in items if not in_slice(item.nodeid, *chosen)]
        items[:] = [item for item in items if in_slice(item.nodeid, *chosen)]
    config.hook.pytest_deselected(items=left)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A slice may hold no test of a kind."""
    if session.config.getoption("slice") and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"the same order again: --randomly-seed={config.getoption('randomly_seed')}")


class GroupScheduling(LoadScopeScheduling):
    """Gives a file, or the end-to-end tests of one broker, to one worker, so that each fixture of it is made once.

    The marks that `--dist loadgroup` reads are lost since pytest 9.2, which no longer lets xdist change a test's id.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    return GroupScheduling(config, log)
