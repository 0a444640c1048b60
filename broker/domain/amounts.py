"""Amounts of privacy loss as integers rounded up, for ledger and forecasts. Says nothing of how a loss comes about."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Invalid

MICRO = 10**6
"""Parts of one epsilon, or of one rho, that an amount counts."""
DELTAS = 10**15
"""Parts of a delta of 1 that an amount counts."""


class Accounting(StrEnum):
    """In which measure losses are added up. One unit's cap and all allotments of it use the same.

    PURE          epsilon; adds up over any number of adaptively chosen jobs, also where the later losses depend on
                  earlier answers (Rogers, Roth, Ullman, Vadhan 2016)
    APPROXIMATE   epsilon and delta; both add up (the same, basic composition)
    CONCENTRATED  rho of zero-concentrated privacy and a delta beside it; both add up, fully adaptively (Bun, Steinke
                  2016; Feldman, Zrnic 2021; Whitehouse, Ramdas, Rogers, Wu 2023 for the delta)
    """

    PURE = "pure"
    APPROXIMATE = "approximate"
    CONCENTRATED = "zcdp"


@dataclass(frozen=True, slots=True)
class Amount:
    """A loss, a cap or what is left: `micro` millionths of epsilon (CONCENTRATED: of rho) and `delta` in 1e-15.

    Invalid (`amount`) for a negative part, and for a pure amount with a delta.
    """

    accounting: Accounting
    micro: int
    delta: int = 0

    def __post_init__(self) -> None:
        if self.micro < 0 or self.delta < 0:
            raise Invalid("amount", "An amount of privacy loss is not negative.")
        if self.delta and self.accounting is Accounting.PURE:
            raise Invalid("amount", "Pure accounting has no delta.")

    def __add__(self, other: "Amount") -> "Amount":
        """Both losses together: sequential composition."""
        self._same(other)
        return Amount(self.accounting, self.micro + other.micro, self.delta + other.delta)

    def fits(self, cap: "Amount") -> bool:
        """Whether this stays within the cap in every part."""
        self._same(cap)
        return self.micro <= cap.micro and self.delta <= cap.delta

    def left_of(self, cap: "Amount") -> "Amount":
        """What is left of a cap after this; nothing, where this is over it."""
        self._same(cap)
        return Amount(self.accounting, max(cap.micro - self.micro, 0), max(cap.delta - self.delta, 0))

    def share_of(self, whole: "Amount") -> Fraction | None:
        """The larger of the two parts' shares of a whole (0 to 1 where it fits); None: of nothing there is no share."""
        self._same(whole)
        pairs = [(part, of) for part, of in ((self.micro, whole.micro), (self.delta, whole.delta)) if part]
        if any(of == 0 for _, of in pairs):
            return None
        return max((Fraction(part, of) for part, of in pairs), default=Fraction(0))

    def _same(self, other: "Amount") -> None:
        if self.accounting is not other.accounting:
            raise Invalid("accounting", f"{self.accounting} and {other.accounting} amounts do not add up.")


def nothing(accounting: Accounting) -> Amount:
    return Amount(accounting, 0)


def rounded_up(accounting: Accounting, loss: float | Fraction, delta: float | Fraction = 0) -> Amount:
    """The least amount that is not less than a loss. Floats are taken as the exact numbers that they are."""
    return Amount(accounting, _up(Fraction(loss) * MICRO), _up(Fraction(delta) * DELTAS))


def as_written(accounting: Accounting, loss: float, delta: float = 0.0) -> Amount:
    """The amount that people mean by a decimal in a policy or request, never more: 0.1 is 100,000 millionths."""
    return Amount(accounting, int(Fraction(repr(loss)) * MICRO), int(Fraction(repr(delta)) * DELTAS))


def _up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
