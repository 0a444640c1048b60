"""A plan: what one SQL submission computes, which statistics would leave, and what their evidence is.

A plan is made by `broker.query` from text, catalogue and project alone, holds no data, and hashes to the
same value wherever it is made again.
"""

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from broker.domain.plans.canonical import canonical_repr, plan_text
from broker.domain.plans.operators import PostAggregation, Relation
from broker.domain.plans.scalars import Scalar, ScalarType, Value
from broker.domain.plans.variable_uses import VariableUse


class Measure(StrEnum):
    """What a statistic is. Evidence and rules depend on it, never on how the text spelt it.

    COUNT_ROWS      COUNT(*): rows of the cell
    COUNT_VALUES    COUNT(x): rows with x not null
    COUNT_PERSONS   COUNT(DISTINCT link key): persons that have a key
    COUNT_DISTINCT  COUNT(DISTINCT x) of another x: the values are the contributors, so a person looks
    ONES            sum or count of a 0/1 argument: a count of ones and a count of the rest
    SUM             sum of a number
    MEAN            mean of a number: its sum and its count leave with it
    QUANTILE        a quantile of a number
    DEVIATION       a standard deviation or variance of a number: a person looks
    LOWEST, HIGHEST, MODE   the least, the greatest and the most common value: of files only, no query has them
    SHARE           mean of a 0/1 argument: its ones, its rest and its count leave with it
    GAP             rows on which a count differs from a larger or earlier one beside it; implied and never shown
    """

    COUNT_ROWS = "count"
    COUNT_VALUES = "count_values"
    COUNT_PERSONS = "count_persons"
    COUNT_DISTINCT = "count_distinct"
    ONES = "ones"
    SUM = "sum"
    MEAN = "mean"
    QUANTILE = "quantile"
    DEVIATION = "deviation"
    SHARE = "share"
    GAP = "gap"
    LOWEST = "min"
    HIGHEST = "max"
    MODE = "mode"


CELL_COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
"""Counts that are a cell's own size."""
COUNTS = CELL_COUNTS | {Measure.COUNT_VALUES, Measure.COUNT_DISTINCT}
BINARY = frozenset({Measure.ONES, Measure.SHARE})
"""Statistics of a 0/1 argument: a part and its rest."""
ROW_COUNTS = BINARY | {Measure.COUNT_ROWS, Measure.COUNT_VALUES}
"""Counts in which a person can stand several times."""
MAGNITUDES = frozenset({Measure.SUM, Measure.MEAN})
EXTREMES = frozenset({Measure.LOWEST, Measure.HIGHEST})
NON_ADDITIVE = EXTREMES | {Measure.QUANTILE, Measure.DEVIATION, Measure.MODE}
"""Statistics of persons' values that add up to nothing."""
ROW_MEASURES = frozenset({Measure.COUNT_DISTINCT, Measure.QUANTILE, Measure.DEVIATION})
"""Statistics whose evidence is computed from the rows of a cell, not from the totals of its persons."""


@dataclass(frozen=True, slots=True)
class PlannedStatistic:
    """One aggregate over the contributions of a cell.

    `ident` is unique in the output and is how output columns refer to it (`Column(ident)`).
    `implied_by` is the ident of the statistic that this one is implied by: a branch or predicate inside its
    argument, judged like a released count and never shown. `truncated`: the dialect truncates the mean.
    `needs_review` says why no automatic verdict exists (argument outside the closed list of the algebra).
    `displayed_like`, of a GAP: the count that the one which it is behind is shown equal to where fewer than t persons
    are in the gap, none included; None means the cell's rows. `bounds` are the catalogue's (low, high) of one row's
    argument, where they follow. `form` says which quantile (its fraction) or deviation it is. `counts`, of a SUM: what
    is added up are numbers of rows, so that the sum is a count and is protected as one.
    """

    ident: int
    measure: Measure
    argument: Scalar | None
    type: ScalarType
    implied_by: int | None = None
    truncated: bool = False
    needs_review: str | None = None
    bounds: tuple[Value, Value] | None = None
    displayed_like: int | None = None
    form: "QuantileForm | DeviationForm | None" = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class QuantileForm:
    """Which quantile: between 0 and 1; `discrete` gives one of the values, else values are interpolated."""

    fraction: Decimal
    discrete: bool = False


