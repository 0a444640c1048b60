"""Which vectors of integers are measured for the statistics of a table: as few, and as much in each, as is proved.

A block's coordinates share out one fixed whole, row by row: a row adds non-negative integers that sum up to `whole`.
So a person with r rows moves the block by at most r * whole in L1, whatever its number of coordinates, and several
statistics have the full budget of the block:

POWERS     Bernstein polynomials of x in its clamp, of degree d (W = high - low):
           d = 0: (1);  d = 1: (U - x, x - L);  d = 2: ((U - x)^2, 2 (U - x)(x - L), (x - L)^2); whole W^d.
           They hold the count of x, its sum and its sum of squares; d = 1 are the complementary sums. All coordinates
           are over the same rows, those with an x. With `missing` a last coordinate has the whole of rows without one,
           so that the number of rows comes out of the same budget. (The sum of x alone has no block of its own: the
           display floor needs a count beside it, and then the pair has less noise: sqrt(L^2 + U^2) < 2 max(|L|, |U|).)
BINS       rows by bin of x, whole 1; `missing` the same.
RANKS      for each candidate of a quantile, how badly it splits the rows; a choice, not a sum (`selection`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from broker.domain.errors import Invalid
from broker.privacy.tables import Clamp


class Kind(StrEnum):
    POWERS = "powers"
    BINS = "bins"
    RANKS = "ranks"


@dataclass(frozen=True, slots=True)
class Block:
    """One vector of `width` coordinates a cell. `argument` None: of all rows, or of persons where `persons`."""

    kind: Kind
    argument: str | None = None
    clamp: Clamp | None = None
    degree: int = 0
    missing: bool = False
    persons: bool = False
    points: tuple[int, ...] = ()
    fraction: Fraction | None = None
    share: int = 1

    @property
    def width(self) -> int:
        """Coordinates a cell."""
        match self.kind:
            case Kind.POWERS:
                return self.degree + 1 + self.missing
            case Kind.BINS:
                return len(self.points) + 1 + self.missing
        return len(self.points)

    @property
    def whole(self) -> int:
        """Most that one row moves the coordinates of its cell by, in L1, in L2 and in one coordinate."""
        match self.kind:
            case Kind.POWERS:
                return self.cut.width**self.degree if self.degree else 1
            case Kind.BINS:
                return 1
        fraction = self.of
        return max(fraction.numerator, fraction.denominator - fraction.numerator)

    @property
    def cut(self) -> Clamp:
        if self.clamp is None:
            raise Invalid("block", "This block has no clamp.")
        return self.clamp

    @property
    def of(self) -> Fraction:
        if self.fraction is None or not 0 <= self.fraction <= 1:
            raise Invalid("block", "A quantile has a fraction from 0 to 1.")
        return self.fraction

    def row(self, value: int | None) -> tuple[int, ...]:
        """What one row adds to the coordinates of its cell; `value` is its x in steps, None where it has none.

        This is the definition that rendered SQL is held against. Not for RANKS, which are no sums (`ranks`).
        """
        gap = (0,) * (self.width - self.missing)
        if self.argument is not None and value is None:
            return (*gap, self.whole) if self.missing else gap
        x = 0 if value is None else value
        parts = self._parts(min(max(x, self.clamp.low), self.clamp.high) if self.clamp else x)
        return (*parts, 0) if self.missing else parts

    def _parts(self, x: int) -> tuple[int, ...]:
        if self.kind is Kind.BINS:
            bin_ = bisect_right(self.points, x)
            return tuple(int(i == bin_) for i in range(len(self.points) + 1))
        if self.degree == 0:
            return (1,)
        below, above = self.cut.high - x, x - self.cut.low
        return (below, above) if self.degree == 1 else (below**2, 2 * below * above, above**2)


def ranks(points: Sequence[int], counts: Sequence[int], fraction: Fraction) -> list[int]:
    """How badly each point splits the rows, from a histogram at public edges.

    `counts` has 2 k + 1 numbers for k ascending points: rows under the first, at it, between it and the second, at the
    second, …, over the last. The score of a point is |(d - n) * rows under it - n * rows over it| for the fraction
    n / d; 0 is best. One row moves a score by at most max(n, d - n) (Smith 2011 with the absolute deviation of ranks).
    """
    numerator, rest = fraction.numerator, fraction.denominator - fraction.numerator
    total, below, scores = sum(counts), 0, []
    for i in range(len(points)):
        below += counts[2 * i]
        scores.append(abs(rest * below - numerator * (total - below - counts[2 * i + 1])))
        below += counts[2 * i + 1]
    return scores
