"""Expected error and interval of each statistic of a design, from noise scales and public sizes only. No table's data,
no spend: `forecast` asks for designs at several."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from broker.policy.privacy import PrivacyProfile
from broker.privacy.blocks import Block
from broker.privacy.design import Design
from broker.privacy.layout import Reading
from broker.privacy.results.answers import noise_of
from broker.privacy.results.fitted import fitted
from broker.privacy.results.intervals import Noise, expected, half_width, spread
from broker.privacy.results.weights import count_weights, own_weights, ranks_off, sum_weights, weights_of
from broker.privacy.tables import Ask, PrivateTable, Statistic


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one statistic in one grouping set, a cell: mean absolute error and half of the interval, in its units.

    `persons`: holds for cells of so many persons (a point of a curve); None: the mean over all cells.
    `ranks`: of a quantile, the rows by which its rank may be off, instead of an error.
    """

    table: str
    set: int
    statistic: str
    error: float | None
    half_width: float | None
    persons: int | None = None
    ranks: float | None = None


def expectations(made: Design, profile: PrivacyProfile) -> Iterable[Expected]:
    """Every statistic of every grouping set; a curve over persons a cell for what is divided by an unknown number."""
    for t, table in enumerate(made.tables):
        noises = _noises(made, t)
        for s in range(len(table.sets)):
            for reading in made.layouts[t].readings:
                at = _Set(table, s, made.layouts[t].blocks, {b: n for (i, b), n in noises.items() if i == s})
                yield from _Cell(at, reading).expectations(profile)


def _noises(made: Design, t: int) -> dict[tuple[int, int], Noise]:
    """The noise of one coordinate by grouping set and block, after margins were fitted to one another."""
    table, blocks = made.tables[t], made.layouts[t].blocks
    drawn = {(p.set, p.block): noise_of(made, p) for p in made.parts if p.table == t and p.block is not None}
    if len(table.sets) == 1 or not table.listed:
        return drawn
    return drawn | {
        key: n for b, block in enumerate(blocks) if block.fraction is None for key, n in _fitted(table, b, drawn)
    }


def _fitted(
    table: PrivateTable, b: int, drawn: dict[tuple[int, int], Noise]
) -> Iterable[tuple[tuple[int, int], Noise]]:
    found = fitted([len(d.values or ()) for d in table.dimensions], {s: drawn[i, b] for i, s in enumerate(table.sets)})
    return (((i, b), found[s]) for i, s in enumerate(table.sets))


@dataclass(frozen=True, slots=True)
class _Set:
    """One grouping set, with the noise of a coordinate of each block."""

    table: PrivateTable
    number: int
    blocks: Sequence[Block]
    noises: Mapping[int, Noise]


@dataclass(frozen=True, slots=True)
class _Cell:
    """One statistic of one grouping set."""

    at: _Set
    reading: Reading

    @property
    def statistic(self) -> Statistic:
        return self.reading.statistic

    @property
    def block(self) -> Block:
        return self.at.blocks[self.reading.block]

    @property
    def noise(self) -> Noise:
        return self.at.noises[self.reading.block]

    def expectations(self, profile: PrivacyProfile) -> Iterable[Expected]:
        match self.statistic.ask:
            case Ask.ROWS | Ask.PERSONS | Ask.VALUES:
                yield self._told(profile, self._spread(weights_of(self.statistic, self.block)))
            case Ask.SUM:
                yield self._told(profile, self._spread(sum_weights(self.block)))
            case Ask.HISTOGRAM:
                yield self._told(profile, self.noise)
            case Ask.QUANTILE:
                yield self._quantile(profile)
            case _ if self.at.table.public and self.at.number == 0:
                public = self.at.table.public
                yield self._told(profile, self._divided(sum(1 / max(n, 1) for n in public) / len(public)))
            case _:
                yield from (self._told(profile, self._divided(1 / n), n) for n in profile.curve_sizes)

    def _spread(self, weights: Iterable[float]) -> Noise:
        return spread([(w, self.noise) for w in weights])

    def _told(self, profile: PrivacyProfile, noise: Noise, persons: int | None = None) -> Expected:
        name = self.statistic.name
        error, half = expected(noise), half_width(noise, profile.level)
        return Expected(self.at.table.name, self.at.number, name, error, half, persons)

    def _divided(self, scale: float) -> Noise:
        """By 1 / scale persons: a mean at the middle of its clamp (its noise is at most sqrt(2) times as large at the
        ends), a ratio of one, a variance of values that are spread evenly over the clamp."""
        if self.reading.parts is not None:
            return self._ratio(scale, *self.reading.parts)
        block, clamp = self.block, self.block.cut
        count, total = count_weights(block), sum_weights(block)
        middle = (clamp.low + clamp.high) / 2 / clamp.scale
        if self.statistic.ask is Ask.MEAN:
            return self._spread([scale * (t - middle * c) for t, c in zip(total, count, strict=True)])
        width = clamp.width / clamp.scale
        gap = (0.0,) * block.missing
        square = (0.25, -0.25, 0.25, *gap)  # (t - 1/2)^2 by Bernstein coefficients, less its mean of 1/12 a row
        return self._spread([scale * width**2 / block.whole * (q - (i < 3) / 12) for i, q in enumerate(square)])

    def _ratio(self, scale: float, over: Reading, under: Reading) -> Noise:
        """Of a row each, with values in the middle of their clamps: (over - ratio * under) / under."""
        above, below = (self._usual(part) for part in (over, under))
        weights: dict[tuple[int, int], float] = {}
        for part, factor in ((over, 1.0), (under, -above / below)):
            for i, weight in enumerate(own_weights(part.statistic, self.at.blocks[part.block])):
                weights[part.block, i] = weights.get((part.block, i), 0.0) + factor * weight * scale / below
        return spread([(weight, self.at.noises[block]) for (block, _), weight in weights.items()])

    def _usual(self, part: Reading) -> float:
        """What a row adds to a count or a sum; not nothing, where the middle of a clamp is."""
        if part.statistic.ask is not Ask.SUM:
            return 1.0
        clamp = self.at.blocks[part.block].cut
        return (clamp.low + clamp.high or clamp.width) / 2 / clamp.scale

    def _quantile(self, profile: PrivacyProfile) -> Expected:
        off = ranks_off(self.block, self.noise, profile.level)
        return Expected(self.at.table.name, self.at.number, self.statistic.name, None, None, ranks=off)
