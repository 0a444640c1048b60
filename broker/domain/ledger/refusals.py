"""Why the ledger refuses a job before it runs, in words for who asked. What others have spent is never told here."""

from collections.abc import Collection
from dataclasses import dataclass

from broker.domain.amounts import Amount
from broker.domain.errors import Refusal, Refused
from broker.domain.ledger.amounts import Account, Cost


@dataclass(frozen=True, slots=True)
class Lacking:
    """An account that has not enough. `left` is None where it is none of the caller's business (a shared account), or
    where there is no such account; `asked` is None where the loss cannot be told under the account's accounting."""

    account: Account
    asked: Amount | None
    left: Amount | None


class OverBudget(Refused):
    """A job asks more than is left: nothing was reserved, and nothing runs."""

    def __init__(self, lacking: Collection[Lacking]) -> None:
        self.lacking = tuple(lacking)
        super().__init__(tuple(map(_refusal, self.lacking)))


def _refusal(lacking: Lacking) -> Refusal:
    account, asked, left = lacking.account, lacking.asked, lacking.left
    what = f"project {account.project}" if account.project else f"all projects together, of each {account.unit}"
    where = f"{what}, on {account.dataset}" if account.dataset else what
    if asked is None:
        return Refusal(
            "other-accounting",
            f"The privacy budget of {where} counts in a way in which the loss of this job cannot be told.",
            "Ask for another mechanism, or an administrator which accounting the budget has.",
        )
    if account.is_shared:
        return Refusal(
            "over-cap",
            f"This job costs {asked}; less than that is left of what may be spent by {where}.",
            "Ask for less precision, or an administrator whether anything is left.",
        )
    if left is None:
        return Refusal(
            "no-budget", f"There is no privacy budget for {where}.", "An administrator can allot one to the project."
        )
    return Refusal(
        "over-budget",
        f"This job costs {asked}; {left} is left of the privacy budget of {where}.",
        "Ask for less precision or fewer outputs, or an administrator for a larger allotment.",
    )


@dataclass(frozen=True, slots=True)
class ReleaseMaximum:
    """What one release may cost each unit, by policy; more only where two administrators have agreed to it."""

    most: Amount
    raised: Amount | None = None
    raised_by: frozenset[str] = frozenset()

    @property
    def in_force(self) -> Amount:
        return self.most if self.raised is None or len(self.raised_by) < 2 else self.raised


def check_release_maximum(costs: Collection[Cost], maximum: ReleaseMaximum) -> None:
    """Refused if a release costs any unit more than policy lets one release cost, or that cannot be told."""
    most = maximum.in_force
    told = [cost.whole.under(most.accounting) for cost in costs]
    over = [amount for amount in told if amount is None or not amount.within(most)]
    if not over:
        return
    asked = next((f"costs {amount}" for amount in over if amount is not None), "has no loss that can be compared")
    raise Refused(
        (
            Refusal(
                "over-release-maximum",
                f"This job {asked}; one release may cost at most {most}.",
                "Ask for less precision, or split what is asked; two administrators can raise the maximum.",
            ),
        )
    )


def check_exact_release(datasets: Collection[str], only_private: Collection[str]) -> None:
    """Refused if anything exact would leave about data sets that policy keeps to differential privacy."""
    kept = sorted(set(datasets) & set(only_private))
    if kept:
        raise Refused(
            tuple(
                Refusal(
                    "private-only",
                    f"About {dataset} only answers under differential privacy may leave.",
                    "Ask the same under differential privacy.",
                )
                for dataset in kept
            )
        )
