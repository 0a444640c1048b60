"""Reads what a statement gives beside its cells, institutions and sums of record keys, as strictly as the cells."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from broker.domain.errors import Breach
from broker.domain.outputs import CellEvidence, StatisticEvidence
from broker.domain.plans import Measure, PlannedTable
from broker.domain.scalars import Type, Value
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


def with_beside(cell: CellEvidence, planned: PlannedTable, row: Mapping[str, Any]) -> CellEvidence:
    """The cell with what stands beside it in its row."""
    if "institutions" in row:
        cell = _with_institutions(cell, planned, row)
    return _with_keys(cell, planned, row) if "cell_key" in row else cell


def _with_institutions(cell: CellEvidence, planned: PlannedTable, row: Mapping[str, Any]) -> CellEvidence:
    found, largest = _count(row["institutions"]), _count(row["largest_institution"])
    if (found is None) is not (largest is None) or (found is not None and not 1 <= found <= cell.rows):
        raise Breach("A result of the engine counts institutions as they cannot be.")
    fields = [c for c in institution_columns(planned) if c.startswith("s")]
    statistics = _changed(cell, {c: _amount(row[c]) for c in fields})
    if not all(_in_order(s) for s in statistics.values()):
        raise Breach("A result of the engine has totals of institutions out of order.")
    return replace(cell, institutions=found, largest_institution=largest, statistics=statistics)


def _with_keys(cell: CellEvidence, planned: PlannedTable, row: Mapping[str, Any]) -> CellEvidence:
    sums = {c: _count(row[c]) for c in record_key_columns(planned)}
    if any(key is None or key >= KEYS for key in sums.values()):
        raise Breach("A result of the engine has a sum of record keys that is none.")
    whole = sums.pop("cell_key")
    return replace(cell, cell_key=whole, statistics=_changed(cell, sums))


def _changed(cell: CellEvidence, values: Mapping[str, Any]) -> dict[int, StatisticEvidence]:
    """The cell's statistics with the values of columns `s{ident}_{field}`."""
    fields: dict[int, dict[str, Any]] = {ident: {} for ident in cell.statistics}
    for column, value in values.items():
        ident, _, field = column.removeprefix("s").partition("_")
        fields[int(ident)][field] = value
    return {ident: replace(cell.statistics[ident], **changed) for ident, changed in fields.items()}


def _in_order(evidence: StatisticEvidence) -> bool:
    first: Any = evidence.institution_largest
    second: Any = evidence.institution_second
    return second is None or (first is not None and 0 <= second <= first)


def _count(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise Breach("A result of the engine has a count that is none.")
    return value


def _amount(value: Any) -> Value:
    if isinstance(value, Decimal):
        return plain(value)
    if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
        raise Breach("A result of the engine has a total of another type.")
    return value


def plain(value: Decimal) -> Decimal | int:
    """Whole numbers that came as 128-bit decimals are integers."""
    return int(value) if value.as_tuple().exponent == 0 else value
