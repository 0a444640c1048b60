"""Designs a measurement before data are read: from private tables and a spend to blocks, calibrated mechanisms and
charge."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, log, nextafter, sqrt
from typing import TypeVar

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import DELTA_UNITS, MICRO, Accounting, PrivacyAmount
from broker.privacy.block_layout import Block, BlockKind, BlockLayout, lay_out_blocks
from broker.privacy.measurements import charge, epsilon_of, loss, root_up
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.private_tables import Influence, PrivateTable
from broker.privacy.sensitivity import Sensitivity, block_sensitivity, worst_case_rows

SCALE_INCREMENT = 1 + 2.0**-40
"""The factor by which a scale grows if rounding of floats left a loss above its share."""


def standalone_loss(mechanism: Mechanism) -> tuple[Fraction, Fraction]:
    """OpenDP's loss of one mechanism by itself: epsilon for LAPLACE, rho for GAUSSIAN; and the delta of a threshold."""
    accounting = Accounting.CONCENTRATED
    if mechanism.family is NoiseFamily.LAPLACE:
        accounting = Accounting.APPROXIMATE if isinstance(mechanism, Threshold) else Accounting.PURE
    return loss(MechanismBundle(accounting, (mechanism,)))


AnyMechanism = TypeVar("AnyMechanism", Additive, Selection)


def _smallest_scale(
    mechanism_of: Callable[[float], AnyMechanism], first_scale: float, max_loss: Fraction
) -> AnyMechanism:
    """The mechanism with the smallest scale, from `first_scale` on, that loses at most `max_loss`."""
    scale = first_scale
    while standalone_loss(found := mechanism_of(scale))[0] > max_loss:
        scale = max(nextafter(scale, float("inf")), scale * SCALE_INCREMENT)  # small scales may not change by a factor
    return found


def calibrate_additive(family: NoiseFamily, bounds: Sensitivity, part: Fraction) -> Additive:
    """Calibrate additive noise. LAPLACE: scale = L1 / epsilon. GAUSSIAN: scale = L2 / sqrt(2 rho)."""
    gaussian = root_up(bounds.l2_squared) / float(2 * part) ** 0.5
    first = float(bounds.l1 / part) if family is NoiseFamily.LAPLACE else gaussian
    return _smallest_scale(lambda scale: Additive(family, scale, bounds), first, part)


def calibrate_selection(
    family: NoiseFamily, row_total: int, influence: Influence, points: int, part: Fraction
) -> Selection:
    """Calibrate a choice. Its loss is summed over the cells a person touches: LAPLACE (permute-and-flip) 2 step / scale
    each; GAUSSIAN (Gumbel) (2 step / scale)^2 / 8 each."""
    steps = tuple(row_total * rows for rows in worst_case_rows(influence))
    if family is NoiseFamily.LAPLACE:
        first = float(2 * sum(steps) / part)
    else:
        first = (sum(s * s for s in steps) / float(2 * part)) ** 0.5
    return _smallest_scale(lambda scale: Selection(family, scale, steps, points), first, part)


def calibrate_threshold(family: NoiseFamily, bounds: Sensitivity, part: Fraction, delta: Fraction) -> Threshold:
    """The smallest threshold whose delta, by OpenDP's map, is at most `delta`. Raises Invalid("delta") if there is no
    delta."""
    if delta <= 0:  # without delta no key may be released
        raise Invalid("delta", "Keys without a public list need a delta, but none is left or allowed here.")
    scale = calibrate_additive(family, bounds, part).scale

    def fits(value: int) -> bool:
        return standalone_loss(Threshold(family, scale, value, bounds))[1] <= delta

    # A first guess; doubled until it fits, then bisected.
    low, high = bounds.linf, bounds.linf + ceil(scale * log(max(bounds.l0, 2) / delta)) + 1
    while not fits(high):
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return Threshold(family, scale, high, bounds)


@dataclass(frozen=True, slots=True)
class NoiseBudget:
    """What additive parts share: an epsilon (LAPLACE) or a rho (GAUSSIAN), a delta for thresholds, and a delta that
    converts rho to epsilon (0: no conversion)."""

    family: NoiseFamily
    loss: Fraction
    threshold_delta: Fraction
    conversion_delta: float = 0.0


