"""Reads the frames of a plan's tables into evidence, strictly. Whatever a plan did not ask for is a Breach."""

import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from broker.disclosure.columns import Column
from broker.domain.evidence import TableEvidence
from broker.domain.plans import Measure, PlannedTable, PublicRows, Statistic
from broker.domain.scalars import Type, Value
from broker.engine.arrow_columns import codes_of, column_of, plain
from broker.engine.beside import columns_beside
from broker.engine.checks import COUNTED, breach, check_cells
from broker.engine.read_cells import ReadCells
from broker.query import evidence_columns

INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
HUGE = "decimal128(38, 0)"
"""How DuckDB hands over its 128-bit integers."""

COMPUTED = frozenset({Measure.SUM, Measure.MEAN, Measure.SHARE, Measure.QUANTILE, Measure.DEVIATION})
"""Measures whose fields are not all counts."""


def read_table(planned: PlannedTable, payload: bytes) -> TableEvidence:
    """The evidence of one planned table from its Arrow stream."""
    table = arrow_table(payload)
    _check_columns(planned, table.schema)
    arrays = {name: table.column(name).combine_chunks() for name in table.schema.names}
    columns = {name: column_of(array) for name, array in arrays.items()}
    codes = [codes_of(arrays[f"k{number}"]) for number in range(len(planned.keys))]
    population = check_cells(planned, columns, codes)
    return TableEvidence(ReadCells([s.ident for s in planned.statistics], _observed(columns), codes), population)


def _observed(columns: dict[str, Column]) -> dict[str, Column]:
    """Without the cell of a table that nobody is in: only one without keys has such."""
    at: list[int] = np.flatnonzero(columns["rows"].values).tolist()
    return columns if len(at) == len(columns["rows"].values) else {name: c.take(at) for name, c in columns.items()}


def read_joint(planned: PlannedTable, payload: bytes) -> TableEvidence | None:
    """The evidence of a joint table; None where it has more cells than were asked for."""
    if planned.most is not None and arrow_table(payload).num_rows > planned.most:
        return None
    return read_table(planned, payload)


def read_public(planned: PublicRows, payload: bytes) -> tuple[tuple[Value, ...], ...]:
    """The rows of a public relation from its Arrow stream."""
    table = arrow_table(payload)
    if table.schema.names != [f"c{ident}" for ident, _ in planned.columns]:
        raise breach("has other columns than planned")
    for (_, kind), found in zip(planned.columns, table.schema.types, strict=True):
        check_kind(kind, found)
    return tuple(tuple(plain_value(row[name]) for name in table.schema.names) for row in table.to_pylist())


def check_kind(kind: Type, found: pa.DataType) -> None:
    if str(found) not in KINDS[kind] and not (kind is Type.DECIMAL and pa.types.is_decimal128(found)):
        raise breach(f"has a column of type {found} that the plan does not ask for")


def arrow_table(payload: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(pa.BufferReader(payload)) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, OSError, ValueError) as fault:
        raise breach("is no Arrow stream") from fault
    return table


def _check_columns(planned: PlannedTable, schema: pa.Schema) -> None:
    wanted = list(_columns(planned))
    for column, type_ in columns_beside(planned, schema.names):
        wanted.append((column, frozenset({"int64"}) if type_ is None else KINDS[type_]))
    if schema.names != [column for column, _ in wanted]:
        raise breach("has other columns than planned")
    for (_, kinds), kind in zip(wanted, schema.types, strict=True):
        if str(kind) not in kinds and not (kinds is DECIMALS and pa.types.is_decimal128(kind)):
            raise breach(f"has a column of type {kind} that the plan does not ask for")


WHOLE = INTEGERS | {HUGE}
DECIMALS = frozenset({"decimal"})
KINDS: dict[Type, frozenset[str]] = {
    Type.INT: WHOLE,
    Type.FLAG: WHOLE,
    Type.DECIMAL: DECIMALS,
    Type.DOUBLE: frozenset({"double"}),
    Type.TEXT: frozenset({"string"}),
    Type.DATE: frozenset({"date32[day]"}),
    Type.TRUTH: frozenset({"bool"}),
    Type.NULL: frozenset({"null", "int32"}),
}


def _columns(planned: PlannedTable) -> Iterator[tuple[str, frozenset[str]]]:
    """Each column of the result with the Arrow types that it may have."""
    for number, key in enumerate(planned.keys):
        yield f"k{number}", KINDS[key.type]
    for column in ("rows", "persons", "population"):
        yield column, frozenset({"int64"})
    for statistic in planned.statistics:
        for column in evidence_columns(statistic):
            yield column, _kinds(statistic, _field(column))


def _field(column: str) -> str:
    return column.partition("_")[2]


def _kinds(statistic: Statistic, field: str) -> frozenset[str]:
    if field in COUNTED or field == "others" or statistic.measure not in COMPUTED:
        return frozenset({"int64"})
    if statistic.measure is Measure.DEVIATION:
        return frozenset({"double"})
    if statistic.measure is Measure.QUANTILE:
        return KINDS[statistic.type] if field == "value" else frozenset({"int64"})
    if statistic.measure is Measure.SHARE:
        return frozenset({"double" if field == "value" else "int64"})
    if statistic.measure is Measure.MEAN and field == "value":
        return WHOLE if statistic.truncated else frozenset({"double"})
    return KINDS[statistic.argument.type if statistic.argument is not None else statistic.type]


def plain_value(value: Any) -> Value:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise breach("has a figure that is not finite")
    if isinstance(value, float):
        return value + 0.0  # as in `column_of`: a negative zero is the first row's own
    if value is None or isinstance(value, int | str | date):
        return value
    raise breach("has a value of another type")
