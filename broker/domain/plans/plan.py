"""A plan: what one SQL submission computes, which statistics could be released, and what their evidence is.
`broker.query` makes it from text, catalogue and project alone. It holds no data, and making it again gives the same
hash."""

import hashlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from broker.domain.plans.canonical import canonical_repr, plan_text
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import PostAggregation, Relation
from broker.domain.plans.scalars import Scalar, ScalarType, Value
from broker.domain.plans.variable_uses import VariableUse, Years
from broker.domain.projects.saved_definitions import Cohort
from broker.domain.rounding_grid import digits_of_width


@dataclass(frozen=True, slots=True)
class RowGrowth:
    """How many rows a text makes of one row. `factor`: of one more row of a person, where joins multiply it by the
    person's other rows. `even`: at most of everybody's rows, by written rows, branches and years. `most`: the most rows
    that one person can have, by the catalogue; None: unknown."""

    factor: int = 1
    even: int = 1
    most: int | None = None

    def evenly(self, each: int) -> int:
        """How many of the rows that an ordinary person has are due to the text."""
        return min(self.even, each)

    def largest(self, each: int) -> int:
        """What one more row becomes, or the rows of an ordinary person if these are more."""
        return max(each, self.evenly(each) * self.factor)


ORDINARY_ROWS = RowGrowth()
UNSCALED = (Decimal(1), Decimal(0))
"""The factor and constant of an argument that is written as it is."""


@dataclass(frozen=True, slots=True)
class PlannedStatistic:
    """One aggregate over the contributions of a cell.

    - `ident`: unique in the output; output columns refer to it (`ColumnRef(ident)`).
    - `implied_by`: ident of the statistic that implies this one. It is a branch or predicate inside that argument,
      judged like a released count and never shown.
    - `truncated`: the dialect truncates the mean.
    - `needs_review`: why there is no automatic verdict (for example, an argument outside the closed list).
    - `bounds`: the catalogue's (low, high) of one row's argument, if known.
    - `displayed_like` (GAP only): id of the count to display instead when fewer than t persons lie in the gap (zero
      included). None: use the cell's row count.
    - `form`: which quantile (its fraction) or deviation it is.
    - `counts` (SUM only): the summed values are numbers of rows, so the sum is a count and is protected as one.
    - `scale`: (factor, offset) if the argument is factor times a number plus offset. It follows from the argument.
    - `made_bounds` (of a sum or mean without `bounds`): the (low, high) of a person's total or another argument made of
      several rows, by the catalogue and the rows that people with several usually have. It follows from these.
    - `growth`: how many rows one more row of a person becomes. It follows from the relation and the catalogue.
    - `decimals`: the most decimal places of the columns that the argument is made of, by the catalogue."""

    ident: int
    measure: Measure
    argument: Scalar | None
    type: ScalarType
    implied_by: int | None = None
    truncated: bool = False
    needs_review: str | None = None
    bounds: tuple[Value, Value] | None = None
    displayed_like: int | None = None
    form: "QuantileForm | DeviationForm | MomentForm | None" = None
    counts: bool = False
    scale: tuple[Decimal, Decimal] = field(default=UNSCALED, repr=False)
    made_bounds: tuple[Decimal, Decimal] | None = field(default=None, repr=False)
    growth: RowGrowth = field(default=ORDINARY_ROWS, repr=False)
    decimals: int = field(default=0, repr=False)

    @property
    def width(self) -> Decimal | None:
        """The greatest written amount of one row less the least, if the catalogue knows both."""
        return None if self.bounds is None else _width(*self.bounds)

    @property
    def own_width(self) -> Decimal | None:
        """The same of the number itself, without its written factor."""
        width = self.width
        return None if width is None else width / abs(self.scale[0])

    def quantile_digits(self, most: int) -> int:
        """The decimal places that a quantile may have: at most one more than its amounts, so that it tells no rank."""
        return max(most, min(self.decimals + 1, digits_of_width(self.width, most)))