@lru_cache(maxsize=256)
def rho_within(epsilon: Fraction, delta: float) -> Fraction:
    """The largest rho, to one part in 2^30, that OpenDP converts to at most `epsilon` at `delta`."""
    low, high = 0.0, 1.0
    while Fraction(epsilon_of(high, delta)) <= epsilon:
        high *= 2
    while high - low > high * 2.0**-30:
        middle = (low + high) / 2
        low, high = (middle, high) if Fraction(epsilon_of(middle, delta)) <= epsilon else (low, middle)
    return Fraction(low)  # the lower end: its epsilon is within the limit


KEY_COUNT_BLOCK = Block(BlockKind.POWERS, persons=True)
"""The noisy count of persons that decides whether a key without a list is released."""


@dataclass(frozen=True, slots=True)
class DesignPart:
    """One mechanism and its purpose: a table, one of its grouping sets, and a block (None: the keys of the set)."""

    table: int
    set: int
    block: int | None


@dataclass(frozen=True, slots=True)
class MeasuredParts:
    """All that a job measures, before any noise is chosen."""

    tables: tuple[PrivateTable, ...]
    layouts: tuple[BlockLayout, ...]
    parts: tuple[DesignPart, ...]

    def block(self, part: DesignPart) -> Block:
        return KEY_COUNT_BLOCK if part.block is None else self.layouts[part.table].blocks[part.block]


@dataclass(frozen=True, slots=True)
class MeasurementDesign(MeasuredParts):
    """The same with its noise. `parts` and `bundle.mechanisms` are in the same order."""

    bundle: MechanismBundle
    charge: PrivacyAmount

    def mechanism(self, part: DesignPart) -> Mechanism:
        return self.bundle.mechanisms[self.parts.index(part)]


def design_measurement(tables: Iterable[PrivateTable], spend: PrivacyAmount) -> MeasurementDesign:
    """Design the measurement of the tables for at most `spend`. Tables of one job read the same persons, so their
    losses add up. Of the possible kinds of noise, the one with the least noise in total is used.

    Raises Invalid if the spend is 0 (`spend`), a key without a list has no delta (`delta`), or clamps are too wide
    (`too-wide`).
    """
    requested = tuple(tables)
    if spend.micro == 0 or not requested:
        raise Invalid("spend", "The spend of a private answer must be above 0.")
    layouts = tuple(lay_out_blocks(t) for t in requested)
    measured = MeasuredParts(requested, layouts, tuple(_parts(requested, layouts)))  # fixed before data are read
    budgets = noise_budgets(spend, has_thresholds=any(p.block is None for p in measured.parts))
    candidates = [_calibrated_design(measured, budget, spend) for budget in budgets]
    # The total noise over all parts: the sum of the logarithms.
    return min(candidates, key=lambda design: sum(map(log_breadth, design.bundle.mechanisms)))


def _parts(tables: tuple[PrivateTable, ...], layouts: tuple[BlockLayout, ...]) -> Iterable[DesignPart]:
    for t, table in enumerate(tables):
        for s in range(len(table.sets)):
            if not table.is_listed(s):
                yield DesignPart(t, s, None)
            yield from (DesignPart(t, s, b) for b in range(len(layouts[t].blocks)))


def noise_budgets(spend: PrivacyAmount, has_thresholds: bool) -> list[NoiseBudget]:
    """The ways to use a spend: noise that composes as the spend is accounted, or (epsilon, delta) through rho.
    Thresholds use half of the delta."""
    total_loss, delta = Fraction(spend.micro, MICRO), Fraction(spend.delta, DELTA_UNITS)
    if spend.accounting is Accounting.CONCENTRATED:
        return [NoiseBudget(NoiseFamily.GAUSSIAN, total_loss, delta)]
    plain = NoiseBudget(NoiseFamily.LAPLACE, total_loss, delta)
    if not delta:
        return [plain]
    threshold_delta = delta / 2 if has_thresholds else Fraction(0)
    # Slightly below the delta, so that rounding of floats cannot exceed it.
    conversion_delta = float(delta - threshold_delta) * (1 - 2.0**-40)
    return [plain, NoiseBudget(NoiseFamily.GAUSSIAN, total_loss, threshold_delta, conversion_delta)]


