"""The measures: what kinds of statistics there are, and the traits by which every room tells them apart."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto


class Contribution(Enum):
    """What a row contributes to a statistic.

    - ROW: itself
    - PRESENCE: that it has a value
    - INDICATOR: 0 or 1; the rows with 1 and those with 0 are counted
    - AMOUNT: a number that is summed
    - VALUE: a value of a statistic that is not a sum of contributions"""

    ROW = auto()
    PRESENCE = auto()
    INDICATOR = auto()
    AMOUNT = auto()
    VALUE = auto()


@dataclass(frozen=True, slots=True)
class MeasureTraits:
    """What the rooms know of a measure. Additive measures differ in their traits, so no code has to name them.

    - `contribution`: what each row contributes.
    - `evidence`: the fields of `StatisticEvidence` that it needs in addition to value, rows and persons.
    - `is_ratio`: contributions divided by the rows that have a value, so it reveals both.
    - `counts_persons`: each person counts once, whatever their rows.
    - `from_rows`: its figure is computed from the rows of a cell, not from the totals of its persons.
    - `power`: the highest power of the argument that is summed; 0: it is not summed.
    - `is_shown`: False: it is only implied by other statistics.
    - `in_queries`: False: it exists for files of person rows only."""

    contribution: Contribution
    evidence: tuple[str, ...] = ()
    is_ratio: bool = False
    counts_persons: bool = False
    from_rows: bool = False
    power: int = 0
    is_shown: bool = True
    in_queries: bool = True

    @property
    def is_additive(self) -> bool:
        """Whether its figures over several cells follow from those of each cell, for example as a sum or a quotient."""
        return self.is_shown and not self.from_rows and self.contribution is not Contribution.VALUE


SIDES = ("rest", "rest_rows", "total")
TOTALS = ("largest", "second", "low", "high", "others", "total", "sizes")


class Measure(StrEnum):
    """Kind of a statistic. Evidence and rules depend on it, never on the spelling in the text.

    - COUNT_ROWS: COUNT(*): rows of the cell
    - COUNT_VALUES: COUNT(x): rows with x not null
    - COUNT_PERSONS: COUNT(DISTINCT link key): persons that have a key
    - COUNT_DISTINCT: COUNT(DISTINCT x) of another x: the values are the contributors, so a checker reviews it
    - ONES: sum or count of a 0/1 argument: a count of ones and a count of the rest
    - SUM: sum of a number
    - MEAN: mean of a number: it also reveals its sum and its count
    - QUANTILE: a quantile of a number
    - DEVIATION: a standard deviation or variance of a number: a checker reviews it
    - MOMENT: a statistic of two numbers, or of the shape of one: a checker reviews it
    - LOWEST, HIGHEST, MODE: the least, the greatest and the most common value: in files only, never in queries
    - SHARE: mean of a 0/1 argument: it also reveals its ones, its rest and its count
    - GAP: rows by which a count differs from a larger or earlier one next to it; implied and never shown"""

    traits: MeasureTraits

    def __new__(cls, value: str, traits: MeasureTraits) -> "Measure":
        found = str.__new__(cls, value)
        found._value_, found.traits = value, traits
        return found

    COUNT_ROWS = "count", MeasureTraits(Contribution.ROW, ("largest", "second"))
    COUNT_VALUES = "count_values", MeasureTraits(Contribution.PRESENCE)
    COUNT_PERSONS = "count_persons", MeasureTraits(Contribution.PRESENCE, counts_persons=True)
    COUNT_DISTINCT = "count_distinct", MeasureTraits(Contribution.PRESENCE, ("contributors",), from_rows=True)
    ONES = "ones", MeasureTraits(Contribution.INDICATOR, SIDES, power=1)
    SUM = "sum", MeasureTraits(Contribution.AMOUNT, TOTALS, power=1)
    MEAN = "mean", MeasureTraits(Contribution.AMOUNT, TOTALS, is_ratio=True, power=1)
    QUANTILE = "quantile", MeasureTraits(Contribution.VALUE, ("largest", "step_number"), from_rows=True)
    DEVIATION = "deviation", MeasureTraits(Contribution.VALUE, from_rows=True, power=2)
    MOMENT = "moment", MeasureTraits(Contribution.VALUE, from_rows=True, power=2)
    SHARE = "share", MeasureTraits(Contribution.INDICATOR, SIDES, is_ratio=True, power=1)
    GAP = "gap", MeasureTraits(Contribution.PRESENCE, is_shown=False)
    LOWEST = "min", MeasureTraits(Contribution.VALUE, in_queries=False)
    HIGHEST = "max", MeasureTraits(Contribution.VALUE, in_queries=False)
    MODE = "mode", MeasureTraits(Contribution.VALUE, in_queries=False)


def measures_where(holds: Callable[[MeasureTraits], bool]) -> frozenset[Measure]:
    return frozenset(m for m in Measure if holds(m.traits))


COUNTS = measures_where(lambda t: t.contribution in (Contribution.ROW, Contribution.PRESENCE) and t.is_shown)
CELL_COUNTS = measures_where(lambda t: t.contribution is Contribution.ROW or t.counts_persons)
"""Counts that are the size of a cell."""
BINARY = measures_where(lambda t: t.contribution is Contribution.INDICATOR)
"""Statistics of a 0/1 argument: a part and its rest."""
MAGNITUDES = measures_where(lambda t: t.contribution is Contribution.AMOUNT)
NON_ADDITIVE = measures_where(lambda t: t.contribution is Contribution.VALUE)
"""Statistics of persons' values that are not additive."""
ADDITIVE = measures_where(lambda t: t.is_additive)
ROW_COUNTS = measures_where(lambda t: t.is_additive and not t.counts_persons) - MAGNITUDES
"""Counts in which one person may count several times."""
RATIOS = measures_where(lambda t: t.is_ratio)
