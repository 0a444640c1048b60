"""Allotments of a policy set: the accounts of the ledger, with their caps. Pure; does not read the ledger."""

from collections.abc import Iterator

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount, amount_as_written
from broker.domain.projects.project import ProjectBudget, ProtectionMode
from broker.policy.data_catalogue import TableKind
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_policy import PrivacyPromise


def allotments(policies: PolicySet) -> dict[PrivacyAccount, PrivacyAmount]:
    """Every account with its cap. The account of a unit comes before those that are allotted from it. Caps are rounded
    down."""
    found = {PrivacyAccount(p.unit.value): p.cap for p in policies.privacy.promises}
    for dataset in policies.privacy.datasets:
        if dataset.loss:
            promise = promise_of_table(policies, dataset.table)
            account = PrivacyAccount(promise.unit.value, "", dataset.table)
            found[account] = amount_as_written(promise.accounting, dataset.loss, dataset.delta)
    for project in policies.projects:
        for budget in project.budgets:
            promise = _promise_of(policies, budget)
            account = PrivacyAccount(promise.unit.value, project.ident, budget.table)
            found[account] = amount_as_written(promise.accounting, budget.loss, budget.delta)
    return found


def _promise_of(policies: PolicySet, budget: ProjectBudget) -> PrivacyPromise:
    if budget.table:
        return promise_of_table(policies, budget.table)
    promise = policies.privacy.promise(budget.unit)
    if promise is None:
        raise Invalid("no-promise", f"Nothing is promised to the unit {budget.unit!r}.", "/content")
    return promise


def promise_of_table(policies: PolicySet, name: str) -> PrivacyPromise:
    table = policies.catalogue.find(name)
    promise = None if table is None else policies.privacy.promise(table.unit)
    if promise is None:
        raise Invalid("no-promise", f"Nothing is promised to the persons of {name}.", "/content")
    return promise


def promised_tables(policies: PolicySet) -> frozenset[str]:
    """Tables whose persons are promised privacy."""
    return frozenset(
        t.full_name
        for t in policies.catalogue.tables
        if t.kind is TableKind.PERSON and policies.privacy.promise(t.unit) is not None
    )


def check_allotments(policies: PolicySet) -> None:
    """Check allotments. Raises Invalid if budgets, data sets or projects name unknown things, or more is allotted than
    is promised."""
    for account, cap in (found := allotments(policies)).items():
        if not cap.within(found[PrivacyAccount(account.unit)]):
            raise Invalid("budget", f"{account.name} is allotted more than the unit's cap.", "/content")
    for sentence in _project_faults(policies):
        raise Invalid("policy", sentence, "/content")


def _project_faults(policies: PolicySet) -> Iterator[str]:
    known = {p.name for p in policies.privacy.profiles}
    for project in policies.projects:
        if project.privacy and project.privacy not in known:
            yield f"Project {project.ident} names no privacy profile that exists."
        if project.budgets and not (project.privacy and project.mode is not ProtectionMode.DISCLOSURE_CONTROL):
            yield f"Project {project.ident} has privacy budgets, and may not be private."
