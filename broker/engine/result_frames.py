"""Reads the result frames of a plan's tables into evidence, strictly and by column."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.plans.measure import MAGNITUDES, NON_ADDITIVE, RATIOS
from broker.domain.plans.plan import CountedRows, PlannedStatistic, PlannedTable, PublicRelation
from broker.domain.plans.scalars import ScalarType, Value
from broker.engine.result_checks import COUNTED, breach, check_cells, extra_columns
from broker.evidence.evidence_columns import EvidenceColumn, EvidenceFields
from broker.query import evidence_columns


def column_of(array: pa.Array) -> EvidenceColumn:
    """128-bit decimals that are whole become integers; everything else keeps its type."""
    known = np.ones(len(array), bool) if not array.null_count else array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_float64(array.type):
        # Adding 0.0 removes the sign of a zero: it is that of the group's first row and would reveal it.
        return EvidenceColumn(array.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0, known)
    whole = _whole(array)
    return EvidenceColumn(_objects(array) if whole is None else whole, known)


def _whole(array: pa.Array) -> NDArray[np.int64] | None:
    """As 64-bit integers; None if not all values are."""
    kind = array.type
    if not pa.types.is_integer(kind) and not (pa.types.is_decimal(kind) and kind.scale == 0):
        return None
    try:
        found: NDArray[np.int64] = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return found


def _objects(array: pa.Array) -> NDArray[np.object_]:
    found = np.empty(len(array), object)
    values = array.to_pylist()
    found[:] = [v if v is None else plain_decimal(v) for v in values] if pa.types.is_decimal(array.type) else values
    return found


def plain_decimal(value: Decimal) -> Decimal | int:
    return int(value) if value.as_tuple().exponent == 0 else value


def dictionary_codes(array: pa.Array) -> tuple[list[Any], NDArray[np.int64]]:
    """The distinct values, and the index of each entry's value; a missing value is one of them."""
    if pa.types.is_null(array.type):
        return [None], np.zeros(len(array), np.int64)
    if pa.types.is_floating(array.type):
        array = pa.compute.add(array, 0.0)  # -0.0 and 0.0 are one value
    found = array.dictionary_encode("encode")
    return found.dictionary.to_pylist(), found.indices.to_numpy(zero_copy_only=False).astype(np.int64)


EVIDENCE_DEFAULTS: dict[str, int | None] = {
    f.name: None if f.default is MISSING else f.default for f in fields(StatisticEvidence)
}
"""Each item of a statistic's evidence, with its value if the plan did not request it."""
CELL_DEFAULTS: dict[str, int | None] = dict.fromkeys(
    ("rows", "persons", "institutions", "largest_institution", "cell_key")
)


