"""Cells that were read by column are the cells that stand in the rows, and no column may say what cannot be."""

import pickle
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan
from broker.domain.plans.plan import GroupKey, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.engine.result_frames import plain_value, read_table
from broker.evidence.evidence_columns import EvidenceColumns, as_evidence_columns
from tests.integration.expected_errors import expect

HUGE, DECIMAL = pa.decimal128(38, 0), pa.decimal128(12, 2)
LA, AMOUNT = (
    GroupKey(0, ColumnRef(0, ScalarType.TEXT), ScalarType.TEXT, None, None),
    GroupKey(1, ColumnRef(1, ScalarType.DOUBLE), ScalarType.DOUBLE, None, None),
)
SUM = PlannedStatistic(10, Measure.SUM, ColumnRef(5, ScalarType.INT), ScalarType.INT)
SHARE = PlannedStatistic(11, Measure.SHARE, ColumnRef(6, ScalarType.FLAG), ScalarType.DOUBLE)
TABLE = PlannedTable(Scan("x", (), 0, None), 0, (LA, AMOUNT), (SUM, SHARE))
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "k0": (pa.string(), ["a", "a", None]),
    "k1": (pa.float64(), [0.0, 1.5, None]),
    "rows": (pa.int64(), [20, 12, 30]),
    "persons": (pa.int64(), [10, 12, 15]),
    "population": (pa.int64(), [30, 30, 30]),
    "s10_value": (HUGE, [Decimal(10**30), Decimal(7), None]),
    "s10_rows": (pa.int64(), [20, 12, 0]),
    "s10_persons": (pa.int64(), [10, 12, 0]),
    "s10_largest": (pa.int64(), [5, 4, None]),
    "s10_second": (HUGE, [Decimal(5), None, None]),
    "s10_low": (HUGE, [Decimal(-(10**25)), Decimal(0), None]),
    "s10_high": (HUGE, [Decimal(10**25), None, Decimal(1)]),
    "s10_others": (pa.int64(), [3, None, 0]),
    "s10_total": (HUGE, [Decimal(10**30), Decimal(7), None]),
    "s10_sizes": (HUGE, [Decimal(10**30), Decimal(7), None]),
    "s11_value": (pa.float64(), [0.5, 0.25, None]),
    "s11_rows": (pa.int64(), [10, 3, 0]),
    "s11_persons": (pa.int64(), [5, 3, 0]),
    "s11_rest": (pa.int64(), [5, 9, 15]),
    "s11_rest_rows": (pa.int64(), [10, 9, 30]),
    "s11_total": (pa.int64(), [10, 3, 0]),
}
INSTITUTIONS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "institutions": (pa.int64(), [3, None, 1]),
    "largest_institution": (pa.int64(), [6, None, 15]),
    "s10_institution_largest": (HUGE, [Decimal(10**29), None, Decimal(0)]),
    "s10_institution_second": (HUGE, [Decimal(10**28), None, None]),
    "s11_institution_largest": (pa.int64(), [5, 1, 0]),
    "s11_institution_second": (pa.int64(), [5, 1, None]),
}
KEYS: dict[str, tuple[pa.DataType, list[Any]]] = {
    name: (pa.int64(), [0, 7, 2**32 - 1])
    for name in ("cell_key", "s10_cell_key", "s11_cell_key", "s11_rest_key", "s11_whole_key")
}
FIRST_SUM = StatisticEvidence(10**30, 20, 10, 0, 0, 5, 5, -(10**25), 10**25, 10**30, 10**30, None, 3)
CELLS = (
    CellEvidence(("a", 0.0), 20, 10, {10: FIRST_SUM, 11: StatisticEvidence(0.5, 10, 5, 5, 10, total=10)}),
    CellEvidence(("a", 1.5), 12, 12, {10: StatisticEvidence(7, 12, 12, 0, 0, 4, None, 0, None, 7, 7),
                                      11: StatisticEvidence(0.25, 3, 3, 9, 9, total=3)}),
    CellEvidence((None, None), 30, 15, {10: StatisticEvidence(None, 0, 0, high=1, others=0),
                                        11: StatisticEvidence(None, 0, 0, 15, 30, total=0)}),
)  # fmt: skip


def read(changed: Mapping[str, list[Any]] | None = None, *more: Mapping[str, tuple[pa.DataType, list[Any]]]) -> Any:
    columns = COLUMNS | {name: column for other in more for name, column in other.items()}
    arrays = {n: pa.array((changed or {}).get(n, values), kind) for n, (kind, values) in columns.items()}
    table, sink = pa.table(arrays), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return read_table(TABLE, bytes(sink.getvalue()))


def test_the_sign_of_a_zero_is_dropped():
    """Groups of 0.0 and -0.0 are one, and the engine shows the one that it met first."""
    assert repr(read({"k1": [-0.0, 1.5, None]})) == repr(read())
    assert repr(plain_value(-0.0)) == "0.0"


