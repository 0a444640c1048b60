"""What is asked of a file of person rows, and the file as cells with their evidence. Counts nothing, judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from broker.disclosure.repair.tables import Place
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure, Needs


class Wanted(NamedTuple):
    """A statistic asked for: COUNT_ROWS of nothing, others of a column; a quantile's fraction, maybe for a box plot."""

    measure: Measure
    column: str | None = None
    fraction: Decimal | None = None
    box: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `broker assess`. `places` are the quantiles, deviations, extremes and modes; `needs` says what the
    rules will ask of the evidence of quantiles."""

    unit: str
    by: tuple[str, ...]
    count: bool = True
    sums: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    totals: bool = False
    institution: str | None = None
    places: tuple[Wanted, ...] = ()
    needs: Needs | None = None

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
    def wanted(self) -> tuple[Wanted, ...]:
        found = [Wanted(Measure.COUNT_ROWS)] if self.count or not (self.measures or self.places) else []
        found += [Wanted(Measure.SUM, m) for m in self.sums] + [Wanted(Measure.MEAN, m) for m in self.means]
        return (*found, *self.places)


def check_asked(asked: Asked) -> None:
    """What can be told to be wrong without the file."""
    if not asked.by or len(set(asked.by)) < len(asked.by):
        raise Invalid("bad-by", "Name one or more different columns to group by.")


@dataclass(frozen=True, slots=True)
class TabulatedCell:
    """One observed cell or total: rows, distinct persons, institutions where asked, evidence by statistic."""

    place: Place
    rows: int
    persons: int
    institutions: int | None
    statistics: Mapping[Wanted, StatisticEvidence]
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
    wanted: tuple[Wanted, ...]
    cells: tuple[TabulatedCell, ...]
    institution: str | None = None
