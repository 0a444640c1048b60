"""Spends of the ledger: reserved in every account or refused, then charged, answered, released or refunded."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, select, update

from broker.domain.errors import Conflict, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FINAL_JOB_STATES, JobState, OutputState
from broker.domain.ledger.budget_refusals import BudgetShortfall, OverBudget, ReleaseMaximum, check_release_maximum
from broker.domain.ledger.ledger_entries import LedgerEntryKind, charges_to_json
from broker.domain.ledger.privacy_loss import Cost, Loss, PrivacyAccount, PrivacyAmount, costs_to_json
from broker.domain.ledger.spends import SPEND_TRANSITIONS, Balance, Spend, SpendRequest, SpendState, StoredAnswer
from broker.storage.audit_store import append_events
from broker.storage.ledger import budget_account_store
from broker.storage.signed_log_store import LEDGER_CHAIN, SqlSignedLogs
from broker.storage.tables.job_tables import jobs, outputs, releases
from broker.storage.tables.ledger_tables import ledger_charges, ledger_spends


class SqlReservations(SqlSignedLogs):
    """The part of the store that reserves a job's spend or refuses it."""

    def reserve(
        self, request: SpendRequest, maximum: ReleaseMaximum, now: datetime, events: Sequence[AuditEvent]
    ) -> Spend:
        with self.ledger.change() as connection:
            # A second request for the same spend waits here, and then finds what the first one reserved.
            balances = budget_account_store.locked(connection, request.charges)
            known = budget_account_store.spend_in(connection, request.job)
            if known is not None:
                return _check_same_request(known, request)
            # The answer is known already: giving it again discloses nothing, so it costs nothing.
            answered = budget_account_store.released_answer(connection, request)
            if answered is not None:
                return answered
            check_release_maximum(request.costs, maximum)
            charges = charges_within(balances, request)
            budget_account_store.change_balances(connection, charges, reserved=+1)
            enter_spend(connection, request, charges, now)
            append_events(connection, events)
            return Spend(request, SpendState.RESERVED, now, now)


def _check_same_request(known: Spend, request: SpendRequest) -> Spend:
    if not known.request.is_same_as(request):
        raise Conflict("spend-differs", f"Job {request.job!r} made a different request to the ledger before.")
    return known


def charges_within(
    balances: Mapping[PrivacyAccount, Balance], request: SpendRequest
) -> dict[PrivacyAccount, PrivacyAmount]:
    """Return what each account is charged. Raises OverBudget, with every reason, if an account has too little or is
    missing."""
    lacking = _missing_accounts(balances, request)
    charges: dict[PrivacyAccount, PrivacyAmount] = {}
    for account, balance in balances.items():
        amount = request.charges[account].under(balance.cap.accounting)
        if amount is None or not (balance.used + amount).within(balance.cap):
            # What is left in a shared account would show what other projects spent.
            lacking.append(BudgetShortfall(account, amount, None if account.is_shared else balance.left))
        else:
            charges[account] = amount
    if lacking:
        raise OverBudget(lacking)
    return charges


def _missing_accounts(balances: Collection[PrivacyAccount], request: SpendRequest) -> list[BudgetShortfall]:
    """Return the accounts that are needed and missing. Without a cap for the unit nothing is promised, so nothing may
    be spent; nor may a project without an allotment spend."""
    return [
        BudgetShortfall(account, loss.amounts[0], None)
        for cost in request.costs
        for account, loss in _needed_accounts(cost, request.project, balances)
        if account not in balances
    ]


def _needed_accounts(
    cost: Cost, project: str, balances: Collection[PrivacyAccount]
) -> list[tuple[PrivacyAccount, Loss]]:
    """Return the accounts that a cost needs: the unit's, and the project's account for all its tables, or else one for
    each table."""
    needed = [(PrivacyAccount(cost.unit), cost.whole)]
    # A budget for all tables of a project replaces those for single tables.
    if PrivacyAccount(cost.unit, project) in balances:
        return needed
    if not cost.by_dataset:
        return [*needed, (PrivacyAccount(cost.unit, project), cost.whole)]
    return needed + [(PrivacyAccount(cost.unit, project, dataset), loss) for dataset, loss in cost.by_dataset]


def enter_spend(
    connection: Connection, request: SpendRequest, charges: Mapping[PrivacyAccount, PrivacyAmount], now: datetime
) -> None:
    """Write the spend, what each account is charged for it, and the ledger entry for both."""
    named = {"project": request.project, "snapshot": request.snapshot, "question": request.question}
    costs = costs_to_json(request.costs)
    moment = {"state": SpendState.RESERVED, "created": now, "updated": now}
    connection.execute(insert(ledger_spends).values(job=request.job, **named, costs=costs, **moment))
    rows = [budget_account_store.charge_row(request.job, account, amount) for account, amount in charges.items()]
    connection.execute(insert(ledger_charges), rows)
    body = json.dumps({**named, "costs": costs, "charges": charges_to_json(charges.items())}, sort_keys=True)
    LEDGER_CHAIN.append(connection, now, LedgerEntryKind.RESERVED, request.job, body)


OPEN_STATES = frozenset({SpendState.RESERVED, SpendState.CHARGED})


