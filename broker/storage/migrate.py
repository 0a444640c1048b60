"""Makes or migrates a database to the newest schema, once, even if many processes start together. No tables here."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from broker.domain.errors import Invalid
from broker.storage.database import Database
from broker.storage.tables.schema import create_schema

_LOCK_NUMBER = 7_204_119
"""Number of PostgreSQL's advisory lock for migrations of this store. Any fixed number would do."""


def migrate(database: Database) -> None:
    """Raises Invalid for a store of a version whose revisions are no longer known."""
    if database.is_sqlite:
        with _sqlite_alone(database), database.write() as connection:
            _make_or_upgrade(connection)
        return
    with database.write() as connection:
        # Other processes wait here, then find the schema up to date.
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        _make_or_upgrade(connection)


def _make_or_upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    if not inspect(connection).has_table("alembic_version"):
        create_schema(connection)
        command.stamp(config, "head")
        return
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        message = "This store is of a version that this broker cannot upgrade. Open it once with the version before."
        raise Invalid("store-version", message, "database") from error


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
