"""Gives the ledger the caps that policy has: when a policy set is put in force, and again until it succeeds.
Idempotent.

The set goes into force first. A crash in between leaves the earlier caps, which the reconciler corrects.
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
    """Raises Conflict if the ledger cannot follow this set. Called before the set is in force."""
    balances = {b.account: b for b in ports.store.balances()}
    for account, cap in cap_changes(policies, balances.values()).items():
        if (balance := balances.get(account)) is not None:
            _check_change(balance, cap)


def _check_change(balance: Balance, cap: PrivacyAmount) -> None:
    name, before = balance.account.name, balance.cap.accounting
    if before is not cap.accounting:
        raise Conflict(
            "accounting",
            f"The budget {name} uses the accounting {before.value}. You cannot change it to {cap.accounting}.",
        )
    if not balance.used.within(cap):
        raise Conflict(
            "cap-below-use", f"The budget {name} has already used {balance.used}, so its cap cannot be {cap}."
        )


def allot(ports: Ports, policies: PolicySet, by: str) -> int:
    """Give every account of the ledger the cap that policy has for it, and return how many caps changed.

    Raises the first Conflict, but only after all other caps are set.
    """
    changed, conflicts = 0, []
    for account, cap in cap_changes(policies, ports.store.balances()).items():
        now = ports.clock.now()
        event = AuditEvent(now, by, "budget.allotted", account.name, (("policy", policies.fingerprint),))
        try:
            ports.store.allot(account, cap, now, [event])
            changed += 1
        except Conflict as conflict:
            conflicts.append(conflict)  # one cap that cannot be set must not prevent the others
    if conflicts:
        raise conflicts[0]
    return changed


def cap_changes(policies: PolicySet, balances: Iterable[Balance]) -> dict[PrivacyAccount, PrivacyAmount]:
    """Return the caps that differ from policy's, by account. A unit's own cap comes first."""
    existing = {b.account: b for b in balances}
    wanted = allotments(policies)
    wanted |= {account: _cap_without_policy(b, wanted) for account, b in existing.items() if account not in wanted}
    return {a: cap for a, cap in wanted.items() if a not in existing or existing[a].cap != cap}


def _cap_without_policy(balance: Balance, wanted: dict[PrivacyAccount, PrivacyAmount]) -> PrivacyAmount:
    """Return the cap of an account that policy no longer has. Accounts are never removed.

    If the account is a table's, and the table is now charged to the whole budget, the cap is as large as that one. Any
    other account's cap becomes what it has used, so nothing more can be spent. Raises Conflict("budget-kept") for a
    project's budget that only tables have replaced.
    """
    account, used = balance.account, balance.used
    if _has_tables(account, wanted):
        raise Conflict(
            "budget-kept", f"The budget {account.name} cannot be removed while tables have budgets: lower it instead."
        )
    whole = wanted.get(PrivacyAccount(account.unit, account.project)) if account.dataset else None
    if whole is None or whole.accounting is not used.accounting:
        return used
    # Never below use: a cap under what is already spent would be refused.
    return PrivacyAmount(used.accounting, max(whole.micro, used.micro), max(whole.delta, used.delta))


def _has_tables(account: PrivacyAccount, wanted: Iterable[PrivacyAccount]) -> bool:
    """Whether the account is a project's budget for a whole unit, and policy now has only budgets for tables.

    The ledger would charge such an account instead of those of the tables: closed, it would stop all spends; open, it
    would let everything through.
    """
    if account.dataset or not account.project:
        return False
    return any((w.unit, w.project) == (account.unit, account.project) for w in wanted)
