"""Spends as the store has them: one job's, an answer that was released, what each was charged. Changes nothing."""

from typing import Any

from sqlalchemy import Connection, Row, exists, select

from broker.domain.amounts import Accounting, Amount
from broker.domain.ledger.amounts import Account, costs_from_json, costs_to_json
from broker.domain.ledger.spends import Answer, Asked, Spend, SpendState
from broker.domain.outputs import OutputState
from broker.storage.ledger.tables import ledger_accounts as accounts
from broker.storage.ledger.tables import ledger_charges as charges
from broker.storage.ledger.tables import ledger_spends as spends
from broker.storage.tables.jobs import outputs


def spend_in(connection: Connection, job: str, *, lock: bool = False) -> Spend | None:
    query = select(spends).where(spends.c.job == job)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else spend_from(row)


def released_answer(connection: Connection, asked: Asked) -> Spend | None:
    """The released spend of the same question at the same price, if there is one: its answer is known, and free. One
    that was recalled is not given out again."""
    recalled = exists().where(outputs.c.job == spends.c.job, outputs.c.state == OutputState.RECALLED)
    query = select(spends).where(
        spends.c.project == asked.project,
        spends.c.snapshot == asked.snapshot,
        spends.c.question == asked.question,
        spends.c.costs == costs_to_json(asked.costs),
        spends.c.state == SpendState.RELEASED,
        ~recalled,
    )
    row = connection.execute(query.order_by(spends.c.created, spends.c.job).limit(1)).one_or_none()
    return None if row is None else spend_from(row)


def charges_of(connection: Connection, job: str) -> dict[Account, Amount]:
    """What each account was charged for a job, in the order in which accounts are locked."""
    same = (
        (accounts.c.unit == charges.c.unit)
        & (accounts.c.project == charges.c.project)
        & (accounts.c.dataset == charges.c.dataset)
    )
    query = select(charges, accounts.c.accounting).join(accounts, same).where(charges.c.job == job)
    rows = connection.execute(query.order_by(charges.c.unit, charges.c.project, charges.c.dataset))
    return {
        Account(row.unit, row.project, row.dataset): Amount(Accounting(row.accounting), row.micro, row.delta)
        for row in rows
    }


def spend_from(row: Row[Any]) -> Spend:
    return Spend(
        asked=Asked(row.job, row.project, row.snapshot, row.question, costs_from_json(row.costs)),
        state=SpendState(row.state),
        created=row.created,
        updated=row.updated,
        answer=None if row.answer_hash is None else Answer(row.answer_hash, row.answer_place),
    )
