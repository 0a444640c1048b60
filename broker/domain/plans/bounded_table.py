"""Bounded tables of private jobs: contributions with a bound for each person, fixed-point numbers, and integer vectors
for each cell."""

from dataclasses import dataclass

from broker.domain.plans.operators import Relation
from broker.domain.plans.plan import GroupKey
from broker.domain.plans.scalars import Scalar, Value


@dataclass(frozen=True, slots=True)
class BoundedNumber:
    """An argument in steps, `scale` to one of its units, rounded half up from `low` and cut to [low, high]. A row on
    which it has no value, or none that is finite, has none."""

    argument: Scalar
    low: int
    high: int
    scale: int = 1

    @property
    def width(self) -> int:
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class BernsteinVector:
    """Bernstein polynomials of a number in its range; without a number, rows. `missing`: a last coordinate weighs the
    rows without the number. `persons`: distinct persons instead of rows."""

    number: int | None = None
    degree: int = 0
    missing: bool = False
    persons: bool = False

    @property
    def width(self) -> int:
        return self.degree + 1 + self.missing


@dataclass(frozen=True, slots=True)
class BinVector:
    """Rows by slot of a number among ascending points. `between`: 2 k + 1 slots, under the first point, at it, between
    it and the second, ...; else k + 1, each from its point on."""

    number: int
    points: tuple[int, ...]
    between: bool = False

    @property
    def width(self) -> int:
        return 2 * len(self.points) + 1 if self.between else len(self.points) + 1


MeasurementVector = BernsteinVector | BinVector


@dataclass(frozen=True, slots=True)
class PersonBound:
    """Rows of one person are added up by cell first: at most `cells` of them count, each for at most `rows` rows."""

    cells: int
    rows: int


@dataclass(frozen=True, slots=True)
class BoundedTable:
    """`grouping_sets` are grouping sets, each the positions of its keys. Without `person_bound` the relation itself
    holds the bound. `key_domains`: by key the values of a register; cells of others are left out before anything is
    given out."""

    contributions: Relation
    person: int
    keys: tuple[GroupKey, ...]
    grouping_sets: tuple[tuple[int, ...], ...]
    numbers: tuple[BoundedNumber, ...]
    vectors: tuple[MeasurementVector, ...]
    person_bound: PersonBound | None = None
    key_domains: tuple[tuple[Value, ...] | None, ...] = ()
