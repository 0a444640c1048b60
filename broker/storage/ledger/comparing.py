"""The ledger's tables beside its entries: what says something else is named. Repairs nothing."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from broker.domain.amounts import Amount
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Aside, Beside
from broker.domain.ledger.replay import Spent, Totals
from broker.storage.ledger.accounts import balance_of
from broker.storage.ledger.found import spend_from
from broker.storage.ledger.tables import ledger_accounts, ledger_asides, ledger_charges, ledger_spends


def differing(connection: Connection, totals: Totals) -> Iterator[str]:
    """Names of accounts, jobs and sources of which a table says something else than the entries add up to."""
    balances = {b.account: b for b in map(balance_of, connection.execute(select(ledger_accounts)))}
    for account in sorted(balances.keys() | totals.caps):
        found = balances.get(account)
        if (
            found is None
            or totals.caps.get(account) != found.cap
            or totals.used(account) != (found.spent, found.reserved)
        ):
            yield account.name
    spends = _spends(connection, {account: b.cap for account, b in balances.items()})
    yield from sorted(j for j in spends.keys() | totals.spends if spends.get(j) != totals.spends.get(j))
    rows = connection.execute(select(ledger_asides))
    asides = {Aside(Beside(r.kind), r.source, r.dataset, r.project, r.snapshot) for r in rows}
    yield from sorted({a.source for a in asides ^ totals.asides})


def _spends(connection: Connection, caps: dict[Account, Amount]) -> dict[str, Spent]:
    charges: dict[str, dict[Account, Amount]] = {}
    for row in connection.execute(select(ledger_charges)):
        account = Account(row.unit, row.project, row.dataset)
        if account in caps:
            charges.setdefault(row.job, {})[account] = Amount(caps[account].accounting, row.micro, row.delta)
    spends = map(spend_from, connection.execute(select(ledger_spends)))
    return {s.asked.job: Spent(s.state, charges.get(s.asked.job, {}), s.answer) for s in spends}
