"""Reads the ledger, compares its tables with its entries, and enters what a restored back-up lacks."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, insert, select

from broker.domain.errors import Conflict
from broker.domain.ledger.ledger_entries import SPEND_MOVES, LedgerEntryKind, ReplayedSpend, replay_entries
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import BalancePoint, ExactDisclosure, MissingLedgerEntries, SpendRequest, SpendState
from broker.domain.signed_log import ChainEntry, LogName
from broker.storage.database import Database, columns_of, value_of
from broker.storage.ledger import budget_account_store as accounts
from broker.storage.ledger.spend_store import charges_within, enter_spend, move_spend
from broker.storage.signed_log_store import LEDGER_CHAIN, SignedHeadStore, SqlSignedLog, SqlSignedLogs
from broker.storage.tables import ledger_tables as tables


def differing(connection: Connection, entries: Sequence[ChainEntry]) -> Iterator[str]:
    """Yield the names of accounts, jobs and sources for which a table differs from the sum over the entries."""
    totals = replay_entries(entries)
    balances = {b.account: b for b in map(accounts.balance_of, connection.execute(select(tables.ledger_accounts)))}
    for account in sorted(balances.keys() | totals.caps):
        found = balances.get(account)
        if (
            found is None
            or totals.caps.get(account) != found.cap
            or totals.used(account) != (found.spent, found.reserved)
        ):
            yield account.name
    spends = _stored_spends(connection, {account: b.cap for account, b in balances.items()})
    yield from sorted(j for j in spends.keys() | totals.spends if spends.get(j) != totals.spends.get(j))
    asides = {value_of(ExactDisclosure, row) for row in connection.execute(select(tables.ledger_asides))}
    yield from sorted({a.source for a in asides ^ totals.exact_disclosures})


def _stored_spends(connection: Connection, caps: dict[PrivacyAccount, PrivacyAmount]) -> dict[str, ReplayedSpend]:
    charges: dict[str, dict[PrivacyAccount, PrivacyAmount]] = {}
    for row in connection.execute(select(tables.ledger_charges)):
        account = value_of(PrivacyAccount, row)
        # A charge without its account is reported as that account's difference.
        if account in caps:
            charges.setdefault(row.job, {})[account] = PrivacyAmount(caps[account].accounting, row.micro, row.delta)
    spends = map(accounts.spend_from, connection.execute(select(tables.ledger_spends)))
    return {s.request.job: ReplayedSpend(s.state, charges.get(s.request.job, {}), s.answer) for s in spends}


class SqlLedgerQueries(SqlSignedLogs):
    """The part of the store that shows the ledger, and what it does not cover."""

    def balance_history(self, account: PrivacyAccount) -> list[BalancePoint]:
        """Return one point for each move of a spend that counts in the account, oldest first."""
        with self._db.read() as connection:
            found = connection.execute(select(tables.ledger_accounts).where(accounts.is_account(account))).one_or_none()
            if found is None:
                return []
            return list(_points(connection, account, accounts.balance_of(found).cap.accounting))

    def exact_disclosures(self, datasets: Collection[str]) -> list[ExactDisclosure]:
        """Return the exact releases alongside the privacy claims about these tables."""
        asides, a = tables.ledger_asides, tables.ledger_asides.c
        query = select(asides).where(a.dataset.in_(sorted(datasets))).order_by(a.dataset, a.kind, a.source)
        return [value_of(ExactDisclosure, row) for row in self._db.rows(query)]


def enter_asides(connection: Connection, asides: Sequence[ExactDisclosure], now: datetime) -> None:
    """Enter the disclosures that are not there yet."""
    # Many releases name the same public table; it is entered once.
    new = [a for a in asides if not _is_entered(connection, a)]
    source_of = attrgetter("source")
    for source, group in groupby(sorted(new, key=source_of), key=source_of):
        rows: list[dict[str, Any]] = [columns_of(tables.ledger_asides, aside) for aside in group]
        connection.execute(insert(tables.ledger_asides), rows)
        LEDGER_CHAIN.append(connection, now, LedgerEntryKind.EXACT_DISCLOSURE, source, json.dumps(rows, sort_keys=True))


def _is_entered(connection: Connection, aside: ExactDisclosure) -> bool:
    a = tables.ledger_asides.c
    same = (a.kind == aside.kind, a.source == aside.source, a.dataset == aside.dataset)
    return connection.execute(select(a.source).where(*same)).first() is not None


def _points(connection: Connection, account: PrivacyAccount, accounting: Accounting) -> Iterator[BalancePoint]:
    c, e = tables.ledger_charges.c, tables.ledger_entries.c
    mine = (c.unit == account.unit, c.project == account.project, c.dataset == account.dataset)
    query = select(e.at, e.kind, e.subject, c.micro, c.delta).join(tables.ledger_charges, c.job == e.subject)
    rows = connection.execute(query.where(*mine, e.kind.in_(sorted(SPEND_MOVES))).order_by(e.number))
    spent = reserved = PrivacyAmount(accounting, 0)
    for row in rows:
        state, amount = SpendState(row.kind), PrivacyAmount(accounting, row.micro, row.delta)
        if state is SpendState.RESERVED:
            reserved += amount
        # Released and withheld spends change no balance: they were spent when they were charged.
        elif state in {SpendState.CHARGED, SpendState.REFUNDED}:
            reserved -= amount
            spent = spent + amount if state is SpendState.CHARGED else spent
        yield BalancePoint(row.at, row.subject, state, spent, reserved)


def ledger_log(database: Database, heads: SignedHeadStore | None) -> SqlSignedLog[MissingLedgerEntries]:
    return SqlSignedLog(LogName.LEDGER, LEDGER_CHAIN, differing, _enter_missing, database, heads)


def _enter_missing(connection: Connection, missing: MissingLedgerEntries, now: datetime) -> None:
    for account, cap in sorted(missing.caps.items(), key=lambda pair: pair[0]):
        accounts.enter_cap(connection, account, cap, accounts.locked(connection, [account]).get(account), now)
    for request in missing.spends:
        _enter_lost_spend(connection, request, now)


def _enter_lost_spend(connection: Connection, request: SpendRequest, now: datetime) -> None:
    """Enter a lost spend as charged and withheld: somebody may have seen the answer, but the store does not have it."""
    known = accounts.spend_in(connection, request.job)
    if known is None:
        # The lost spend has to fit under the caps, like any other.
        charges = charges_within(accounts.locked(connection, request.charges), request)
        accounts.change_balances(connection, charges, reserved=+1)
        enter_spend(connection, request, charges, now)
    elif not known.request.is_same_as(request):
        raise Conflict("spend-differs", f"Job {request.job!r} made a different request to the ledger before.")
    if known is None or known.state is SpendState.RESERVED:
        move_spend(connection, request.job, SpendState.CHARGED, now)
        move_spend(connection, request.job, SpendState.WITHHELD, now)
