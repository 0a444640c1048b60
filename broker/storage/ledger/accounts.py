"""Accounts of the ledger: caps, and what is spent and reserved under them. A cap is never below what is used."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, or_, select, update

from broker.domain.amounts import Accounting, Amount
from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Balance
from broker.domain.ledger.chain import EntryKind, charges_to_json
from broker.storage.chain import append
from broker.storage.ledger.opening import open_account
from broker.storage.ledger.tables import ledger_accounts as accounts
from broker.storage.ledger.writing import LedgerWriting, append_entry


class Accounts(LedgerWriting):
    """The part of the store that holds caps and balances."""

    def allot(self, account: Account, cap: Amount, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._ledger() as connection:
            before = locked(connection, [account]).get(account)
            if before is not None and before.cap == cap:
                return
            enter_cap(connection, account, cap, before, now)
            append(connection, events)

    def balances(self, unit: str | None = None, project: str | None = None) -> list[Balance]:
        """By account; all, or those of a unit, or those of a project (its own, none that it shares)."""
        query = select(accounts).order_by(accounts.c.unit, accounts.c.project, accounts.c.dataset)
        if unit is not None:
            query = query.where(accounts.c.unit == unit)
        if project is not None:
            query = query.where(accounts.c.project == project)
        with self._db.read() as connection:
            return [balance_of(row) for row in connection.execute(query)]


def enter_cap(connection: Connection, account: Account, cap: Amount, before: Balance | None, now: datetime) -> None:
    """The cap, with what was spent before there was this account, and the entry that says both."""
    earlier: dict[str, Amount] = {}
    if before is None:
        earlier = open_account(connection, account, cap)
    else:
        _change_cap(connection, account, cap, before)
    charges = {job: [amount.micro, amount.delta] for job, amount in earlier.items()}
    body = json.dumps({"cap": charges_to_json([(account, cap)]), "charges": charges}, sort_keys=True)
    append_entry(connection, now, EntryKind.ALLOTTED, account.name, body)


def _change_cap(connection: Connection, account: Account, cap: Amount, before: Balance) -> None:
    if before.cap.accounting is not cap.accounting:
        raise Conflict("accounting", f"The budget {account.name} counts in {before.cap.accounting.value} for ever.")
    if not before.used.within(cap):
        raise Conflict("cap-below-use", f"Of the budget {account.name} {before.used} is used: no cap is below that.")
    connection.execute(update(accounts).where(is_account(account)).values(cap=cap.micro, cap_delta=cap.delta))


def locked(connection: Connection, wanted: Collection[Account]) -> dict[Account, Balance]:
    """The accounts that there are, locked in the order that everybody keeps: the units' own first, by a statement of
    their own, so that an account that was opened meanwhile is seen by the second."""
    units = sorted({Account(a.unit) for a in wanted})
    return _locked(connection, units) | _locked(connection, sorted(set(wanted) - set(units)))


def _locked(connection: Connection, wanted: Sequence[Account]) -> dict[Account, Balance]:
    query = select(accounts).where(or_(false(), *map(is_account, wanted)))
    order = (accounts.c.unit, accounts.c.project, accounts.c.dataset)
    rows = connection.execute(query.order_by(*order).with_for_update())
    return {b.account: b for b in map(balance_of, rows)}


def take(connection: Connection, charges: Mapping[Account, Amount]) -> None:
    """Reserve, if it is within every cap: asked once more by the statement itself, and by the table's own checks."""
    for account, amount in charges.items():
        within = and_(
            accounts.c.spent + accounts.c.reserved + amount.micro <= accounts.c.cap,
            accounts.c.spent_delta + accounts.c.reserved_delta + amount.delta <= accounts.c.cap_delta,
        )
        _change(connection, account, amount, _reserve(+1), within)


def spend(connection: Connection, charges: Mapping[Account, Amount]) -> None:
    """What was reserved is spent, for good."""
    for account, amount in charges.items():
        _change(connection, account, amount, _reserve(-1) | {"spent": +1, "spent_delta": +1})


def give_back(connection: Connection, charges: Mapping[Account, Amount]) -> None:
    for account, amount in charges.items():
        _change(connection, account, amount, _reserve(-1))


def _reserve(sign: int) -> dict[str, int]:
    return {"reserved": sign, "reserved_delta": sign}


def _change(
    connection: Connection, account: Account, amount: Amount, signs: Mapping[str, int], *where: ColumnElement[bool]
) -> None:
    values = {
        name: accounts.c[name] + sign * (amount.delta if name.endswith("_delta") else amount.micro)
        for name, sign in signs.items()
    }
    if connection.execute(update(accounts).where(is_account(account), *where).values(values)).rowcount != 1:
        raise Breach(f"The budget {account.name} changed under its lock.")


def is_account(account: Account) -> ColumnElement[bool]:
    return and_(
        accounts.c.unit == account.unit, accounts.c.project == account.project, accounts.c.dataset == account.dataset
    )


def balance_of(row: Row[Any]) -> Balance:
    accounting = Accounting(row.accounting)
    return Balance(
        Account(row.unit, row.project, row.dataset),
        cap=Amount(accounting, row.cap, row.cap_delta),
        spent=Amount(accounting, row.spent, row.spent_delta),
        reserved=Amount(accounting, row.reserved, row.reserved_delta),
    )
