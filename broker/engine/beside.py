"""Reads what a statement gives beside its cells, institutions and sums of record keys, as strictly as the cells."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from broker.disclosure.columns import Column
from broker.domain.errors import Breach
from broker.domain.plans import Measure, PlannedTable
from broker.domain.scalars import Type
from broker.query import institution_columns, record_key_columns

KEYS = 1 << 32


def columns_beside(planned: PlannedTable, names: Sequence[str]) -> Iterator[tuple[str, Type | None]]:
    """The further columns that a result of these columns must have, with the type of amounts; None of counts.

    Either kind is there as a whole or not at all: what is missing stays unknown, and the rules take it as such.
    """
    amounts = {
        f"s{s.ident}": s.argument.type
        for s in planned.statistics
        if s.measure in {Measure.SUM, Measure.MEAN} and s.argument is not None
    }
    if "institutions" in names:
        yield from ((c, amounts.get(c.partition("_")[0])) for c in institution_columns(planned))
    if "cell_key" in names:
        yield from ((c, None) for c in record_key_columns(planned))


def check_beside(planned: PlannedTable, columns: Mapping[str, Column]) -> None:
    """What stands beside the cells can be so."""
    if "institutions" in columns:
        _check_institutions(planned, columns)
    if "cell_key" in columns:
        sums = [columns[c] for c in record_key_columns(planned)]
        if not all(c.known.all() and _are_counts(c) and (c.values < KEYS).all() for c in sums):
            raise Breach("A result of the engine has a sum of record keys that is none.")


def _check_institutions(planned: PlannedTable, columns: Mapping[str, Column]) -> None:
    found, largest = columns["institutions"], columns["largest_institution"]
    if not _are_counts(found) or not _are_counts(largest):
        raise Breach("A result of the engine has a count that is none.")
    can_be = (found.values >= 1) & (found.values <= columns["rows"].values)
    if (found.known != largest.known).any() or (found.known & ~can_be).any():
        raise Breach("A result of the engine counts institutions as they cannot be.")
    for name in institution_columns(planned):
        if not _are_numbers(columns[name]):
            raise Breach("A result of the engine has a total of another type.")
        first, of, _ = name.partition("_institution_largest")
        if of and not _are_in_order(columns[name], columns[f"{first}_institution_second"]):
            raise Breach("A result of the engine has totals of institutions out of order.")


def _are_in_order(first: Column, second: Column) -> bool:
    """Where there is a second, the first is as large."""
    at = second.known
    one, other = first.values[at], second.values[at]
    return bool(first.known[at].all() and (other >= 0).all() and (other <= one).all())


def _are_counts(column: Column) -> bool:
    return bool((column.values[column.known] >= 0).all())


def _are_numbers(column: Column) -> bool:
    values = column.values
    return values.dtype != object or all(isinstance(v, int | Decimal) for v in values[column.known])
