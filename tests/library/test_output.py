"""Outputs as files in /out: requests and rows, for rows of every library; and what a pandas user gets wrong is told."""

# ruff: noqa: E501 - one line a case

import json

import npd
import pandas as pd
import pyarrow as pa
import pytest
from conftest import HEADER, KEY

MEASURES = {"n": "count", "people": "persons", "mean_absence": ("OverallAbsence_6HalfTerms", "mean")}


def request(place, name):
    return json.loads((place.out / name).read_text())


def rows(place, name):
    with pa.ipc.open_file(str(place.out / f"{name}.rows.arrow")) as file:
        return file.read_all()


def test_a_table_is_a_request_and_rows(place):
    frame = npd.load("absence")
    done = npd.output.table(frame, by="LA", measures=MEASURES, name="absence", variables=["absence.LA"])
    assert request(place, "absence.table.json") == {
        "version": 1,
        "kind": "table",
        "name": "absence",
        "person": KEY,
        "by": ["LA"],
        "measures": {"n": {"count": True}, "people": {"persons": True},
                     "mean_absence": {"mean": "OverallAbsence_6HalfTerms"}},
        "variables": {"LA": "npd.absence.LA", KEY: f"npd.absence.{KEY}"},
        "description": "Absence by authority",
    }  # fmt: skip
    found = rows(place, "absence")
    assert found.column_names == [KEY, "LA", "OverallAbsence_6HalfTerms"]
    assert found.num_rows == len(frame)
    assert found.schema.metadata is None
    assert found["LA"].type == pa.int32()
    assert (done.name, done.kind) == ("absence", "table")
    assert "3" not in repr(done)


def test_bounds_of_derived_columns_go_with_the_request(place, capsys):
    frame = npd.load("absence").assign(half=lambda f: f["OverallAbsence_6HalfTerms"] / 2)
    asked = {"by": "LA", "measures": {"half": ("half", "mean")}, "variables": ["absence.LA"]}
    npd.output.table(frame, **asked, name="absence", bounds={"half": (0, 500)})
    assert request(place, "absence.table.json")["bounds"] == {"half": [0.0, 500.0]}


@pytest.mark.parametrize(
    ("bounds", "said"),
    [({"half": (0, 0.001)}, "outside its bounds"), ({"half": (1, 0)}, "from the least"), ({"half": 5}, "no pair"),
     ({"LA": (0, 1)}, "measured columns"), ((0, 1), "names columns")],
)  # fmt: skip
def test_impossible_bounds_are_errors(place, bounds, said):
    frame = npd.load("absence").assign(half=lambda f: f["OverallAbsence_6HalfTerms"] / 2)
    with pytest.raises(npd.NpdError, match=said):
        npd.output.table(frame, by="LA", measures={"half": ("half", "mean")}, name="absence", bounds=bounds)


def kinds():
    table = npd.table("absence")
    yield table
    yield table.arrow()
    yield table.pandas()
    yield table.polars()
    yield table.polars().lazy()
    yield table.duckdb()


@pytest.mark.parametrize("at", range(6))
def test_rows_of_every_library_are_the_same_rows(place, at):
    given = list(kinds())[at]
    npd.output.table(given, by=["LA"], measures={"m": {"mean": "IDACI_S_home"}}, name="absence.csv")
    found = rows(place, "absence")
    assert found["IDACI_S_home"].type == pa.float64()
    assert found["IDACI_S_home"].to_pylist()[:4] == [0.125, None, 0.5, 0.25]


def test_a_column_of_0_and_1_is_requested_as_both_sides(place):
    frame = npd.load("absence")
    frame["persistent"] = frame["OverallAbsence_6HalfTerms"] > 15
    npd.output.table(frame, measures={"a": ("FSMeligible", "mean"), "b": ("persistent", "sum")}, name="absence")
    assert request(place, "absence.table.json")["measures"] == {
        "a": {"share": "FSMeligible"},
        "b": {"ones": "persistent"},
    }
    assert rows(place, "absence")["persistent"].type == pa.int8()