def _calibrated_design(measured: MeasuredParts, budget: NoiseBudget, spend: PrivacyAmount) -> MeasurementDesign:
    """Calibrate each part for its share of the spend."""
    bundle, cost = affordable_bundle(_mechanisms(measured, budget), spend, budget)
    return MeasurementDesign(measured.tables, measured.layouts, measured.parts, bundle, cost)


def affordable_bundle(
    mechanisms: tuple[Mechanism, ...], spend: PrivacyAmount, budget: NoiseBudget
) -> tuple[MechanismBundle, PrivacyAmount]:
    """The bundle and its charge. All scales are widened slightly until OpenDP's composition is within the spend."""
    gaussian = any(m.family is NoiseFamily.GAUSSIAN for m in mechanisms)
    while True:
        bundle = MechanismBundle(spend.accounting, mechanisms, budget.conversion_delta if gaussian else 0.0)
        if (cost := charge(bundle)).within(spend):
            return bundle, cost
        mechanisms = tuple(replace(m, scale=m.scale * SCALE_INCREMENT) for m in mechanisms)  # only rounding is left


def _mechanisms(measured: MeasuredParts, budget: NoiseBudget) -> tuple[Mechanism, ...]:
    parts = measured.parts
    portions = _portions(parts, budget)
    delta = budget.threshold_delta / max(sum(p.block is None for p in parts), 1)
    mechanisms = (_mechanism(measured, p, *portion, delta) for p, portion in zip(parts, portions, strict=True))
    return tuple(_after_thresholds(m, part, parts) for m, part in zip(mechanisms, parts, strict=True))


def _after_thresholds(mechanism: Mechanism, part: DesignPart, parts: tuple[DesignPart, ...]) -> Mechanism:
    """In a set with keys without a list, other answers cover only the released keys."""
    keys = replace(part, block=None)
    if isinstance(mechanism, Threshold) or keys not in parts:
        return mechanism
    return replace(mechanism, keys=parts.index(keys))


def _portions(parts: tuple[DesignPart, ...], budget: NoiseBudget) -> list[tuple[NoiseFamily, Fraction]]:
    """The noise family and the loss of each part: equal parts of the budget."""
    portion = budget.loss / len(parts)
    others = sum(p.block is not None for p in parts)
    # Nothing is converted: every part uses the one kind of loss.
    if not budget.conversion_delta:
        return [(budget.family, portion)] * len(parts)
    # Thresholds are accounted in epsilon, so only the other parts use a rho.
    rho = rho_within(portion * others, budget.conversion_delta) if others else Fraction(0)
    return [(NoiseFamily.LAPLACE, portion) if p.block is None else (NoiseFamily.GAUSSIAN, rho / others) for p in parts]


def _mechanism(
    measured: MeasuredParts, part: DesignPart, family: NoiseFamily, portion: Fraction, delta: Fraction
) -> Mechanism:
    block, influence = measured.block(part), measured.tables[part.table].influence_in(part.set)
    if block.kind is BlockKind.RANKS:
        return calibrate_selection(family, block.row_total, influence, block.width, portion)
    bounds = block_sensitivity(block, influence)
    if part.block is None:
        return calibrate_threshold(family, bounds, portion, delta)
    return replace(calibrate_additive(family, bounds, portion), width=block.width)


def noise_deviation(mechanism: Additive | Threshold) -> float:
    """Standard deviation of the noise on one coordinate."""
    return mechanism.scale * (sqrt(2) if mechanism.family is NoiseFamily.LAPLACE else 1)


def log_breadth(mechanism: Mechanism) -> float:
    """The logarithm of the noise's deviation, or of the scale for a choice."""
    return log(mechanism.scale if isinstance(mechanism, Selection) else noise_deviation(mechanism))
