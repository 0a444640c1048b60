"""What is requested of a file of person rows, and the file as cells with their evidence. Takes no decisions."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, count
from typing import Any, NamedTuple

from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.plans.scalars import Value
from broker.domain.rounding_grid import WIDE_CONTEXT, nearest, step
from broker.postprocessing.exact_arithmetic import absolute

CellCoordinates = tuple[str | None, ...]
"""One category for each dimension; None is the total over the dimension."""


class StatisticRequest(NamedTuple):
    """A requested statistic: COUNT_ROWS has no column. `fraction` is that of a quantile; `box`: it belongs to a box
    plot."""

    measure: Measure
    column: str | None = None
    fraction: Decimal | None = None
    box: bool = False


@dataclass(frozen=True, slots=True)
class TabulationRequest:
    """The options of `broker assess`. `places` are the quantiles, deviations, extremes and modes. `needs` is the
    evidence of quantiles that the rules read."""

    unit: str
    by: tuple[str, ...]
    count: bool = True
    sums: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    totals: bool = False
    institution: str | None = None
    places: tuple[StatisticRequest, ...] = ()
    needs: EvidenceNeeds | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are summed."""
        return tuple(dict.fromkeys((*self.sums, *self.means)))

    @property
    def ordered(self) -> tuple[str, ...]:
        """The columns whose single values matter."""
        return tuple(dict.fromkeys(w.column for w in self.places if w.column is not None))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that must hold numbers: all but those of which only the mode is requested."""
        places = [w.column for w in self.places if w.column is not None and w.measure is not Measure.MODE]
        return tuple(dict.fromkeys((*self.measures, *places)))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        # Rules on institutions need it, whether or not it is a key.
        school = [self.institution] if self.institution else []
        return tuple(dict.fromkeys((self.unit, *self.by, *self.measures, *self.ordered, *school)))

    @property
    def wanted(self) -> tuple[StatisticRequest, ...]:
        counts = [StatisticRequest(Measure.COUNT_ROWS)] if self.count or not (self.measures or self.places) else []
        sums = (StatisticRequest(Measure.SUM, m) for m in self.sums)
        means = (StatisticRequest(Measure.MEAN, m) for m in self.means)
        return (*counts, *sums, *means, *self.places)


def check_request(request: TabulationRequest) -> None:
    """Check what does not need the file. Raises Invalid("bad-by") unless the grouping columns are one or more different
    ones."""
    if not request.by or len(set(request.by)) < len(request.by):
        raise Invalid("bad-by", "Name one or more different columns to group by.")


@dataclass(frozen=True, slots=True)
class TabulatedCell:
    """One observed cell or total: rows, distinct persons, institutions if requested, and evidence by statistic."""

    place: CellCoordinates
    rows: int
    persons: int
    institutions: int | None
    statistics: Mapping[StatisticRequest, StatisticEvidence]
    largest_institution: int | None = None


@dataclass(frozen=True, slots=True)
class Tabulation:
    """A file as cells. `categories` lists those of each dimension in the order shown ("(missing)" for a missing value).

    Cells without persons may be absent. The evidence of SUM and MEAN of one column comes together, whichever was
    requested: the persons of SUM have a non-zero total, those of MEAN a value.
    """

    by: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    totals: bool
    wanted: tuple[StatisticRequest, ...]
    cells: tuple[TabulatedCell, ...]
    institution: str | None = None


class ValueTally(NamedTuple):
    """A value, the number of rows that have it, and of distinct persons."""

    value: Any
    rows: int
    persons: int


def distribution_evidence(
    wanted: StatisticRequest, tally: Sequence[ValueTally], persons: int, most: int, needs: EvidenceNeeds | None
) -> StatisticEvidence:
    """Evidence of a non-additive statistic in a cell in which `persons` have values, at most `most` rows each."""
    if not tally:
        return StatisticEvidence(None, 0, 0)
    found, rows = sorted(tally), sum(t.rows for t in tally)  # by value
    match wanted.measure:
        case Measure.LOWEST | Measure.HIGHEST:
            at = found[0 if wanted.measure is Measure.LOWEST else -1]
            return StatisticEvidence(at.value, rows, persons, ties=at.persons)
        case Measure.MODE:
            at = max(found, key=lambda t: t.rows)
            return StatisticEvidence(at.value, rows, persons, ties=at.persons)
        case Measure.DEVIATION:
            largest = max(absolute(found[0].value), absolute(found[-1].value))
            return StatisticEvidence(_deviation(found, rows), rows, persons, largest=largest)
        case Measure.QUANTILE:
            value = _quantile(found, rows, wanted.fraction or Decimal(0))
            fits = None if needs is None else _rounding_step(value, found, rows, persons, most, needs)
            return StatisticEvidence(_plain_number(value), rows, persons, largest=most, step_number=fits)
        case additive:
            raise ValueError(f"The evidence of {additive} comes from totals of persons.")


def _plain_number(value: Decimal) -> Value:
    return int(value) if value == value.to_integral_value() else value.normalize(WIDE_CONTEXT)


def _quantile(found: Sequence[ValueTally], rows: int, fraction: Decimal) -> Decimal:
    """Interpolated linearly between the two neighbouring values, like SQL's PERCENTILE_CONT."""
    place = (rows - 1) * fraction
    below = int(place)
    ends = list(accumulate(t.rows for t in found))  # the row number behind each value's last row
    low, high = (Decimal(found[bisect_right(ends, min(i, rows - 1))].value) for i in (below, below + 1))
    return low + (high - low) * (place - below)


def _deviation(found: Sequence[ValueTally], rows: int) -> Value:
    """The sample standard deviation; None for fewer than two rows."""
    if rows < 2:
        return None
    total = sum((Decimal(t.value) * t.rows for t in found), Decimal(0))
    squares = sum((Decimal(t.value) ** 2 * t.rows for t in found), Decimal(0))
    # Rounding can make it slightly negative.
    return (max(Decimal(0), squares - total * total / rows) / (rows - 1)).sqrt()


def _rounding_step(
    value: Decimal, found: Sequence[ValueTally], rows: int, persons: int, most: int, needs: EvidenceNeeds
) -> int | None:
    """The number of the smallest step at which at least `needs.min_persons` persons are certain to have a value shown
    as the same.

    Starts from the digits that may be shown. The number of persons in reach is a lower bound: from the rows in reach if
    nobody has more than `most`, from the persons by value, and from the rows out of reach.
    """
    values = [Decimal(t.value) for t in found]
    of_rows = [0, *accumulate(t.rows for t in found)]
    of_persons = [0, *accumulate(t.persons for t in found)]
    # Beyond this every value rounds to 0.
    furthest = max(abs(values[0]), abs(values[-1]), abs(value))
    for number in count(-3 * needs.digits):
        first, last = _values_shown_as(values, nearest(value, number), step(number))
        inside = of_rows[last] - of_rows[first]
        there = max(-(-inside // most), -(-(of_persons[last] - of_persons[first]) // most), persons - (rows - inside))
        if there >= needs.min_persons:
            return number
        # At this step everything rounds to 0, so a larger one gains nothing.
        if step(number) / 2 > furthest:
            return None
    return None


def _values_shown_as(values: Sequence[Decimal], shown: Decimal, width: Decimal) -> tuple[int, int]:
    """The range (first, end) of the sorted values that are rounded (half away from zero) to `shown`."""
    low, high = shown - width / 2, shown + width / 2
    first = bisect_left(values, low) if shown > 0 else bisect_right(values, low)
    return first, bisect_right(values, high) if shown < 0 else bisect_left(values, high)
