"""Privacy loss as whole numbers: amounts under an accounting, the accounts in which they count, and the cost of a
job."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Breach, Invalid

MICRO = 10**6
"""Units of an amount in one epsilon, or one rho."""
DELTA_UNITS = 10**15
"""Units of an amount in a delta of 1."""
MAX_UNITS = 2**62
"""Largest amount, so that every store can hold the sum of two."""


class Accounting(StrEnum):
    """The measure in which losses are added. An account never changes its accounting, and all allotments of a unit's
    cap share it.

    - PURE: epsilon; adds up over any number of adaptively chosen jobs, also if later losses depend on earlier answers
      (Rogers, Roth, Ullman, Vadhan 2016)
    - APPROXIMATE: epsilon and delta; both add up (the same, basic composition)
    - CONCENTRATED: rho of zero-concentrated privacy and an additional delta; both add up, fully adaptively (Bun,
      Steinke 2016; Feldman, Zrnic 2021; Whitehouse, Ramdas, Rogers, Wu 2023 for the delta)"""

    PURE = "pure"
    APPROXIMATE = "approximate"
    CONCENTRATED = "zcdp"


@dataclass(frozen=True, slots=True)
class PrivacyAmount:
    """A loss, a cap or a remainder: `micro` in millionths of epsilon (CONCENTRATED: of rho), and `delta` in 1e-15.
    Raises Invalid (`amount`) for an impossible amount, because people write caps and spends. Mixing two accountings, or
    a negative remainder, is an error of the broker and raises Breach."""

    accounting: Accounting
    micro: int
    delta: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.micro <= MAX_UNITS and 0 <= self.delta <= MAX_UNITS):
            raise Invalid("amount", "An amount of privacy loss must be a whole number from 0, within the limit.")
        if self.delta and self.accounting is Accounting.PURE:
            raise Invalid("amount", "Pure accounting has no delta.")

    def __add__(self, other: "PrivacyAmount") -> "PrivacyAmount":
        """Both losses together: sequential composition."""
        return PrivacyAmount(self._same_accounting(other), self.micro + other.micro, self.delta + other.delta)

    def __sub__(self, other: "PrivacyAmount") -> "PrivacyAmount":
        if not other.within(self):
            raise Breach("More privacy loss is taken away than there is.")
        return PrivacyAmount(self.accounting, self.micro - other.micro, self.delta - other.delta)

    def within(self, cap: "PrivacyAmount") -> bool:
        """Whether this amount is within a cap in both parts."""
        self._same_accounting(cap)
        return self.micro <= cap.micro and self.delta <= cap.delta

    def share_of(self, whole: "PrivacyAmount") -> Fraction | None:
        """The larger of the two parts' shares of a whole (0 to 1 if it is within it). None if the whole has none of a
        part."""
        self._same_accounting(whole)
        pairs = [(part, of) for part, of in ((self.micro, whole.micro), (self.delta, whole.delta)) if part]
        if any(of == 0 for _, of in pairs):
            return None  # nothing has no shares
        return max((Fraction(part, of) for part, of in pairs), default=Fraction(0))

    @property
    def loss(self) -> float:
        """Epsilon (CONCENTRATED: rho) as a decimal."""
        return self.micro / MICRO

    @property
    def text(self) -> str:
        """The amount as people read it."""
        name = "rho" if self.accounting is Accounting.CONCENTRATED else "epsilon"
        main = f"{name} {(Decimal(self.micro) / MICRO).normalize():f}"
        return f"{main}, delta {(Decimal(self.delta) / DELTA_UNITS).normalize():e}" if self.delta else main

    def _same_accounting(self, other: "PrivacyAmount") -> Accounting:
        if self.accounting is not other.accounting:
            raise Breach(f"{self.accounting} and {other.accounting} amounts do not add up.")
        return self.accounting

    def __str__(self) -> str:
        return self.text


def amount_rounded_up(accounting: Accounting, loss: float | Fraction, delta: float | Fraction = 0) -> PrivacyAmount:
    """The smallest amount that is at least the loss. Floats count as the exact numbers that they are."""
    # rounded up, so that a loss is never understated
    return PrivacyAmount(accounting, _ceiling(Fraction(loss) * MICRO), _ceiling(Fraction(delta) * DELTA_UNITS))


def amount_as_written(accounting: Accounting, loss: float, delta: float = 0.0) -> PrivacyAmount:
    """The amount that a written decimal means, rounded down: 0.1 is 100,000 millionths."""
    # repr gives the shortest decimal, which is what people wrote
    return PrivacyAmount(accounting, int(Fraction(repr(loss)) * MICRO), int(Fraction(repr(delta)) * DELTA_UNITS))


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@dataclass(frozen=True, slots=True)
class Loss:
    """Cost of one answer, in every accounting in which it can be stated. Each account takes the amount of its own
    accounting."""

    amounts: tuple[PrivacyAmount, ...]

    def __post_init__(self) -> None:
        if len({a.accounting for a in self.amounts}) != len(self.amounts) or not self.amounts:
            raise Breach("A loss has one amount for each accounting, and at least one.")
        if not all(a.micro or a.delta for a in self.amounts):
            raise Breach("The cost of an answer about persons must be above zero.")

    def under(self, accounting: Accounting) -> PrivacyAmount | None:
        return next((a for a in self.amounts if a.accounting is accounting), None)


@dataclass(frozen=True, slots=True, order=True)
class PrivacyAccount:
    """Where losses add up. Of one unit (pupil, staff): everything, which is the promise; or an allotment for a project,
    for a data set (a table, over all its years and snapshots), or for a project's use of a data set."""

    unit: str
    project: str = ""
    dataset: str = ""

    @property
    def name(self) -> str:
        """Id of the account in audit lines and messages."""
        return "/".join((self.unit, self.project, self.dataset)).rstrip("/")

    @property
    def is_shared(self) -> bool:
        """Whether other projects spend from it too. Its remainder then reveals their spending."""
        return not self.project


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a job for one unit: `whole` is charged once, `by_dataset` to each data set that is read."""

    unit: str
    whole: Loss
    by_dataset: tuple[tuple[str, Loss], ...]

    def charges(self, project: str) -> dict[PrivacyAccount, Loss]:
        """Losses by every account that may count them, if the account exists."""
        found = {PrivacyAccount(self.unit): self.whole, PrivacyAccount(self.unit, project): self.whole}
        for dataset, loss in self.by_dataset:
            found |= {PrivacyAccount(self.unit, "", dataset): loss, PrivacyAccount(self.unit, project, dataset): loss}
        return found


def costs_to_json(costs: Iterable[Cost]) -> str:
    """The costs as text to store. Equal costs give equal text."""
    listed = sorted(
        [c.unit, _loss_to_list(c.whole), sorted([d, _loss_to_list(loss)] for d, loss in c.by_dataset)] for c in costs
    )
    return json.dumps(listed, separators=(",", ":"))


def costs_from_json(text: str) -> tuple[Cost, ...]:
    listed = json.loads(text)
    return tuple(
        Cost(unit, _loss_from_list(whole), tuple((d, _loss_from_list(x)) for d, x in rest))
        for unit, whole, rest in listed
    )


def _loss_to_list(loss: Loss) -> list[tuple[str, int, int]]:
    return sorted((a.accounting.value, a.micro, a.delta) for a in loss.amounts)


def _loss_from_list(listed: list[tuple[str, int, int]]) -> Loss:
    return Loss(tuple(PrivacyAmount(Accounting(kind), micro, delta) for kind, micro, delta in listed))
