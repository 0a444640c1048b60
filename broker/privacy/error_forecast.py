"""Expected errors of a private answer before it runs: from a table's description, the spend and the profile, never from
data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import assert_never

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import PrivacyAmount
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import Block, BlockReading
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.private_tables import PrivateMeasure, PrivateStatistic, PrivateTable
from broker.privacy.results import noisy_estimates
from broker.privacy.results.consistent_margins import fitted_noise
from broker.privacy.results.noise_intervals import NoiseMoments, combined_noise, half_width, mean_absolute_error
from broker.privacy.results.noisy_answers import mechanism_noise


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """The mean absolute error and half of the interval of one statistic in a cell of one grouping set, in its units.

    `persons`: valid for cells of so many persons (a point of a curve); None: the mean over all cells. `ranks`: for a
    quantile, the rows by which its rank may be off, instead of an error.
    """

    table: str
    set: int
    statistic: str
    error: float | None
    half_width: float | None
    persons: int | None = None
    ranks: float | None = None


def expected_errors(design: MeasurementDesign, profile: PrivacyProfile) -> Iterable[ExpectedError]:
    """Errors of every statistic of every grouping set. Statistics that are divided by an unknown number get a curve
    over the persons in a cell."""
    for t, table in enumerate(design.tables):
        noises = _noises(design, t)
        for s in range(len(table.sets)):
            of_set = {b: n for (i, b), n in noises.items() if i == s}
            for reading in design.layouts[t].readings:
                forecast = _StatisticForecast(table, s, design.layouts[t].blocks, of_set, reading, profile)
                yield from forecast.expected_errors()


def _noises(design: MeasurementDesign, t: int) -> dict[tuple[int, int], NoiseMoments]:
    """The noise of one coordinate, by grouping set and block, after the margins are fitted to each other."""
    table, blocks = design.tables[t], design.layouts[t].blocks
    parts = [(p, p.block) for p in design.parts if p.table == t]
    drawn = {(p.set, b): mechanism_noise(design.mechanism(p)) for p, b in parts if b is not None}
    # Without public lists margins are not fitted.
    if len(table.sets) == 1 or not table.listed:
        return drawn
    lengths = [len(d.values or ()) for d in table.dimensions]
    for b, block in enumerate(blocks):
        if block.fraction is None:  # choices are not fitted
            found = fitted_noise(lengths, {s: drawn[i, b] for i, s in enumerate(table.sets)})
            drawn |= {(i, b): found[s] for i, s in enumerate(table.sets)}
    return drawn


@dataclass(frozen=True, slots=True)
class _StatisticForecast:
    """One statistic of the grouping set with this number, with the noise of one coordinate of each block."""

    table: PrivateTable
    set: int
    blocks: Sequence[Block]
    noises: Mapping[int, NoiseMoments]
    reading: BlockReading
    profile: PrivacyProfile

    @property
    def statistic(self) -> PrivateStatistic:
        return self.reading.statistic

    @property
    def block(self) -> Block:
        return self.blocks[self.reading.block]

    @property
    def noise(self) -> NoiseMoments:
        return self.noises[self.reading.block]

    def expected_errors(self) -> Iterable[ExpectedError]:
        match self.statistic.measure:
            case PrivateMeasure.ROWS | PrivateMeasure.PERSONS | PrivateMeasure.VALUES | PrivateMeasure.SUM:
                weights = noisy_estimates.statistic_weights(self.statistic, self.block)
                yield self._expected_error(self._combined_noise(weights))
            case PrivateMeasure.QUANTILE:
                yield self._quantile_error()
            case PrivateMeasure.MEAN | PrivateMeasure.VARIANCE | PrivateMeasure.RATIO:
                yield from self._quotient_errors()
            case other:
                assert_never(other)

    def _quotient_errors(self) -> list[ExpectedError]:
        counts = self.table.public_counts
        if counts and self.set == 0:
            noise = self._quotient_noise(sum(1 / max(n, 1) for n in counts) / len(counts))
            return [self._expected_error(noise)]
        # The number of persons is not public, so the forecast covers several sizes.
        return [self._expected_error(self._quotient_noise(1 / n), n) for n in self.profile.curve_sizes]

    def _combined_noise(self, weights: Iterable[float]) -> NoiseMoments:
        return combined_noise([(w, self.noise) for w in weights])

    def _expected_error(self, noise: NoiseMoments, persons: int | None = None) -> ExpectedError:
        error, half = mean_absolute_error(noise), half_width(noise, self.profile.level)
        return ExpectedError(self.table.name, self.set, self.statistic.name, error, half, persons)

    def _quotient_noise(self, scale: float) -> NoiseMoments:
        """Noise of a quotient over 1 / `scale` persons: of a mean at the middle of its clamp (at the ends it is at most
        sqrt(2) times as large), of a ratio, or of a variance of values spread evenly over the clamp."""
        if self.reading.parts is not None:
            return self._ratio_noise(scale, *self.reading.parts)
        block, clamp = self.block, self.block.required_clamp
        count, total = noisy_estimates.count_weights(block), noisy_estimates.sum_weights(block)
        middle = (clamp.low + clamp.high) / 2 / clamp.scale
        if self.statistic.measure is PrivateMeasure.MEAN:
            return self._combined_noise([scale * (t - middle * c) for t, c in zip(total, count, strict=True)])
        width = clamp.width / clamp.scale
        gap = (0.0,) * block.missing  # the coordinate of missing rows counts nothing
        square = (0.25, -0.25, 0.25, *gap)  # (t - 1/2)^2 by Bernstein coefficients, less its mean of 1/12 for each row
        return self._combined_noise(
            [scale * width**2 / block.row_total * (q - (i < 3) / 12) for i, q in enumerate(square)]
        )

    def _ratio_noise(self, scale: float, over: BlockReading, under: BlockReading) -> NoiseMoments:
        """For one row on each side, with values in the middle of their clamps: (over - ratio * under) / under."""
        numerator, denominator = (self._typical_row_value(part) for part in (over, under))
        weights: dict[tuple[int, int], float] = {}
        for part, factor in ((over, 1.0), (under, -numerator / denominator)):
            for i, weight in enumerate(noisy_estimates.statistic_weights(part.statistic, self.blocks[part.block])):
                weights[part.block, i] = weights.get((part.block, i), 0.0) + factor * weight * scale / denominator
        return combined_noise([(weight, self.noises[block]) for (block, _), weight in weights.items()])

    def _typical_row_value(self, part: BlockReading) -> float:
        """What a row adds to a count or a sum: the middle of the clamp, or its width if the middle is 0."""
        if part.statistic.measure is not PrivateMeasure.SUM:
            return 1.0
        clamp = self.blocks[part.block].required_clamp
        return (clamp.low + clamp.high or clamp.width) / 2 / clamp.scale

    def _quantile_error(self) -> ExpectedError:
        # The error in units depends on the data, so only that of the rank is known.
        off = noisy_estimates.rank_error(self.block, self.noise, self.profile.level)
        return ExpectedError(self.table.name, self.set, self.statistic.name, None, None, ranks=off)


def other_spends(spend: PrivacyAmount, profile: PrivacyProfile) -> Iterable[PrivacyAmount]:
    """The profile's other spends, at which a forecast states the errors too."""
    for factor in profile.other_spends:
        # From the decimal text, because the float itself is not exact.
        micro = int(spend.micro * Fraction(repr(factor)))
        if micro:
            yield replace(spend, micro=micro)


def smallest_spend(
    tables: Iterable[PrivateTable],
    is_enough: Callable[[tuple[ExpectedError, ...]], bool],
    max_spend: PrivacyAmount,
    profile: PrivacyProfile,
) -> PrivacyAmount:
    """The smallest spend, to one hundredth, whose forecast is good enough. Raises Invalid("target") if `max_spend` is
    not.

    Errors fall as the spend grows, so a binary search finds it.
    """
    requested = tuple(tables)

    def enough(micro: int) -> bool:
        design = design_measurement(requested, replace(max_spend, micro=micro))
        return is_enough(tuple(expected_errors(design, profile)))

    if not enough(max_spend.micro):  # then no smaller spend is enough
        raise Invalid("target", "The allowed spend cannot reach this error: use larger cells or a larger error.")
    low, high = 0, max_spend.micro
    while high - low > max(high // 100, 1):
        middle = ceil((low + high) / 2)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return replace(max_spend, micro=high)
