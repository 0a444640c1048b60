"""Refusals by the ledger before a job runs: too little budget, a release over the maximum, data sets without exact
releases."""

from collections.abc import Collection
from dataclasses import dataclass

from broker.domain.errors import Refusal, Refused
from broker.domain.ledger.privacy_loss import Cost, PrivacyAccount, PrivacyAmount


@dataclass(frozen=True, slots=True)
class BudgetShortfall:
    """An account that has not enough. `remaining` is None where it is none of the caller's business (a shared account),
    or where there is no such account; `requested` is None where the loss cannot be told under the account's
    accounting."""

    account: PrivacyAccount
    requested: PrivacyAmount | None
    remaining: PrivacyAmount | None


class OverBudget(Refused):
    """A job asks more than is left: nothing was reserved, and nothing runs."""

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
            f"The privacy budget of {where} counts in a way in which the loss of this job cannot be told.",
            "Ask for another mechanism, or an administrator which accounting the budget has.",
        )
    if account.is_shared:
        return Refusal(
            "over-cap",
            f"This job costs {requested}; less than that is left of what may be spent by {where}.",
            "Ask for less precision, or an administrator whether anything is left.",
        )
    if remaining is None:
        return Refusal(
            "no-budget", f"There is no privacy budget for {where}.", "An administrator can allot one to the project."
        )
    return Refusal(
        "over-budget",
        f"This job costs {requested}; {remaining} is left of the privacy budget of {where}.",
        "Ask for less precision or fewer outputs, or an administrator for a larger allotment.",
    )


@dataclass(frozen=True, slots=True)
class ReleaseMaximum:
    """What one release may cost each unit, by policy; more only where two administrators have agreed to it."""

    standard: PrivacyAmount
    raised: PrivacyAmount | None = None
    raised_by: frozenset[str] = frozenset()

    @property
    def in_force(self) -> PrivacyAmount:
        return self.standard if self.raised is None or len(self.raised_by) < 2 else self.raised


def check_release_maximum(costs: Collection[Cost], maximum: ReleaseMaximum) -> None:
    """Refused if a release costs any unit more than policy lets one release cost, or that cannot be told."""
    most = maximum.in_force
    amounts = [cost.whole.under(most.accounting) for cost in costs]
    over = [amount for amount in amounts if amount is None or not amount.within(most)]
    if not over:
        return
    reason = next((f"costs {amount}" for amount in over if amount is not None), "has no loss that can be compared")
    raise Refused(
        (
            Refusal(
                "over-release-maximum",
                f"This job {reason}; one release may cost at most {most}.",
                "Ask for less precision, or split what is asked; two administrators can raise the maximum.",
            ),
        )
    )


def check_exact_release(datasets: Collection[str], only_private: Collection[str]) -> None:
    """Refused if anything exact would leave about data sets that policy keeps to differential privacy."""
    private_datasets = sorted(set(datasets) & set(only_private))
    if private_datasets:
        raise Refused(
            tuple(
                Refusal(
                    "private-only",
                    f"About {dataset} only answers under differential privacy may leave.",
                    "Ask the same under differential privacy.",
                )
                for dataset in private_datasets
            )
        )
