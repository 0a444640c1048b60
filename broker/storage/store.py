"""The store as one value, put together from its parts, and how it is opened. No queries."""

from broker.storage.audit import AuditLog
from broker.storage.database import Database
from broker.storage.job_moves import JobMoves
from broker.storage.jobs import Jobs
from broker.storage.migrate import migrate
from broker.storage.outputs import Outputs
from broker.storage.people import People
from broker.storage.policies import Policies
from broker.storage.releases import Releases
from broker.storage.reviews import Reviews
from broker.storage.saved import SavedDefinitions
from broker.storage.snapshots import Snapshots


class SqlStore(Jobs, JobMoves, Outputs, Reviews, Releases, People, Policies, Snapshots, SavedDefinitions, AuditLog):
    """The port `Store` on SQLite or PostgreSQL. Safe for threads; each process opens its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def close(self) -> None:
        self._db.close()


def open_store(url: str) -> SqlStore:
    """Open the store at `url` (sqlite:///file or postgresql://…), migrated to the newest schema."""
    database = Database(url)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)
