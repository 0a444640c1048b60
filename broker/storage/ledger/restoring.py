"""After a restored back-up: what it had forgotten is entered again, and the lost head is named. Nothing is forgiven:
what is entered again is spent."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from broker.domain.amounts import Amount
from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.chain import EntryKind, Head
from broker.domain.ledger.spends import Asked, SpendState
from broker.storage.chain import append
from broker.storage.ledger.accounts import enter_cap, locked, take
from broker.storage.ledger.found import spend_in
from broker.storage.ledger.reserving import charges_within, enter_spend
from broker.storage.ledger.spends import move_spend
from broker.storage.ledger.writing import LedgerWriting, append_entry
from broker.storage.signed_chain import check_two, lost_body


class Restoring(LedgerWriting):
    """The part of the store that brings a ledger back to use after it was restored."""

    def reenter(
        self,
        lost: Head,
        caps: Mapping[Account, Amount],
        spends: Sequence[Asked],
        by: frozenset[str],
        now: datetime,
        events: Sequence[AuditEvent],
    ) -> None:
        check_two(by, "ledger")
        with self._db.write() as connection:
            if self._witness is None or self._witness.last() != lost or self._remembers(connection):
                raise Conflict("nothing-lost", "This is not the head that the ledger has lost.")
            body = lost_body(lost, by)
            append_entry(connection, now, EntryKind.RESTORED, "ledger", body, after=lost.number)
            for account in sorted(caps):
                enter_cap(connection, account, caps[account], locked(connection, [account]).get(account), now)
            for asked in spends:
                _enter(connection, asked, now)
            append(connection, events)
        self._sign()

    def vouch(self, exported: Head, by: frozenset[str], events: Sequence[AuditEvent]) -> None:
        check_two(by, "ledger")
        if self._witness is None or self._witness.last() is not None:
            raise Conflict("nothing-lost", "The last signed head is there; no other is taken for it.")
        with self._db.write() as connection:
            append(connection, events)
        self._witness.keep(exported)


def _enter(connection: Connection, asked: Asked, now: datetime) -> None:
    """As spent and withheld: the answer may have been seen, and is not here."""
    known = spend_in(connection, asked.job)
    if known is None:
        charges = charges_within(locked(connection, asked.charges), asked)
        take(connection, charges)
        enter_spend(connection, asked, charges, now)
    elif not known.asked.is_same_as(asked):
        raise Conflict("spend-differs", f"Job {asked.job!r} has asked the ledger for something else before.")
    if known is None or known.state is SpendState.RESERVED:
        move_spend(connection, asked.job, SpendState.CHARGED, now)
        move_spend(connection, asked.job, SpendState.WITHHELD, now)
