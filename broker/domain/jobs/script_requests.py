"""Requests of a script to compute tables, models and figures from microdata that it submits, and reasons why rows
cannot be used. Rows stay bytes everywhere in the broker: only trusted code inside a container opens them."""

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.described_words import DescribedWord
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import institution_code


class MeasureKind(StrEnum):
    """What a measure of a table computes from its column. SHARE and ONES need 0/1 columns: both sides are counted."""

    COUNT = "count"
    PERSONS = "persons"
    SUM = "sum"
    MEAN = "mean"
    SHARE = "share"
    ONES = "ones"
    MEDIAN = "median"
    DEVIATION = "std"


class ModelFamily(StrEnum):
    OLS = "ols"
    LOGIT = "logit"
    POISSON = "poisson"


class FigureMark(StrEnum):
    """How a figure draws its points."""

    BAR = "bar"
    LINE = "line"
    POINT = "point"


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A measure: its name in the table, its kind, and its column (None: counts rows or persons)."""

    name: str
    kind: MeasureKind
    column: str | None


@dataclass(frozen=True, slots=True)
class ScriptTable:
    """A requested table. `variables`: (column, schema.table.variable). `person`: the column with the pseudonym, which
    is one of them. `bounds`: (column, least, largest); without them, a column of the script's own may have any
    value."""

    name: str
    person: str
    by: tuple[str, ...]
    measures: tuple[MeasureRequest, ...]
    variables: tuple[tuple[str, str], ...]
    description: str
    bounds: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FormulaFactor:
    """A column in a term. `levels`: as categories, with a coefficient for each level but the first."""

    column: str
    levels: bool = False


@dataclass(frozen=True, slots=True)
class ModelFormula:
    """`outcome ~ terms | absorbed`. A term is the product of its factors. `constant`: there is an intercept."""

    outcome: str
    terms: tuple[tuple[FormulaFactor, ...], ...]
    constant: bool
    absorbed: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        factors = (f.column for term in self.terms for f in term)
        return tuple(dict.fromkeys((self.outcome, *factors, *self.absorbed)))


@dataclass(frozen=True, slots=True)
class ScriptRegression:
    name: str
    person: str
    formula: ModelFormula
    written: str
    family: ModelFamily
    cluster: str | None
    variables: tuple[tuple[str, str], ...]
    description: str


@dataclass(frozen=True, slots=True)
class ScriptFigure:
    """A figure of a table output of the same job. The broker draws it from the released values."""

    name: str
    data: str
    mark: FigureMark
    x: str
    y: str
    colour: str | None
    description: str


ScriptRequest = ScriptTable | ScriptRegression | ScriptFigure


@dataclass(frozen=True, slots=True)
class MicrodataColumn:
    """A column of the rows: its type, and the catalogue variable that it is declared to be (None: the script computed
    it, and nobody has verified it). `low` and `high`: bounds that the script declares for such a column; rows with
    another value are refused."""

    name: str
    type: ScalarType
    decimals: int = 0
    variable: str | None = None
    low: float | None = None
    high: float | None = None

    @property
    def table(self) -> str:
        return (self.variable or "").rpartition(".")[0]

    @property
    def variable_name(self) -> str:
        """Name of the variable without its table."""
        return (self.variable or "").rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Place of the pseudonyms of one domain in the job's inputs: table and variable."""

    table: str
    variable: str


@dataclass(frozen=True, slots=True)
class MicrodataSchema:
    """How the rows of one output are read and verified. `person`: the column with the pseudonym, whose values are in
    the columns `keys` of the vault. `columns`: all others."""

    person: MicrodataColumn
    keys: tuple[KeyColumn, ...]
    columns: tuple[MicrodataColumn, ...]

    @property
    def institution(self) -> MicrodataColumn | None:
        """The column that names a school, if there is one."""
        return next((c for c in self.columns if institution_code(c.variable_name) is not None), None)

    @property
    def derived(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.variable is None)


class MicrodataProblem(DescribedWord):
    """Why rows were not used. Found inside the container and reported to checkers (for synthetic data, to the
    author)."""

    UNREADABLE = "unreadable", "The rows are not an Arrow file."
    APART = "apart", "Outputs that must be computed together have different rows."
    COLUMNS = "columns", "The rows have different columns from the request, or a column of a type that cannot be used."
    VALUES = (
        "values",
        "A column has values that it cannot have: no number where one is needed, one that is not finite or beyond a "
        "thousand million, anything but 0 and 1 in a share, or a label of more than 200 characters, or one that is not "
        "plain text: no pseudonyms, at most four digits after a point, no spaces outside.",
    )
    UNKNOWN = "unknown", "Rows have a pseudonym that is not in any input of the job."
    REPEATED = (
        "repeated",
        "A person has more rows than in any input table of the job. This happens when you join two tables in which "
        "people have several rows each. Reduce each table to one row for each person and year first.",
    )
    MISMATCH = "mismatch", "A column is declared as a catalogue variable, but has values that the person does not have."
    BINARY = "binary", "A number is requested of a column with at most two values. Use a share or ones instead."
    MODEL = (
        "model",
        "The model cannot be fitted: there are too few rows, a column follows from others, or the fit does not "
        "converge.",
    )


@dataclass(frozen=True, slots=True)
class MicrodataCheck:
    """Result of checking the rows: their number, their persons, rows without a pseudonym; and the problem that ended
    the check, if any, with the number of times it occurs."""

    rows: int
    persons: int
    without_person: int
    problem: MicrodataProblem | None = None
    times: int = 0
    few: int = 0
    """Columns with a requested number that have at most ten distinct values: they are frequency tables."""
