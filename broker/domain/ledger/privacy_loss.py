"""Privacy loss as whole numbers: amounts under an accounting, the accounts that they count in, and what a job costs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Breach, Invalid

MICRO = 10**6
"""Parts of one epsilon, or of one rho, that an amount counts."""
DELTA_UNITS = 10**15
"""Parts of a delta of 1 that an amount counts."""
MAX_UNITS = 2**62
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
class PrivacyAmount:
    """A loss, a cap or what is left: `micro` millionths of epsilon (CONCENTRATED: of rho) and `delta` in 1e-15.

    Invalid (`amount`) for what is no amount: people write caps and spends. Amounts of two accountings that meet, or
    less than nothing that is left, are a fault of the broker's: Breach.
    """

    accounting: Accounting
    micro: int
    delta: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.micro <= MAX_UNITS and 0 <= self.delta <= MAX_UNITS):
            raise Invalid("amount", "An amount of privacy loss is a whole number from 0 on, and not that large.")
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
        """Whether this stays within a cap in every part."""
        self._same_accounting(cap)
        return self.micro <= cap.micro and self.delta <= cap.delta

    def share_of(self, whole: "PrivacyAmount") -> Fraction | None:
        """The larger of the two parts' shares of a whole (0 to 1 where it is within it); None: of nothing there is no
        share."""
        self._same_accounting(whole)
        pairs = [(part, of) for part, of in ((self.micro, whole.micro), (self.delta, whole.delta)) if part]
        if any(of == 0 for _, of in pairs):
            return None
        return max((Fraction(part, of) for part, of in pairs), default=Fraction(0))

    def _same_accounting(self, other: "PrivacyAmount") -> Accounting:
        if self.accounting is not other.accounting:
            raise Breach(f"{self.accounting} and {other.accounting} amounts do not add up.")
        return self.accounting

    def __str__(self) -> str:
        name = "rho" if self.accounting is Accounting.CONCENTRATED else "epsilon"
        main = f"{name} {(Decimal(self.micro) / MICRO).normalize():f}"
        return f"{main}, delta {(Decimal(self.delta) / DELTA_UNITS).normalize():e}" if self.delta else main


def zero_amount(accounting: Accounting) -> PrivacyAmount:
    return PrivacyAmount(accounting, 0)


def amount_rounded_up(accounting: Accounting, loss: float | Fraction, delta: float | Fraction = 0) -> PrivacyAmount:
    """The least amount that is not less than a loss. Floats are taken as the exact numbers that they are."""
    return PrivacyAmount(accounting, _ceiling(Fraction(loss) * MICRO), _ceiling(Fraction(delta) * DELTA_UNITS))


def amount_as_written(accounting: Accounting, loss: float, delta: float = 0.0) -> PrivacyAmount:
    """The amount that people mean by a decimal in a policy or request, never more: 0.1 is 100,000 millionths."""
    return PrivacyAmount(accounting, int(Fraction(repr(loss)) * MICRO), int(Fraction(repr(delta)) * DELTA_UNITS))


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@dataclass(frozen=True, slots=True)
class Loss:
    """What one answer costs, under every accounting in which it can be told: each account takes its own."""

    amounts: tuple[PrivacyAmount, ...]

    def __post_init__(self) -> None:
        if len({a.accounting for a in self.amounts}) != len(self.amounts) or not self.amounts:
            raise Breach("A loss has one amount for each accounting, and at least one.")
        if not all(a.micro or a.delta for a in self.amounts):
            raise Breach("Every answer about persons costs something.")

    def under(self, accounting: Accounting) -> PrivacyAmount | None:
        return next((a for a in self.amounts if a.accounting is accounting), None)


@dataclass(frozen=True, slots=True, order=True)
class PrivacyAccount:
    """Where losses add up. Of one unit (pupil, staff): all there is, which is the promise; or an allotment of it, for a
    project, a data set (a table, over all its years and snapshots), or a project's use of a data set."""

    unit: str
    project: str = ""
    dataset: str = ""

    @property
    def name(self) -> str:
        """The id by which audit lines and messages name it."""
        return "/".join((self.unit, self.project, self.dataset)).rstrip("/")

    @property
    def is_shared(self) -> bool:
        """Other projects spend from it too: what is left of it tells about them."""
        return not self.project


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job costs one unit: `whole` is charged once, `by_dataset` to each data set that is read."""

    unit: str
    whole: Loss
    by_dataset: tuple[tuple[str, Loss], ...]

    def charges(self, project: str) -> dict[PrivacyAccount, Loss]:
        """Every account that this could count in, where there is one."""
        found = {PrivacyAccount(self.unit): self.whole, PrivacyAccount(self.unit, project): self.whole}
        for dataset, loss in self.by_dataset:
            found |= {PrivacyAccount(self.unit, "", dataset): loss, PrivacyAccount(self.unit, project, dataset): loss}
        return found


def costs_to_json(costs: Iterable[Cost]) -> str:
    """The text that a store keeps: the same costs are always the same text."""
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
