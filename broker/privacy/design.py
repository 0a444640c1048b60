"""From a table and a spend to everything that is fixed before data are read: blocks, mechanisms, charge. The choice of
Laplace or Gaussian depends on bounds and accounting only, so it is made again alike wherever it is made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import log, sqrt

from broker.domain.amounts import DELTAS, MICRO, Accounting, Amount
from broker.domain.errors import Invalid
from broker.privacy.blocks import Block, Kind
from broker.privacy.bounds import sensitivity
from broker.privacy.calibrate import FINER, Budget, additive, rho_within, selection, threshold
from broker.privacy.layout import Layout, layout
from broker.privacy.measurements import charge
from broker.privacy.mechanisms import Additive, Bundle, Family, Mechanism, Selection, Threshold
from broker.privacy.tables import PrivateTable

KEYS = Block(Kind.POWERS, persons=True)
"""Whose noisy count lets a key without a list leave."""


@dataclass(frozen=True, slots=True)
class Part:
    """One mechanism and what it is for: a table, one of its grouping sets, a block (None: the keys of the set)."""

    table: int
    set: int
    block: int | None


@dataclass(frozen=True, slots=True)
class Design:
    """All that a job measures. `parts` and `bundle.mechanisms` are in the same order."""

    tables: tuple[PrivateTable, ...]
    layouts: tuple[Layout, ...]
    parts: tuple[Part, ...]
    bundle: Bundle
    charge: Amount

    def mechanism(self, part: Part) -> Mechanism:
        return self.bundle.mechanisms[self.parts.index(part)]

    def block(self, part: Part) -> Block:
        return KEYS if part.block is None else self.layouts[part.table].blocks[part.block]


def design(tables: Iterable[PrivateTable], spend: Amount) -> Design:
    """Measure the tables for at most `spend`. Tables of one job read the same persons, so their losses add up.

    Invalid: nothing is spent, or a key without a list has no delta (`delta`), or clamps are too wide (`too-wide`).
    """
    asked = tuple(tables)
    if spend.micro == 0 or not asked:
        raise Invalid("spend", "A private answer costs something: choose a spend above 0.")
    layouts = tuple(layout(t) for t in asked)
    parts = tuple(_parts(asked, layouts))
    candidates = [_made(asked, layouts, parts, budget, spend) for budget in _budgets(asked, spend)]
    return min(candidates, key=_breadth)


def _parts(tables: tuple[PrivateTable, ...], layouts: tuple[Layout, ...]) -> Iterable[Part]:
    for t, table in enumerate(tables):
        for s in range(len(table.sets)):
            if _unlisted(table, s):
                yield Part(t, s, None)
            yield from (Part(t, s, b) for b in range(len(layouts[t].blocks)))


def _unlisted(table: PrivateTable, index: int) -> bool:
    return any(table.dimensions[i].values is None for i in table.sets[index])


def _budgets(tables: tuple[PrivateTable, ...], spend: Amount) -> list[Budget]:
    """What a spend can be: noise that composes as it is accounted, or (epsilon, delta) through rho."""
    loss, delta = Fraction(spend.micro, MICRO), Fraction(spend.delta, DELTAS)
    if spend.accounting is Accounting.CONCENTRATED:
        return [Budget(Family.GAUSSIAN, loss, delta)]
    plain = Budget(Family.LAPLACE, loss, delta)
    if not delta:
        return [plain]
    keys = any(_unlisted(t, s) for t in tables for s in range(len(t.sets)))
    turning = float(delta / 2 if keys else delta) * (1 - 2.0**-40)
    return [plain, Budget(Family.GAUSSIAN, loss, delta / 2 if keys else Fraction(0), turning)]


def _made(
    tables: tuple[PrivateTable, ...],
    layouts: tuple[Layout, ...],
    parts: tuple[Part, ...],
    budget: Budget,
    spend: Amount,
) -> Design:
    """Each part by its share; then all a trace wider, until OpenDP's composition is within the spend."""
    mechanisms = _mechanisms(tables, layouts, parts, budget)
    gaussian = any(m.family is Family.GAUSSIAN for m in mechanisms)
    while True:
        bundle = Bundle(spend.accounting, mechanisms, budget.turning if gaussian else 0.0)
        if (cost := charge(bundle)).within(spend):
            return Design(tables, layouts, parts, bundle, cost)
        mechanisms = tuple(replace(m, scale=m.scale * FINER) for m in mechanisms)


def _mechanisms(
    tables: tuple[PrivateTable, ...], layouts: tuple[Layout, ...], parts: tuple[Part, ...], budget: Budget
) -> tuple[Mechanism, ...]:
    shares = [1 if p.block is None else layouts[p.table].blocks[p.block].share for p in parts]
    keys = sum(p.block is None for p in parts)
    ways = _shared_out(parts, shares, budget)
    made = (
        _mechanism(tables[part.table], layouts[part.table], part, family, portion, budget.thresholds / max(keys, 1))
        for part, (family, portion) in zip(parts, ways, strict=True)
    )
    return tuple(_after(m, part, parts) for m, part in zip(made, parts, strict=True))


def _after(mechanism: Mechanism, part: Part, parts: tuple[Part, ...]) -> Mechanism:
    """Where a set has keys without a list, its other answers are told for the keys that leave."""
    keys = replace(part, block=None)
    if isinstance(mechanism, Threshold) or keys not in parts:
        return mechanism
    return replace(mechanism, keys=parts.index(keys))


def _shared_out(parts: tuple[Part, ...], shares: list[int], budget: Budget) -> list[tuple[Family, Fraction]]:
    """Family and portion of each part. Where rho is turned to epsilon, thresholds keep theirs in epsilon."""
    if not budget.turning:
        return [(budget.family, budget.loss * s / sum(shares)) for s in shares]
    keys = sum(s for p, s in zip(parts, shares, strict=True) if p.block is None)
    others = sum(shares) - keys
    if not others:
        return [(Family.LAPLACE, budget.loss * s / sum(shares)) for s in shares]
    rho = _turned(budget.loss * others / sum(shares), budget.turning)
    return [
        (Family.LAPLACE, budget.loss * s / sum(shares)) if p.block is None else (Family.GAUSSIAN, rho * s / others)
        for p, s in zip(parts, shares, strict=True)
    ]


@lru_cache(maxsize=256)
def _turned(epsilon: Fraction, delta: float) -> Fraction:
    return rho_within(epsilon, delta)


def _mechanism(
    table: PrivateTable, found: Layout, part: Part, family: Family, portion: Fraction, delta: Fraction
) -> Mechanism:
    if part.block is None:
        return threshold(family, sensitivity(KEYS, table.influence_in(part.set)), portion, delta)
    block = found.blocks[part.block]
    if block.kind is Kind.RANKS:
        return selection(family, block.whole, table.influence_in(part.set), block.width, portion)
    bounds = sensitivity(block, table.influence_in(part.set))
    return replace(additive(family, bounds, portion), width=block.width)


def deviation(mechanism: Additive | Threshold) -> float:
    """Standard deviation of the noise on one coordinate."""
    return mechanism.scale * (sqrt(2) if mechanism.family is Family.LAPLACE else 1)


def _breadth(found: Design) -> float:
    """How wide the noise is over all parts: the sum of the logarithms of its deviations. Of a choice, its scale in
    units of what the same family would need for one step."""
    return sum(_log(m) for m in found.bundle.mechanisms)


def _log(mechanism: Mechanism) -> float:
    return log(mechanism.scale if isinstance(mechanism, Selection) else deviation(mechanism))