def test_cells_are_a_sequence_equal_to_their_tuple():
    found = read()
    assert found == TableEvidence(CELLS, 30)
    assert TableEvidence(CELLS, 30) == found
    assert read() == read()
    assert (len(read().cells), read().cells[1], read().cells[-1]) == (3, CELLS[1], CELLS[2])
    assert (tuple(read().cells[1:]), list(read().cells), CELLS[2] in read().cells) == (CELLS[1:], list(CELLS), True)
    assert read().cells != CELLS[:2]
    assert repr(read()) == repr(TableEvidence(CELLS, 30))
    assert pickle.loads(pickle.dumps(read())) == found
    with pytest.raises(IndexError):
        found.cells[3]
    assert found.cells[0] is found.cells[0]


def test_extra_evidence_is_read_with_the_cells():
    first = read(None, INSTITUTIONS, KEYS).cells[0]
    assert (first.institutions, first.largest_institution, first.cell_key) == (3, 6, 0)
    assert (first.statistics[10].institution_largest, first.statistics[11].institution_second) == (10**29, 5)
    assert read(None, INSTITUTIONS, KEYS).cells[2].statistics[11].whole_key == 2**32 - 1


def test_columns_are_those_of_the_cells():
    cells = read(None, INSTITUTIONS, KEYS).cells
    seen, made = as_evidence_columns(cells), as_evidence_columns(tuple(cells))
    assert (seen, seen.width, len(made)) == (cells, made.width, 3)
    assert isinstance(made, EvidenceColumns)
    for statistic in (10, 11):
        for name in StatisticEvidence.__slots__:
            one, other = (c.fields(statistic)(name) for c in (seen, made))
            assert one.tolist() == other.tolist(), name
            np.testing.assert_array_equal(one.floats, other.floats)
    for name in ("rows", "persons", "institutions", "largest_institution", "cell_key"):
        assert seen.fields(None)(name).tolist() == made.fields(None)(name).tolist()
    for axis in range(2):
        assert seen.codes(axis).tolist() == made.codes(axis).tolist()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"k0": ["a", "a", "a"], "k1": [0.0, 1.5, -0.0]}, "a cell twice"),
        ({"k1": [0.0, 1.5, float("inf")]}, "not finite"),
        ({"population": [30, 30, None]}, "one population"),
        ({"population": [None, None, None]}, "a count that is none"),
        ({"population": [38, 38, 38]}, "another population"),
        ({"population": [14, 14, 14]}, "another population"),
        ({"rows": [20, 12, 14]}, "more persons than rows"),
        ({"s11_rest_rows": [2**63 - 1, 9, 30]}, "more in a statistic"),
        ({"s11_rest": [5, 13, 15]}, "more in a statistic"),
        ({"s11_rest": [5, None, 15]}, "a count that is none"),
        ({"s10_others": [3, None, -1]}, "a count that is none"),
        ({"s10_second": [Decimal(5), Decimal(10**30), None]}, "out of order"),
        ({"s10_second": [Decimal(5), None, Decimal(0)]}, "out of order"),
        ({"s10_low": [Decimal(10**25 + 1), None, None]}, "out of order"),
        ({"k0": ["a", "a", None], "k1": [0.0, 0.0, None]}, "a cell twice"),
        ({"s11_value": [float("nan"), 0.25, None]}, "not finite"),
        ({"rows": [-1, 12, 30]}, "a count that is none"),
        ({"rows": [None, 12, 30]}, "a count that is none"),
        ({"persons": [21, 12, 15]}, "more persons than rows"),
        ({"s10_persons": [11, 12, 0]}, "more in a statistic"),
        ({"s10_rows": [21, 12, 0]}, "more in a statistic"),
        ({"institutions": [3, 1, 1]}, "cannot be"),
        ({"institutions": [-1, None, 1]}, "a count that is none"),
        ({"institutions": [0, None, 1]}, "cannot be"),
        ({"institutions": [3, None, 31]}, "cannot be"),
        ({"largest_institution": [-1, None, 15]}, "a count that is none"),
        ({"s10_institution_second": [Decimal(10**29 + 1), None, None]}, "out of order"),
        ({"s10_institution_second": [None, Decimal(1), None]}, "out of order"),
        ({"s11_institution_second": [-1, 1, None]}, "out of order"),
        ({"s11_rest_key": [0, 7, 2**32]}, "sum of record keys"),
        ({"cell_key": [0, None, 1]}, "sum of record keys"),
        ({"s10_cell_key": [0, 1, -1]}, "sum of record keys"),
    ],
)
def test_what_cannot_be_is_a_breach(changed, why):
    expect(Breach, read, changed, INSTITUTIONS, KEYS, match=why)


def test_more_people_than_64_bits_count_are_added_up_exactly():
    many = 2**62
    changed = {name: [many] * 3 for name in ("rows", "persons", "population")}
    assert read(changed).persons == many
    expect(Breach, read, changed | {"population": [many - 1] * 3}, match="another population")