class LazyCells(Sequence[CellEvidence]):
    """A sequence of cells, equal to the tuple of them, that also gives columns (see
    `disclosure.evidence_columns.EvidenceColumns`)."""

    def __init__(
        self, statistics: Sequence[int], columns: Mapping[str, EvidenceColumn], codes: Sequence[NDArray[np.int64]]
    ) -> None:
        self.width, self._count = len(codes), len(columns["rows"].values)
        self._statistics, self._columns, self._codes = statistics, columns, codes
        self._absent: dict[str, EvidenceColumn] = {}
        # Cells are built on demand: rules need only those that prefilters choose.
        self._cells: list[CellEvidence | None] = [None] * self._count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> CellEvidence: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[CellEvidence]: ...
    def __getitem__(self, at: int | slice) -> CellEvidence | Sequence[CellEvidence]:
        numbers = range(self._count)[at]
        return self.some([numbers])[0] if isinstance(numbers, int) else tuple(self.some(numbers))

    def __iter__(self) -> Iterator[CellEvidence]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._all == tuple(other) if isinstance(other, LazyCells | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def fields(self, statistic: int | None) -> EvidenceFields:
        return partial(self._field, "" if statistic is None else f"s{statistic}_")

    def codes(self, axis: int) -> NDArray[np.int64]:
        return self._codes[axis]

    def some(self, at: Sequence[int]) -> Sequence[CellEvidence]:
        missing = [i for i in at if self._cells[i] is None]
        for i, made in zip(missing, self._built(missing), strict=True):
            self._cells[i] = made
        return [cell for i in at if (cell := self._cells[i]) is not None]

    @cached_property
    def _all(self) -> tuple[CellEvidence, ...]:
        return tuple(self.some(range(self._count)))

    def _field(self, prefix: str, name: str) -> EvidenceColumn:
        if (found := self._columns.get(prefix + name)) is not None:
            return found
        if prefix + name not in self._absent:
            value = EVIDENCE_DEFAULTS[name] if prefix else None
            known = np.full(self._count, value is not None)
            self._absent[prefix + name] = EvidenceColumn(np.full(self._count, value or 0, np.int64), known)
        return self._absent[prefix + name]

    def _built(self, at: Sequence[int]) -> Iterator[CellEvidence]:
        """The cells with these numbers, all at once: building by column is many times faster than cell by cell."""
        by_key = _rows([self._list(f"k{n}", None, at) for n in range(self.width)], len(at))
        found = [map(StatisticEvidence, *self._lists(f"s{s}_", EVIDENCE_DEFAULTS, at)) for s in self._statistics]
        counts = zip(*self._lists("", CELL_DEFAULTS, at), strict=True)
        for keys, statistics, (rows, persons, *extra) in zip(by_key, _rows(found, len(at)), counts, strict=True):
            yield CellEvidence(keys, rows, persons, dict(zip(self._statistics, statistics, strict=True)), *extra)

    def _lists(self, prefix: str, defaults: Mapping[str, Value], at: Sequence[int]) -> list[list[Any]]:
        return [self._list(prefix + name, default, at) for name, default in defaults.items()]

    def _list(self, name: str, default: Value, at: Sequence[int]) -> list[Any]:
        if name not in self._columns:
            return [default] * len(at)
        column = self._columns[name]
        return column.tolist() if len(at) == self._count else column.take(at).tolist()


def _rows(columns: Sequence[Iterable[Any]], count: int) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else [()] * count


INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
HUGE_INTEGER = "decimal128(38, 0)"
"""The Arrow type of DuckDB's 128-bit integers."""


def read_table(planned: PlannedTable, payload: bytes) -> TableEvidence:
    """The evidence of one planned table, from its Arrow stream. Raises Breach if the stream is not as planned."""
    table = arrow_table(payload)
    _check_columns(planned, table.schema)
    arrays = {name: table.column(name).combine_chunks() for name in table.schema.names}
    columns = {name: column_of(array) for name, array in arrays.items()}
    # A missing value has a number of its own.
    codes = [dictionary_codes(arrays[f"k{number}"])[1] for number in range(len(planned.keys))]
    population = check_cells(planned, columns, codes)
    return TableEvidence(LazyCells([s.ident for s in planned.statistics], _observed(columns), codes), population)


def _observed(columns: dict[str, EvidenceColumn]) -> dict[str, EvidenceColumn]:
    """Without the cell that nobody is in: only a table without keys can have one."""
    at: list[int] = np.flatnonzero(columns["rows"].values).tolist()  # a group without rows exists only without keys
    return columns if len(at) == len(columns["rows"].values) else {name: c.take(at) for name, c in columns.items()}


def read_joint_table(planned: PlannedTable, payload: bytes) -> TableEvidence | None:
    """The evidence of a joint table; None if it has more cells than requested."""
    # The statement stops one row beyond the limit, so more rows mean "cut off".
    if planned.max_rows is not None and arrow_table(payload).num_rows > planned.max_rows:
        return None
    return read_table(planned, payload)


def read_public_rows(planned: PublicRelation, payload: bytes) -> tuple[tuple[Value, ...], ...]:
    """The rows of a public relation, from its Arrow stream."""
    table = arrow_table(payload)
    if table.schema.names != [f"c{ident}" for ident, _ in planned.columns]:
        raise breach("has other columns than planned")
    for (_, kind), found in zip(planned.columns, table.schema.types, strict=True):
        check_type(ARROW_TYPES[kind], found)
    return tuple(tuple(plain_value(row[name]) for name in table.schema.names) for row in table.to_pylist())


def read_counted(planned: Sequence[CountedRows], payload: bytes) -> tuple[int, ...]:
    """The persons of each of the counted rows, from their Arrow stream."""
    table = arrow_table(payload)
    if table.schema.names != ["number", "persons"] or {*map(str, table.schema.types)} != {"int64"}:
        raise breach("has other columns than planned")
    rows = table.to_pylist()
    most = [one.least for one in planned]
    if [row["number"] for row in rows] != [*range(len(most))]:
        raise breach("has other rows than planned")
    persons = tuple(row["persons"] for row in rows)
    if not all(p is not None and 0 <= p <= m for p, m in zip(persons, most, strict=True)):
        raise breach("has a count that cannot be")
    return persons


def check_type(kinds: frozenset[str], found: pa.DataType) -> None:
    # DuckDB chooses width and scale of decimals.
    if str(found) not in kinds and not (kinds >= DECIMALS and pa.types.is_decimal128(found)):
        raise breach(f"has a column of type {found} that the plan does not ask for")


def arrow_table(payload: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(pa.BufferReader(payload)) as reader:
            table = reader.read_all()
        table.validate(full=True)  # untrusted bytes: offsets could point anywhere
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, OSError, ValueError) as fault:
        raise breach("is no Arrow stream") from fault
    return table


def _check_columns(planned: PlannedTable, schema: pa.Schema) -> None:
    wanted = list(_columns(planned, schema.names))
    # Names and order must be exact: columns are read by name and checked by type.
    if schema.names != [column for column, _ in wanted]:
        raise breach("has other columns than planned")
    for (_, kinds), kind in zip(wanted, schema.types, strict=True):
        check_type(kinds, kind)


WHOLE_TYPES = INTEGERS | {HUGE_INTEGER}
COUNT_TYPES = frozenset({"int64"})
DECIMALS = frozenset({"decimal"})
ARROW_TYPES: dict[ScalarType, frozenset[str]] = {
    ScalarType.INT: WHOLE_TYPES,
    ScalarType.FLAG: WHOLE_TYPES,
    ScalarType.DECIMAL: DECIMALS,
    ScalarType.DOUBLE: frozenset({"double"}),
    ScalarType.TEXT: frozenset({"string"}),
    ScalarType.DATE: frozenset({"date32[day]"}),
    ScalarType.TRUTH: frozenset({"bool"}),
    ScalarType.NULL: frozenset({"null", "int32"}),
}


def _columns(planned: PlannedTable, names: Sequence[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each column of a result with these columns, with the Arrow types that it may have."""
    for number, key in enumerate(planned.keys):
        # FLOOR of a decimal is a decimal in the plan, and a whole number in the engine.
        whole = INTEGERS if key.type in (ScalarType.DECIMAL, ScalarType.DOUBLE) else frozenset[str]()
        yield f"k{number}", ARROW_TYPES[key.type] | whole
    for column in ("rows", "persons", "population"):
        yield column, COUNT_TYPES
    for statistic in planned.statistics:
        for column in evidence_columns(statistic):
            yield column, _arrow_types(statistic, column.partition("_")[2])
    for column, amount in extra_columns(planned, names):
        yield column, COUNT_TYPES if amount is None else ARROW_TYPES[amount]


def _arrow_types(statistic: PlannedStatistic, field: str) -> frozenset[str]:
    """Counts are 64-bit integers, amounts have the type of what is summed, and other values that of the statistic."""
    is_amount = statistic.measure in MAGNITUDES and field not in COUNTED and field != "others"
    if field == "value" and statistic.measure in RATIOS | NON_ADDITIVE:
        return ARROW_TYPES[statistic.type]
    if is_amount:
        return ARROW_TYPES[statistic.argument.type if statistic.argument is not None else statistic.type]
    return COUNT_TYPES


def plain_value(value: Any) -> Value:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise breach("has a figure that is not finite")
    if isinstance(value, float):
        return value + 0.0  # removes the sign of a zero, as in `column_of`
    if value is None or isinstance(value, int | str | date):
        return value
    raise breach("has a value of another type")
