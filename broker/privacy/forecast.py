"""What a private answer will be worth, before anything runs: charge, share of what is left, expected errors, and what
other spends would give. It has no way to real data: it sees a table's description, a spend and a profile."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from broker.domain.amounts import Amount
from broker.domain.errors import Invalid
from broker.policy.privacy import PrivacyProfile
from broker.privacy.design import design
from broker.privacy.expectations import Expected, expectations
from broker.privacy.tables import PrivateTable


@dataclass(frozen=True, slots=True)
class Forecast:
    """`charge`: what the ledger would be charged. `share_of_left`: of what is left, where that was said. `others`:
    errors at other spends."""

    charge: Amount
    expected: tuple[Expected, ...]
    share_of_left: Fraction | None = None
    others: tuple["Forecast", ...] = ()


def forecast(
    tables: Iterable[PrivateTable], spend: Amount, profile: PrivacyProfile, left: Amount | None = None
) -> Forecast:
    """For a spend, and for the profile's other spends."""
    asked = tuple(tables)
    others = (_one(asked, _times(spend, f), profile, left) for f in profile.other_spends if _times(spend, f).micro)
    return replace(_one(asked, spend, profile, left), others=tuple(others))


def _times(spend: Amount, factor: float) -> Amount:
    return replace(spend, micro=int(spend.micro * Fraction(repr(factor))))


def _one(tables: tuple[PrivateTable, ...], spend: Amount, profile: PrivacyProfile, left: Amount | None) -> Forecast:
    made = design(tables, spend)
    share = None if left is None else made.charge.share_of(left)
    return Forecast(made.charge, tuple(expectations(made, profile)), share)


def spend_for(
    tables: Iterable[PrivateTable],
    is_enough: Callable[[tuple[Expected, ...]], bool],
    most: Amount,
    profile: PrivacyProfile,
) -> Amount:
    """The least spend, to a hundredth of it, whose forecast is enough. Invalid (`target`) if `most` is not.

    Errors fall as spends grow, so it can be looked for by halving.
    """
    asked = tuple(tables)

    def enough(micro: int) -> bool:
        return is_enough(tuple(expectations(design(asked, replace(most, micro=micro)), profile)))

    if not enough(most.micro):
        raise Invalid(
            "target", "This error is not reached with what may be spent: ask for larger cells or a larger error."
        )
    low, high = 0, most.micro
    while high - low > max(high // 100, 1):
        middle = ceil((low + high) / 2)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return replace(most, micro=high)
