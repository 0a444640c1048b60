"""Refusals by the ledger before a job runs: too little budget, a release above the maximum, data sets without exact
releases."""

from collections.abc import Collection
from dataclasses import dataclass

from broker.domain.errors import Refusal, Refused
from broker.domain.ledger.privacy_loss import Cost, PrivacyAccount, PrivacyAmount


@dataclass(frozen=True, slots=True)
class BudgetShortfall:
    """An account without enough budget. `remaining`: None if the caller may not know it (a shared account), or if there
    is no such account. `requested`: None if the loss cannot be stated in the account's accounting."""

    account: PrivacyAccount
    requested: PrivacyAmount | None
    remaining: PrivacyAmount | None


class OverBudget(Refused):
    """A job costs more than is left. Nothing was reserved, and nothing runs."""

    def __init__(self, shortfalls: Collection[BudgetShortfall]) -> None:
        self.shortfalls = tuple(shortfalls)
        super().__init__(tuple(map(_shortfall_refusal, self.shortfalls)))


def _shortfall_refusal(shortfall: BudgetShortfall) -> Refusal:
    account, requested, remaining = shortfall.account, shortfall.requested, shortfall.remaining
    what = f"project {account.project}" if account.project else f"all projects together, of each {account.unit}"
    where = f"{what}, on {account.dataset}" if account.dataset else what
    if requested is None:
        return Refusal(
            "other-accounting",
            f"The privacy budget of {where} uses an accounting in which the loss of this job cannot be stated.",
            "Use another mechanism, or ask an administrator which accounting the budget has.",
        )
    if account.is_shared:
        return Refusal(
            "over-cap",
            f"This job costs {requested}; less than that is left of the privacy budget of {where}.",
            "Request less precision, or ask an administrator whether any budget is left.",
        )
    if remaining is None:
        return Refusal(
            "no-budget", f"There is no privacy budget for {where}.", "An administrator can allot one to the project."
        )
    return Refusal(
        "over-budget",
        f"This job costs {requested}, but only {remaining} is left of the privacy budget of {where}.",
        "Request less precision or fewer outputs, or ask an administrator for a larger allotment.",
    )


@dataclass(frozen=True, slots=True)
class ReleaseMaximum:
    """The most that one release may cost each unit, by policy. The raised maximum applies only if two administrators
    have agreed to it."""

    standard: PrivacyAmount
    raised: PrivacyAmount | None = None
    raised_by: frozenset[str] = frozenset()

    @property
    def in_force(self) -> PrivacyAmount:
        return self.standard if self.raised is None or len(self.raised_by) < 2 else self.raised


def check_release_maximum(costs: Collection[Cost], maximum: ReleaseMaximum) -> None:
    """Raises Refused if a release costs a unit more than the maximum, or if its cost cannot be compared with it."""
    most = maximum.in_force
    amounts = [cost.whole.under(most.accounting) for cost in costs]
    over = [amount for amount in amounts if amount is None or not amount.within(most)]
    if not over:
        return
    reason = next((f"costs {amount}" for amount in over if amount is not None), "has a loss that cannot be compared")
    message = f"This job {reason}, but one release may cost at most {most}."
    advice = "Request less precision, or split the question. Two administrators can raise the maximum."
    raise Refused((Refusal("over-release-maximum", message, advice),))


def check_exact_release(datasets: Collection[str], only_private: Collection[str]) -> None:
    """Raises Refused if an exact release would include data sets that policy limits to differential privacy."""
    found = []
    for dataset in sorted(set(datasets) & set(only_private)):
        message = f"Only answers under differential privacy can be released about {dataset}."
        found.append(Refusal("private-only", message, "Request the same under differential privacy."))
    if found:
        raise Refused(tuple(found))
