"""Reserving: a job's costs against every account that they count in, or a refusal; nothing has run by then."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from broker.domain.amounts import Amount
from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict
from broker.domain.ledger.amounts import Account, Cost, Loss, costs_to_json
from broker.domain.ledger.budgets import Balance
from broker.domain.ledger.chain import EntryKind, charges_to_json
from broker.domain.ledger.refusals import Lacking, OverBudget, ReleaseMaximum, check_release_maximum
from broker.domain.ledger.spends import Asked, Spend, SpendState
from broker.storage.chain import append
from broker.storage.ledger.accounts import locked, take
from broker.storage.ledger.found import released_answer, spend_in
from broker.storage.ledger.tables import ledger_charges, ledger_spends
from broker.storage.ledger.writing import LedgerWriting, append_entry


class Reserving(LedgerWriting):
    """The part of the store by which a job is let in, or not."""

    def reserve(self, asked: Asked, maximum: ReleaseMaximum, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        with self._ledger() as connection:
            # Whoever asks the same again waits here, and finds below what was reserved meanwhile.
            balances = locked(connection, asked.charges)
            known = spend_in(connection, asked.job)
            if known is not None:
                return _the_same(known, asked)
            answered = released_answer(connection, asked)
            if answered is not None:
                return answered
            check_release_maximum(asked.costs, maximum)
            charges = charges_within(balances, asked)
            take(connection, charges)
            enter_spend(connection, asked, charges, now)
            append(connection, events)
            return Spend(asked, SpendState.RESERVED, now, now)


def _the_same(known: Spend, asked: Asked) -> Spend:
    if not known.asked.is_same_as(asked):
        raise Conflict("spend-differs", f"Job {asked.job!r} has asked the ledger for something else before.")
    return known


def charges_within(balances: Mapping[Account, Balance], asked: Asked) -> dict[Account, Amount]:
    """What each account is charged; OverBudget, with every reason, if any has not enough or is not there."""
    lacking = _not_there(balances, asked)
    charges: dict[Account, Amount] = {}
    for account, balance in balances.items():
        amount = asked.charges[account].under(balance.cap.accounting)
        if amount is None or not (balance.used + amount).within(balance.cap):
            lacking.append(Lacking(account, amount, None if account.is_shared else balance.left))
        else:
            charges[account] = amount
    if lacking:
        raise OverBudget(lacking)
    return charges


def _not_there(balances: Collection[Account], asked: Asked) -> list[Lacking]:
    """Without a cap for the unit nothing is promised, so nothing is spent; nor by a project without an allotment."""
    return [
        Lacking(account, _any(loss), None)
        for cost in asked.costs
        for account, loss in _needed(cost, asked.project, balances)
        if account not in balances
    ]


def _needed(cost: Cost, project: str, balances: Collection[Account]) -> list[tuple[Account, Loss]]:
    """The unit's account; and of the project's one for all its data sets, or else one for each."""
    needed = [(Account(cost.unit), cost.whole)]
    if Account(cost.unit, project) in balances:
        return needed
    if not cost.by_dataset:
        return [*needed, (Account(cost.unit, project), cost.whole)]
    return needed + [(Account(cost.unit, project, dataset), loss) for dataset, loss in cost.by_dataset]


def _any(loss: Loss) -> Amount:
    return loss.amounts[0]


def enter_spend(connection: Connection, asked: Asked, charges: Mapping[Account, Amount], now: datetime) -> None:
    """The spend, what each account is charged for it, and the entry that says both."""
    named = {"project": asked.project, "snapshot": asked.snapshot, "question": asked.question}
    costs = costs_to_json(asked.costs)
    moment = {"state": SpendState.RESERVED, "created": now, "updated": now}
    connection.execute(insert(ledger_spends).values(job=asked.job, **named, costs=costs, **moment))
    rows = [
        {
            "job": asked.job,
            "unit": a.unit,
            "project": a.project,
            "dataset": a.dataset,
            "micro": x.micro,
            "delta": x.delta,
        }
        for a, x in charges.items()
    ]
    connection.execute(insert(ledger_charges), rows)
    body = json.dumps({**named, "costs": costs, "charges": charges_to_json(charges.items())}, sort_keys=True)
    append_entry(connection, now, EntryKind.RESERVED, asked.job, body)
