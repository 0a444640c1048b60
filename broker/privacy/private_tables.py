"""What a private output requests, after bounding: keys, influence of one person, arguments, statistics. Descriptions
only: the query and the engine bound the contributions, and nothing here holds data."""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import prod

from broker.domain.errors import Invalid
from broker.domain.plans.scalars import Value


@dataclass(frozen=True, slots=True)
class Influence:
    """The most that one person can contribute, enforced before aggregates are computed. A cell is one of all the
    table's dimensions together. Raises Invalid("influence") for bounds below 1.

    cells          most cells that hold a row of the person (G)
    rows_per_cell  most rows in one of them (R)
    rows           most rows in total, if bounded too. A stored rank bounds only this; then the other two are at most
                   the same
    """

    cells: int
    rows_per_cell: int
    rows: int | None = None

    def __post_init__(self) -> None:
        if min(self.cells, self.rows_per_cell, 1 if self.rows is None else self.rows) < 1:
            raise Invalid("influence", "Bounds on the influence of one person are at least 1.")

    @property
    def max_rows(self) -> int:
        """The most rows of one person."""
        product = self.cells * self.rows_per_cell
        return product if self.rows is None else min(product, self.rows)  # both bounds hold


@dataclass(frozen=True, slots=True)
class Clamp:
    """Values are integers with `scale` steps to one unit of the variable, clamped to [low, high] (in steps)."""

    low: int
    high: int
    scale: int = 1

    def __post_init__(self) -> None:
        if self.low >= self.high or self.scale < 1:
            raise Invalid("clamp", "A clamp has a low end under its high end, and a scale of at least 1.")

    @property
    def width(self) -> int:
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Argument:
    """A number of the contributions. `complete`: no contribution lacks it. `about`: its name for people."""

    name: str
    clamp: Clamp
    complete: bool = False
    about: str = ""

    @property
    def label(self) -> str:
        return self.about or self.name


class PrivateMeasure(StrEnum):
    """What is measured of the contributions in a cell; x is the `argument`.

    ROWS rows; PERSONS distinct persons; VALUES rows with an x; SUM, MEAN, VARIANCE, QUANTILE of x; RATIO the quotient
    of two counts or sums, its `parts`
    """

    ROWS = "count"
    PERSONS = "count_persons"
    VALUES = "count_values"
    SUM = "sum"
    MEAN = "mean"
    VARIANCE = "variance"
    RATIO = "ratio"
    QUANTILE = "quantile"


@dataclass(frozen=True, slots=True)
class PrivateStatistic:
    """One statistic by name. `fraction` is that of a quantile, and `points` are its candidates (in steps, ascending).
    `of_population`: the variance of a population, not of a sample."""

    name: str
    measure: PrivateMeasure
    argument: str | None = None
    fraction: Fraction | None = None
    points: tuple[int, ...] = ()
    of_population: bool = False
    parts: tuple[str, str] | None = None
    """For a ratio: the names of two other requested statistics. A ratio costs nothing extra."""


LONG_TEXT_WORDS = 32
"""Words of 8 bytes for a value whose length no list limits (255 characters, the limit of a query)."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A group key and its public values, in order. None: the data's own values, of which only a threshold releases any.

    `max_values`: the largest number of values by policy, if the length of the list does not say it: for the data's own
    values, and for registers, which are not read before a job runs.
    """

    name: str
    values: tuple[Value, ...] | None
    max_values: int | None = None

    @property
    def size(self) -> int | None:
        """The largest number of values, known before data are read; None if nothing limits it."""
        return self.max_values if self.max_values is not None or self.values is None else len(self.values)

    @property
    def text_words(self) -> int:
        """Words of 8 bytes that one value takes."""
        if self.values is None:
            return LONG_TEXT_WORDS
        texts = [len(v.encode()) for v in self.values if isinstance(v, str)]
        return 1 + max(texts, default=0) // 8


@dataclass(frozen=True, slots=True)
class PrivateTable:
    """One output to be measured. Raises Invalid("grouping-sets") for invalid sets.

    sets            the grouping sets, each the ascending positions of its dimensions; a plain GROUP BY has one set of
                    all
    public_counts   number of persons by cell of `sets[0]`, if a register states it
    """

    name: str
    unit: str
    dimensions: tuple[Dimension, ...]
    sets: tuple[tuple[int, ...], ...]
    influence: Influence
    arguments: tuple[Argument, ...]
    statistics: tuple[PrivateStatistic, ...]
    public_counts: tuple[int, ...] | None = field(default=None)

    def __post_init__(self) -> None:
        if not self.sets or len(set(self.sets)) < len(self.sets):
            raise Invalid("grouping-sets", "A table has grouping sets, each of them once.")
        # One order, so that equal sets are equal tuples.
        if any(list(s) != sorted(set(s)) or any(i >= len(self.dimensions) for i in s) for s in self.sets):
            raise Invalid("grouping-sets", "A grouping set has positions of dimensions, ascending.")

    @property
    def listed(self) -> bool:
        """Whether every key has a public list."""
        return all(d.values is not None for d in self.dimensions)

    def is_listed(self, index: int) -> bool:
        """Whether every key of a grouping set has a public list."""
        return all(self.dimensions[i].values is not None for i in self.sets[index])

    def shape(self, index: int) -> tuple[int, ...]:
        """Lengths of the dimensions of a grouping set."""
        return tuple(len(self.dimensions[i].values or ()) for i in self.sets[index])

    def cells(self, index: int) -> int:
        """Public number of cells of a grouping set; a set without dimensions has one."""
        return prod(self.shape(index))

    def influence_in(self, index: int) -> Influence:
        """The influence in the cells of one grouping set. If the set lacks some dimensions, cells of a person merge,
        and all of their rows may be in one; if it has none, they are."""
        if len(self.sets[index]) == len(self.dimensions):
            return self.influence
        # All cells of a person may fall into one of the coarser cells.
        max_rows = self.influence.max_rows
        return Influence(min(self.influence.cells, max_rows) if self.sets[index] else 1, max_rows, max_rows)

    def statistic(self, name: str) -> PrivateStatistic:
        return next(s for s in self.statistics if s.name == name)

    def argument(self, name: str | None) -> Argument:
        return next(a for a in self.arguments if a.name == name)