@dataclass(frozen=True, slots=True)
class DeviationForm:
    """`of_population`: of a population and not a sample; `is_variance`: the variance; `places`: decimal places of the
    argument."""

    of_population: bool = False
    is_variance: bool = False
    places: int = 0


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A group key: an expression over the contributions, and where its values come from.

    `domain` are all values that rows of the released table may have, from a code list, register or the
    labels that the query names, in order; None where no list exists (then only cells that pass are shown).
    `variable` is `schema.table.variable` where the key is a plain catalogue variable.
    """

    ident: int
    expression: Scalar
    type: ScalarType
    domain: tuple[Value, ...] | None
    variable: str | None


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """γ over a person relation: what the engine computes with its evidence, and the rules protect, before
    anything above it is evaluated.

    Not `shown`: implied by a value that depends on other people (a school's mean beside each pupil); nothing of it
    stands in the output, and every statistic of the tables that are shown says so in `needs_review`.
    `max_rows`: no more rows than one over this are asked for; a table that has more is not used.
    """

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
    """What the rules will ask of the evidence, by the project's profile.

    `min_persons` persons stand behind what depends on other people; `institutions`: those of each cell are counted;
    `record_keys`: the keys of each cell's persons are added up, for cell-key rounding. `joint_cells`: the most cells
    of a joint table of linked tables; none is asked for where it is 0. `exact_persons`: persons are compared between
    cells, so that a lower bound will not do. `digits`: those that a mean has unless one contribution moves more, and a
    quantile at most.

    For evidence by certificates: `margin`: a total of at least as many times the largest contribution is dominated by
    nobody (None: nobody asks); `exact_rows`: rows of the smallest cells that are looked at person by person although
    the rules need no more than a bound, so that rounding knows how many rows each person has.
    """

    min_persons: int
    institutions: bool = False
    record_keys: bool = False
    joint_cells: int = 0
    exact_persons: bool = False
    margin: float | None = None
    digits: int = 1
    exact_rows: int = 100_000


KEY_STATISTIC = "key"
"""What `OutputColumn.statistic` says of a key."""


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A named column: an expression over the columns of the output's program. `statistic` says what it is: `key`, a
    measure, `ratio`, `difference`, `derived` (a label or number computed from several protected figures)."""

    name: str
    expression: Scalar
    statistic: str

    @property
    def is_key(self) -> bool:
        return self.statistic == KEY_STATISTIC


@dataclass(frozen=True, slots=True)
class SmallPart:
    """A part of a text that could single people out, whatever the data are: its `text` (maybe shortened), the place
    where it begins, and what it does, as a sentence without its beginning."""

    text: str
    line: int | None
    column: int | None
    why: str

    @property
    def sentence(self) -> str:
        """For checkers, who may read another spelling of the text."""
        return f"A part of the text {self.why}: {self.text}." if self.text else f"The text {self.why}."

    @property
    def placed(self) -> str:
        """For the author, with the place."""
        return self.sentence if self.line is None else f"Line {self.line}, column {self.column}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """One table that would leave: its tables over persons, the program over their protected values, and what is shown
    of its rows, in the program's order. `unit` is whom privacy protects. `small_parts` follow from public sizes too: a
    person looks at them."""

    name: str
    unit: str
    tables: tuple[PlannedTable, ...]
    program: PostAggregation
    columns: tuple[OutputColumn, ...]
    public: tuple[PublicRelation, ...] = ()
    small_parts: tuple[SmallPart, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query that the project keeps as `project.name`: rows of persons, or public ones, by a text in its dialect that
    asks for them by itself."""

    name: str
    dialect: str
    text: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from a submission's text under one catalogue and project. A plan may have no outputs if
    it keeps something."""

    outputs: tuple[PlannedOutput, ...]
    uses: tuple[VariableUse, ...]
    advice: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    """Sentences that say why a person will look."""
    saved_queries: tuple[SavedQuery, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over outputs, uses and saved queries, without their places in the text, and without what public sizes
        say."""
        outputs = (replace(o, small_parts=()) for o in self.outputs)
        parts = [plan_text(part) for part in (*outputs, *self.saved_queries)]
        parts += [
            canonical_repr((u.table, u.variable, u.years and sorted(u.years), sorted(u.how)))
            for u in sorted_uses(self.uses)
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sorted_uses(uses: tuple[VariableUse, ...]) -> list[VariableUse]:
    return sorted(uses, key=lambda u: (u.table, u.variable or ""))
