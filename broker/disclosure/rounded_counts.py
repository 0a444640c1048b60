"""Counts of persons and of rows under conventional rounding, and how far it moves them. Takes no decisions."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import ORDINARY_ROWS, PlannedStatistic, RowGrowth
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import as_number, nearest_multiple


@dataclass(frozen=True, slots=True)
class CellSize:
    """The rows and distinct persons of a cell."""

    rows: int
    persons: int

    @property
    def rows_each(self) -> int:
        """How many rows a person has, rounded."""
        return max(1, (2 * self.rows + self.persons) // (2 * self.persons)) if self.persons else 1


NO_CELL = CellSize(0, 0)


def round_count(value: Value, profile: DisclosureRules) -> int | None:
    """Round half up to the profile's base. The base never depends on the data."""
    base = profile.round_base
    return None if value is None else nearest_multiple(int(as_number(value)), base)


def round_rows(
    rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth = ORDINARY_ROWS, cell: CellSize | None = None
) -> int:
    """Round a count of rows to a multiple that a person of ordinary rows crosses as seldom as the base of a count of
    persons (`rows_step`). Five rows for everybody, rounded to five, would reveal the exact number of persons.

    Where few persons have further rows, these are rounded as if they were alone: persons who are added beside them
    change nothing. If each person has one row, or `persons` is not known to be fewer, the result is the rounded count.
    Rule M3 deals with rows that are mostly one person's. `cell`: whose ordinary rows of a person choose the step, if
    not the counted rows themselves.
    """
    shown = round_count(persons := min(rows, persons), profile) or 0
    if profile.round_base == 1 or not shown:
        return round_count(rows, profile) or 0
    size = cell or CellSize(rows, persons)
    step, each = rows_step(size.rows, size.persons, profile, growth), size.rows_each
    of_all = growth.evenly(each) * persons if _has_further_rows(each, growth) else 0
    found = nearest_multiple(of_all, step) + nearest_multiple(rows - of_all, step)
    return max(step, found)  # persons never show as 0


def _has_further_rows(each: int, growth: RowGrowth) -> bool:
    """Whether only few persons have more rows than others. Theirs are rounded alone."""
    return each == 1 or growth.largest(each) > each


ProtectRows = Callable[[int, int, int | None, RowGrowth], int]
"""Gives the released number of rows of so many persons, with the sum of their record keys."""


def rows_step(rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth = ORDINARY_ROWS) -> int:
    """The multiple to which a number of rows is rounded: the base times the ordinary rows of a person, as the error of
    rounded persons is. Few persons whose rows joins multiply hardly change these, so their growth counts, too."""
    return profile.round_base * growth.largest(CellSize(rows, persons).rows_each)


def error_of_rows(rows: int, persons: int, profile: DisclosureRules, growth: RowGrowth = ORDINARY_ROWS) -> int:
    """How far `round_rows` moves a count, at most: half its step, or more where persons and rows are rounded."""
    base, each = profile.round_base, CellSize(rows, min(rows, persons)).rows_each
    if base == 1 or growth.most == 1:
        return base // 2
    step = rows_step(rows, min(rows, persons), profile, growth)
    return step // 2 * (2 if _has_further_rows(each, growth) else 1)


def rows_each(statistic: PlannedStatistic, cell: CellSize) -> int:
    """How many rows of one person a mean allows for. Its step follows from a large contribution, three times the usual
    one, and so allows for one table more than a count does."""
    return max(cell.rows_each, statistic.growth.largest(cell.rows_each) // 2)


def count_ones(evidence: StatisticEvidence) -> int:
    """The number of rows in which a 0/1 argument is 1."""
    return int(as_number(evidence.total)) if evidence.total is not None else evidence.rows
