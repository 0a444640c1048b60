"""Bounded tables of private jobs: contributions with a bound for each person, fixed-point numbers, and integer vectors
for each cell."""

from dataclasses import dataclass

from broker.domain.plans.operators import Relation
from broker.domain.plans.plan import GroupKey
from broker.domain.plans.scalars import Scalar, Value


@dataclass(frozen=True, slots=True)
class BoundedNumber:
    """An argument in fixed-point steps, `scale` steps to a unit, rounded half up and clamped to [low, high] (in steps).
    A row without a finite value has no number."""

    argument: Scalar
    low: int
    high: int
    scale: int = 1

    @property
    def width(self) -> int:
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class BernsteinVector:
    """Coordinates of a cell: the Bernstein polynomials of a number over its range; without a number, rows. `missing`: a
    last coordinate for rows without the number. `persons`: counts distinct persons instead of rows."""

    number: int | None = None
    degree: int = 0
    missing: bool = False
    persons: bool = False

    @property
    def width(self) -> int:
        return self.degree + 1 + self.missing


@dataclass(frozen=True, slots=True)
class BinVector:
    """Counts of rows by slot of a number among k ascending points. There are 2 k + 1 slots: below the first point, at
    it, between it and the second, and so on."""

    number: int
    points: tuple[int, ...]

    @property
    def width(self) -> int:
        return 2 * len(self.points) + 1


MeasurementVector = BernsteinVector | BinVector


@dataclass(frozen=True, slots=True)
class PersonBound:
    """Rows of one person are first summed by cell: at most `cells` of them count, each with the weight of at most
    `rows` rows."""

    cells: int
    rows: int


@dataclass(frozen=True, slots=True)
class BoundedTable:
    """A table of bounded contributions. `grouping_sets`: each is a tuple of positions of keys. Without `person_bound`,
    the relation itself enforces the bound. `key_domains`: by key, the values of a register; other cells are dropped
    before any output."""

    contributions: Relation
    person: int
    keys: tuple[GroupKey, ...]
    grouping_sets: tuple[tuple[int, ...], ...]
    numbers: tuple[BoundedNumber, ...]
    vectors: tuple[MeasurementVector, ...]
    person_bound: PersonBound | None = None
    key_domains: tuple[tuple[Value, ...] | None, ...] = ()
