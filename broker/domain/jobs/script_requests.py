"""Requests of a script to compute tables, models and figures from microdata that it submits, and why the rows cannot be
used.

Rows stay bytes here and everywhere in the broker: only trusted code inside a container opens them.
"""

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.plans.scalars import ScalarType


class MeasureKind(StrEnum):
    """What a measure of a table asks of its column. SHARE and ONES are of 0/1 columns: both sides are counted."""

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
    """How a figure shows its points."""

    BAR = "bar"
    LINE = "line"
    POINT = "point"


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A measure: its name in the table, what it is, and of which column (None: of rows or persons)."""

    name: str
    kind: MeasureKind
    column: str | None


@dataclass(frozen=True, slots=True)
class ScriptTable:
    """`variables` are (column, schema.table.variable); `person` is the column that holds the pseudonym, and is one of
    them. `bounds` are (column, least, largest): without them a column of the script's own can be anything."""

    name: str
    person: str
    by: tuple[str, ...]
    measures: tuple[MeasureRequest, ...]
    variables: tuple[tuple[str, str], ...]
    description: str
    bounds: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FormulaFactor:
    """A column in a term; `levels`: as categories, each level but the first with a coefficient of its own."""

    column: str
    levels: bool = False


@dataclass(frozen=True, slots=True)
class ModelFormula:
    """`outcome ~ terms | absorbed`: a term is the product of its factors; `constant`: there is an intercept."""

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
    """A figure of a table output of the same job, which the broker draws from what is released of it."""

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
    """A column of the rows as it is read: its type, and the catalogue variable that it is declared to be (None: the
    script made it, and nobody has verified it). `low` and `high` are what the script says of such a one; rows that have
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
        """The variable's own name."""
        return (self.variable or "").rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Where pseudonyms of one domain stand in the job's inputs: table and variable."""

    table: str
    variable: str


@dataclass(frozen=True, slots=True)
class MicrodataSchema:
    """How the rows of one output are read and verified. `person` is the pseudonym's column, whose values stand under
    `keys` in the vault; `columns` are all others. `institution` is the column that names a school, if one does."""

    person: MicrodataColumn
    keys: tuple[KeyColumn, ...]
    columns: tuple[MicrodataColumn, ...]
    institution: str | None = None

    @property
    def derived(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.variable is None)


class MicrodataProblem(StrEnum):
    """Why rows were not used: found inside the container, told to checkers (and, of synthetic data, to the author)."""

    UNREADABLE = "unreadable"
    APART = "apart"
    COLUMNS = "columns"
    VALUES = "values"
    UNKNOWN = "unknown"
    REPEATED = "repeated"
    MISMATCH = "mismatch"
    BINARY = "binary"
    MODEL = "model"


MICRODATA_PROBLEM_SENTENCES: dict[MicrodataProblem, str] = {
    MicrodataProblem.UNREADABLE: "The rows are no Arrow file.",
    MicrodataProblem.APART: "Outputs that were to be computed together are of other rows.",
    MicrodataProblem.COLUMNS: (
        "The rows have other columns than the request names, or one of a type that cannot be used."
    ),
    MicrodataProblem.VALUES: "A column has values that it cannot have: no number where one is needed, one that is not "
    "finite or beyond a thousand million, anything but 0 and 1 in a share, or a label of more than 200 "
    "characters, or one that is not plain text: no pseudonyms, at most four digits after a point, no spaces outside.",
    MicrodataProblem.UNKNOWN: "Rows have a pseudonym that is in none of the job's inputs.",
    MicrodataProblem.REPEATED: "A person stands in more rows than in any one of the job's input tables: a join of two "
    "tables in each of which people have several rows multiplies these. Keep one row a person and year of each first.",
    MicrodataProblem.MISMATCH: (
        "A column is declared as a catalogue variable and has values that the person does not have."
    ),
    MicrodataProblem.BINARY: "A number is asked of a column that has no more than two values: ask for a share or ones.",
    MicrodataProblem.MODEL: "The model cannot be fitted: too few rows, a column that follows from others, or no end.",
}


@dataclass(frozen=True, slots=True)
class MicrodataCheck:
    """What was found of the rows: how many, of how many persons, left out for want of a pseudonym; and the problem that
    ends it, if there is one, with how often it is there."""

    rows: int
    persons: int
    without_person: int
    problem: MicrodataProblem | None = None
    times: int = 0
    few: int = 0
    """Columns of which a number is asked and that have ten different values or fewer: they are frequency tables."""
