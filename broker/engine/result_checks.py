"""Checks of a result by column: impossible counts, persons or figures raise Breach."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.domain.plans.measure import MAGNITUDES
from broker.domain.plans.plan import PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ScalarType
from broker.evidence.evidence_columns import EvidenceColumn, Mask
from broker.query import evidence_columns, has_replacement_rows, institution_columns, record_key_columns

KEY_MODULUS = 1 << 32


def extra_columns(planned: PlannedTable, names: Sequence[str]) -> Iterator[tuple[str, ScalarType | None]]:
    """The further columns that a result with these columns must have, with the type of amounts (None for counts).

    Each kind of extra column is complete or absent. Absent evidence stays unknown, and the rules treat it as unknown.
    """
    amounts = {
        f"s{s.ident}": s.argument.type for s in planned.statistics if s.measure in MAGNITUDES and s.argument is not None
    }
    if "institutions" in names:
        yield from ((c, amounts.get(c.partition("_")[0])) for c in institution_columns(planned))
    if "cell_key" in names:
        yield from ((c, None) for c in record_key_columns(planned))


def check_extra_columns(planned: PlannedTable, columns: Mapping[str, EvidenceColumn]) -> None:
    """Raise Breach if the extra columns are impossible."""
    if "institutions" in columns:
        _check_institutions(planned, columns)
    if "cell_key" in columns:
        sums = [columns[c] for c in record_key_columns(planned)]
        if not all(c.known.all() and _are_counts(c) and (c.values < KEY_MODULUS).all() for c in sums):
            raise breach("has a sum of record keys that is none")


def _check_institutions(planned: PlannedTable, columns: Mapping[str, EvidenceColumn]) -> None:
    found, largest = columns["institutions"], columns["largest_institution"]
    if not _are_counts(found) or not _are_counts(largest):
        raise breach("has a count that is none")
    can_be = (found.values >= 1) & (found.values <= columns["rows"].values)
    # Both are known, or neither.
    if (found.known != largest.known).any() or (found.known & ~can_be).any():
        raise breach("counts institutions as they cannot be")
    for name in institution_columns(planned):
        if not _are_numbers(columns[name]):
            raise breach("has a total of another type")
        second = name.replace("_institution_largest", "_institution_second")
        if second != name and not (_are_counts(columns[second]) and _are_ordered(columns, second, name)):
            raise breach("has totals of institutions out of order")


def _are_counts(column: EvidenceColumn) -> bool:
    return bool((column.values[column.known] >= 0).all())


def _are_numbers(column: EvidenceColumn) -> bool:
    values = column.values
    return values.dtype != object or all(isinstance(v, int | Decimal) for v in values[column.known])


COUNTED = frozenset({"rows", "persons", "rest", "rest_rows", "contributors"})
"""Names of counts: 64-bit, never NULL, never negative."""

Columns = Mapping[str, EvidenceColumn]
Codes = Sequence[NDArray[np.int64]]


def check_cells(planned: PlannedTable, columns: Columns, codes: Codes) -> int:
    """Check all cells of a planned table and return its population. Raises Breach."""
    _check_figures(columns)
    population, rows, persons = (columns[name] for name in ("population", "rows", "persons"))
    if len(set(population.tolist())) > 1 or (not planned.keys and len(rows.values) != 1):
        raise breach("does not have one population")
    _check_counts(rows, persons, population)
    stand_ins = has_replacement_rows(planned)  # public rows may replace persons
    most = persons.values if stand_ins else rows.values
    if (persons.values > most).any() or (planned.keys and not rows.values.all()):
        raise breach("counts more persons than rows, or a cell without rows")
    for statistic in planned.statistics:
        _check_statistic(statistic, columns, np.minimum(persons.values, most))
    check_extra_columns(planned, columns)
    if _have_duplicates(codes, len(rows.values)):
        raise breach("has a cell twice")
    many = int(population.values.max(initial=0))
    _check_population(many, persons, stand_ins)
    return many


def breach(what: str) -> Breach:
    return Breach(f"A result of the engine {what}.")


def _check_figures(columns: Columns) -> None:
    for column in columns.values():
        if column.values.dtype == np.float64 and not np.isfinite(column.values[column.known]).all():
            raise breach("has a figure that is not finite")


def _check_counts(*columns: EvidenceColumn) -> None:
    if not all(c.known.all() and (c.values >= 0).all() for c in columns):
        raise breach("has a count that is none")


def _check_statistic(statistic: PlannedStatistic, columns: Columns, most: NDArray[np.int64]) -> None:
    """Check the requested evidence of a statistic. `most`: the most possible persons by cell."""
    found = {c.partition("_")[2]: columns[c] for c in evidence_columns(statistic)}
    _check_counts(*(column for name, column in found.items() if name in COUNTED))
    if "others" in found and not _are_counts(found["others"]):
        raise breach("has a count that is none")
    rows, persons = columns["rows"].values, columns["persons"].values
    rest, rest_rows = (found[name].values if name in found else np.zeros_like(rows) for name in ("rest", "rest_rows"))
    # A difference of counts cannot overflow 64 bits; a sum could.
    more_rows = found["rows"].values > rows - rest_rows
    if (more_rows | (found["persons"].values > most) | (rest > persons)).any():
        raise breach("counts more in a statistic than in its cell")
    if "contributors" in found and (found["contributors"].values > found["rows"].values).any():
        raise breach("counts more values than rows")
    if not _are_ordered(found, "second", "largest") or not _are_ordered(found, "low", "high", known=False):
        raise breach("has contributions out of order")


def _are_ordered(found: Columns, smaller: str, larger: str, known: bool = True) -> bool:
    """Whether smaller values are at most the larger ones. `known`: if a smaller one is known, the larger one must be
    too."""
    if smaller not in found:
        return True
    one, other = found[smaller], found[larger]
    both: Mask = one.known & other.known
    return not (known and (one.known & ~other.known).any()) and bool((one.values[both] <= other.values[both]).all())


def _have_duplicates(codes: Codes, count: int) -> bool:
    place = np.zeros(count, np.int64)
    for code in codes:  # renumbered, so that products cannot overflow
        place = np.unique(place * (code.max(initial=0) + 1) + code, return_inverse=True)[1]
    return len(np.unique(place)) < count


def _check_population(population: int, persons: EvidenceColumn, stand_ins: bool) -> None:
    """Every person of a cell is in the population and nobody else is, except for cells that public rows would add. The
    sum uses Python integers, which cannot overflow."""
    most = population if stand_ins else sum(persons.values.tolist())
    if not persons.values.max(initial=0) <= population <= most:
        raise breach("has another population than its cells")
