"""How the ledger is changed: nothing before its last signed head is found in it, nothing told before the new head is
signed. Entries are appended here and nowhere else; what they mean is the business of others."""

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
        """One change, whole or not at all. A caller who hears of it may rely on its being remembered: a crash between
        commit and signature loses the word of it, not the change, and whoever asks again signs."""
        with self._db.write() as connection:
            self._ledger_chain.check_signed_head(
                connection, "ledger", "Nothing is spent or released until what is missing has been entered again."
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
        """The signed head, to be kept elsewhere; None for a store without a witness."""
        return self._ledger_chain.signed(self._db)


def append_ledger_entry(
    connection: Connection,
    at: datetime,
    kind: LedgerEntryKind,
    subject: str,
    body: str = "{}",
    *,
    after: int | None = None,
) -> None:
    """Write one entry; the head's lock makes writers queue, so it comes after the locks of accounts and spends."""
    SignedChain(ledger_entries, ledger_head, None).append(connection, at, kind, subject, body, after=after)
