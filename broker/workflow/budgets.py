"""What a person may see of privacy budgets: a project's own, or as staff the whole ledger. Changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from broker.domain.amounts import MICRO, Accounting
from broker.domain.audit import AuditEvent
from broker.domain.errors import Unknown
from broker.domain.ledger.amounts import Account
from broker.domain.ledger.budgets import Aside, Balance, Point, over_allotted
from broker.domain.ledger.chain import Head, LedgerCheck
from broker.domain.ledger.spends import SpendState
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow.administer import check_administrator
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import reach_project
from broker.workflow.silence import whole_minute

COUNTING = frozenset({SpendState.RESERVED, SpendState.CHARGED, SpendState.REFUNDED})
"""Moves that change what is left. The others say what became of an output, which is not told here: a researcher would
see that one was withheld, and when."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with its moves, oldest first."""

    balance: Balance
    history: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class BudgetView:
    """What a project was allotted and has used, and what exact things stand beside the claim about its data sets."""

    project: str
    accounts: tuple[AccountView, ...]
    beside: tuple[Aside, ...]


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Every account, those that many spend from too; `over` names allotments that are larger than their unit's cap."""

    accounts: tuple[Balance, ...]
    over: tuple[str, ...]
    beside: tuple[Aside, ...]


def of_project(ports: Ports, person: Person, ident: str) -> BudgetView:
    """The project's own accounts. What others have spent is not told: no shared account is among them."""
    project, _ = reach_project(ports, person, Action.VIEW_BUDGET, ident)
    own = [b for b in ports.store.balances(project=project.ident) if not b.account.is_shared]
    accounts = tuple(AccountView(b, _told(ports.store.history(b.account))) for b in own)
    return BudgetView(project.ident, accounts, tuple(ports.store.asides(project.tables)))


def course(ports: Ports, person: Person, ident: str, number: int) -> bytes:
    """A drawing (SVG) of how an account of the project's came to be used. Unknown where it was never used."""
    from broker.disclosure.figures import draw_course

    accounts = of_project(ports, person, ident).accounts
    if not 0 <= number < len(accounts) or not accounts[number].history:
        raise Unknown("account", f"{ident}/{number}")
    account = accounts[number]
    cap = account.balance.cap
    points = [(p.at.isoformat(), (p.spent + p.reserved).micro / MICRO) for p in account.history]
    name = "rho" if cap.accounting is Accounting.CONCENTRATED else "epsilon"
    return draw_course(points, cap.micro / MICRO, f"{name} used, of {cap.micro / MICRO:g}")


def _told(points: Iterable[Point]) -> tuple[Point, ...]:
    """By the whole minute: when exactly a job began to read is an output of the jobs before it."""
    return tuple(replace(p, at=whole_minute(p.at)) for p in points if p.state in COUNTING)


def whole_ledger(ports: Ports, person: Person) -> LedgerView:
    """For administrators, who keep the budgets. It tells of every project: each look is in the audit log."""
    check_administrator(person, Action.VIEW_LEDGER)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "ledger.viewed", "ledger")])
    balances = ports.store.balances()
    tables = frozenset(t.full_name for t in policies_in_force(ports.store).catalogue.tables)
    over = tuple(account.name for account in over_allotted(balances))
    return LedgerView(tuple(balances), over, tuple(ports.store.asides(tables)))


def history_of(ports: Ports, person: Person, account: Account) -> list[Point]:
    """Every move of any account, for administrators; none where there is no such account, of which no audit line tells:
    its name is the caller's text and no id."""
    check_administrator(person, Action.VIEW_LEDGER)
    if account not in {b.account for b in ports.store.balances(account.unit, account.project or None)}:
        return []
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "ledger.viewed", account.name)])
    return ports.store.history(account)


def verify_ledger(ports: Ports, person: Person, heads: tuple[Head, ...] = ()) -> LedgerCheck:
    """Follow the ledger's chain, look for heads that were exported, and add every total up again."""
    check_administrator(person, Action.VIEW_LEDGER)
    return ports.store.verify_ledger(heads)


def signed_head(ports: Ports, person: Person) -> Head | None:
    """What is kept elsewhere, to know the ledger by: it has no figures."""
    check_administrator(person, Action.VIEW_LEDGER)
    return ports.store.ledger_head()
