"""Expected error and interval of each statistic of a design, from noise scales and public sizes only. No table's data,
no spend: `forecast` asks for designs at several."""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.policy.privacy import PrivacyProfile
from broker.privacy.blocks import Block
from broker.privacy.design import Design
from broker.privacy.results.answers import noise_of
from broker.privacy.results.fitted import fitted
from broker.privacy.results.intervals import Noise, expected, half_width, spread
from broker.privacy.results.weights import count_weights, ranks_off, sum_weights, weights_of
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
                blocks = made.layouts[t].blocks
                other = None if reading.beside is None else (blocks[reading.beside], noises[s, reading.beside])
                one = _Cell(table, s, reading.statistic, blocks[reading.block], noises[s, reading.block], other)
                yield from one.expectations(profile)


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
class _Cell:
    """One statistic of one grouping set, with the noise of its block's coordinates."""

    table: PrivateTable
    set: int
    statistic: Statistic
    block: Block
    noise: Noise
    beside: tuple[Block, Noise] | None

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
            case _ if self.table.public and self.set == 0:
                inverse = sum(1 / max(n, 1) for n in self.table.public) / len(self.table.public)
                yield self._told(profile, self._divided(inverse))
            case _:
                yield from (self._told(profile, self._divided(1 / n), n) for n in profile.curve_sizes)

    def _spread(self, weights: Iterable[float]) -> Noise:
        return spread([(w, self.noise) for w in weights])

    def _told(self, profile: PrivacyProfile, noise: Noise, persons: int | None = None) -> Expected:
        name = self.statistic.name
        error, half = expected(noise), half_width(noise, profile.level)
        return Expected(self.table.name, self.set, name, error, half, persons)

    def _divided(self, scale: float) -> Noise:
        """By 1 / scale persons: a mean at the middle of its clamp (its noise is at most sqrt(2) times as large at the
        ends), a ratio of one, a variance of values that are spread evenly over the clamp."""
        if self.statistic.ask is Ask.RATIO and self.beside is not None:
            return self._ratio(scale, *self.beside)
        block, clamp = self.block, self.block.cut
        count, total = count_weights(block), sum_weights(block)
        middle = (clamp.low + clamp.high) / 2 / clamp.scale
        if self.statistic.ask is Ask.MEAN:
            return self._spread([scale * (t - middle * c) for t, c in zip(total, count, strict=True)])
        width = clamp.width / clamp.scale
        gap = (0.0,) * block.missing
        square = (0.25, -0.25, 0.25, *gap)  # (t - 1/2)^2 by Bernstein coefficients, less its mean of 1/12 a row
        return self._spread([scale * width**2 / block.whole * (q - (i < 3) / 12) for i, q in enumerate(square)])

    def _ratio(self, scale: float, beside: Block, noise: Noise) -> Noise:
        """Of sums whose denominator is half of its clamp a person."""
        clamp = beside.cut
        below = max(abs(clamp.high), abs(clamp.low)) / clamp.scale / 2 / scale
        terms = [(w / below, self.noise) for w in sum_weights(self.block)]
        return spread(terms + [(w / below, noise) for w in sum_weights(beside)])

    def _quantile(self, profile: PrivacyProfile) -> Expected:
        off = ranks_off(self.block, self.noise, profile.level)
        return Expected(self.table.name, self.set, self.statistic.name, None, None, ranks=off)
