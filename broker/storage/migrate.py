"""Migrates a database to the newest schema, once, even if many processes start together. No tables here."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from broker.domain.errors import Invalid
from broker.storage.database import Database

_LOCK_NUMBER = 7_204_119
"""Number of PostgreSQL's advisory lock for migrations of this store. Any fixed number would do."""


def migrate(database: Database, to: str = "head") -> None:
    if database.is_sqlite:
        with _sqlite_alone(database), database.write() as connection:
            _upgrade(connection, to)
        return
    with database.write() as connection:
        # Other processes wait here, then find the schema up to date.
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        _upgrade(connection, to)


def _upgrade(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@contextmanager
def _sqlite_alone(database: Database) -> Iterator[None]:
    """Hold a file lock next to the database, because SQLite's own busy wait does not cover the switch to WAL."""
    path = Path(str(database.engine.url.database)).resolve()
    if not path.parent.is_dir():
        raise Invalid("database-url", f"There is no folder {str(path.parent)!r} for the database.", "database")
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = database.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        yield
