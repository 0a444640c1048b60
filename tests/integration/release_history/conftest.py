"""The databases of the store's tests, each with a release history: its signed head and its files."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from release_history_kit import Memory, opened  # noqa: E402

from tests.integration.ledger.conftest import copied  # noqa: E402, F401
from tests.integration.storage.conftest import Given, backend, migrated_file, new_postgres, postgres_server, url  # noqa: E402, F401


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "beside"


@pytest.fixture
def memory(url: str, folder: Path) -> Iterator[Memory]:  # noqa: F811
    store = opened(url, folder)
    given = Given(store, count(1))
    given.world()
    yield Memory(store, folder, given)
    store.close()


def begin(words: list[object]) -> subprocess.Popen[str]:
    """A process of its own that finds this checkout first."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[2])}
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment)
