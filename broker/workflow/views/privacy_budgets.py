"""What a person may see of privacy budgets: their project's own, or the whole ledger for staff. Changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from broker.domain.errors import Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount
from broker.domain.ledger.spends import Balance, BalancePoint, ExactDisclosure, SpendState, over_allotted
from broker.domain.ports import Ports
from broker.domain.signed_log import ChainCheck, ChainHead
from broker.workflow.access import reach_project
from broker.workflow.administration.user_accounts import check_administrator
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.timing_channel import whole_minute

COUNTED_STATES = frozenset({SpendState.RESERVED, SpendState.CHARGED, SpendState.REFUNDED})
"""Moves that change what is left. The others say what became of an output and are not shown: a researcher would see
that an output was withheld, and when."""


@dataclass(frozen=True, slots=True)
class AccountView(Balance):
    """An account with its moves, oldest first."""

    history: tuple[BalancePoint, ...]


@dataclass(frozen=True, slots=True)
class BudgetView:
    """What a project was allotted and has used, and the exact releases alongside the claims about its tables."""

    project: str
    accounts: tuple[AccountView, ...]
    parallel_releases: tuple[ExactDisclosure, ...]


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Every account, including shared ones. `over` names allotments that exceed their unit's cap."""

    accounts: tuple[Balance, ...]
    over: tuple[str, ...]
    parallel_releases: tuple[ExactDisclosure, ...]


def project_budget(ports: Ports, person: Person, ident: str) -> BudgetView:
    """Return the project's own accounts. Shared accounts are left out, because they show what others have spent."""
    project, _ = reach_project(ports, person, Action.VIEW_BUDGET, ident)
    own = [b for b in ports.store.balances(project=project.ident) if not b.account.is_shared]
    accounts = tuple(
        AccountView(b.account, b.cap, b.spent, b.reserved, _displayed_history(ports.store.balance_history(b.account)))
        for b in own
    )
    return BudgetView(project.ident, accounts, tuple(ports.store.exact_disclosures(project.tables)))


def usage_chart(ports: Ports, person: Person, ident: str, number: int) -> bytes:
    """Return an SVG of the use of one of the project's accounts over time. Raises Unknown if it was never used."""
    from broker.disclosure.charts import draw_time_series

    accounts = project_budget(ports, person, ident).accounts
    if not 0 <= number < len(accounts) or not accounts[number].history:
        raise Unknown("account", f"{ident}/{number}")
    cap = accounts[number].cap
    points = [(p.at.isoformat(), (p.spent + p.reserved).loss) for p in accounts[number].history]
    name = "rho" if cap.accounting is Accounting.CONCENTRATED else "epsilon"
    return draw_time_series(points, cap.loss, f"{name} used, of {cap.loss:g}")


def _displayed_history(points: Iterable[BalancePoint]) -> tuple[BalancePoint, ...]:
    """Return the moves in whole minutes. When exactly a job began to read is an output of the jobs before it."""
    return tuple(replace(p, at=whole_minute(p.at)) for p in points if p.state in COUNTED_STATES)


def whole_ledger(ports: Ports, person: Person) -> LedgerView:
    """Return the whole ledger, for administrators. It shows every project, so each view is in the audit log."""
    check_administrator(person, Action.VIEW_LEDGER)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "ledger.viewed", "ledger")])
    balances = ports.store.balances()
    tables = frozenset(t.full_name for t in policies_in_force(ports.store).catalogue.tables)
    over = tuple(account.name for account in over_allotted(balances))
    return LedgerView(tuple(balances), over, tuple(ports.store.exact_disclosures(tables)))


def account_history(ports: Ports, person: Person, account: PrivacyAccount) -> list[BalancePoint]:
    """Return every move of any account, for administrators; none if there is no such account."""
    check_administrator(person, Action.VIEW_LEDGER)
    # Not audited: the name is the caller's own text, which must not enter the audit log.
    if account not in {b.account for b in ports.store.balances(account.unit, account.project or None)}:
        return []
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "ledger.viewed", account.name)])
    return ports.store.balance_history(account)


def verify_ledger(ports: Ports, person: Person, heads: tuple[ChainHead, ...] = ()) -> ChainCheck:
    """Verify the ledger's chain, find the exported heads in it, and add up every total again."""
    check_administrator(person, Action.VIEW_LEDGER)
    return ports.store.ledger.verify(heads)
