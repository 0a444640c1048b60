"""The ledger's caps as policy has them: allotted when a set is put in force, and again until it is so; idempotent.

The set goes in force first: a crash between the two leaves caps of before, which the reconciler makes good.
"""

from collections.abc import Iterable

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import Balance
from broker.domain.ports import Ports
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_allotments import allotments


def check_allottable(ports: Ports, policies: PolicySet) -> None:
    """Conflict if the ledger cannot follow this set: told before it is in force."""
    balances = {b.account: b for b in ports.store.balances()}
    for account, cap in cap_changes(policies, balances.values()).items():
        if (balance := balances.get(account)) is not None:
            _check_change(balance, cap)


def _check_change(balance: Balance, cap: PrivacyAmount) -> None:
    name, before = balance.account.name, balance.cap.accounting
    if before is not cap.accounting:
        raise Conflict("accounting", f"The budget {name} counts in {before.value} for ever, not in {cap.accounting}.")
    if not balance.used.within(cap):
        raise Conflict("cap-below-use", f"Of the budget {name} {balance.used} is used: its cap cannot be {cap}.")


def allot(ports: Ports, policies: PolicySet, by: str) -> int:
    """Give every account of the ledger the cap that policy has for it. How many were changed; a Conflict, if any, only
    after all others are."""
    changed, conflicts = 0, []
    for account, cap in cap_changes(policies, ports.store.balances()).items():
        now = ports.clock.now()
        event = AuditEvent(now, by, "budget.allotted", account.name, (("policy", policies.fingerprint),))
        try:
            ports.store.allot(account, cap, now, [event])
            changed += 1
        except Conflict as conflict:
            conflicts.append(conflict)
    if conflicts:
        raise conflicts[0]
    return changed


def cap_changes(policies: PolicySet, balances: Iterable[Balance]) -> dict[PrivacyAccount, PrivacyAmount]:
    """The caps that are not yet as policy has them, a unit's own first."""
    existing = {b.account: b for b in balances}
    wanted = allotments(policies)
    wanted |= {account: _cap_without_policy(b, wanted) for account, b in existing.items() if account not in wanted}
    return {a: cap for a, cap in wanted.items() if a not in existing or existing[a].cap != cap}


def _cap_without_policy(balance: Balance, wanted: dict[PrivacyAccount, PrivacyAmount]) -> PrivacyAmount:
    """The cap of an account that policy no longer has. An account stays for ever: a table's that is now spent from the
    whole is as wide as that, and from any other nothing more is spent."""
    account, used = balance.account, balance.used
    if _has_tables(account, wanted):
        raise Conflict("budget-kept", f"The budget {account.name} stays beside budgets of tables: lower it instead.")
    whole = wanted.get(PrivacyAccount(account.unit, account.project)) if account.dataset else None
    if whole is None or whole.accounting is not used.accounting:
        return used
    return PrivacyAmount(used.accounting, max(whole.micro, used.micro), max(whole.delta, used.delta))


def _has_tables(account: PrivacyAccount, wanted: Iterable[PrivacyAccount]) -> bool:
    """Whether it is a project's budget of a whole unit, and policy has only tables for it now. Such an account is asked
    instead of those of tables: closed it would stop them all, open it would let everything through."""
    if account.dataset or not account.project:
        return False
    return any((w.unit, w.project) == (account.unit, account.project) for w in wanted)
