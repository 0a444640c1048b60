"""The store, assembled from its parts, and how it is opened. No queries."""

from broker.storage.audit_store import SqlAuditLog
from broker.storage.database import Database
from broker.storage.history_store import SqlHistoryQueries, SqlMemberFileSweep, SqlPopulationSizes, history_log
from broker.storage.job_stores.job_lifecycle import SqlComparisons, SqlJobTransitions
from broker.storage.job_stores.job_store import SqlJobs
from broker.storage.job_stores.output_store import SqlOutputs
from broker.storage.job_stores.rehearsal_store import SqlRehearsalRequests, SqlScriptRuns
from broker.storage.job_stores.release_store import SqlRegister, SqlReleases
from broker.storage.job_stores.review_store import SqlMessages, SqlVotes
from broker.storage.job_stores.saved_store import SqlSavedDefinitions
from broker.storage.ledger.budget_account_store import SqlBudgetAccounts
from broker.storage.ledger.ledger_verification import SqlLedgerQueries, ledger_log
from broker.storage.ledger.spend_store import SqlReservations, SqlSpends
from broker.storage.migrate import migrate
from broker.storage.operations_store import SqlMailedNotices, SqlWorkerReports
from broker.storage.people_store import SqlAccesses, SqlPeople
from broker.storage.policy_store import SqlPolicySets
from broker.storage.public_table_store import SqlPublicTables
from broker.storage.signed_log_store import SignedHeadStore
from broker.storage.snapshot_store import SqlErasures, SqlSnapshots
from broker.storage.stop_store import SqlStops
from broker.storage.work_store import SqlWork


class SqlLedger(SqlBudgetAccounts, SqlReservations, SqlSpends, SqlLedgerQueries):
    """The port `LedgerStore`, as a part of the store."""


class SqlReleaseHistory(SqlHistoryQueries, SqlPopulationSizes, SqlMemberFileSweep):
    """The port `ReleaseHistoryStore`, as a part of the store."""


class SqlStore(
    SqlJobs,
    SqlJobTransitions,
    SqlWork,
    SqlScriptRuns,
    SqlRehearsalRequests,
    SqlOutputs,
    SqlComparisons,
    SqlVotes,
    SqlMessages,
    SqlReleases,
    SqlRegister,
    SqlPeople,
    SqlAccesses,
    SqlPolicySets,
    SqlSnapshots,
    SqlStops,
    SqlErasures,
    SqlWorkerReports,
    SqlMailedNotices,
    SqlSavedDefinitions,
    SqlLedger,
    SqlReleaseHistory,
    SqlPublicTables,
    SqlAuditLog,
):
    """The port `Store` on SQLite or PostgreSQL. Safe for threads; each process opens its own.

    Without `ledger_heads` nobody would notice that a restored back-up lacks spends, and without `history_heads` that
    it lacks releases. Only tests leave them out.
    """

    def __init__(
        self,
        database: Database,
        ledger_heads: SignedHeadStore | None = None,
        history_heads: SignedHeadStore | None = None,
    ) -> None:
        self._db = database
        self.ledger = ledger_log(database, ledger_heads)
        self.history = history_log(database, history_heads)

    def close(self) -> None:
        self._db.close()


def open_store(
    url: str, ledger_heads: SignedHeadStore | None = None, history_heads: SignedHeadStore | None = None
) -> SqlStore:
    """Open the store at `url` (sqlite:///file or postgresql://…), migrated to the newest schema."""
    database = Database(url)
    try:
        migrate(database)
        store = SqlStore(database, ledger_heads, history_heads)
        store.ledger.begin()
        store.history.begin()
    except BaseException:
        database.close()
        raise
    return store
