"""The databases of the store's tests, with a witness beside them, and back-ups of both kinds of database."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from ledger_kit import OWN_TABLE, WHOLE, Steps, opened  # noqa: E402

from tests.integration.storage.conftest import backend, migrated_file, new_postgres, postgres_server, url  # noqa: E402, F401


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


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str, str], str]:
    """Copies a database that nobody has open to another name: gives the copy's URL."""

    def copy(source: str, name: str) -> str:
        parsed = make_url(source)
        if parsed.get_backend_name() == "sqlite":
            shutil.copy(str(parsed.database), tmp_path / f"{name}.db")
            return f"sqlite:///{tmp_path}/{name}.db"
        target = f"{parsed.database}_{name}"
        server = parsed.set(drivername="postgresql+psycopg", database="postgres")
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {target} TEMPLATE {parsed.database} STRATEGY FILE_COPY"))
        admin.dispose()
        return parsed.set(database=target).render_as_string(hide_password=False)

    return copy
