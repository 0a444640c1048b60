"""What is requested of a file of person rows, and the file as cells with their evidence. Judges nothing."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from broker.disclosure.suppression.cell_systems import CellCoordinates
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import EvidenceNeeds, Measure
from broker.domain.plans.scalars import Value
from broker.postprocessing.exact_arithmetic import WIDE_CONTEXT, Number, absolute, rounded


class StatisticRequest(NamedTuple):
    """A statistic asked for: COUNT_ROWS of nothing, others of a column; a quantile's fraction, maybe for a box plot."""

    measure: Measure
    column: str | None = None
    fraction: Decimal | None = None
    box: bool = False


@dataclass(frozen=True, slots=True)
class TabulationRequest:
    """The options of `broker assess`. `places` are the quantiles, deviations, extremes and modes; `needs` says what the
    rules will ask of the evidence of quantiles."""

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
        """The columns that are added up."""
        return tuple(dict.fromkeys((*self.sums, *self.means)))

    @property
    def ordered(self) -> tuple[str, ...]:
        """The columns whose single values are looked at."""
        return tuple(dict.fromkeys(w.column for w in self.places if w.column is not None))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold numbers: all but those of which only the most common value is asked for."""
        places = [w.column for w in self.places if w.column is not None and w.measure is not Measure.MODE]
        return tuple(dict.fromkeys((*self.measures, *places)))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        school = [self.institution] if self.institution else []
        return tuple(dict.fromkeys((self.unit, *self.by, *self.measures, *self.ordered, *school)))

    @property
    def wanted(self) -> tuple[StatisticRequest, ...]:
        found = [StatisticRequest(Measure.COUNT_ROWS)] if self.count or not (self.measures or self.places) else []
        found += [StatisticRequest(Measure.SUM, m) for m in self.sums] + [
            StatisticRequest(Measure.MEAN, m) for m in self.means
        ]
        return (*found, *self.places)


def check_request(request: TabulationRequest) -> None:
    """What can be told to be wrong without the file."""
    if not request.by or len(set(request.by)) < len(request.by):
        raise Invalid("bad-by", "Name one or more different columns to group by.")


@dataclass(frozen=True, slots=True)
class TabulatedCell:
    """One observed cell or total: rows, distinct persons, institutions where asked, evidence by statistic."""

    place: CellCoordinates
    rows: int
    persons: int
    institutions: int | None
    statistics: Mapping[StatisticRequest, StatisticEvidence]
    largest_institution: int | None = None


@dataclass(frozen=True, slots=True)
class Tabulation:
    """A file as cells: `categories` for each dimension in the order shown ("(missing)" for none), totals if asked for.

    Cells in which nobody is need not be there. SUM and MEAN evidence of one column is given together, whichever
    was asked for: persons of SUM have a non-zero total, those of MEAN a value.
    """

    by: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    totals: bool
    wanted: tuple[StatisticRequest, ...]
    cells: tuple[TabulatedCell, ...]
    institution: str | None = None


class ValueTally(NamedTuple):
    """A value, the rows that have it, and their distinct persons."""

    value: Any
    rows: int
    persons: int


def distribution_evidence(
    wanted: StatisticRequest, tally: Sequence[ValueTally], persons: int, most: int, needs: EvidenceNeeds | None
) -> StatisticEvidence:
    """Of a cell in which `persons` have a value, at most `most` of them each."""
    if not tally:
        return StatisticEvidence(None, 0, 0)
    found, rows = sorted(tally), sum(t.rows for t in tally)
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
        case _:
            value = _quantile(found, rows, wanted.fraction or Decimal(0))
            fits = None if needs is None else _rounding_exponent(value, found, rows, persons, most, needs)
            return StatisticEvidence(_plain_number(value), rows, persons, largest=most, bin=fits)


def _plain_number(value: Decimal) -> Value:
    return int(value) if value == value.to_integral_value() else value.normalize(WIDE_CONTEXT)


def _quantile(found: Sequence[ValueTally], rows: int, fraction: Decimal) -> Decimal:
    """Between the two values around it, in proportion, as SQL's PERCENTILE_CONT has it."""
    place = (rows - 1) * fraction
    below = int(place)
    ends = list(accumulate(t.rows for t in found))
    low, high = (Decimal(found[bisect_right(ends, min(i, rows - 1))].value) for i in (below, below + 1))
    return low + (high - low) * (place - below)


def _deviation(found: Sequence[ValueTally], rows: int) -> Value:
    """Of a sample; of one row there is none."""
    if rows < 2:
        return None
    total = sum((Decimal(t.value) * t.rows for t in found), Decimal(0))
    squares = sum((Decimal(t.value) ** 2 * t.rows for t in found), Decimal(0))
    return (max(Decimal(0), squares - total * total / rows) / (rows - 1)).sqrt()


def _rounding_exponent(
    value: Decimal, found: Sequence[ValueTally], rows: int, persons: int, most: int, needs: EvidenceNeeds
) -> int | None:
    """The least power of ten, from the digits that may be shown, at which `least` persons are surely shown the same.

    A person with several rows in reach is counted once: there are at least as many as the rows and values in
    reach need, if nobody has more than `most`, and as cannot be elsewhere.
    """
    values = [Decimal(t.value) for t in found]
    of_rows = [0, *accumulate(t.rows for t in found)]
    of_persons = [0, *accumulate(t.persons for t in found)]
    furthest = max(abs(values[0]), abs(values[-1]), abs(value))
    exponent = -needs.digits
    while True:
        first, last = _values_shown_as(values, rounded(value, -exponent), exponent)
        inside = of_rows[last] - of_rows[first]
        there = max(-(-inside // most), -(-(of_persons[last] - of_persons[first]) // most), persons - (rows - inside))
        if there >= needs.min_persons:
            return exponent
        if Decimal(1).scaleb(exponent) / 2 > furthest:
            return None
        exponent += 1


def _values_shown_as(values: Sequence[Decimal], shown: Number, exponent: int) -> tuple[int, int]:
    """Which of the sorted values are rounded (half away from zero) to what is shown: first to before last."""
    half = Decimal(1).scaleb(exponent) / 2
    low, high = Decimal(shown) - half, Decimal(shown) + half
    first = bisect_left(values, low) if shown > 0 else bisect_right(values, low)
    return first, bisect_right(values, high) if shown < 0 else bisect_left(values, high)
