"""Evidence behind the figures of a job: cells of tables, fitted models, and what a vault's build proved; for rules and
staff, never released."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.plans.scalars import Value


@dataclass(frozen=True, slots=True)
class StatisticEvidence:
    """What the broker's own code found behind one statistic in one cell.

    Where the vault's proofs allow, evidence is by certificates (`broker.query.sql.table_statement`): `persons` and
    `rest` are exact below the threshold t and else lower bounds of at least t; `largest` is an upper bound that leaves
    every verdict as it is. In a cell of fewer than t persons the other fields need not be known. What is None was not
    computed.

    value     the exact value (count, sum, mean or share); None where nothing contributes
    rows      rows that contribute (argument not null; for ONES the rows where it is 1)
    persons   distinct persons that contribute (SUM: with a non-zero total; ONES/SHARE: with a 1)
    rest      ONES/SHARE: distinct persons with a row where the argument is 0; else 0
    rest_rows ONES/SHARE: rows where the argument is 0; else 0
    largest   the largest absolute total of one person (SUM, MEAN), never less than it is; the most rows of one person
              (COUNT_ROWS, QUANTILE), never less; of a file's DEVIATION the largest absolute value; else None
    second    the same of the second person, 0 where there is none; None where unknown: at most `largest`
    low, high smallest and largest total of one person (SUM, MEAN); None where unknown: `low` is then not negative
    others    SUM, MEAN: persons whose total is not the most common one: a lower bound, exact where it is below t and
              half of the rows; None where unknown
    total     sum of the argument over contributing rows (SUM, MEAN, ONES, SHARE); else None
    sizes     sum of the argument's absolute values over contributing rows (SUM, MEAN); None where unknown
    contributors  COUNT_DISTINCT: the number of distinct values; else None
    bin       QUANTILE: the least power of ten, not under the digits asked for, to which the value can be rounded so
              that enough persons have a value that is rounded to the same; None: there is none
    ties      LOWEST, HIGHEST: persons who have the value; MODE: persons who have the most common one
    institution_largest, institution_second  the two largest totals of |argument| (of counts: rows; of COUNT_PERSONS:
              persons; of ONES, SHARE: ones) of one institution; what has none is taken to be of the largest
    cell_key  the record keys of the distinct persons that contribute (SUM: with a value), added up modulo 2^32;
              rest_key, whole_key of those of the rest, and of both
    """

    value: Value
    rows: int
    persons: int
    rest: int = 0
    rest_rows: int = 0
    largest: Value = None
    second: Value = None
    low: Value = None
    high: Value = None
    total: Value = None
    sizes: Value = None
    contributors: int | None = None
    others: int | None = None
    bin: int | None = None
    ties: int | None = None
    institution_largest: Value = None
    institution_second: Value = None
    cell_key: int | None = None
    rest_key: int | None = None
    whole_key: int | None = None


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """One observed cell: key values in the planned order, its rows and distinct persons, each statistic by ident.

    `institutions` behind it, at least, and the persons of the largest, at most; None where they cannot be counted or
    were not asked for. `cell_key`: the record keys of all its persons, added up modulo 2^32.
    """

    keys: tuple[Value, ...]
    rows: int
    persons: int
    statistics: dict[int, StatisticEvidence]
    institutions: int | None = None
    largest_institution: int | None = None
    cell_key: int | None = None


@dataclass(frozen=True, slots=True)
class TableEvidence:
    """Evidence for one planned table: observed cells only. `persons` is the whole filtered population."""

    cells: Sequence[CellEvidence]
    persons: int


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """Evidence for one planned output: that of each of its tables, in the planned order."""

    name: str
    tables: tuple[TableEvidence, ...]
    public: tuple[tuple[tuple[Value, ...], ...], ...] = ()
    """The rows of each public relation, values in the planned order of columns."""


@dataclass(frozen=True, slots=True)
class JobEvidence:
    """Evidence for a job: of each output, and of the joint table of each family of linked tables that needs one, in
    order; None where that has more cells than may be looked at."""

    outputs: tuple[OutputEvidence, ...]
    joints: tuple[TableEvidence | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFitColumn:
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
class ModelFitGroup:
    """A category, or an observed combination of categories in a product: persons in it, and of a 0/1 outcome those with
    a 1 and with a 0."""

    name: str
    persons: int
    ones: int
    rest: int


@dataclass(frozen=True, slots=True)
class ModelFitCell:
    """A cell of a saturated model: the two largest absolute totals of a person, and how far outcomes lie apart."""

    persons: int
    ones: int
    rest: int
    total: float
    largest: float
    second: float
    spread: float


@dataclass(frozen=True, slots=True)
class ModelFit:
    """`cells` are there only where the model has a coefficient for each of them. `leverage` is the largest of a row, or
    of one person's rows together, `influence` by how many standard errors one person moves a coefficient, at most."""

    columns: tuple[ModelFitColumn, ...]
    groups: tuple[ModelFitGroup, ...]
    cells: tuple[ModelFitCell, ...]
    rows: int
    persons: int
    residual_df: int
    absorbed_groups: int
    clusters: int
    r_squared: float
    binary: bool
    leverage: float
    influence: float


ExactNumbers = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class VaultProof:
    """Of one table and one year.

    max_rows   the most rows of one person; rows without a key are persons of their own
    totals     of exact numbers: the largest sum of |x| over one person's rows
    smallest   of exact numbers: the least x
    codes      of variables of which the vault holds the number of each row's code too: the codes, by number from 0,
               in the order of texts
    """

    max_rows: int
    totals: ExactNumbers = field(default_factory=dict)
    smallest: ExactNumbers = field(default_factory=dict)
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


VaultProofs = Mapping[str, Mapping[int | None, VaultProof]]
"""By table, each year that the vault holds of it (None: a table without a year axis). A table that is not here has
nothing proved; one that is has rows of these years and no others."""
