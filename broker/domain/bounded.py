"""What runs for a private table: contributions of which one person has only so much, numbers in fixed-point steps, and
the vectors of integers that are asked of each cell. No SQL, no noise, no data."""

from dataclasses import dataclass

from broker.domain.plans import Key
from broker.domain.relations import Relation
from broker.domain.scalars import Scalar, Value


@dataclass(frozen=True, slots=True)
class Number:
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
class Powers:
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
class Slots:
    """Rows by slot of a number among ascending points. `between`: 2 k + 1 slots, under the first point, at it, between
    it and the second, ...; else k + 1, each from its point on."""

    number: int
    points: tuple[int, ...]
    between: bool = False

    @property
    def width(self) -> int:
        return 2 * len(self.points) + 1 if self.between else len(self.points) + 1


Vector = Powers | Slots


@dataclass(frozen=True, slots=True)
class PerPerson:
    """Rows of one person are added up by cell first: at most `cells` of them count, each for at most `rows` rows."""

    cells: int
    rows: int


@dataclass(frozen=True, slots=True)
class BoundedTable:
    """`sets` are grouping sets, each the positions of its keys. Without `each` the relation itself holds the bound.
    `lists`: by key the values of a register; cells of others are left out before anything is given out."""

    contributions: Relation
    person: int
    keys: tuple[Key, ...]
    sets: tuple[tuple[int, ...], ...]
    numbers: tuple[Number, ...]
    vectors: tuple[Vector, ...]
    each: PerPerson | None = None
    lists: tuple[tuple[Value, ...] | None, ...] = ()
