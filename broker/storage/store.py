"""The store as one value, put together from its parts, and how it is opened. No queries."""

from broker.storage.accesses import Accesses
from broker.storage.asked_rehearsals import AskedRehearsals
from broker.storage.audit import AuditLog
from broker.storage.comparing import Comparing
from broker.storage.database import Database
from broker.storage.due import Due
from broker.storage.erasures import Erasures
from broker.storage.job_moves import JobMoves
from broker.storage.jobs import Jobs
from broker.storage.ledger.accounts import Accounts
from broker.storage.ledger.looking import LedgerLooks
from broker.storage.ledger.reserving import Reserving
from broker.storage.ledger.restoring import Restoring
from broker.storage.ledger.spends import Spends
from broker.storage.mailed import Mailed
from broker.storage.messages import Messages
from broker.storage.migrate import migrate
from broker.storage.outputs import Outputs
from broker.storage.people import People
from broker.storage.policies import Policies
from broker.storage.public_tables import PublicTables
from broker.storage.register import RegisterLooks
from broker.storage.rehearsals import Rehearsals
from broker.storage.release_history.looking import MemoryLooks
from broker.storage.release_history.measuring import MemoryMeasures
from broker.storage.release_history.restoring import MemoryRestoring
from broker.storage.release_history.sweeping import MemorySweeping
from broker.storage.releases import Releases
from broker.storage.reviews import Reviews
from broker.storage.saved import SavedDefinitions
from broker.storage.snapshots import Snapshots
from broker.storage.stops import Stops
from broker.storage.witness import FolderWitness
from broker.storage.workers import Workers


class Ledger(Accounts, Reserving, Spends, LedgerLooks, Restoring):
    """The port `LedgerStore`, as a part of the store."""


class Memory(MemoryLooks, MemoryMeasures, MemoryRestoring, MemorySweeping):
    """The port `MemoryStore`, as a part of the store."""


class SqlStore(
    Jobs,
    JobMoves,
    Due,
    Rehearsals,
    AskedRehearsals,
    Outputs,
    Comparing,
    Reviews,
    Messages,
    Releases,
    RegisterLooks,
    People,
    Accesses,
    Policies,
    Snapshots,
    Stops,
    Erasures,
    Workers,
    Mailed,
    SavedDefinitions,
    Ledger,
    Memory,
    PublicTables,
    AuditLog,
):
    """The port `Store` on SQLite or PostgreSQL. Safe for threads; each process opens its own.

    Without a `witness` nobody would see that a restored back-up has forgotten spends, nor without a `memory_witness`
    what was released: only tests go without."""

    def __init__(
        self, database: Database, witness: FolderWitness | None = None, memory_witness: FolderWitness | None = None
    ) -> None:
        self._db = database
        self._witness = witness
        self._memory_witness = memory_witness

    def close(self) -> None:
        self._db.close()


def open_store(url: str, witness: FolderWitness | None = None, memory_witness: FolderWitness | None = None) -> SqlStore:
    """Open the store at `url` (sqlite:///file or postgresql://…), migrated to the newest schema."""
    database = Database(url)
    try:
        migrate(database)
        store = SqlStore(database, witness, memory_witness)
        store.begin_witness()
        store.begin_memory_witness()
    except BaseException:
        database.close()
        raise
    return store
