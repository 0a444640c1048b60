"""The ledger looked at: histories, what stands beside the claim, and whether it is whole. Only asides are written."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, insert, select

from broker.domain.amounts import Accounting, Amount
from broker.domain.audit import AuditEvent
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Aside, Beside, Point
from broker.domain.ledger.chain import MOVES, EntryKind, Head, LedgerCheck
from broker.domain.ledger.replay import replay
from broker.domain.ledger.spends import SpendState
from broker.storage.chain import append
from broker.storage.ledger.accounts import balance_of, is_account
from broker.storage.ledger.comparing import differing
from broker.storage.ledger.tables import (
    ledger_accounts,
    ledger_asides,
    ledger_charges,
    ledger_entries,
)
from broker.storage.ledger.writing import LedgerWriting, append_entry


class LedgerLooks(LedgerWriting):
    """The part of the store that shows the ledger and proves it."""

    def history(self, account: Account) -> list[Point]:
        """One point for each move of a spend that counts in the account, oldest first."""
        with self._db.read() as connection:
            found = connection.execute(select(ledger_accounts).where(is_account(account))).one_or_none()
            return [] if found is None else list(_points(connection, account, balance_of(found).cap.accounting))

    def add_asides(self, asides: Sequence[Aside], now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._ledger() as connection:
            if enter_asides(connection, asides, now):
                append(connection, events)

    def asides(self, datasets: Collection[str]) -> list[Aside]:
        """What stands beside the claim about these data sets."""
        a = ledger_asides.c
        query = select(ledger_asides).where(a.dataset.in_(sorted(datasets))).order_by(a.dataset, a.kind, a.source)
        with self._db.read() as connection:
            rows = connection.execute(query)
            return [Aside(Beside(r.kind), r.source, r.dataset, r.project, r.snapshot) for r in rows]

    def verify_ledger(self, heads: Sequence[Head] = ()) -> LedgerCheck:
        """Follow the chain to its head, look for signed heads (the last one always), and make the totals again."""
        with self._db.read() as connection:
            entries, broken = self._ledger_chain.follow(connection, EntryKind)
            forgotten = tuple(h for h in self._ledger_chain.wanted(heads) if not self._ledger_chain.has(connection, h))
            differs = () if broken is not None else tuple(differing(connection, replay(entries)))
        return LedgerCheck(len(entries), broken, forgotten, differs)


def enter_asides(connection: Connection, asides: Sequence[Aside], now: datetime) -> bool:
    """Enter those that are not there yet; whether there were any."""
    new = [a for a in asides if not _is_there(connection, a)]
    for source, group in groupby(sorted(new, key=_source), key=_source):
        rows: list[dict[str, Any]] = [
            {"kind": a.kind, "source": a.source, "dataset": a.dataset, "project": a.project, "snapshot": a.snapshot}
            for a in group
        ]
        connection.execute(insert(ledger_asides), rows)
        append_entry(connection, now, EntryKind.BESIDE, source, json.dumps(rows, sort_keys=True))
    return bool(new)


def _source(aside: Aside) -> str:
    return aside.source


def _is_there(connection: Connection, aside: Aside) -> bool:
    a = ledger_asides.c
    same = (a.kind == aside.kind, a.source == aside.source, a.dataset == aside.dataset)
    return connection.execute(select(a.source).where(*same)).first() is not None


def _points(connection: Connection, account: Account, accounting: Accounting) -> Iterator[Point]:
    c, e = ledger_charges.c, ledger_entries.c
    mine = (c.unit == account.unit, c.project == account.project, c.dataset == account.dataset)
    query = select(e.at, e.kind, e.subject, c.micro, c.delta).join(ledger_charges, c.job == e.subject)
    rows = connection.execute(query.where(*mine, e.kind.in_(sorted(MOVES))).order_by(e.number))
    spent = reserved = Amount(accounting, 0)
    for row in rows:
        state, amount = SpendState(row.kind), Amount(accounting, row.micro, row.delta)
        if state is SpendState.RESERVED:
            reserved += amount
        elif state in {SpendState.CHARGED, SpendState.REFUNDED}:
            reserved -= amount
            spent = spent + amount if state is SpendState.CHARGED else spent
        yield Point(row.at, row.subject, state, spent, reserved)
