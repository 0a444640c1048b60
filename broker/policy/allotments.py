"""What a policy set allots of each unit's cap: the ledger's accounts with their caps. Pure; the ledger is not asked."""

from collections.abc import Iterator

from broker.domain.amounts import Amount, as_written
from broker.domain.errors import Invalid
from broker.domain.ledger.amounts import Account
from broker.domain.projects import Budget, Mode
from broker.policy.models import Policies
from broker.policy.privacy import Promise
from broker.policy.tables import TableKind


def allotments(policies: Policies) -> dict[Account, Amount]:
    """Every account with its cap, a unit's own before what is allotted of it. Caps are rounded down."""
    found = {Account(p.unit.value): p.cap for p in policies.privacy.promises}
    for dataset in policies.privacy.datasets:
        if dataset.loss:
            promise = promise_of_table(policies, dataset.table)
            account = Account(promise.unit.value, "", dataset.table)
            found[account] = as_written(promise.accounting, dataset.loss, dataset.delta)
    for project in policies.projects:
        for budget in project.budgets:
            promise = _promise_of(policies, budget)
            account = Account(promise.unit.value, project.ident, budget.table)
            found[account] = as_written(promise.accounting, budget.loss, budget.delta)
    return found


def _promise_of(policies: Policies, budget: Budget) -> Promise:
    if budget.table:
        return promise_of_table(policies, budget.table)
    promise = policies.privacy.promise(budget.unit)
    if promise is None:
        raise Invalid("no-promise", f"Nothing is promised to the unit {budget.unit!r}.", "/content")
    return promise


def promise_of_table(policies: Policies, name: str) -> Promise:
    table = policies.catalogue.find(name)
    promise = None if table is None else policies.privacy.promise(table.unit)
    if promise is None:
        raise Invalid("no-promise", f"Nothing is promised to the persons of {name}.", "/content")
    return promise


def promised_tables(policies: Policies) -> frozenset[str]:
    """Data sets about whose persons something is promised."""
    return frozenset(
        t.full_name
        for t in policies.catalogue.tables
        if t.kind is TableKind.PERSON and policies.privacy.promise(t.unit) is not None
    )


def check_allotments(policies: Policies) -> None:
    """Invalid if budgets, data sets or projects name what is not there, or ask for more than is promised."""
    for account, cap in (found := allotments(policies)).items():
        if not cap.within(found[Account(account.unit)]):
            raise Invalid("budget", f"{account.name} is allotted more than the unit's cap.", "/content")
    for sentence in _of_projects(policies):
        raise Invalid("policy", sentence, "/content")


def _of_projects(policies: Policies) -> Iterator[str]:
    known = {p.name for p in policies.privacy.profiles}
    for project in policies.projects:
        if project.privacy and project.privacy not in known:
            yield f"Project {project.ident} names no privacy profile that exists."
        if project.budgets and not (project.privacy and project.mode is not Mode.DISCLOSURE_CONTROL):
            yield f"Project {project.ident} has privacy budgets, and may not be private."
