"""Reads the frames of a plan's tables into evidence, strictly. Whatever a plan did not ask for is a Breach."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from broker.domain.errors import Breach
from broker.domain.outputs import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.plans import Measure, PlannedTable, PublicRows, Statistic
from broker.domain.scalars import Type, Value
from broker.engine.beside import columns_beside, plain, with_beside
from broker.query import evidence_columns

INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
HUGE = "decimal128(38, 0)"
"""How DuckDB hands over its 128-bit integers."""

COMPUTED = frozenset({Measure.SUM, Measure.MEAN, Measure.SHARE, Measure.QUANTILE, Measure.DEVIATION})
"""Measures whose fields are not all counts."""

COUNTED = frozenset({"rows", "persons", "rest", "rest_rows", "contributors"})
"""Fields that are counts: 64-bit, never NULL, never below zero."""


def read_table(planned: PlannedTable, payload: bytes) -> TableEvidence:
    """The evidence of one planned table from its Arrow stream."""
    table = arrow_table(payload)
    _check_columns(planned, table.schema)
    rows = _rows(table)
    populations = {row["population"] for row in rows}
    if len(populations) > 1 or (not planned.keys and len(rows) != 1):
        raise _breach("does not have one population")
    places = {
        s.ident: tuple((c, _field(c), _field(c) in COUNTED) for c in evidence_columns(s)) for s in planned.statistics
    }
    cells = tuple(_cell(planned, row, places) for row in rows)
    if len({cell.keys for cell in cells}) != len(cells):
        raise _breach("has a cell twice")
    population = populations.pop() if populations else 0
    _check_population(population, cells)
    return TableEvidence(tuple(c for c in cells if c.rows), population)


def read_joint(planned: PlannedTable, payload: bytes) -> TableEvidence | None:
    """The evidence of a joint table; None where it has more cells than were asked for."""
    if planned.most is not None and arrow_table(payload).num_rows > planned.most:
        return None
    return read_table(planned, payload)


def read_public(planned: PublicRows, payload: bytes) -> tuple[tuple[Value, ...], ...]:
    """The rows of a public relation from its Arrow stream."""
    table = arrow_table(payload)
    if table.schema.names != [f"c{ident}" for ident, _ in planned.columns]:
        raise _breach("has other columns than planned")
    for (_, kind), found in zip(planned.columns, table.schema.types, strict=True):
        if str(found) not in KINDS[kind] and not (kind is Type.DECIMAL and pa.types.is_decimal128(found)):
            raise _breach(f"has a column of type {found} that the plan does not ask for")
    return tuple(tuple(plain_value(row[name]) for name in table.schema.names) for row in table.to_pylist())


def _breach(what: str) -> Breach:
    return Breach(f"A result of the engine {what}.")


def arrow_table(payload: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(pa.BufferReader(payload)) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, OSError, ValueError) as fault:
        raise _breach("is no Arrow stream") from fault
    return table


def _check_columns(planned: PlannedTable, schema: pa.Schema) -> None:
    wanted = list(_columns(planned))
    for column, type_ in columns_beside(planned, schema.names):
        wanted.append((column, frozenset({"int64"}) if type_ is None else KINDS[type_]))
    if schema.names != [column for column, _ in wanted]:
        raise _breach("has other columns than planned")
    for (_, kinds), kind in zip(wanted, schema.types, strict=True):
        if str(kind) not in kinds and not (kinds is DECIMALS and pa.types.is_decimal128(kind)):
            raise _breach(f"has a column of type {kind} that the plan does not ask for")


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


Places = Mapping[int, tuple[tuple[str, str, bool], ...]]
"""Of each statistic its columns, the field that each is, and whether it is a count."""


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Column by column: many times faster than row by row."""
    columns = [column.to_pylist() for column in table.columns]
    return [dict(zip(table.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _cell(planned: PlannedTable, row: dict[str, Any], places: Places) -> CellEvidence:
    keys = tuple(plain_value(row[f"k{number}"]) for number in range(len(planned.keys)))
    rows, persons = _count(row["rows"]), _count(row["persons"])
    if persons > rows or (planned.keys and not rows):
        raise _breach("counts more persons than rows, or a cell without rows")
    statistics = {i: _statistic(place, row, rows, persons) for i, place in places.items()}
    return with_beside(CellEvidence(keys, rows, persons, statistics), planned, row)


def _statistic(
    places: tuple[tuple[str, str, bool], ...], row: dict[str, Any], rows: int, persons: int
) -> StatisticEvidence:
    found: dict[str, Any] = {
        field: _count(row[column]) if counted else plain_value(row[column]) for column, field, counted in places
    }
    if found.get("others") is not None:
        _count(found["others"])
    evidence = StatisticEvidence(**found)
    if evidence.rows + evidence.rest_rows > rows or evidence.persons > min(persons, rows) or evidence.rest > persons:
        raise _breach("counts more in a statistic than in its cell")
    if evidence.contributors is not None and evidence.contributors > evidence.rows:
        raise _breach("counts more values than rows")
    if not _ordered(evidence.second, evidence.largest) or not _ordered(evidence.low, evidence.high, known=False):
        raise _breach("has contributions out of order")
    return evidence


def _ordered(smaller: Any, larger: Any, known: bool = True) -> bool:
    """`known`: where there is a smaller one, so is the larger."""
    return smaller is None or (not known if larger is None else smaller <= larger)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise _breach("has a count that is none")
    return value


def plain_value(value: Any) -> Value:
    """Whole numbers that came as 128-bit decimals are integers; everything else stays what it is."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _breach("has a figure that is not finite")
    if value is None or isinstance(value, int | float | str | date):
        return value
    raise _breach("has a value of another type")


def _check_population(population: Any, cells: tuple[CellEvidence, ...]) -> None:
    """Every person of a cell is in the population, and nobody else is."""
    most = max((c.persons for c in cells), default=0)
    if not most <= _count(population) <= sum(c.persons for c in cells):
        raise _breach("has another population than its cells")
