"""The amounts that are summed for each person in the cells of a planned table, by name. No data. A figure of a table is
a sum over persons: of rows, of rows that have the argument, of ones, or of the argument itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.plans.measure import BINARY, COUNTS, MAGNITUDES, Measure
from broker.domain.plans.plan import PlannedStatistic, PlannedTable


class AmountKind(StrEnum):
    """What is summed over a person's rows in a cell: the rows, rows with an argument, rows where it is 1, or the
    argument itself."""

    ROWS = "rows"
    NON_NULL_ROWS = "given"
    ONES = "ones"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class AmountColumn:
    """A column of the members: of all rows of the cell (`statistic` is None), or of one statistic's argument."""

    kind: AmountKind
    statistic: int | None = None

    @property
    def name(self) -> str:
        return str(self.kind) if self.statistic is None else f"s{self.statistic}_{self.kind}"


ROW_AMOUNT = AmountColumn(AmountKind.ROWS)


def amount_columns(table: PlannedTable) -> tuple[AmountColumn, ...]:
    """Amount columns, besides person and cell. An implied statistic has no column, except the conditions of a total's
    argument."""
    own = (s for s in table.statistics if s.implied_by is None)
    condition_ids = {c.ident for s in table.statistics for c in condition_statistics(s, table)}
    implied = (s for s in table.statistics if s.ident in condition_ids)
    return (ROW_AMOUNT, *(c for s in (*own, *implied) for c in _columns(s)))


def condition_statistics(statistic: PlannedStatistic, table: PlannedTable) -> tuple[PlannedStatistic, ...]:
    """Implied conditions of a total's argument: `SUM(CASE WHEN c THEN 2 ELSE 1 END)` less its rows is the count of
    c."""
    if statistic.implied_by is not None or statistic.measure not in MAGNITUDES:
        return ()
    return tuple(s for s in table.statistics if s.implied_by == statistic.ident and s.measure is Measure.ONES)


def _columns(statistic: PlannedStatistic) -> Iterator[AmountColumn]:
    if statistic.argument is None:
        return
    yield AmountColumn(AmountKind.NON_NULL_ROWS, statistic.ident)
    if statistic.measure in BINARY:
        yield AmountColumn(AmountKind.ONES, statistic.ident)
    elif statistic.argument.type.is_number and statistic.measure not in COUNTS:
        yield AmountColumn(AmountKind.TOTAL, statistic.ident)