def test_categories_dates_and_nullable_numbers_are_plain_in_the_rows(place):
    frame = npd.load("spring_census")
    frame["LA"] = frame["LA"].astype("Int64")
    frame["EthnicGroupMinor"] = frame["EthnicGroupMinor"].astype("category")
    frame["band"] = pd.cut(range(len(frame)), [-1, 2, 99], labels=["low", "high"])
    npd.output.table(frame, by=["LA", "EthnicGroupMinor", "EntryDate", "band"], name="absence")
    found = rows(place, "absence")
    kinds = [pa.string(), pa.int64(), pa.string(), pa.date32(), pa.string()]
    assert found.schema.types == kinds


def test_a_regression(place):
    frame = npd.load("absence")
    formula = "OverallAbsence_6HalfTerms ~ FSMeligible*IDACI_S_home + C(LA) - 1 | AcademicYear"
    npd.output.regression(
        formula, frame, name="model", cluster="LA", variables={"FSMeligible": "npd.absence.FSMeligible"}
    )
    found = request(place, "model.regression.json")
    assert (found["formula"], found["family"], found["cluster"]) == (formula, "ols", "LA")
    assert set(found["variables"]) == {"FSMeligible", KEY}
    names = [KEY, "OverallAbsence_6HalfTerms", "FSMeligible", "IDACI_S_home", "LA", "AcademicYear"]
    assert rows(place, "model").column_names == names


def test_a_figure_is_of_a_table_of_the_job(place):
    made = npd.output.table(npd.load("absence"), by="LA", measures=MEASURES, name="absence")
    npd.output.figure(made, kind="bar", name="chart")
    assert request(place, "chart.figure.json") == {
        "version": 1, "kind": "figure", "name": "chart", "data": "absence", "mark": "bar", "x": "LA", "y": "n",
        "colour": None, "description": "A figure of absence.csv",
    }  # fmt: skip


def test_a_file_goes_with_its_description(place, tmp_path):
    (tmp_path / "note.txt").write_text("text")
    npd.output.file(tmp_path / "note.txt")
    assert (place.out / "note.txt").read_text() == "text"
    assert request(place, "note.txt.about.json")["description"] == "A note"


def test_one_declared_output_needs_no_name(place):
    place.text = "# output: absence.csv | Absence\nimport npd\n# output: other.csv | not in the header"
    assert npd.output.table(npd.load("absence")).name == "absence"


def frame():
    return npd.load("absence")


def two_levels():
    return frame().groupby([KEY, "LA"]).agg({"whole": ["mean", "sum"]}).reset_index()


def mixed():
    given = frame()
    given["LA"] = given["LA"].astype(object)
    given.loc[0, "LA"] = "Camden"
    return given


def table(given, by="LA", measures=None, name="absence", **more):
    return npd.output.table(given, by=by, measures=measures, name=name, **more)


def model(formula):
    return npd.output.regression(formula, frame(), name="model")


