"""`broker assess` on files: DuckDB tabulates exactly as the reference in plain Python does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from broker.disclosure.suppression.cell_systems import CellCoordinates
from broker.domain.errors import Invalid
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.plans.scalars import Value
from broker.engine.duckdb_tabulation import tabulate
from broker.evidence.tabulation import StatisticRequest, Tabulation, TabulationRequest
from tests.integration.expected_errors import expect
from tests.oracles.tabulate import tabulate_rows

pytestmark = pytest.mark.long

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


def equals_the_reference(path: Path, rows: Mapping[str, Sequence[object]], asked: TabulationRequest) -> Tabulation:
    found, expected = tabulate(path, asked), tabulate_rows(rows, asked)
    assert found.categories == expected.categories
    assert {c.place: c for c in found.cells} == {c.place: c for c in expected.cells}
    assert len(found.cells) == len(expected.cells)
    assert (found.by, found.totals, found.wanted) == (expected.by, expected.totals, expected.wanted)
    return found


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("totals", [True, False])
def test_it_is_the_reference(tmp_path, ending, totals):
    asked = TabulationRequest("pupil", ("LA", "sex"), True, ("score",), ("score",), totals, "school")
    found = equals_the_reference(write(ROWS, tmp_path / f"f.{ending}"), ROWS, asked)
    assert found.categories == (("x", "y", "(missing)"), ("F", "M"))


values = st.one_of(st.none(), st.integers(-3, 3), st.decimals(-5, 5, places=2))


def up_to_least(found: Tabulation, least: int) -> dict[CellCoordinates, object]:
    """Cells in which enough persons have another total than most: that there are enough is all that must be right."""
    return {
        c.place: replace(
            c, statistics={w: replace(e, others=e.others and min(e.others, least)) for w, e in c.statistics.items()}
        )
        for c in found.cells
    }


PLACES = (
    *(StatisticRequest(Measure.QUANTILE, "x", Decimal(f)) for f in ("0.1", "0.5", "0.9")),
    *(StatisticRequest(m, "x") for m in (Measure.DEVIATION, Measure.LOWEST, Measure.HIGHEST, Measure.MODE)),
    StatisticRequest(Measure.MODE, "b"),
)


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
    st.booleans(),
    st.integers(-1, 2),
)
def test_drawn_files_are_the_reference(tmp_path, rows, once, totals, digits):
    columns: dict[str, list[Value]] = dict(zip(("u", "a", "b", "x"), map(list, zip(*rows, strict=True)), strict=True))
    columns["y"] = columns["x"][::-1]
    if once:
        columns["u"] = [u and f"{u}{i}" for i, u in enumerate(columns["u"])]
    as_text = columns | {name: [None if v is None else str(v) for v in columns[name]] for name in "xy"}
    path = write({k: pa.array(v, pa.string()) for k, v in as_text.items()}, tmp_path / "drawn.csv")
    asked = TabulationRequest(
        "u", ("a", "b"), True, ("x", "y"), ("x",), totals, "b", PLACES, EvidenceNeeds(2, digits=digits)
    )
    assert up_to_least(tabulate(path, asked), 2) == up_to_least(tabulate_rows(columns, asked), 2)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (TabulationRequest("who", ("LA",)), "no-column"),
        (TabulationRequest("pupil", ()), "bad-by"),
        (TabulationRequest("pupil", ("LA", "LA")), "bad-by"),
        (TabulationRequest("pupil", ("LA",), sums=("sex",)), "bad-number"),
    ],
)
def test_bad_questions(tmp_path, asked, code):
    with pytest.raises(Invalid) as caught:
        tabulate(write(ROWS, tmp_path / "f.csv"), asked)
    assert caught.value.code == code
    if code == "bad-number":
        assert caught.value.pointer == "row 1"


TWENTY = "pupil,LA\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(20))
REFUSED = {
    "no file": (None, "There is no file"),
    "no first line": ("", "is empty"),
    "two files in one": (f"{TWENTY}pupil,LA,score\n7,z,1\n8,z,2\n", "cannot be read"),
    "lines of another width": (TWENTY + "7,'x,y'\n" * 30, "cannot be read"),
    "numbers too large to add up": ("pupil,LA,score\n" + "".join(f"{p},x,{9 * 10**27}\n" for p in "abc"), "too large"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_tabulated_whole_is_refused(tmp_path, content, why):
    if content is not None:
        (tmp_path / "f.csv").write_text(content)
    asked = TabulationRequest("pupil", ("LA",), sums=("score",) if why == "too large" else ())
    expect(Invalid, tabulate, tmp_path / "f.csv", asked, match=why)
    (tmp_path / "f.parquet").write_bytes(b"no parquet")
    expect(Invalid, tabulate, tmp_path / "f.parquet", asked, match="cannot be read")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_name_with_a_star_opens_no_other_file(tmp_path, ending):
    asked, path = TabulationRequest("pupil", ("LA",)), write(ROWS, tmp_path / f"a*.{ending}")
    assert sum(c.rows for c in tabulate(path, asked).cells) == 7
    write(ROWS, tmp_path / f"ab.{ending}")
    expect(Invalid, tabulate, path, asked, match="cannot be read")


def test_typed_columns_read_as_they_are_written(tmp_path):
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 1 u, true f, 'nan'::DOUBLE d, DATE '2020-01-02' t, 2.5::DOUBLE x) "
            f"TO '{tmp_path}/t.parquet' (FORMAT parquet)"
        )
    found = tabulate(tmp_path / "t.parquet", TabulationRequest("u", ("f", "d", "t", "x"), sums=("x",)))
    assert found.categories == (("True",), ("(missing)",), ("2020-01-02",), ("2.5",))


def test_what_is_no_number_is_missing_though_a_file_says_that_it_has_numbers_only(tmp_path):
    """The least and the greatest value that a Parquet file tells of a column leave NaN out."""
    rows = {"pupil": ["a", "b", "c", "d"], "LA": ["x"] * 4, "score": [1.5, None, 4.0, None]}
    path = write(rows | {"score": [1.5, float("nan"), 4.0, float("nan")]}, tmp_path / "f.parquet")
    equals_the_reference(path, rows, TabulationRequest("pupil", ("LA",), sums=("score",), means=("score",)))
    equals_the_reference(path, rows, TabulationRequest("pupil", ("LA", "score")))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_is_the_one_of_its_name(tmp_path, ending):
    """Capitals tell names apart; of two columns of one name none is chosen."""
    columns = {"ID": ["a", "a"], "id": ["b", "c"], "LA": ["x", "x"], "twice": ["y", "y"], "TWICE": ["z", "z"]}
    table = pa.table(columns).rename_columns(["ID", "id", "LA", "twice", "twice"])
    path = tmp_path / f"f.{ending}"
    parquet.write_table(table, path) if ending == "parquet" else csv.write_csv(table, path)
    assert [tabulate(path, TabulationRequest(unit, ("LA",))).cells[0].persons for unit in ("ID", "id")] == [1, 2]
    expect(Invalid, tabulate, path, TabulationRequest("id", ("LA", "twice")), match="two columns called 'twice'")


def test_a_quantile_is_rounded_until_enough_persons_share_it(tmp_path):
    """Nineteen children have 0 to 18, one each, and one has 100. The median 9.5 is shown as 10: to the nearest one by
    itself, to the nearest two with one other, to the nearest five with those who have 8 to 12, to the nearest ten with
    those who have 5 to 14; and as 0 to the nearest fifty with all but one, to the nearest 500 with everybody."""
    scores = [*range(19), 100]
    table = {"pupil": [f"p{i}" for i in range(20)], "LA": ["x"] * 20, "score": scores}
    median = StatisticRequest(Measure.QUANTILE, "score", Decimal("0.5"))
    for least, number in ((1, 0), (2, 1), (3, 2), (5, 2), (6, 3), (10, 3), (11, 5), (19, 5), (20, 8), (21, None)):
        asked = TabulationRequest("pupil", ("LA",), False, places=(median,), needs=EvidenceNeeds(least, digits=0))
        (cell,) = tabulate(write(table, tmp_path / "f.csv"), asked).cells
        assert (cell.statistics[median].value, cell.statistics[median].step_number) == (Decimal("9.5"), number)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_as_they_come(tmp_path, ending):
    """Empty texts, blanks, other alphabets, quotes, one row a person or several, many digits, a column named
    like our own."""
    table: dict[str, list[Value]] = {
        "rowid": ["a", "a", "", None, "ß"],
        "k0": ["Þórr, ‘x’", "Þórr, ‘x’", "", 'say "no"', " padded "],
        "LA": ["北", "北", "e\u0301", "é", None],
        "score": ["1e2", "-0.0000000001", "12345678901234567", None, "+7"],
    }
    path = write({k: pa.array(v, pa.string()) for k, v in table.items()}, tmp_path / f"f.{ending}")
    asked = TabulationRequest("rowid", ("k0", "LA"), True, ("score",), ("score",), True, "LA")
    equals_the_reference(path, table, asked)


def test_a_file_without_rows_has_no_cells(tmp_path):
    (tmp_path / "f.csv").write_text("pupil,LA,score\n")
    for totals in (False, True):
        found = tabulate(tmp_path / "f.csv", TabulationRequest("pupil", ("LA",), True, ("score",), ("score",), totals))
        assert (found.categories, found.cells) == (((),), ())


def test_dates_whole_numbers_and_decimals_of_parquet(tmp_path):
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT i AS u, DATE '2020-01-01' + (i % 2)::INT AS day, (i / 8)::DECIMAL(9,3) AS d, i::TINYINT AS t "
            f"FROM range(12) r(i)) TO '{tmp_path}/t.parquet' (FORMAT parquet)"
        )
    asked = TabulationRequest("u", ("day",), False, ("d", "t"))
    cells = {c.place: c.statistics for c in tabulate(tmp_path / "t.parquet", asked).cells}
    assert set(cells) == {("2020-01-01",), ("2020-01-02",)}
    totals = [cells["2020-01-01",][StatisticRequest(Measure.SUM, name)].total for name in ("d", "t")]
    assert totals == [Decimal("3.75"), 30]


def test_a_column_can_be_a_category_and_a_number(tmp_path):
    """And floating numbers are what their shortest text says, short or long."""
    table = {"pupil": [1, 2, 3], "n": [5, 5, 6], "x": [0.1, 0.2, 1e11 + 0.5], "y": [0.1, 0.12345, 3.0]}
    asked = TabulationRequest("pupil", ("n",), True, ("n", "x", "y", "pupil"), (), True)
    found = equals_the_reference(write(table, tmp_path / "f.parquet"), table, asked)
    five = next(c.statistics for c in found.cells if c.place == ("5",))
    assert five[StatisticRequest(Measure.SUM, "x")].total == Decimal("0.3")


@pytest.mark.parametrize("totals", [True, False])
def test_equal_totals_are_counted_where_few_could_differ(tmp_path, totals):
    """Two values of twenty persons each, one of nearly all, and forty values: exact but for the last."""
    scores = {"two": [5, 6] * 20, "one": [7] * 35 + [8] * 5, "all": list(range(40))}
    rows = [(la, x) for la, values in scores.items() for x in values]
    table = {"pupil": list(range(120)), "LA": [la for la, _ in rows], "score": [x for _, x in rows]}
    asked = TabulationRequest("pupil", ("LA",), False, means=("score",), totals=totals, needs=EvidenceNeeds(10))
    cells = {c.place: c.statistics[asked.wanted[0]] for c in tabulate(write(table, tmp_path / "f.csv"), asked).cells}
    assert [cells[la,].others for la in ("two", "one")] == [20, 5]
    assert 10 <= (cells["all",].others or 0) <= 39


@pytest.mark.parametrize("kind", ["int8", "int16", "int32"])
def test_the_least_of_a_narrow_number_has_a_size(tmp_path, kind):
    rows = {"pupil": ["a", "b", "c"], "LA": ["x", "x", "y"], "score": [-(2 ** (int(kind[3:]) - 1)), 3, 4]}
    path = write(rows | {"score": pa.array(rows["score"], kind)}, tmp_path / "f.parquet")
    equals_the_reference(path, rows, TabulationRequest("pupil", ("LA",), sums=("score",)))


def test_a_column_may_be_called_as_the_engine_calls_the_number_of_a_row(tmp_path):
    rows = {"pupil": ["a", None, None], "File_row_number": ["x", "x", "y"]}
    asked = TabulationRequest("pupil", ("File_row_number",))
    equals_the_reference(write(rows, tmp_path / "f.parquet"), rows, asked)
