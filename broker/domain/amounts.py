"""Amounts of privacy loss as whole numbers, for ledger, policy and forecasts. Says nothing of how a loss comes about.

Whoever turns a loss into an amount rounds it up, and a cap down: then the sum of amounts is never below the loss.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Breach, Invalid

MICRO = 10**6
"""Parts of one epsilon, or of one rho, that an amount counts."""
DELTAS = 10**15
"""Parts of a delta of 1 that an amount counts."""
MOST = 2**62
"""What every store can hold of a sum of two."""


class Accounting(StrEnum):
    """In which measure losses are added up. An account has one for ever, and all allotments of a unit's cap the same.

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

    Invalid (`amount`) for what is no amount: people write caps and spends. Amounts of two accountings that meet, or
    less than nothing that is left, are a fault of the broker's: Breach.
    """

    accounting: Accounting
    micro: int
    delta: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.micro <= MOST and 0 <= self.delta <= MOST):
            raise Invalid("amount", "An amount of privacy loss is a whole number from 0 on, and not that large.")
        if self.delta and self.accounting is Accounting.PURE:
            raise Invalid("amount", "Pure accounting has no delta.")

    def __add__(self, other: "Amount") -> "Amount":
        """Both losses together: sequential composition."""
        return Amount(self._same(other), self.micro + other.micro, self.delta + other.delta)

    def __sub__(self, other: "Amount") -> "Amount":
        if not other.within(self):
            raise Breach("More privacy loss is taken away than there is.")
        return Amount(self.accounting, self.micro - other.micro, self.delta - other.delta)

    def within(self, most: "Amount") -> bool:
        """Whether this stays within a cap in every part."""
        self._same(most)
        return self.micro <= most.micro and self.delta <= most.delta

    def share_of(self, whole: "Amount") -> Fraction | None:
        """The larger of the two parts' shares of a whole (0 to 1 where it is within it); None: of nothing there is no
        share."""
        self._same(whole)
        pairs = [(part, of) for part, of in ((self.micro, whole.micro), (self.delta, whole.delta)) if part]
        if any(of == 0 for _, of in pairs):
            return None
        return max((Fraction(part, of) for part, of in pairs), default=Fraction(0))

    def _same(self, other: "Amount") -> Accounting:
        if self.accounting is not other.accounting:
            raise Breach(f"{self.accounting} and {other.accounting} amounts do not add up.")
        return self.accounting

    def __str__(self) -> str:
        name = "rho" if self.accounting is Accounting.CONCENTRATED else "epsilon"
        main = f"{name} {(Decimal(self.micro) / MICRO).normalize():f}"
        return f"{main}, delta {(Decimal(self.delta) / DELTAS).normalize():e}" if self.delta else main


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
