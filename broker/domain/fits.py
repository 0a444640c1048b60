"""A regression as it comes out of the trusted fit: coefficients, and the evidence that rules judge. Judges nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FitColumn:
    """A column of the design. `persons` have something else than 0 in it, or are the fewest who make up nearly all of
    what is its own, whichever are less; `rest` have a row with 0. `kind` is `constant`, `level` (0/1, of a category or
    of a product of such) or `number`."""

    name: str
    kind: str
    coefficient: float
    standard_error: float
    persons: int
    rest: int


@dataclass(frozen=True, slots=True)
class FitGroup:
    """A category, or an observed combination of categories in a product: persons in it, and of a 0/1 outcome those with
    a 1 and with a 0."""

    name: str
    persons: int
    ones: int
    rest: int


@dataclass(frozen=True, slots=True)
class FitCell:
    """A cell of a saturated model: the two largest absolute totals of a person, and how far outcomes lie apart."""

    persons: int
    ones: int
    rest: int
    total: float
    largest: float
    second: float
    spread: float


@dataclass(frozen=True, slots=True)
class Fit:
    """`cells` are there only where the model has a coefficient for each of them. `leverage` is the largest of a row, or
    of one person's rows together, `influence` by how many standard errors one person moves a coefficient, at most."""

    columns: tuple[FitColumn, ...]
    groups: tuple[FitGroup, ...]
    cells: tuple[FitCell, ...]
    rows: int
    persons: int
    residual_df: int
    absorbed_groups: int
    clusters: int
    r_squared: float
    binary: bool
    leverage: float
    influence: float
