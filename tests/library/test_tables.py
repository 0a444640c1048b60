"""Tables as scripts read them: equal by every library's way, some variables, some years, and told apart when wrong."""

import duckdb
import npd
import pandas as pd
import polars as pl
import pytest
from conftest import KEY
from npd.views import make_views


def test_load_gives_what_duckdb_gives(place):
    make_views(place)
    for name in ("absence", "npd.spring_census"):
        wanted = duckdb.sql(f"SELECT * FROM {name}").df()
        if "IDACI_S_home" in wanted:
            wanted["IDACI_S_home"] = wanted["IDACI_S_home"].astype("float64")
        found = npd.load(name)
        pd.testing.assert_frame_equal(found, wanted, check_dtype=True)


def test_a_table_of_some_variables_and_years(place):
    found = npd.table("absence", variables=["LA", KEY.lower()], years=2020)
    assert found.columns == ["LA", KEY]
    assert len(found) == 4
    assert repr(found) == "<npd.Table npd.absence: 4 rows, 2 columns>"


@pytest.mark.parametrize("years", [range(2020, 2022), "2020/2021-2021/2022", "2020, 2021/22", [2021, "2020"]])
def test_years_can_be_written_in_every_usual_way(place, years):
    assert len(npd.table("absence", years=years)) == 8


def test_a_column_that_a_year_lacks_is_missing_in_its_rows(place):
    frame = npd.table("absence", variables=["AcademicYear", "LA"]).pandas()
    assert frame.loc[frame["AcademicYear"] == "2019/2020", "LA"].isna().all()
    assert frame.loc[frame["AcademicYear"] == "2020/2021", "LA"].notna().sum() == 3


def test_three_libraries_see_the_same_rows(place):
    table = npd.table("spring_census", years=2021)
    frames = [table.pandas(), table.polars().to_pandas(), table.duckdb().df()]
    assert all(list(frame[KEY]) == ["P1", "P2", "P3"] for frame in frames)
    assert pl.DataFrame(table).shape == (3, 5)
    assert table.arrow().column_names == list(frames[0])


def test_labels_and_codes():
    assert npd.labels("EthnicGroupMinor")["WBRI"] == "White British"
    assert npd.codes("absence.EthnicGroupMinor")[0] == "WBRI"
    assert npd.labels("spring_census.ServiceChild") == {"Y": "Y", "N": "N", "R": "R", "U": "U"}
    assert npd.variables("absence")["LA"] == "LA"


WRONG = {
    "unknown table": (lambda: npd.load("absense"), "Did you mean 'absence'.*Mounted tables: npd.absence"),
    "a table that is none": (lambda: npd.table(3), "named by text"),
    "unknown variable": (
        lambda: npd.table("absence", variables=["LAA"]),
        "has no variable 'LAA' here. Did you mean 'LA'",
    ),
    "one variable as text": (lambda: npd.table("absence", variables="LA"), r'variables=\["LA"\]'),
    "no variables": (lambda: npd.table("absence", variables=[]), "leave it out"),
    "a year that is not here": (
        lambda: npd.table("absence", years=2012),
        "not here for 2012. Its years here: 2019, 2020",
    ),
    "years that are none": (lambda: npd.table("absence", years="last"), "'last' is no year"),
    "years that do not follow": (lambda: npd.table("absence", years="2019/2021"), "do not follow"),
    "years backwards": (lambda: npd.table("absence", years="2021-2019"), "wrong order"),
    "no code list": (lambda: npd.labels("OverallAbsence_6HalfTerms"), "has no code list"),
    "unknown codes": (lambda: npd.labels("EthnicGroupMino"), "Did you mean 'EthnicGroupMinor'"),
    "unknown table of codes": (lambda: npd.codes("absense.LA"), "no table 'absense'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_what_to_write(place, name):
    call, words = WRONG[name]
    with pytest.raises(npd.NpdError, match=words):
        call()


def test_an_unknown_table_is_a_key_error_too(place):
    with pytest.raises(KeyError, match="There is no table"):
        npd.load("nothing")
