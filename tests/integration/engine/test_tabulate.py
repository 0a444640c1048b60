"""`broker assess` on files: DuckDB tabulates exactly as the reference in plain Python does."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.disclosure.tabulate import Asked, tabulate_rows
from broker.domain.errors import Invalid
from broker.domain.scalars import Value
from broker.engine.tabulate import tabulate

ROWS: dict[str, list[Value]] = {
    "pupil": ["a", "a", "b", "c", None, None, "d"],
    "LA": ["x", "x", "x", "y", "y", None, "y"],
    "sex": ["M", "M", "F", "F", "M", "M", "M"],
    "score": [1, 2, -3, None, 5, 0, 0],
    "school": [1, 2, 1, None, 3, 3, 3],
}


def write(rows: Mapping[str, Sequence[object]], path: Path) -> Path:
    table = pa.table({name: pa.array(values) for name, values in rows.items()})
    parquet.write_table(table, path) if path.suffix == ".parquet" else csv.write_csv(table, path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("totals", [True, False])
def test_it_is_the_reference(tmp_path: Path, ending: str, totals: bool) -> None:
    asked = Asked("pupil", ("LA", "sex"), True, ("score",), ("score",), totals, "school")
    found = tabulate(write(ROWS, tmp_path / f"f.{ending}"), asked)
    expected = tabulate_rows(ROWS, asked)
    assert found.categories == expected.categories == (("x", "y", "(missing)"), ("F", "M"))
    assert {c.place: c for c in found.cells} == {c.place: c for c in expected.cells}
    assert len(found.cells) == len(expected.cells)
    assert (found.by, found.totals, found.wanted) == (expected.by, expected.totals, expected.wanted)


values = st.one_of(st.none(), st.integers(-3, 3), st.decimals(-5, 5, places=2))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p", "q", "r", "s", None]),
            st.sampled_from(["x", "y", None]),
            st.sampled_from(["1", "2"]),
            values,
        ),
        min_size=1,
        max_size=25,
    ),
    st.booleans(),
)
def test_drawn_files_are_the_reference(tmp_path: Path, rows: list[tuple[Value, ...]], totals: bool) -> None:
    columns: dict[str, list[Value]] = dict(zip(("u", "a", "b", "x"), map(list, zip(*rows, strict=True)), strict=True))
    as_text = columns | {"x": [None if v is None else str(v) for v in columns["x"]]}
    path = write({k: pa.array(v, pa.string()) for k, v in as_text.items()}, tmp_path / "drawn.csv")
    asked = Asked("u", ("a", "b"), True, ("x",), ("x",), totals, "b")
    found = {c.place: c for c in tabulate(path, asked).cells}
    assert found == {c.place: c for c in tabulate_rows(columns, asked).cells}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked("who", ("LA",)), "no-column"),
        (Asked("pupil", ()), "bad-by"),
        (Asked("pupil", ("LA", "LA")), "bad-by"),
        (Asked("pupil", ("LA",), sums=("sex",)), "bad-number"),
    ],
)
def test_bad_questions(tmp_path: Path, asked: Asked, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        tabulate(write(ROWS, tmp_path / "f.csv"), asked)
    assert caught.value.code == code
    if code == "bad-number":
        assert caught.value.pointer == "row 1"


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="There is no file"):
        tabulate(tmp_path / "none.csv", Asked("a", ("b",)))
    (tmp_path / "f.parquet").write_bytes(b"no parquet")
    with pytest.raises(Invalid, match="cannot be read"):
        tabulate(tmp_path / "f.parquet", Asked("a", ("b",)))


def test_typed_columns_read_as_they_are_written(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 1 u, true f, 'nan'::DOUBLE d, DATE '2020-01-02' t, 2.5::DOUBLE x) "
            f"TO '{tmp_path}/t.parquet' (FORMAT parquet)"
        )
    found = tabulate(tmp_path / "t.parquet", Asked("u", ("f", "d", "t", "x"), sums=("x",)))
    assert found.categories == (("True",), ("(missing)",), ("2020-01-02",), ("2.5",))


def test_numbers_too_large_to_add_up(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("pupil,LA,score\n" + "".join(f"{p},x,{9 * 10**27}\n" for p in "abc"))
    with pytest.raises(Invalid, match="too large"):
        tabulate(path, Asked("pupil", ("LA",), True, ("score",), (), False, None))
