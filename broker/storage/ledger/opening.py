"""A new account of the ledger: it begins with what was spent in its scope before. Caps change elsewhere."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from broker.domain.amounts import Amount, nothing
from broker.domain.errors import Conflict
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.spends import SPENT, Spend, SpendState
from broker.storage.ledger.found import spend_from
from broker.storage.ledger.tables import ledger_accounts, ledger_charges, ledger_spends


def open_account(connection: Connection, account: Account, cap: Amount) -> dict[str, Amount]:
    """Insert the account; gives what each earlier job is charged in it. The unit's account is locked, or new."""
    unit = Account(account.unit)
    if account != unit and not _is_open(connection, unit):
        raise Conflict("no-cap", f"Nothing can be allotted of {unit.name} before it has a cap.")
    found = _spends(connection)
    earlier = {s.asked.job: amount for s in found if (amount := _charged(s, account, cap)) is not None}
    spent = _sum(cap, (earlier.get(s.asked.job) for s in found if s.state in SPENT))
    reserved = _sum(cap, (earlier.get(s.asked.job) for s in found if s.state is SpendState.RESERVED))
    if not (spent + reserved).within(cap):
        raise Conflict("cap-below-use", f"Of the budget {account.name} {spent + reserved} is used already.")
    _insert(connection, account, cap, spent, reserved)
    rows = [{"job": job, **_key(account), "micro": x.micro, "delta": x.delta} for job, x in earlier.items()]
    if rows:
        connection.execute(insert(ledger_charges), rows)
    return earlier


def _is_open(connection: Connection, unit: Account) -> bool:
    query = select(ledger_accounts.c.unit).where(ledger_accounts.c.unit == unit.unit)
    return connection.execute(query.limit(1)).first() is not None


def _spends(connection: Connection) -> list[Spend]:
    rows = connection.execute(select(ledger_spends).order_by(ledger_spends.c.created, ledger_spends.c.job))
    return [spend_from(row) for row in rows]


def _charged(spend: Spend, account: Account, cap: Amount) -> Amount | None:
    loss = spend.asked.charges.get(account)
    if loss is None or spend.state is SpendState.REFUNDED:
        return None
    amount = loss.under(cap.accounting)
    if amount is None:
        raise Conflict("accounting", f"What was spent of {account.name} cannot be told under {cap.accounting.value}.")
    return amount


def _sum(cap: Amount, amounts: Iterable[Amount | None]) -> Amount:
    return sum((a for a in amounts if a is not None), nothing(cap.accounting))


def _key(account: Account) -> dict[str, Any]:
    return {"unit": account.unit, "project": account.project, "dataset": account.dataset}


def _insert(connection: Connection, account: Account, cap: Amount, spent: Amount, reserved: Amount) -> None:
    capped = {"accounting": cap.accounting, "cap": cap.micro, "cap_delta": cap.delta}
    used = {"spent": spent.micro, "spent_delta": spent.delta}
    used |= {"reserved": reserved.micro, "reserved_delta": reserved.delta}
    try:
        connection.execute(insert(ledger_accounts).values(**_key(account), **capped, **used))
    except IntegrityError as error:
        raise Conflict("stale", f"The budget {account.name} was opened by somebody else at this moment.") from error
