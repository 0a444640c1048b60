"""A released table read back: what is a key, a figure, hidden; and the same bytes of Parquet each time."""

import io

import pyarrow.parquet as pq
import pytest

from broker.disclosure.records.released_tables import read_released, released_parquet, released_points
from broker.domain.errors import Invalid

SYMBOLS = {"c": "Confidential"}
CSV = b"year,region,code,n,share\n2021,c,007,120,0.5\n2022,c,008,c,c\n2022,North,009,,1\n"


TABLE = read_released(CSV, SYMBOLS, frozenset({"year", "region", "code"}))


def test_a_plans_keys_are_keys_even_as_numbers_or_symbols() -> None:
    assert (TABLE.keys, TABLE.figures) == ((0, 1, 2), (3, 4))
    assert not TABLE.is_hidden(1, "c")
    assert TABLE.is_hidden(3, "c")


def test_without_a_plan_the_columns_before_the_figures_are_keys() -> None:
    assert read_released(b"LA,n\n201,5\n202,c\n", SYMBOLS, None).keys == (0,)
    assert read_released(b"a,b,n\nx,y,5\n", SYMBOLS, None).keys == (0, 1)


def test_parquet_has_numbers_nulls_symbols_and_codes() -> None:
    content = released_parquet(TABLE, {"record": "{}"})
    assert content == released_parquet(TABLE, {"record": "{}"})
    found = pq.read_table(io.BytesIO(content))
    assert found.to_pydict() == {
        "year": [2021, 2022, 2022], "region": ["c", "c", "North"], "code": ["007", "008", "009"],
        "n": [120, None, None], "n.symbol": [None, "c", None],
        "share": [0.5, None, 1.0], "share.symbol": [None, "c", None],
    }  # fmt: skip


def test_hidden_and_missing_figures_are_no_points() -> None:
    assert released_points(TABLE, 0, 3, 1) == [{"x": 2021, "y": 120.0, "colour": "c"}]


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"\xff\xfe", b'a\n"1'])
def test_what_is_no_table_is_none(content: bytes) -> None:
    with pytest.raises(Invalid):
        read_released(content, SYMBOLS, None)