@lru_cache(maxsize=1024)
def _width(low: Value, high: Value) -> Decimal | None:
    """Asked of each cell anew, and the same for all."""
    return None if low is None or high is None else Decimal(str(high)) - Decimal(str(low))


@dataclass(frozen=True, slots=True)
class QuantileForm:
    """Which quantile, as a fraction from 0 to 1. `discrete`: the result is one of the values; otherwise values are
    interpolated."""

    fraction: Decimal
    discrete: bool = False


@dataclass(frozen=True, slots=True)
class DeviationForm:
    """`of_population`: of a population, not a sample. `is_variance`: the variance. `places`: decimal places of the
    argument."""

    of_population: bool = False
    is_variance: bool = False
    places: int = 0


class MomentFunction(StrEnum):
    """What is computed of two numbers, or of one. The first argument of SQL's REGR functions is y, the other is x."""

    CORRELATION = "corr"
    COVARIANCE = "covar_samp"
    COVARIANCE_WHOLE = "covar_pop"
    SLOPE = "regr_slope"
    INTERCEPT = "regr_intercept"
    R_SQUARED = "regr_r2"
    SQUARES = "regr_syy"
    SQUARES_OF_OTHER = "regr_sxx"
    PRODUCTS = "regr_sxy"
    SKEWNESS = "skewness"
    KURTOSIS = "kurtosis"
    KURTOSIS_WHOLE = "kurtosis_pop"


@dataclass(frozen=True, slots=True)
class MomentForm:
    """`other`: the second number; None for a statistic of one. `other_ident`: the implied statistic that has it as its
    argument. `places`: decimal places of both."""

    function: MomentFunction
    other: Scalar | None = None
    places: tuple[int, int] = (0, 0)
    other_ident: int = 0