WRONG = {
    "a finished table": (lambda: table(frame().groupby("LA").size().rename("n").reset_index()), "no column of pseudonyms"),
    "index forgotten": (lambda: table(frame().set_index("LA")), "'LA' is in the frame's index.*reset_index"),
    "key in the index": (lambda: table(frame().set_index(KEY)), "reset_index"),
    "a name of no output": (lambda: table(frame(), name="absense"), "declares no output 'absense'. Did you mean 'absence'"),
    "no name of several": (lambda: npd.output.table(frame()), "Say name="),
    "a path as name": (lambda: table(frame(), name="../absence"), "no name for an output"),
    "twice": (lambda: (table(frame()), table(frame())), "handed over already"),
    "unknown column": (lambda: table(frame(), by="LAA"), "no column 'LAA'. Did you mean 'LA'"),
    "a column's name": (lambda: table(frame().rename(columns={"LA": "local authority"}), by="local authority"), "no plain name"),
    "several levels": (lambda: table(two_levels()), "several levels"),
    "numbers as names": (lambda: table(frame().rename(columns={"LA": 3}), by=()), "named by text"),
    "a name twice": (lambda: table(frame().rename(columns={"whole": "LA"})), "several columns called 'LA'"),
    "grouped": (lambda: table(frame().groupby("LA")), "rows is grouped"),
    "one column": (lambda: table(frame()["LA"]), "one pandas column"),
    "a list": (lambda: table([1, 2]), "rows is a list"),
    "mixed kinds": (lambda: table(mixed()), r"several kinds \(int, str\)"),
    "fractions as groups": (lambda: table(frame(), by="IDACI_S_home"), "with fractions: pd.cut"),
    "persons as groups": (lambda: table(frame(), by=KEY), "tells persons apart"),
    "a mean of text": (lambda: table(frame(), measures={"m": ("AcademicYear", "mean")}), "is text; a measure"),
    "infinite": (lambda: table(frame().assign(x=lambda f: f["whole"] / 0), measures={"m": ("x", "mean")}), "infinite"),
    "times of day": (lambda: table(frame().assign(t=pd.Timestamp("2020-01-01 10:00")), by="t"), "times of day"),
    "periods": (lambda: table(frame().assign(t=pd.Period("2020-01")), by="t"), "astype"),
    "missing pseudonyms": (lambda: table(frame().assign(**{KEY: None})), "No row has a pseudonym"),
    "numbers as pseudonyms": (lambda: table(frame(), person="IDACI_S_home", variables={"IDACI_S_home": f"absence.{KEY}"}), "holds no pseudonyms"),
    "pseudonyms of no table": (lambda: table(frame().rename(columns={KEY: "pid"}), person="pid"), "which table's pseudonyms"),
    "wrong way round": (lambda: table(frame(), measures={"m": ("mean", "whole")}), "wrong way round"),
    "a word of pandas": (lambda: table(frame(), measures={"m": "size"}), 'is "count"'),
    "an unknown statistic": (lambda: table(frame(), measures={"m": ("whole", "max")}), "There are count, persons"),
    "a statistic of nothing": (lambda: table(frame(), measures={"m": "mean"}), "of nothing"),
    "a median of flags": (lambda: table(frame(), measures={"m": ("FSMeligible", "median")}), '"share"'),
    "one name for two": (lambda: table(frame(), measures={"LA": "count"}), "a group and a measure"),
    "a variable of no table": (lambda: table(frame(), variables=["LA"]), "says of which table"),
    "variables as text": (lambda: table(frame(), variables="absence.LA"), "is a list"),
    "an undeclared input": (lambda: table(frame().assign(FSMeligible=1), variables={"FSMeligible": "spring_census.LA2"}), "no variable 'LA2'"),
    "a family": (lambda: npd.output.regression("whole ~ LA", frame(), family="probit", name="model"), "There are ols"),
    "a function": (lambda: model("whole ~ np.log(LA)"), "cannot hold '.'"),
    "a call": (lambda: model("whole ~ log(LA)"), r"cannot call log\(\)"),
    "no outcome": (lambda: model("~ LA"), "an outcome"),
    "an end too early": (lambda: model("whole ~ LA +"), "ends too early"),
    "the outcome twice": (lambda: model("whole ~ whole"), "also stands on the right"),
    "a figure of nothing": (lambda: npd.output.figure("absence", name="chart"), "of a table of the same job"),
    "a kind of figure": (lambda: npd.output.figure(table(frame()), kind="pie", name="chart"), "There are bar"),
    "an axis": (lambda: npd.output.figure(table(frame()), name="chart", y="mean"), "y= of the figure is 'mean'"),
    "lines of description": (lambda: table(frame(), description="a\nb"), "one line of text"),
    "no file": (lambda: npd.output.file("nothing.txt"), "no file"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_what_to_write(place, name):
    call, words = WRONG[name]
    with pytest.raises(npd.NpdError, match=words):
        call()


def test_a_variable_that_the_header_does_not_declare(place):
    place.text = HEADER.replace("LA, ", "")
    with pytest.raises(npd.NpdError, match=r"none of the job's inputs: .*\[LA, \.\.\.\]"):
        table(npd.load("spring_census"), variables=["spring_census.LA"])


def test_a_header_without_the_key_is_an_error(place):
    place.text = f"# input: npd.absence [LA]\n{HEADER[HEADER.index('# output') :]}"
    with pytest.raises(npd.NpdError, match=KEY):
        table(frame())


def test_rows_without_a_pseudonym_are_left_out_with_a_note(place, capsys):
    table(frame().assign(**{KEY: ["P1", None] * 6}))
    assert rows(place, "absence").num_rows == 6
    assert "6 rows without a pseudonym" in capsys.readouterr().out
