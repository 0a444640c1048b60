"""What no cell of a result may say, looked at by column: counts that are none, persons out of nowhere, figures out of
order. Whatever cannot be is a Breach."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.columns import Column, Mask
from broker.domain.errors import Breach
from broker.domain.plans import PlannedTable, Statistic
from broker.engine.beside import check_beside
from broker.query import evidence_columns, has_stand_ins

COUNTED = frozenset({"rows", "persons", "rest", "rest_rows", "contributors"})
"""Fields that are counts: 64-bit, never NULL, never below zero."""

Columns = Mapping[str, Column]
Codes = Sequence[NDArray[np.int64]]


def check_cells(planned: PlannedTable, columns: Columns, codes: Codes) -> int:
    """All that is asked of the cells of a planned table; gives its population."""
    _check_figures(columns)
    population, rows, persons = (columns[name] for name in ("population", "rows", "persons"))
    if len(set(population.tolist())) > 1 or (not planned.keys and len(rows.values) != 1):
        raise breach("does not have one population")
    _check_counts(rows, persons, population)
    stand_ins = has_stand_ins(planned)
    most = persons.values if stand_ins else rows.values
    if (persons.values > most).any() or (planned.keys and not rows.values.all()):
        raise breach("counts more persons than rows, or a cell without rows")
    for statistic in planned.statistics:
        _check_statistic(statistic, columns, np.minimum(persons.values, most))
    check_beside(planned, columns)
    if _have_one_twice(codes, len(rows.values)):
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


def _check_counts(*columns: Column) -> None:
    if not all(c.known.all() and (c.values >= 0).all() for c in columns):
        raise breach("has a count that is none")


def _check_statistic(statistic: Statistic, columns: Columns, most: NDArray[np.int64]) -> None:
    """Of what was asked for; a difference of counts is never too large for 64 bits, as a sum could be. `most`: so many
    persons there can be by cell."""
    found = {c.partition("_")[2]: columns[c] for c in evidence_columns(statistic)}
    _check_counts(*(column for name, column in found.items() if name in COUNTED))
    if "others" in found and (found["others"].values[found["others"].known] < 0).any():
        raise breach("has a count that is none")
    rows, persons = columns["rows"].values, columns["persons"].values
    rest, rest_rows = (found[name].values if name in found else np.zeros_like(rows) for name in ("rest", "rest_rows"))
    more_rows = found["rows"].values > rows - rest_rows
    if (more_rows | (found["persons"].values > most) | (rest > persons)).any():
        raise breach("counts more in a statistic than in its cell")
    if "contributors" in found and (found["contributors"].values > found["rows"].values).any():
        raise breach("counts more values than rows")
    if not _are_ordered(found, "second", "largest") or not _are_ordered(found, "low", "high", known=False):
        raise breach("has contributions out of order")


def _are_ordered(found: Columns, smaller: str, larger: str, known: bool = True) -> bool:
    """`known`: where there is a smaller one, so is the larger."""
    if smaller not in found:
        return True
    one, other = found[smaller], found[larger]
    both: Mask = one.known & other.known
    return not (known and (one.known & ~other.known).any()) and bool((one.values[both] <= other.values[both]).all())


def _have_one_twice(codes: Codes, count: int) -> bool:
    place = np.zeros(count, np.int64)
    for code in codes:  # no product of numbers of cells is too large for 64 bits
        place = np.unique(place * (code.max(initial=0) + 1) + code, return_inverse=True)[1]
    return len(np.unique(place)) < count


def _check_population(population: int, persons: Column, stand_ins: bool) -> None:
    """Every person of a cell is in the population, and nobody else is, but where public rows would make a cell that is
    not there. Added up as Python's own whole numbers."""
    most = population if stand_ins else sum(persons.values.tolist())
    if not persons.values.max(initial=0) <= population <= most:
        raise breach("has another population than its cells")