@dataclass(frozen=True, slots=True)
class KeyYears:
    """The years in which each value of a key can occur, among the rows of one scan. Two values of the same scan that
    have no year in common are in no row together."""

    scan: int
    of_value: tuple[tuple[Value, Years], ...]


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A group key: an expression over the contributions, and the source of its values. `domain`: all values that rows
    of the released table may have, in order, from a code list, a register or the labels in the query; None without a
    list (then only cells that pass are shown). `variable`: `schema.table.variable` if the key is a plain catalogue
    variable. `years`: None if each value can occur in every year."""

    ident: int
    expression: Scalar
    type: ScalarType
    domain: tuple[Value, ...] | None
    variable: str | None
    years: KeyYears | None = None


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """The top aggregation over a relation of persons. The engine computes it with its evidence, and the rules protect
    it, before the program is evaluated. Not `shown`: it is implied by a value that depends on other people (for example
    a school's mean next to each pupil). The output contains nothing of it, and `needs_review` of every statistic of the
    shown tables says so. `max_rows`: at most one more row than this is requested; a table with more rows is not
    used."""

    contributions: Relation
    person: int
    keys: tuple[GroupKey, ...]
    statistics: tuple[PlannedStatistic, ...]
    shown: bool = True
    max_rows: int | None = None


@dataclass(frozen=True, slots=True)
class PublicRelation:
    """A public relation that groups are joined with, and its columns (id, type) that the program reads."""

    relation: Relation
    columns: tuple[tuple[int, ScalarType], ...]


@dataclass(frozen=True, slots=True)
class EvidenceNeeds:
    """What the rules need from the evidence, by the project's disclosure rules.

    - `min_persons`: persons behind anything that depends on other people.
    - `institutions`: institutions of each cell are counted.
    - `record_keys`: record keys of each cell's persons are summed, for cell-key rounding.
    - `joint_cells`: most cells of a joint table of linked tables; 0: no joint table.
    - `exact_persons`: persons are compared between cells, so lower bounds are not enough.
    - `digits`: decimal places of a mean, unless one contribution moves it by more; the most of a quantile.
    - `margin` (evidence by bounds): nobody dominates a total of at least this many times the largest contribution
      (None: no such rule).
    - `exact_rows` (evidence by bounds): rows of the smallest cells that are inspected person by person although bounds
      would be enough for the rules, so that rounding knows how many rows each person has."""

    min_persons: int
    institutions: bool = False
    record_keys: bool = False
    joint_cells: int = 0
    exact_persons: bool = False
    margin: float | None = None
    digits: int = 1
    exact_rows: int = 100_000


KEY_STATISTIC = "key"
"""Value of `OutputColumn.statistic` for a key."""


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A named column: an expression over the columns of the output's program. `statistic`: `key`, a measure, `ratio`,
    `difference`, or `derived` (a label or number computed from several protected figures)."""

    name: str
    expression: Scalar
    statistic: str

    @property
    def is_key(self) -> bool:
        return self.statistic == KEY_STATISTIC


@dataclass(frozen=True, slots=True)
class CountedRows:
    """Rows that have to be of at least `least` people. The engine counts them. People with rows in `kept` do not count.
    `years`: the column of the rows' years, and how many there are; each of them has to have enough people."""

    relation: Relation
    least: int
    kept: Relation | None = None
    years: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SmallPart:
    """A part of a text that could single people out: its `text` (possibly shortened), its position, and what it does,
    as the end of a sentence. `counted`: numbers of the output's counted rows; if all of them are of enough people, the
    part singles nobody out. Without any, it could whatever the data."""

    text: str
    line: int | None
    column: int | None
    why: str
    counted: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """The sentence for checkers, who may read another spelling of the text."""
        return f"A part of the text {self.why}: {self.text}." if self.text else f"The text {self.why}."

    @property
    def placed(self) -> str:
        """The sentence for the author, with the position."""
        return self._at_position(self.sentence)

    def placed_if_few(self, least: int) -> str:
        """The sentence for the author, where the people on the data decide whether a checker reviews the part."""
        sentence = self.counted_sentence(least)
        return self._at_position(f"A checker reviews the output if {sentence[0].lower()}{sentence[1:]}")

    def counted_sentence(self, least: int) -> str:
        """The sentence for checkers, where fewer people were counted than are needed."""
        where = f": {self.text}." if self.text else "."
        return f"A part of the text selects or excludes fewer than {least} people{where}"

    def _at_position(self, sentence: str) -> str:
        return sentence if self.line is None else f"Line {self.line}, column {self.column}: {sentence}"


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """One table to release: its tables over persons, the program over their protected values, and the shown columns, in
    the order of the program. `unit`: whom privacy protects. `small_parts`: parts of the text that need review, which
    also depend on public sizes, and `counted` the rows that can show that they do not."""

    name: str
    unit: str
    tables: tuple[PlannedTable, ...]
    program: PostAggregation
    columns: tuple[OutputColumn, ...]
    public: tuple[PublicRelation, ...] = ()
    small_parts: tuple[SmallPart, ...] = ()
    counted: tuple[CountedRows, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from a submission's text under one catalogue and project. A plan that saves a query may
    have no outputs."""

    outputs: tuple[PlannedOutput, ...]
    uses: tuple[VariableUse, ...]
    advice: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    """Sentences that say why a checker reviews it."""
    saved_queries: tuple[Cohort, ...] = ()

    @property
    def counted_advice(self) -> tuple[str, ...]:
        """Sentences on parts of the text where the people on the data decide whether a checker reviews it."""
        parts = ((p, o.counted[p.counted[0]]) for o in self.outputs for p in o.small_parts if p.counted)
        return tuple(dict.fromkeys(part.placed_if_few(rows.least) for part, rows in parts))

    @property
    def hash(self) -> str:
        """SHA-256, as hexadecimal digits, of outputs, uses and saved queries, without their positions in the text and
        without what public sizes add."""
        outputs = (replace(o, small_parts=(), counted=()) for o in self.outputs)
        parts = [plan_text(part) for part in (*outputs, *self.saved_queries)]
        parts += [
            canonical_repr((u.table, u.variable, u.years and sorted(u.years), sorted(u.how)))
            for u in sorted_uses(self.uses)
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sorted_uses(uses: tuple[VariableUse, ...]) -> list[VariableUse]:
    return sorted(uses, key=lambda u: (u.table, u.variable or ""))