class SqlSpends(SqlSignedLogs):
    """The part of the store that moves spends from state to state."""

    def spend_of(self, job: str) -> Spend | None:
        return self._db.found_by(budget_account_store.spend_in, job)

    def charge(self, job: str, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        with self.ledger.change() as connection:
            known = _locked_spend(connection, job)
            if known.state in {SpendState.CHARGED, SpendState.RELEASED}:
                return known  # charged before: an attempt after a crash must not pay twice
            moved = move_spend(connection, job, SpendState.CHARGED, now)
            append_events(connection, events)
            return moved

    def store_answer(self, job: str, answer: StoredAnswer, now: datetime, events: Sequence[AuditEvent]) -> StoredAnswer:
        with self.ledger.change() as connection:
            known = _locked_spend(connection, job)
            # The first answer stays: a second one would disclose more for the same charge.
            if known.answer is not None:
                return known.answer
            if known.state is not SpendState.CHARGED:
                raise _stale_spend(job, known.state)
            stored = {"answer_hash": answer.keyed_hash, "answer_place": answer.place}
            connection.execute(update(ledger_spends).where(ledger_spends.c.job == job).values(**stored, updated=now))
            body = json.dumps({"hash": answer.keyed_hash, "place": answer.place}, sort_keys=True)
            LEDGER_CHAIN.append(connection, now, LedgerEntryKind.ANSWERED, job, body)
            append_events(connection, events)
            return answer

    def settle_spend(self, job: str, after: SpendState, now: datetime, events: Sequence[AuditEvent]) -> Spend:
        with self.ledger.change() as connection:
            known = _locked_spend(connection, job)
            if known.state is after:
                return known
            moved = move_spend(connection, job, after, now)
            append_events(connection, events)
            return moved

    def unsettled_spends(self, before: datetime) -> list[Spend]:
        """Return the spends older than `before` that nothing will settle: their job was never accepted,
        or has ended."""
        unfinished = exists().where(jobs.c.ident == ledger_spends.c.job, jobs.c.state.not_in(sorted(FINAL_JOB_STATES)))
        query = select(ledger_spends).where(
            ledger_spends.c.state.in_(sorted(OPEN_STATES)),
            ledger_spends.c.created < before,
            ~unfinished,
            # A release will settle these itself.
            ~_awaits_release(),
        )
        rows = self._db.rows(query.order_by(ledger_spends.c.created, ledger_spends.c.job))
        return [budget_account_store.spend_from(row) for row in rows]


def _awaits_release() -> ColumnElement[bool]:
    """Whether the job is decided and its release still has to be made."""
    approved = exists().where(outputs.c.job == ledger_spends.c.job, outputs.c.state == OutputState.APPROVED)
    return and_(approved, ~exists().where(releases.c.job == ledger_spends.c.job))


def move_spend(connection: Connection, job: str, after: SpendState, now: datetime) -> Spend:
    """Move a spend to a state: its row, its ledger entry, and its accounts. `SPEND_TRANSITIONS` says which moves
    are allowed.

    Raises Conflict for a move that is not allowed, or a release without a stored answer.
    """
    known = _locked_spend(connection, job)
    if after not in SPEND_TRANSITIONS[known.state]:
        raise _stale_spend(job, known.state)
    if after is SpendState.RELEASED and known.answer is None:
        raise Conflict("no-answer", f"Job {job!r} has no stored answer that could be released.")
    # Only a move from reserved changes balances: what is charged stays spent (invariant 5).
    if known.state is SpendState.RESERVED:
        charges = budget_account_store.charges_of(connection, job)
        # Accounts before the ledger's head, in the same order as all other writers.
        budget_account_store.locked(connection, charges)
        is_charged = after is SpendState.CHARGED
        budget_account_store.change_balances(connection, charges, reserved=-1, spent=+1 if is_charged else 0)
    connection.execute(update(ledger_spends).where(ledger_spends.c.job == job).values(state=after, updated=now))
    LEDGER_CHAIN.append(connection, now, LedgerEntryKind(after.value), job)
    return Spend(known.request, after, known.created, now, known.answer)


def settle_with_job(connection: Connection, job: str, after: JobState, now: datetime) -> list[AuditEvent]:
    """Settle the spend of a job that ends without a release, and return the audit events."""
    known = budget_account_store.spend_in(connection, job, lock=True)
    if known is None or known.state not in OPEN_STATES or (after is JobState.DECIDED and _is_approved(connection, job)):
        return []
    end = move_spend(connection, job, known.state_without_release, now).state
    return [AuditEvent(now, SYSTEM.ident, f"spend.{end.value}", job)]


def settle_with_release(connection: Connection, job: str, now: datetime) -> list[AuditEvent]:
    """Settle the spend of a released job, and return the audit events. Raises Conflict if it was never charged,
    because then nothing could leave."""
    if budget_account_store.spend_in(connection, job) is None:
        return []
    move_spend(connection, job, SpendState.RELEASED, now)
    return [AuditEvent(now, SYSTEM.ident, "spend.released", job)]


def _is_approved(connection: Connection, job: str) -> bool:
    query = select(outputs.c.ident).where(outputs.c.job == job, outputs.c.state == OutputState.APPROVED)
    return connection.execute(query.limit(1)).first() is not None


def _locked_spend(connection: Connection, job: str) -> Spend:
    found = budget_account_store.spend_in(connection, job, lock=True)
    if found is None:
        raise Unknown("spend", job)
    return found


def _stale_spend(job: str, state: SpendState) -> Conflict:
    return Conflict("stale", f"The spend of job {job!r} is {state.value}; nothing was changed.")
