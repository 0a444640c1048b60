"""Lays out which vectors of integers (blocks) are measured for a table's statistics, and where each statistic is
read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Invalid
from broker.privacy.private_tables import Clamp, PrivateMeasure, PrivateStatistic, PrivateTable


class BlockKind(StrEnum):
    POWERS = "powers"
    RANKS = "ranks"


@dataclass(frozen=True, slots=True)
class Block:
    """One vector with `width` coordinates for each cell. `argument` None: it counts all rows, or persons if
    `persons`."""

    kind: BlockKind
    argument: str | None = None
    clamp: Clamp | None = None
    degree: int = 0
    missing: bool = False
    persons: bool = False
    points: tuple[int, ...] = ()
    fraction: Fraction | None = None

    @property
    def width(self) -> int:
        """Coordinates for each cell."""
        return self.degree + 1 + self.missing if self.kind is BlockKind.POWERS else len(self.points)

    @property
    def row_total(self) -> int:
        """The most that one row changes the coordinates of its cell by, in L1, in L2 and in any one coordinate."""
        if self.kind is BlockKind.POWERS:
            return self.required_clamp.width**self.degree if self.degree else 1
        fraction = self.required_fraction
        return max(fraction.numerator, fraction.denominator - fraction.numerator)

    @property
    def required_clamp(self) -> Clamp:
        if self.clamp is None:
            raise Invalid("block", "This block has no clamp.")
        return self.clamp

    @property
    def required_fraction(self) -> Fraction:
        if self.fraction is None or not 0 <= self.fraction <= 1:
            raise Invalid("block", "A quantile has a fraction from 0 to 1.")
        return self.fraction


def rank_scores(points: Sequence[int], counts: Sequence[int], fraction: Fraction) -> list[int]:
    """How badly each point splits the rows, from a histogram at public edges.

    `counts` has 2 k + 1 numbers for k ascending points: rows below the first, at it, between it and the second, at the
    second, …, above the last. The score of a point is |(d - n) * rows below it - n * rows above it| for the fraction n
    / d; 0 is best. One row changes a score by at most max(n, d - n) (Smith 2011 with the absolute deviation of ranks).
    """
    numerator, rest = fraction.numerator, fraction.denominator - fraction.numerator
    total, below, scores = sum(counts), 0, []
    for i in range(len(points)):
        below += counts[2 * i]
        scores.append(abs(rest * below - numerator * (total - below - counts[2 * i + 1])))
        below += counts[2 * i + 1]
    return scores


POWER_DEGREES = {PrivateMeasure.VALUES: 0, PrivateMeasure.SUM: 1, PrivateMeasure.MEAN: 1, PrivateMeasure.VARIANCE: 2}
"""The degree of the polynomials that a statistic of x needs."""


@dataclass(frozen=True, slots=True)
class BlockReading:
    """Where a statistic is read: the position of its block; for a ratio also the readings of its two parts."""

    statistic: PrivateStatistic
    block: int
    parts: "tuple[BlockReading, BlockReading] | None" = None


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """What is measured in each cell of each grouping set, and where each statistic is read."""

    blocks: tuple[Block, ...]
    readings: tuple[BlockReading, ...]
    count_block: int
    """The block whose count decides whether a cell is shown."""


def lay_out_blocks(table: PrivateTable) -> BlockLayout:
    """The blocks of a table. Equal statistics give equal blocks, whatever their order in the text."""
    quantiles = [s for s in table.statistics if s.measure is PrivateMeasure.QUANTILE]
    blocks = [*_power_blocks(table), *(_quantile_block(table, s) for s in quantiles)]
    for statistic in table.statistics:
        if statistic.measure is PrivateMeasure.PERSONS and _has_several_rows(table):
            blocks.append(Block(BlockKind.POWERS, persons=True))
        elif statistic.measure in (PrivateMeasure.ROWS, PrivateMeasure.PERSONS):
            blocks = _with_row_count(table, blocks)
    if all(b.kind is BlockKind.RANKS for b in blocks):
        blocks.append(Block(BlockKind.POWERS))  # the display floor needs a noisy count
    unique = tuple(dict.fromkeys(blocks))  # equal blocks are measured once
    counted = (i for i, b in enumerate(unique) if b.kind is not BlockKind.RANKS)
    # The display floor compares this count, so it should have little noise.
    count = min(counted, key=lambda i: _count_preference(table, unique[i]))
    return BlockLayout(unique, tuple(_reading(table, unique, s) for s in table.statistics), count)


def _count_preference(table: PrivateTable, block: Block) -> tuple[bool, bool, int]:
    """Prefer persons over rows, all rows over those with some number, and blocks of few coordinates, whose count has
    less noise."""
    return not block.persons, not _has_all_rows(table, block), block.width


def _has_all_rows(table: PrivateTable, block: Block) -> bool:
    return block.argument is None or block.missing or table.argument(block.argument).complete


def _has_several_rows(table: PrivateTable) -> bool:
    """Whether a person may have more than one row in a cell of some grouping set."""
    return any(table.influence_in(s).rows_per_cell > 1 for s in range(len(table.sets)))


def _power_blocks(table: PrivateTable) -> list[Block]:
    """A block of powers for each argument of counts, sums, means and variances."""
    found = []
    for argument in sorted(table.arguments, key=lambda a: a.name):
        measures = [s.measure for s in table.statistics if s.argument == argument.name]
        degrees = [POWER_DEGREES[measure] for measure in measures if measure in POWER_DEGREES]
        if degrees:  # one block serves them all
            found.append(Block(BlockKind.POWERS, argument.name, argument.clamp, max(degrees)))
    return found


def _quantile_block(table: PrivateTable, s: PrivateStatistic) -> Block:
    """Each quantile has a block of its own."""
    clamp = table.argument(s.argument).clamp
    return Block(BlockKind.RANKS, s.argument, clamp, points=s.points, fraction=s.fraction)


def _with_row_count(table: PrivateTable, blocks: list[Block]) -> list[Block]:
    """Count rows in a block that has them already; otherwise as missing rows in the first block of powers; otherwise in
    a block of their own."""
    if _row_count_block(table, blocks) is not None:
        return blocks
    for i, block in enumerate(blocks):
        if block.kind is BlockKind.POWERS and block.argument is not None:
            return [*blocks[:i], replace(block, missing=True), *blocks[i + 1 :]]
    return [*blocks, Block(BlockKind.POWERS)]


def _row_count_block(table: PrivateTable, blocks: Iterable[Block]) -> int | None:
    """The block that gives the number of rows; None if there is none."""
    rows = (i for i, b in enumerate(blocks) if b.kind is BlockKind.POWERS and not b.persons and _has_all_rows(table, b))
    return next(rows, None)


def _reading(table: PrivateTable, blocks: tuple[Block, ...], s: PrivateStatistic) -> BlockReading:
    match s.measure:
        case PrivateMeasure.ROWS | PrivateMeasure.PERSONS:
            own = next((i for i, b in enumerate(blocks) if b.persons and s.measure is PrivateMeasure.PERSONS), None)
            rows = _row_count_block(table, blocks) if own is None else own
            if rows is None:
                raise AssertionError("rows are measured wherever they are requested")
            return BlockReading(s, rows)
        case PrivateMeasure.QUANTILE:
            return BlockReading(s, blocks.index(_quantile_block(table, s)))
        case PrivateMeasure.RATIO:
            assert s.parts is not None
            over, under = (_reading(table, blocks, table.statistic(name)) for name in s.parts)
            return BlockReading(s, over.block, (over, under))
        case PrivateMeasure.VALUES | PrivateMeasure.SUM | PrivateMeasure.MEAN | PrivateMeasure.VARIANCE:
            return BlockReading(s, _power_block(blocks, s.argument))


def _power_block(blocks: tuple[Block, ...], name: str | None) -> int:
    return next(i for i, b in enumerate(blocks) if b.argument == name and b.kind is BlockKind.POWERS)
