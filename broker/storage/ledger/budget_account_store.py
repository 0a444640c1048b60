"""Accounts of the ledger: caps, balances, and charges of spends. A cap is never below what is used."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, false, insert, or_, select, update

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.ledger.ledger_entries import LedgerEntryKind, charges_to_json
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount, costs_from_json, costs_to_json
from broker.domain.ledger.spends import SPENT_STATES, Balance, Spend, SpendRequest, SpendState, StoredAnswer
from broker.storage.audit_store import append_events
from broker.storage.database import columns_of, refused_as, value_of
from broker.storage.signed_log_store import LEDGER_CHAIN, SqlSignedLogs
from broker.storage.tables import ledger_tables
from broker.storage.tables.job_tables import outputs

accounts, charges = ledger_tables.ledger_accounts, ledger_tables.ledger_charges
spends = ledger_tables.ledger_spends


def spend_in(connection: Connection, job: str, *, lock: bool = False) -> Spend | None:
    query = select(spends).where(spends.c.job == job)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else spend_from(row)


def released_answer(connection: Connection, request: SpendRequest) -> Spend | None:
    """Return the released spend of the same question at the same cost, or None. Its answer is known, so it costs
    nothing. An answer that was recalled is not given out again."""
    recalled = exists().where(outputs.c.job == spends.c.job, outputs.c.state == OutputState.RECALLED)
    query = select(spends).where(
        spends.c.project == request.project,
        spends.c.snapshot == request.snapshot,
        spends.c.question == request.question,
        # At another cost it would have other noise, so it is another answer.
        spends.c.costs == costs_to_json(request.costs),
        spends.c.state == SpendState.RELEASED,
        ~recalled,
    )
    row = connection.execute(query.order_by(spends.c.created, spends.c.job).limit(1)).one_or_none()
    return None if row is None else spend_from(row)


def charges_of(connection: Connection, job: str) -> dict[PrivacyAccount, PrivacyAmount]:
    """Return what each account was charged for a job, in the order in which accounts are locked."""
    same = and_(*(accounts.c[name] == charges.c[name] for name in ("unit", "project", "dataset")))
    query = select(charges, accounts.c.accounting).join(accounts, same).where(charges.c.job == job)
    rows = connection.execute(query.order_by(charges.c.unit, charges.c.project, charges.c.dataset))
    return {value_of(PrivacyAccount, row): value_of(PrivacyAmount, row) for row in rows}


def spend_from(row: Row[Any]) -> Spend:
    request = value_of(SpendRequest, row, costs=costs_from_json(row.costs))
    answer = None if row.answer_hash is None else StoredAnswer(row.answer_hash, row.answer_place)
    return value_of(Spend, row, request=request, answer=answer)


def open_account(connection: Connection, account: PrivacyAccount, cap: PrivacyAmount) -> dict[str, PrivacyAmount]:
    """Insert the account and return what each earlier job is charged in it. The caller has locked the unit's account,
    or is creating it."""
    unit = PrivacyAccount(account.unit)
    # Every allotment counts in the unit's account too, so that one must exist first.
    if account != unit and not _has_account(connection, unit):
        raise Conflict("no-cap", f"Set a cap for {unit.name} before you allot budgets.")
    # Spends from before the account existed count in it too.
    found = [spend_from(row) for row in connection.execute(select(spends).order_by(spends.c.created, spends.c.job))]
    earlier = {s.request.job: amount for s in found if (amount := _charge_in(s, account, cap)) is not None}
    spent = _sum(cap, (earlier.get(s.request.job) for s in found if s.state in SPENT_STATES))
    reserved = _sum(cap, (earlier.get(s.request.job) for s in found if s.state is SpendState.RESERVED))
    # A cap below use would break the table's own constraint.
    if not (spent + reserved).within(cap):
        raise Conflict("cap-below-use", f"The budget {account.name} has already used {spent + reserved}.")
    _insert_account(connection, account, cap, spent, reserved)
    rows = [charge_row(job, account, amount) for job, amount in earlier.items()]
    if rows:
        connection.execute(insert(charges), rows)
    return earlier


def charge_row(job: str, account: PrivacyAccount, amount: PrivacyAmount) -> dict[str, object]:
    return columns_of(charges, account, job=job, micro=amount.micro, delta=amount.delta)


def _has_account(connection: Connection, unit: PrivacyAccount) -> bool:
    query = select(accounts.c.unit).where(accounts.c.unit == unit.unit)
    return connection.execute(query.limit(1)).first() is not None


def _charge_in(spend: Spend, account: PrivacyAccount, cap: PrivacyAmount) -> PrivacyAmount | None:
    loss = spend.request.charges.get(account)
    # A refunded spend was never charged, so it does not count in a new account.
    if loss is None or spend.state is SpendState.REFUNDED:
        return None
    amount = loss.under(cap.accounting)
    if amount is None:
        raise Conflict(
            "accounting", f"The spending of {account.name} cannot be stated in the accounting {cap.accounting.value}."
        )
    return amount


def _sum(cap: PrivacyAmount, amounts: Iterable[PrivacyAmount | None]) -> PrivacyAmount:
    return sum((a for a in amounts if a is not None), PrivacyAmount(cap.accounting, 0))


def _insert_account(
    connection: Connection, account: PrivacyAccount, cap: PrivacyAmount, spent: PrivacyAmount, reserved: PrivacyAmount
) -> None:
    capped = {"accounting": cap.accounting, "cap": cap.micro, "cap_delta": cap.delta}
    used = {"spent": spent.micro, "spent_delta": spent.delta}
    used |= {"reserved": reserved.micro, "reserved_delta": reserved.delta}
    with refused_as(Conflict("stale", f"Somebody else opened the budget {account.name} at the same time.")):
        connection.execute(insert(accounts).values(columns_of(accounts, account, **capped, **used)))


class SqlBudgetAccounts(SqlSignedLogs):
    """The part of the store for caps and balances."""

    def allot(self, account: PrivacyAccount, cap: PrivacyAmount, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self.ledger.change() as connection:
            before = locked(connection, [account]).get(account)
            # No change, so no entry and no audit event.
            if before is not None and before.cap == cap:
                return
            enter_cap(connection, account, cap, before, now)
            append_events(connection, events)

    def balances(self, unit: str | None = None, project: str | None = None) -> list[Balance]:
        """Return balances in the order of accounts: all, those of a unit, or those of a project (its own, no shared
        ones)."""
        query = select(accounts).order_by(accounts.c.unit, accounts.c.project, accounts.c.dataset)
        if unit is not None:
            query = query.where(accounts.c.unit == unit)
        if project is not None:
            query = query.where(accounts.c.project == project)
        return [balance_of(row) for row in self._db.rows(query)]


def enter_cap(
    connection: Connection, account: PrivacyAccount, cap: PrivacyAmount, before: Balance | None, now: datetime
) -> None:
    """Set the cap and write its ledger entry. A new account is charged with what was spent before it existed."""
    earlier: dict[str, PrivacyAmount] = {}
    if before is None:
        earlier = open_account(connection, account, cap)
    else:
        _change_cap(connection, account, cap, before)
    charges = {job: [amount.micro, amount.delta] for job, amount in earlier.items()}
    body = json.dumps({"cap": charges_to_json([(account, cap)]), "charges": charges}, sort_keys=True)
    LEDGER_CHAIN.append(connection, now, LedgerEntryKind.ALLOTTED, account.name, body)


def _change_cap(connection: Connection, account: PrivacyAccount, cap: PrivacyAmount, before: Balance) -> None:
    if before.cap.accounting is not cap.accounting:
        raise Conflict(
            "accounting",
            f"The budget {account.name} uses the accounting {before.cap.accounting.value}. You cannot change it.",
        )
    if not before.used.within(cap):
        raise Conflict(
            "cap-below-use", f"The budget {account.name} has already used {before.used}, so its cap cannot be lower."
        )
    connection.execute(update(accounts).where(is_account(account)).values(cap=cap.micro, cap_delta=cap.delta))


def locked(connection: Connection, wanted: Collection[PrivacyAccount]) -> dict[PrivacyAccount, Balance]:
    """Lock those of the accounts that exist and return their balances by account.

    Everybody locks in the same order, so that no two transactions block each other. The units' accounts come first, in
    a statement of their own, so that the second statement sees an account that was opened meanwhile.
    """
    units = sorted({PrivacyAccount(a.unit) for a in wanted})
    return _locked(connection, units) | _locked(connection, sorted(set(wanted) - set(units)))


def _locked(connection: Connection, wanted: Sequence[PrivacyAccount]) -> dict[PrivacyAccount, Balance]:
    query = select(accounts).where(or_(false(), *map(is_account, wanted)))
    order = (accounts.c.unit, accounts.c.project, accounts.c.dataset)
    rows = connection.execute(query.order_by(*order).with_for_update())
    return {b.account: b for b in map(balance_of, rows)}


def change_balances(
    connection: Connection, charges: Mapping[PrivacyAccount, PrivacyAmount], *, reserved: int, spent: int = 0
) -> None:
    """Add the charges to what is `reserved` and `spent` (+1), take them away (-1), or neither (0). The caller has
    checked the caps; the statement checks them once more, and so do the table's constraints."""
    a = accounts.c
    for account, amount in charges.items():
        values = {
            "spent": a.spent + spent * amount.micro,
            "spent_delta": a.spent_delta + spent * amount.delta,
            "reserved": a.reserved + reserved * amount.micro,
            "reserved_delta": a.reserved_delta + reserved * amount.delta,
        }
        within = (
            values["spent"] + values["reserved"] <= a.cap,
            values["spent_delta"] + values["reserved_delta"] <= a.cap_delta,
        )
        # The row is locked, so a mismatch means that the tables themselves are wrong.
        if connection.execute(update(accounts).where(is_account(account), *within).values(values)).rowcount != 1:
            raise Breach(f"The budget {account.name} changed under its lock.")


def is_account(account: PrivacyAccount) -> ColumnElement[bool]:
    return and_(
        accounts.c.unit == account.unit, accounts.c.project == account.project, accounts.c.dataset == account.dataset
    )


def balance_of(row: Row[Any]) -> Balance:
    return Balance(
        value_of(PrivacyAccount, row),
        cap=PrivacyAmount(row.accounting, row.cap, row.cap_delta),
        spent=PrivacyAmount(row.accounting, row.spent, row.spent_delta),
        reserved=PrivacyAmount(row.accounting, row.reserved, row.reserved_delta),
    )
