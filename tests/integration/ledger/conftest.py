"""The databases of the store's tests, with a witness beside them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from ledger_kit import OWN_TABLE, WHOLE, Steps, opened  # noqa: E402

from tests.integration.storage.conftest import (  # noqa: E402, F401
    backend,
    migrated_file,
    new_postgres,
    postgres_server,
    url,
)


@pytest.fixture
def witness_folder(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def steps(url: str, witness_folder: Path) -> Iterator[Steps]:  # noqa: F811
    store = opened(url, witness_folder)
    yield Steps(store)
    store.close()


@pytest.fixture
def capped(steps: Steps) -> Steps:
    """The pupil's cap is 1000, and 600 of it are the project's for its table."""
    steps.allot(WHOLE, 1000)
    steps.allot(OWN_TABLE, 600)
    return steps
