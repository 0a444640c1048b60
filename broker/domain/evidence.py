"""Evidence behind the figures of a job: cells of tables, fitted models, and proofs of a vault's build. For rules and
staff, never released."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.plans.scalars import Value


@dataclass(frozen=True, slots=True)
class StatisticEvidence:
    """Evidence of one statistic in one cell, found by the broker's own code.

    If the vault's proofs allow, evidence consists of bounds (`broker.query.sql.table_statement`): `persons` and `rest`
    are exact below the threshold t, and otherwise lower bounds of at least t; `largest` is an upper bound that changes
    no verdict. In a cell of fewer than t persons, the other fields may be unknown. None: not computed.

    - `value`: the exact value (count, sum, mean or share); None if nothing contributes
    - `rows`: rows that contribute (argument not null; for ONES, rows where it is 1)
    - `persons`: distinct persons that contribute (SUM: with a non-zero total; ONES, SHARE: with a 1)
    - `rest`: ONES, SHARE: distinct persons with a row where the argument is 0; otherwise 0
    - `rest_rows`: ONES, SHARE: rows where the argument is 0; otherwise 0
    - `largest`: largest absolute total of one person (SUM, MEAN), or most rows of one person (COUNT_ROWS, QUANTILE), or
      an upper bound of these; for a file's DEVIATION, the largest absolute value; otherwise None
    - `second`: the same for the second person, 0 if there is none; None if unknown (it is then at most `largest`)
    - `low`, `high`: smallest and largest total of one person (SUM, MEAN); None if unknown (`low` is then not negative)
    - `others`: SUM, MEAN: persons whose total is not the most common one: a lower bound, exact if it is below t and
      below half of the rows; None if unknown
    - `total`: sum of the argument over contributing rows (SUM, MEAN, ONES, SHARE); otherwise None
    - `sizes`: sum of the argument's absolute values over contributing rows (SUM, MEAN); None if unknown
    - `contributors`: COUNT_DISTINCT: number of distinct values; otherwise None
    - `step_number`: QUANTILE: number of the smallest step (`broker.domain.rounding_grid`), not below the requested
      digits, to which the value can be rounded so that enough persons have the same rounded value; None if there is
      none
    - `ties`: LOWEST, HIGHEST: persons who have the value; MODE: persons who have the most common one
    - `institution_largest`, `institution_second`: two largest totals of |argument| of one institution (counts: rows;
      COUNT_PERSONS: persons; ONES, SHARE: ones). Rows without an institution count towards the largest
    - `cell_key`: sum, modulo 2^32, of the record keys of the distinct persons that contribute (SUM: with a value);
      `rest_key`, `whole_key`: of those of the rest, and of both"""

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
    step_number: int | None = None
    ties: int | None = None
    institution_largest: Value = None
    institution_second: Value = None
    cell_key: int | None = None
    rest_key: int | None = None
    whole_key: int | None = None


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """One observed cell: its key values in planned order, its rows and distinct persons, and its statistics by ident.
    `institutions`: lower bound of the institutions behind it; `largest_institution`: upper bound of the persons of the
    largest one; None if they cannot be counted or were not requested. `cell_key`: sum of the record keys of all its
    persons, modulo 2^32."""

    keys: tuple[Value, ...]
    rows: int
    persons: int
    statistics: dict[int, StatisticEvidence]
    institutions: int | None = None
    largest_institution: int | None = None
    cell_key: int | None = None


@dataclass(frozen=True, slots=True)
class TableEvidence:
    """Evidence of one planned table: observed cells only. `persons`: size of the whole filtered population."""

    cells: Sequence[CellEvidence]
    persons: int


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """Evidence of one planned output: of each of its tables, in planned order."""

    name: str
    tables: tuple[TableEvidence, ...]
    public: tuple[tuple[tuple[Value, ...], ...], ...] = ()
    """Rows of each public relation, with values in the planned order of columns."""
    counted: tuple[int, ...] = ()
    """Persons of each of the counted rows, at most as many as are needed."""


@dataclass(frozen=True, slots=True)
class JobEvidence:
    """Evidence of a job: of each output, and of the joint table of each family of linked tables that needs one, in
    order. None for a joint table with more cells than allowed."""

    outputs: tuple[OutputEvidence, ...]
    joints: tuple[TableEvidence | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFitColumn:
    """A column of the design matrix. `persons`: persons with a value other than 0 in it, or, if fewer, the fewest
    persons who make up nearly all of its own variation. `rest`: persons who have a row with 0. `kind`: `constant`,
    `level` (0/1, of a category or of a product of categories) or `number`."""

    name: str
    kind: str
    coefficient: float
    standard_error: float
    persons: int
    rest: int


@dataclass(frozen=True, slots=True)
class ModelFitGroup:
    """A category, or an observed combination of categories in a product: its persons and, for a 0/1 outcome, those with
    a 1 and those with a 0."""

    name: str
    persons: int
    ones: int
    rest: int


@dataclass(frozen=True, slots=True)
class ModelFitCell:
    """A cell of a saturated model: the two largest absolute totals of a person, and the spread of its outcomes."""

    persons: int
    ones: int
    rest: int
    total: float
    largest: float
    second: float
    spread: float


@dataclass(frozen=True, slots=True)
class ModelFit:
    """Evidence of a fitted model. `cells`: only if the model has a coefficient for each of them. `leverage`: largest
    leverage of a row, or of all rows of one person. `influence`: most standard errors by which one person moves a
    coefficient."""

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
    """Proofs of one table and one year.

    - `max_rows`: most rows of one person; each row without a key counts as a person of its own
    - `totals`: for exact numbers, the largest sum of |x| over one person's rows
    - `smallest`: for exact numbers, the smallest x
    - `codes`: for variables with stored code numbers, the codes by number from 0, in text order"""

    max_rows: int
    totals: ExactNumbers = field(default_factory=dict)
    smallest: ExactNumbers = field(default_factory=dict)
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


VaultProofs = Mapping[str, Mapping[int | None, VaultProof]]
"""Proofs by table and year of the vault (None: a table without years). A table that is missing here has no proofs; one
that is present has rows of these years only."""
