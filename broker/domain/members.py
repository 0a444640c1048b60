"""What is added up of each person in the cells of a planned table: the amounts of its members, by name. No data.

A figure of a table is a sum over persons: of rows, of rows that have the argument, of ones, or of the argument itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.plans import Measure, PlannedTable, Statistic


class What(StrEnum):
    """What of a person's rows in a cell is added up: the rows, those with an argument, those where it is 1, or the
    argument itself."""

    ROWS = "rows"
    GIVEN = "given"
    ONES = "ones"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class AmountColumn:
    """A column of the members: of the whole cell's rows (`statistic` is None), or of one statistic's argument."""

    what: What
    statistic: int | None = None

    @property
    def name(self) -> str:
        return str(self.what) if self.statistic is None else f"s{self.statistic}_{self.what}"


ROWS = AmountColumn(What.ROWS)
TOTALS = frozenset({Measure.SUM, Measure.MEAN})
SHARES = frozenset({Measure.ONES, Measure.SHARE})


def amount_columns(table: PlannedTable) -> tuple[AmountColumn, ...]:
    """The columns beside person and cell. A statistic that stands behind another is nobody's figure, but for the
    conditions of a total's argument."""
    own = (s for s in table.statistics if s.behind is None)
    asked = {c.ident for s in table.statistics for c in conditions_of(s, table)}
    behind = (s for s in table.statistics if s.ident in asked)
    return (ROWS, *(c for s in (*own, *behind) for c in _columns(s)))


def conditions_of(statistic: Statistic, table: PlannedTable) -> tuple[Statistic, ...]:
    """Those inside a total's argument: `SUM(CASE WHEN c THEN 2 ELSE 1 END)` less its rows is the count of c."""
    if statistic.behind is not None or statistic.measure not in TOTALS:
        return ()
    return tuple(s for s in table.statistics if s.behind == statistic.ident and s.measure is Measure.ONES)


def _columns(statistic: Statistic) -> Iterator[AmountColumn]:
    if statistic.argument is None:
        return
    yield AmountColumn(What.GIVEN, statistic.ident)
    if statistic.measure in SHARES:
        yield AmountColumn(What.ONES, statistic.ident)
    elif statistic.argument.type.is_number and statistic.measure not in COUNTS:
        yield AmountColumn(What.TOTAL, statistic.ident)


COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.COUNT_DISTINCT})
