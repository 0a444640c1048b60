"""Changes of the ledger: none is made before its last signed head is found in it, and none is reported before the new
head is signed. All entries are appended here; other modules know what they mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from broker.domain.ledger.ledger_chain import ChainHead, LedgerEntryKind
from broker.storage.database import Database
from broker.storage.signed_chain import SignedChain, SignedHeadStore
from broker.storage.tables.ledger_tables import ledger_entries, ledger_head


class SqlLedgerWrites:
    """The part of the store through which every change of the ledger goes."""

    _db: Database
    _ledger_heads: SignedHeadStore | None

    @property
    def _ledger_chain(self) -> SignedChain:
        return SignedChain(ledger_entries, ledger_head, self._ledger_heads)

    @contextmanager
    def _ledger(self) -> Iterator[Connection]:
        """Make one change, whole or not at all. Once this returns, the change cannot be lost unnoticed.

        If the process crashes between commit and signature, the change is made but not reported; the next call signs
        it.
        """
        with self._db.write() as connection:
            self._ledger_chain.check_signed_head(
                connection, "ledger", "Nothing is spent or released until the missing entries have been restored."
            )
            yield connection
        self._sign()

    def _remembers(self, connection: Connection) -> bool:
        return self._ledger_chain.holds_signed_head(connection)

    def _sign(self) -> None:
        self._ledger_chain.sign(self._db)

    def begin_ledger_chain(self) -> None:
        self._ledger_chain.begin(self._db)

    def ledger_head(self) -> ChainHead | None:
        """Return the signed head, to be stored elsewhere; None for a store without signed heads."""
        return self._ledger_chain.signed(self._db)


def append_ledger_entry(
    connection: Connection, at: datetime, kind: LedgerEntryKind, subject: str, body: str = "{}"
) -> None:
    """Write one entry. The lock of the head makes writers wait, so lock accounts and spends before."""
    SignedChain(ledger_entries, ledger_head, None).append(connection, at, kind, subject, body)
